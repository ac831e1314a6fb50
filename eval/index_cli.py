"""``polytaste index``: the index by itself. Imports nothing heavy until it runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from eval.index_bench import Bench

app = typer.Typer(help="The search index by itself.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The search index by itself."""


@app.command("bench")
def bench(
    items: Annotated[int, typer.Option("--items", min=1000, help="Size of the synthetic catalogue.")] = 1_000_000,
    dimension: Annotated[int, typer.Option("--dimension", min=2, help="Of the indexed vectors, the bias with them.")] = 128,
    personas: Annotated[int, typer.Option("--personas", min=1, max=32, help="Queries per user.")] = 4,
    kind: Annotated[Literal["auto", "flat", "hnsw", "ivf", "ivfpq"], typer.Option("--kind", help="auto goes by size.")] = "auto",
    target_recall: Annotated[float, typer.Option("--target-recall", min=0.01, max=1.0, help="Of the exact best 100.")] = 0.99,
    threads: Annotated[int, typer.Option("--threads", min=1, help="For every numerical library.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")] = False,
) -> None:  # fmt: skip
    """Recall and speed on a synthetic catalogue, as ratios against exact FAISS and NumPy in the same run."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    from agent.console import out, progress_bar  # noqa: PLC0415
    from eval.index_bench import measure  # noqa: PLC0415
    from retrieval.index_config import IndexConfig  # noqa: PLC0415
    from retrieval.threads import report  # noqa: PLC0415

    config = IndexConfig(kind=kind, target_recall=target_recall)
    with threadpool_limits(threads), progress_bar("index") as (bar, task):
        found = measure(
            items, dimension, personas, config,
            lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
        )  # fmt: skip
    if as_json:
        shape = {"items": items, "dimension": dimension, "personas": personas, "threads": threads}
        card = {**asdict(found.card), "config": config.model_dump()}
        out.file.write(json.dumps({**shape, **asdict(found), "card": card, "libraries": report()}, indent=2) + "\n")
        return
    _show(found, f"{items:,} items x {dimension}, {personas} personas, {threads} threads")


def _show(found: Bench, title: str) -> None:
    from rich.table import Table  # noqa: PLC0415

    from agent.console import err, show_whole  # noqa: PLC0415
    from eval.index_bench import DEPTH, USERS  # noqa: PLC0415

    card = found.card
    table = Table(title=title, box=None, padding=(0, 2), header_style="dim", title_justify="left")
    table.add_column("what")
    table.add_column("", justify="right", no_wrap=True)
    rows = {
        "index": " ".join([card.kind, *(f"{name}={value}" for name, value in card.parameters.items())]),
        "build, with the recall gate": f"{card.seconds:.0f} s",
        f"recall@{DEPTH} when built (bound)": f"{card.recall:.4f} ({card.bound:.4f})",
        f"recall@{DEPTH} for {4 * USERS} other users": f"{found.recall:.4f}",
        **{f"  {name} allowed": f"{value:.4f}" for name, value in found.filtered.items()},
        **{f"{name} / index": f"{value:.1f} x" for name, value in found.ratios.items()},
        f"best {DEPTH} by attention: step, index": f"{found.candidates['index']:.4f}",
        f"best {DEPTH} by attention: step, exact": f"{found.candidates['exact']:.4f}",
        "torch, FAISS by turns / each alone": f"{found.interleaved:.2f} x",
        "remove 1 % / build": f"{found.seconds['remove 1 %'] / max(card.seconds, 1e-3):.3f} x",
        "add 1 % / build": f"{found.seconds['add 1 %'] / max(card.seconds, 1e-3):.3f} x",
        "memory peak": f"{found.peak_gb:.1f} GB",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    show_whole(table)
    if not card.met:
        err.print(f"the target recall {card.config.target_recall:g} was not reached")
