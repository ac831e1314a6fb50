"""``polytaste rerank``: the deterministic rerankers side by side. Imports nothing heavy until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The deterministic rerankers, side by side.", no_args_is_help=True)

Data = Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")]
Column = Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")]
Items = Annotated[str | None, typer.Option("--items", help="File of items, if --data is a file.")]
LikeAbove = Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")]
AxisName = Annotated[str, typer.Option("--axis", help="Column of groups, or several: categories=.7,decade=.3.")]
Slots = Annotated[int, typer.Option("--k", min=1, help="Length of the slates.")]
Json = Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")]

DEFAULT = "calibrated,steck-greedy,ramp,xquad,rxquad,pm-2,mmr,msd,dpp,ssd,popularity-penalty,top-k,random"


@app.command("compare")
def compare(
    data: Data = "ml-latest-small",
    column: Column = None,
    items: Items = None,
    like_above: LikeAbove = None,
    strategies: Annotated[str, typer.Option("--strategies", help="Names, joined by commas.")] = DEFAULT,
    lambdas: Annotated[str, typer.Option("--lambdas", help="Numbers from 0 to 1, joined by commas.")] = ".2,.5,.8,.9,.95,.99",
    retriever: Annotated[str, typer.Option("--retriever", help="ease, edlae, item-knn, ials, popularity or personas.")] = "ease",
    source: Annotated[Path | None, typer.Option("--from", help="Another retriever's candidates instead: Parquet of user_id, item_id, score.")] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="With --from: Parquet of user_id, item_id, what the users should find.")] = None,
    axis: AxisName = "categories",
    ridge: Annotated[float, typer.Option("--ridge", min=0.001, help="Of EASE.")] = 100.0,
    folds: Annotated[int, typer.Option("--folds", min=2, max=20, help="Every user is held out once.")] = 5,
    min_items: Annotated[int, typer.Option("--min-items", min=5, help="Liked items for a user to count.")] = 10,
    k: Slots = 10,
    candidates: Annotated[int, typer.Option("--candidates", min=1, help="Pool of each user.")] = 100,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for rerank.png and rerank.html.")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Accuracy against calibration for the strategies on the same candidates: table, PNG and HTML."""
    from eval.compare_report import run_compare  # noqa: PLC0415

    names = [name.strip() for name in strategies.split(",")]
    if (source is None) != (truth is None):
        raise typer.BadParameter(
            "give both or neither: candidates, and what their users should find", param_hint="--from and --truth"
        )
    files = None if source is None or truth is None else (source, truth)
    run_compare(
        data, column or [], items, like_above, names, _numbers(lambdas), retriever, files, axis, ridge, folds, min_items, k, candidates, out,
        as_json=as_json,
    )  # fmt: skip


@app.command("batch")
def batch(
    candidates: Annotated[Path, typer.Option("--candidates", help="Parquet file or folder: user_id, item_id, score.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the slates; run again, it goes on where it stopped.")],
    data: Data = "ml-latest-small",
    column: Column = None,
    items: Items = None,
    like_above: LikeAbove = None,
    strategy: Annotated[str, typer.Option("--strategy", help="One of those of compare.")] = "calibrated",
    lam: Annotated[float, typer.Option("--lam", min=0.0, max=1.0, help="0: only relevance.")] = 0.9,
    axis: AxisName = "categories",
    k: Slots = 10,
) -> None:
    """Slates for a file of candidates of any length, in bounded memory, targets from the users' likes in the data."""
    from eval.rerank_jobs import run_batch  # noqa: PLC0415

    run_batch(candidates, out, data, column or [], items, like_above, strategy, lam, axis, k)


@app.command("bench")
def bench(
    data: Data = "ml-latest-small",
    column: Column = None,
    items: Items = None,
    like_above: LikeAbove = None,
    users: Annotated[int, typer.Option("--users", min=1, help="Users to time.")] = 1000,
    candidates: Annotated[int, typer.Option("--candidates", min=2, help="Pool of each user.")] = 100,
    scale: Annotated[int, typer.Option("--scale", min=0, help="Also rerank a file of this many users.")] = 0,
    k: Slots = 10,
    lam: Annotated[float, typer.Option("--lam", min=0.0, max=1.0)] = 0.9,
    as_json: Json = False,
) -> None:
    """How fast: ratios against plain Python, NumPy and the floor, on EASE's candidates for the data's users."""
    from eval.rerank_jobs import run_bench  # noqa: PLC0415

    run_bench(data, column or [], items, like_above, users, candidates, scale, k, lam, as_json=as_json)


@app.command("gap")
def gap(
    data: Data = "ml-latest-small",
    column: Column = None,
    items: Items = None,
    like_above: LikeAbove = None,
    users: Annotated[int, typer.Option("--users", min=1, help="Users to solve exactly.")] = 200,
    candidates: Annotated[int, typer.Option("--candidates", min=2, help="Pool of each user.")] = 100,
    lambdas: Annotated[str, typer.Option("--lambdas", help="Numbers from 0 to 1, joined by commas.")] = ".5,.8,.9,.99",
    k: Slots = 10,
    as_json: Json = False,
) -> None:
    """How far from the optimum: the default, the textbook greedy and the flow against the exact programme."""
    from eval.rerank_gap import run_gap  # noqa: PLC0415

    run_gap(data, column or [], items, like_above, users, candidates, _numbers(lambdas), k, as_json=as_json)


def _numbers(text: str) -> list[float]:
    """Lambdas of the command line.

    Raises:
        ConfigError: One is no number from 0 to 1.
    """
    from retrieval.errors import ConfigError  # noqa: PLC0415

    try:
        values = [float(v) for v in text.split(",")]
    except ValueError:
        values = [-1.0]
    if not all(0.0 <= v <= 1.0 for v in values):
        raise ConfigError(f"--lambdas {text!r}: not numbers from 0 to 1", "for example --lambdas .5,.9")
    return list(dict.fromkeys(values))
