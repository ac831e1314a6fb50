"""``polytaste retrieve``: retrievers side by side. Imports nothing heavy until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(help="Retrievers of whole catalogues, side by side.", no_args_is_help=True)

DEFAULT = "popularity,item-knn,ease,edlae,edlae-tuned,ials,mult-vae,recvae,personas,one-vector,one-vector-wide"


@app.callback()
def _retrieve() -> None:  # pyright: ignore[reportUnusedFunction]  (keeps "compare" a word of its own)
    """Retrievers of whole catalogues, side by side."""


Data = Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")]
Column = Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")]
Items = Annotated[str | None, typer.Option("--items", help="File of items, if --data is a file.")]
LikeAbove = Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")]
HowHeldOut = Annotated[
    Literal["strong", "last", "time", "given"],
    typer.Option(
        "--protocol",
        help="Held out: other users; each user's last likes; what comes after a moment; what a column of the data says.",
    ),
]
HeldOut = Annotated[
    int | None,
    typer.Option(
        "--held-out", min=1, help="Test users of 'strong', validation as many; None: by the size of the data."
    ),
]
Last = Annotated[int, typer.Option("--last", min=1, help="Likes hidden per user, of 'last'.")]
Given = Annotated[
    str | None,
    typer.Option("--split", help="Column of the interactions that says train, valid or test, of 'given'."),
]
Sample = Annotated[
    int | None,
    typer.Option("--sample", min=1, help="At most this many users are measured in each set, drawn at random."),
]
Users = Annotated[
    int | None,
    typer.Option("--users", min=1, help="At most this many users of the data are kept at all, drawn at random."),
]
Known = Annotated[
    int | None,
    typer.Option(
        "--known", min=1, help="Likes of each measured user that are known, all others to be found (Given-N)."
    ),
]
Settings = Annotated[
    int | None,
    typer.Option("--settings", min=1, help="At most this many settings of each model, spread over its grid."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")]


@app.command("compare")
def compare(
    data: Data = "ml-latest-small",
    column: Column = None,
    items: Items = None,
    like_above: LikeAbove = None,
    protocol: HowHeldOut = "strong",
    models: Annotated[str, typer.Option("--models", help="Names, joined by commas.")] = DEFAULT,
    reference: Annotated[str, typer.Option("--reference", help="The model that differences are against.")] = "ease",
    held_out: HeldOut = None,
    last: Last = 1,
    split: Given = None,
    users: Users = None,
    sample: Sample = None,
    known: Known = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Recall, NDCG, coverage and popularity; settings chosen on validation users, test users looked at once."""
    from eval.retrieve_options import GroundOptions  # noqa: PLC0415
    from eval.retrieve_report import run_retrieve  # noqa: PLC0415

    options = GroundOptions(
        data, tuple(column or ()), items, like_above, protocol, held_out, last, split, sample, users, known
    )
    run_retrieve(options, [name.strip() for name in models.split(",")], reference, settings=settings, as_json=as_json)


@app.command("personas")
def personas(
    data: Data = "ml-latest-small",
    column: Column = None,
    items: Items = None,
    like_above: LikeAbove = None,
    protocol: HowHeldOut = "strong",
    held_out: HeldOut = None,
    last: Last = 1,
    split: Given = None,
    users: Users = None,
    sample: Sample = None,
    settings: Settings = None,
    axis: Annotated[
        str | None,
        typer.Option(
            "--axis", help="Column that makes tastes, or 'tastes': clusters of the items; None: the categories."
        ),
    ] = None,
    budget: Annotated[int, typer.Option("--budget", min=10, help="Candidates in every pool.")] = 100,
    factors: Annotated[int, typer.Option("--factors", min=1, help="Dimension of the mixture's item factors.")] = 128,
    wide: Annotated[bool, typer.Option("--wide/--no-wide", help="Train one vector of K times the width too.")] = True,
    dimension: Annotated[int, typer.Option("--dimension", min=1, help="Of the personas, as for train.")] = 192,
    ridge: Annotated[
        float | None,
        typer.Option("--ridge", min=0.001, max=1e9, help="Of the closed form they start from; None: by the data."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option("--samples", min=1, help="Items in the softmax's denominator, as for train.")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Users per step, as for train.")] = 64,
    as_json: AsJson = False,
) -> None:
    """What several vectors per user do: four controls, collapse, certificate, merging, minority tastes."""
    from eval.persona_report import run_personas  # noqa: PLC0415
    from eval.retrieve_options import GroundOptions  # noqa: PLC0415
    from retrieval.personas.encoder import EncoderConfig  # noqa: PLC0415
    from retrieval.personas.training import TrainingConfig  # noqa: PLC0415

    options = GroundOptions(
        data, tuple(column or ()), items, like_above, protocol, held_out, last, split, sample, users
    )
    shape = EncoderConfig(dimension=dimension)
    config = TrainingConfig(encoder=shape, ridge=ridge, samples=samples, batch=batch)
    run_personas(options, axis, settings, budget, factors, config, wide=wide, as_json=as_json)


@app.command("dimensions")
def dimensions(
    data: Data = "ml-latest-small",
    column: Column = None,
    items: Items = None,
    like_above: LikeAbove = None,
    protocol: HowHeldOut = "strong",
    held_out: HeldOut = None,
    last: Last = 1,
    split: Given = None,
    users: Users = None,
    sample: Sample = None,
    settings: Settings = None,
    models: Annotated[str, typer.Option("--models", help="ials, personas, or both, joined by a comma.")] = "ials",
    widths: Annotated[
        str, typer.Option("--dimensions", help="Joined by commas; cut to what the data have.")
    ] = "16,32,64,128,256,512,1024",
    loop: Annotated[
        int,
        typer.Option(
            "--loop", min=0, help="Rounds of the feedback loop of iALS at the smallest and largest dimension."
        ),
    ] = 0,
    chart: Annotated[Path | None, typer.Option("--chart", help="Draw it into this PNG file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recall against popularity, coverage and Gini from few dimensions to many, retuned at each; the feedback loop."""
    from eval.dimension_report import run_dimensions  # noqa: PLC0415
    from eval.retrieve_options import GroundOptions  # noqa: PLC0415
    from retrieval.errors import ConfigError  # noqa: PLC0415

    try:
        wanted = [int(part) for part in widths.split(",")]
    except ValueError as why:
        raise ConfigError(
            f"--dimensions {widths}: not whole numbers joined by commas", "for example 16,64,256"
        ) from why
    options = GroundOptions(
        data, tuple(column or ()), items, like_above, protocol, held_out, last, split, sample, users
    )
    names = [name.strip() for name in models.split(",")]
    run_dimensions(options, names, wanted, settings, loop, chart, as_json=as_json)
