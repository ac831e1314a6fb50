"""``polytaste data``: a look at data before a model is trained on it. Imports nothing heavy until it runs."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="A look at data of your own.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """A look at data of your own."""


@app.command("check")
def check(
    data: Annotated[str, typer.Argument(help="Folder or file of data; 'ml-latest-small' is bundled.")],
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    items: Annotated[str | None, typer.Option("--items", help="File of items, if the data are a file.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The facts alone, on stdout.")] = False,
) -> None:
    """Read data as train would and say what was understood, what is missing and what to run next."""
    from agent.data_report import run_check  # noqa: PLC0415

    run_check(data, column or [], items, like_above, as_json=as_json)
