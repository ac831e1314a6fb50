"""``polytaste eval claims``: the project's claims as experiments. Imports nothing heavy until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def claims(
    out: Annotated[Path, typer.Option("--out", help="Folder of what was found; run again, it goes on where it stopped.")],
    data: Annotated[list[str] | None, typer.Option("--data", help="Folder or file of data, more than once; 'bundled' is ml-latest-small.")] = None,
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train; not of the bundled data.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    axis: Annotated[str, typer.Option("--axis", help="Column of groups that tastes are told by.")] = "categories",
    users: Annotated[int | None, typer.Option("--users", min=100, help="Keep at most this many users of each data set, drawn once.")] = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Numbers, joined by commas.")] = "0,1,2",
    only: Annotated[str, typer.Option("--only", help="Letters of claims, joined by commas; empty: all.")] = "",
    llm_url: Annotated[str | None, typer.Option("--llm-url", help="vLLM server of claims g and h; without, the embedded one if it runs.")] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", help="Model name as that server serves it.")] = None,
    pages: Annotated[Path | None, typer.Option("--pages", help="Folder for a page and a picture of each claim, and the table of verdicts.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The findings alone, on stdout.")] = False,
) -> None:  # fmt: skip
    """Try the claims of the project: prediction, control, result, and a verdict by rule."""
    from eval.claims.command import try_claims  # noqa: PLC0415

    letters = [part.strip() for part in only.split(",") if part.strip()]
    try_claims(
        data or ["bundled"],
        column or [],
        like_above,
        axis,
        users,
        seeds,
        letters,
        (llm_url, llm_model),
        out,
        pages,
        as_json=as_json,
    )
