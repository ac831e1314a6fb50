"""``polytaste expand``: a larger data set with the shape of a real one. Imports nothing heavy until it runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from eval.degree_shape import Degrees, Shape


def expand_command(
    out_folder: Annotated[Path, typer.Option("--out", help="New folder; users that were held out go to held-out/ in it.")],
    data: Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")] = "ml-latest-small",
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    items_file: Annotated[str | None, typer.Option("--items-file", help="File of items, if --data is a file.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    users: Annotated[int, typer.Option("--users", min=1, help="Copies of every user.")] = 18,
    items: Annotated[int, typer.Option("--items", min=1, help="Copies of every item.")] = 6,
    likes: Annotated[int, typer.Option("--likes", min=1, help="Expected likes, held-out users left aside.")] = 20_500_000,
    held_out: Annotated[float, typer.Option("--held-out", min=0, max=0.9, help="Share of the users all of whose copies are held out.")] = 0.05,
    seed: Annotated[int, typer.Option("--seed", help="Fixes every row.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")] = False,
) -> None:  # fmt: skip
    """Multiply users and items by a randomised Kronecker product, and compare the shape with the source's."""
    import numpy as np  # noqa: PLC0415

    from agent.commands import load_data  # noqa: PLC0415
    from agent.console import out, progress_bar  # noqa: PLC0415
    from eval.degree_shape import distance, shape_of  # noqa: PLC0415
    from retrieval.datasets import load  # noqa: PLC0415
    from retrieval.datasets.expand import ExpansionConfig, expand  # noqa: PLC0415

    dataset = load_data(data, column or [], items_file, like_above)
    config = ExpansionConfig(users=users, items=items, likes=likes, held_out=held_out, seed=seed)
    with progress_bar("expanding") as (bar, task):
        written = expand(dataset, out_folder, config)
        bar.update(task, description="comparing shapes", completed=1, total=3)
        matrices = [dataset.histories().matrix(len(dataset.catalog)).tocsr()]
        large = load(out_folder)
        matrices.append(large.histories().matrix(len(large.catalog)).tocsr())
        shapes = [shape_of(matrix) for matrix in matrices]
        degrees = [[np.asarray(m.sum(axis=a)).ravel().astype(np.int64) for m in matrices] for a in (1, 0)]
        distances = {"users": distance(*degrees[0]), "items": distance(*degrees[1])}
        bar.update(task, description="done", completed=3, total=3)
    if as_json:
        source, expansion = ({**asdict(s), "spectrum": s.spectrum.tolist()} for s in shapes)
        payload = {
            "config": config.model_dump(), "likes": written.likes, "users": written.users, "items": written.items,
            "kept": written.kept.round(4).tolist(), "source": source, "expansion": expansion, "distance": distances,
        }  # fmt: skip
        out.file.write(json.dumps(payload, indent=2) + "\n")
        return
    _show(dataset.name, shapes[0], shapes[1], distances)


def _show(name: str, source: Shape, expansion: Shape, distances: dict[str, float]) -> None:
    from rich.table import Table  # noqa: PLC0415

    from agent.console import out  # noqa: PLC0415
    from eval.degree_shape import QUANTILES  # noqa: PLC0415

    table = Table(title="shape", box=None, padding=(0, 2), header_style="dim", title_justify="left")
    for heading in ("", name, "expansion"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    rows: dict[str, Callable[[Degrees], str]] = {
        "number": lambda d: f"{d.number:,}",
        "likes of each, mean": lambda d: f"{d.mean:,.1f}",
        "quantiles over the mean": lambda d: " ".join(f"{q:.2f}" for q in d.relative),
        "Gini": lambda d: f"{d.gini:.3f}",
        "top 1 % have": lambda d: f"{d.top:.1%}",
        "tail exponent": lambda d: f"{d.tail:.2f}",
    }
    for side, one, other in (
        ("users", source.users, expansion.users),
        ("items", source.items, expansion.items),
    ):
        table.add_row(side, "", "", style="bold")
        for label, value in rows.items():
            table.add_row(f"  {label}", value(one), value(other))
        table.add_row("  distance of the shapes", "", f"{distances[side]:.3f}")
    table.add_row("singular values over the first", "", "", style="bold")
    for k in (1, 2, 4, 9, 19):
        table.add_row(f"  {k + 1}.", f"{source.spectrum[k]:.3f}", f"{expansion.spectrum[k]:.3f}")
    out.print(table)
    shares = ", ".join(f"{q:.0%}" for q in QUANTILES)
    out.print(f"quantiles: {shares}; distance: Kolmogorov-Smirnov, of likes over their mean", style="dim")
