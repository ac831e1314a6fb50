"""``polytaste retrieve``: retrievers side by side. Imports nothing heavy until it runs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

app = typer.Typer(help="Retrievers of whole catalogues, side by side.", no_args_is_help=True)

DEFAULT = "popularity,item-knn,ease,edlae,edlae-tuned,ials,mult-vae,recvae,personas,one-vector,one-vector-wide"


@app.callback()
def _retrieve() -> None:  # pyright: ignore[reportUnusedFunction]  (keeps "compare" a word of its own)
    """Retrievers of whole catalogues, side by side."""


@app.command("compare")
def compare(
    data: Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")] = "ml-latest-small",
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    items: Annotated[str | None, typer.Option("--items", help="File of items, if --data is a file.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    protocol: Annotated[
        Literal["strong", "last", "time"],
        typer.Option("--protocol", help="Held out: other users; each user's last likes; what comes after a moment."),
    ] = "strong",
    models: Annotated[str, typer.Option("--models", help="Names, joined by commas.")] = DEFAULT,
    reference: Annotated[str, typer.Option("--reference", help="The model that differences are against.")] = "ease",
    held_out: Annotated[
        int | None,
        typer.Option("--held-out", min=1, help="Test users of 'strong', validation as many; None: by the size of the data."),
    ] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="Likes hidden per user, of 'last'.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")] = False,
) -> None:  # fmt: skip
    """Recall, NDCG, coverage and popularity; settings chosen on validation users, test users looked at once."""
    from eval.retrieve_report import run_retrieve  # noqa: PLC0415

    names = [name.strip() for name in models.split(",")]
    run_retrieve(data, column or [], items, like_above, protocol, names, reference, held_out, last, as_json=as_json)
