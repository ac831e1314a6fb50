"""``polytaste cold``: are unknown items found, and known ones by words? Imports nothing heavy until it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from retrieval.arrays import Float64

app = typer.Typer(help="Items nobody touched, and search by words, measured.", no_args_is_help=True)

Data = Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")]
Column = Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")]
Items = Annotated[str | None, typer.Option("--items", help="File of items, if --data is a file.")]
LikeAbove = Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")]
TextModel = Annotated[str, typer.Option("--text-model", help="Sentence encoder: folder or hub name.")]
Json = Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")]


@app.command("items")
def items_command(
    data: Data = "ml-latest-small",
    column: Column = None,
    items: Items = None,
    like_above: LikeAbove = None,
    folds: Annotated[int, typer.Option("--folds", min=2, max=20, help="Every user is held out once.")] = 5,
    min_items: Annotated[int, typer.Option("--min-items", min=5, help="Liked items for a user to count.")] = 10,
    epochs: Annotated[int, typer.Option("--epochs", min=0, help="Of training; 0 keeps the closed forms.")] = 2,
    text_model: TextModel = "all-minilm-l6-v2",
    as_json: Json = False,
) -> None:
    """Hide a tenth of the items from training, predict their vectors, rank them against what needs no training."""
    from agent.commands import load_data  # noqa: PLC0415
    from agent.console import err, out, progress_bar  # noqa: PLC0415
    from agent.paths import embeddings_folder  # noqa: PLC0415
    from eval.cold import AMONG, OURS, OVERALL, WITHOUT, evaluate_cold  # noqa: PLC0415
    from retrieval.text import TextIndex  # noqa: PLC0415
    from retrieval.text_encoder import SentenceEncoder  # noqa: PLC0415

    dataset = load_data(data, column or [], items, like_above)
    encoder = SentenceEncoder(text_model)
    with progress_bar("evaluating") as (bar, task):

        def told(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        words = TextIndex.build(dataset.catalog, encoder, cache=embeddings_folder(), progress=told)
        found = evaluate_cold(dataset, words.vectors, folds, min_items, epochs, told)
    if as_json:
        payload = {
            "among_cold": _numbers(found.among, AMONG, OURS),
            "everything": _numbers(found.overall, OVERALL, WITHOUT),
            "hidden_items": found.hidden,
            "cold_share_of_truth": found.truth,
            "strengths": found.strengths.tolist(),
            "explained": found.explained.tolist(),
        }
        out.file.write(json.dumps(payload, indent=2) + "\n")
        return
    hidden = f"{dataset.name}: {min(found.hidden)} to {max(found.hidden)} items hidden per fold"
    out.print(_table(f"{hidden}, ranked among themselves", found.among, AMONG, OURS))
    note = f"every item ranked; {found.truth:.0%} of what is to be found is hidden items"
    out.print(_table(note, found.overall, OVERALL, WITHOUT, at=3))
    err.print(f"ridge strengths (items, history, themes) {found.strengths.mean(axis=0).round(4).tolist()}")
    err.print(f"explained on items left out {found.explained.mean(axis=0).round(3).tolist()}")


@app.command("words")
def words_command(
    data: Data = "ml-latest-small",
    column: Column = None,
    items: Items = None,
    tags: Annotated[
        Path | None, typer.Option("--tags", help="Table of item_id and tag; without one, categories are searched for.")
    ] = None,
    text_model: TextModel = "all-minilm-l6-v2",
    as_json: Json = False,
) -> None:
    """Search for items by a tag that is taken out of what they say: the sentence encoder against shared tokens."""
    from importlib.resources import as_file, files  # noqa: PLC0415

    import polars as pl  # noqa: PLC0415

    from agent.commands import load_data  # noqa: PLC0415
    from agent.console import out, progress_bar  # noqa: PLC0415
    from agent.paths import embeddings_folder  # noqa: PLC0415
    from eval.cold import AMONG, ENCODER, evaluate_words  # noqa: PLC0415
    from retrieval.datasets import BUNDLED  # noqa: PLC0415
    from retrieval.schema import Catalog  # noqa: PLC0415
    from retrieval.text_encoder import SentenceEncoder  # noqa: PLC0415
    from retrieval.text_tags import read_tags  # noqa: PLC0415

    catalog = load_data(data, column or [], items).catalog
    if tags is None and data == BUNDLED:
        with as_file(files("retrieval.datasets") / "bundled" / BUNDLED / "tags.parquet") as path:
            given = read_tags(path, catalog)
    elif tags is not None:
        given = read_tags(tags, catalog)
    else:
        given = [set(names) for names in catalog.table["categories"].to_list()]
        catalog = Catalog(catalog.table.with_columns(pl.lit([], pl.List(pl.String)).alias("categories")))
    encoder = SentenceEncoder(text_model)
    with progress_bar("encoding words") as (bar, task):

        def told(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        results = [
            evaluate_words(catalog, given, encoder, embeddings_folder(), told, with_tags=with_tags)
            for with_tags in (False, True)
        ]
    if as_json:
        payload = [
            {"says": r.says, "items": r.items, "queries": r.queries, "found": _numbers(r.found, AMONG, ENCODER)}
            for r in results
        ]
        out.file.write(json.dumps(payload, indent=2) + "\n")
        return
    for r in results:
        title = f"{r.queries} tags searched for among {r.items} items, which say {r.says}"
        out.print(_table(title, r.found, AMONG, ENCODER))


@app.command("requests")
def requests_command(
    data: Data = "ml-latest-small",
    column: Column = None,
    items: Items = None,
    like_above: LikeAbove = None,
    tags: Annotated[
        Path | None, typer.Option("--tags", help="Table of item_id and tag; default: the one beside the data.")
    ] = None,
    leaked: Annotated[
        bool, typer.Option("--leaked", help="Let the items say their tags, as they do when served.")
    ] = False,
    most: Annotated[int, typer.Option("--requests", min=10, help="Requests per fold.")] = 300,
    text_model: TextModel = "all-minilm-l6-v2",
    as_json: Json = False,
) -> None:
    """Ask in the words of tags: how much should words weigh against tastes? Chosen on some users, told of others."""
    from agent.commands import load_data  # noqa: PLC0415
    from agent.console import out, progress_bar  # noqa: PLC0415
    from agent.paths import embeddings_folder  # noqa: PLC0415
    from eval.requests import evaluate_requests  # noqa: PLC0415
    from eval.requests_report import as_numbers, as_table  # noqa: PLC0415
    from retrieval.errors import DataError  # noqa: PLC0415
    from retrieval.text_encoder import SentenceEncoder  # noqa: PLC0415
    from retrieval.text_train import tags_of  # noqa: PLC0415

    dataset = load_data(data, column or [], items, like_above)
    given = tags_of(dataset.catalog, data, tags)
    if given is None:
        raise DataError(f"{data}: no tags to ask for", "give a table of item_id and tag: --tags FILE")
    with progress_bar("reading") as (bar, task):

        def told(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        found = evaluate_requests(
            dataset, given, SentenceEncoder(text_model), embeddings_folder(), told, leaked=leaked, most=most
        )
    if as_json:
        out.file.write(json.dumps(as_numbers(found), indent=2) + "\n")
        return
    for asker, worded in found.items():
        out.print(as_table(f"{dataset.name}: asked by users {asker}", worded))


@app.command("conversations")
def conversations_command(
    turns: Annotated[Path, typer.Argument(help="Table of recommendation turns: context, rec and, if there, entity.")],
    items: Annotated[Path, typer.Option("--items", help="Table of that source's items.")],
    data: Data = "ml-latest-small",
    like_above: LikeAbove = None,
    most: Annotated[int | None, typer.Option("--turns", min=1, help="Thin them out to so many.")] = None,
    text_model: TextModel = "all-minilm-l6-v2",
    as_json: Json = False,
) -> None:
    """Real conversations: is what a person recommended in the list? Tastes come from --data, by title; no model is asked."""
    from agent.commands import load_data  # noqa: PLC0415
    from agent.console import out, progress_bar  # noqa: PLC0415
    from agent.paths import embeddings_folder  # noqa: PLC0415
    from eval.conversations import BOTH, CUTOFFS, evaluate_conversations, read_turns, trained  # noqa: PLC0415
    from retrieval.text_encoder import SentenceEncoder  # noqa: PLC0415

    tastes = load_data(data, [], None, like_above)
    with progress_bar("reading") as (bar, task):

        def told(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        model, words = trained(items, tastes, SentenceEncoder(text_model), embeddings_folder(), told)
        asked = read_turns(turns, model, most)
        found = evaluate_conversations(asked, model, words, told)
    metrics = tuple(f"Recall @{cut}" for cut in CUTOFFS)
    if as_json:
        payload = {"turns": len(asked), "items": len(model.catalog), "found": _numbers(found, metrics, BOTH)}
        out.file.write(json.dumps(payload, indent=2) + "\n")
        return
    liked = int((model.catalog.counts > 0).sum())
    title = f"{len(asked):,} turns, {len(model.catalog):,} items, {liked:,} of them in {tastes.name}"
    out.print(_table(title, found, metrics, BOTH, at=2))


def _numbers(results: dict[str, Float64], metrics: tuple[str, ...], ours: str) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415

    from eval.significance import paired_bootstrap  # noqa: PLC0415

    def one(values: Float64, m: int) -> dict[str, Any]:
        mean = float(np.nanmean(values[:, m]))
        gap = paired_bootstrap(results[ours][:, m], values[:, m])
        return {"mean": mean, f"{ours} minus this": [gap.mean, gap.low, gap.high]}

    return {name: {metric: one(values, m) for m, metric in enumerate(metrics)} for name, values in results.items()}


def _table(title: str, results: dict[str, Float64], metrics: tuple[str, ...], ours: str, at: int = 1) -> Table:
    """Means, and in the last column the paired interval of metric ``at`` of the row ``ours`` minus each other."""
    import numpy as np  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from eval.significance import paired_bootstrap  # noqa: PLC0415

    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    table.add_column("")
    for metric in metrics:
        table.add_column(metric.replace(" ", "\n", 1), justify="right", vertical="bottom", min_width=5)
    table.add_column(f"{ours}\nminus this,\n{metrics[at]} [95 %]", justify="right", no_wrap=True)
    for name, values in results.items():
        gap = paired_bootstrap(results[ours][:, at], values[:, at])
        shown = "" if name == ours else f"{gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
        table.add_row(name, *(f"{np.nanmean(values[:, m]):.4f}" for m in range(len(metrics))), shown)
    return table
