"""``polytaste eval``: the quick table. Imports nothing heavy until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    data: Annotated[
        str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")
    ] = "ml-latest-small",
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    folds: Annotated[int, typer.Option("--folds", min=2, max=20, help="Every user is held out once.")] = 5,
    min_items: Annotated[int, typer.Option("--min-items", min=5, help="Liked items for a user to count.")] = 10,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the curve as PNG, PDF or SVG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")] = False,
) -> None:
    """Quick table: personas against popularity, EASE and one vector; and the calibration curve."""
    from eval.report import run_quick  # noqa: PLC0415

    run_quick(data, column or [], like_above, folds, min_items, plot, as_json=as_json)
