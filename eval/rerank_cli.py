"""``polytaste rerank``: the deterministic rerankers side by side. Imports nothing heavy until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(help="The deterministic rerankers, side by side.", no_args_is_help=True)

DEFAULT = "calibrated,steck-greedy,ramp,xquad,rxquad,pm-2,mmr,msd,dpp,ssd,popularity-penalty,top-k,random"


@app.callback()
def rerank() -> None:
    """Keep ``compare`` a command of its own while it is the only one."""


@app.command("compare")
def compare(
    data: Annotated[
        str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")
    ] = "ml-latest-small",
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    strategies: Annotated[str, typer.Option("--strategies", help="Names, joined by commas.")] = DEFAULT,
    lambdas: Annotated[str, typer.Option("--lambdas", help="Numbers from 0 to 1, joined by commas.")] = ".2,.5,.8,.9,.95,.99",
    retriever: Annotated[Literal["ease", "personas", "popularity"], typer.Option("--retriever", help="Whose candidates.")] = "ease",
    axis: Annotated[str, typer.Option("--axis", help="Column of names to calibrate along.")] = "categories",
    ridge: Annotated[float, typer.Option("--ridge", min=0.0, help="Of EASE.")] = 100.0,
    folds: Annotated[int, typer.Option("--folds", min=2, max=20, help="Every user is held out once.")] = 5,
    min_items: Annotated[int, typer.Option("--min-items", min=5, help="Liked items for a user to count.")] = 10,
    k: Annotated[int, typer.Option("--k", min=1, help="Length of the slates.")] = 10,
    candidates: Annotated[int, typer.Option("--candidates", min=1, help="Pool of each user.")] = 100,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for rerank.png and rerank.html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")] = False,
) -> None:  # fmt: skip
    """Accuracy against calibration for every strategy on the same candidates: table, PNG and HTML."""
    from eval.compare_report import run_compare  # noqa: PLC0415
    from retrieval.errors import ConfigError  # noqa: PLC0415

    try:
        values = [float(v) for v in lambdas.split(",")]
    except ValueError:
        values = [-1.0]
    if not all(0.0 <= v <= 1.0 for v in values):
        raise ConfigError(f"--lambdas {lambdas!r}: not numbers from 0 to 1", "for example --lambdas .5,.9")
    names = [name.strip() for name in strategies.split(",")]
    run_compare(
        data, column or [], like_above, names, values, retriever, axis, ridge, folds, min_items, k, candidates, out,
        as_json=as_json,
    )  # fmt: skip
