"""``polytaste llm fit``: the command. Imports nothing heavy until it runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Mode(StrEnum):
    """Ways of asking that have a prompt of their own, so that what one earns is not taken for another's."""

    label = "label"
    permutation = "permutation"
    scores = "scores"
    pointwise = "pointwise"


def fit(
    data: Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")] = "ml-latest-small",
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    items: Annotated[str | None, typer.Option("--items", help="File of items, if --data is a file.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", help="Of the library, or the path of a .j2 file; default: the mode's.")] = None,
    mode: Annotated[Mode, typer.Option("--mode", help="How the model is asked.")] = Mode.label,
    orders: Annotated[int, typer.Option("--orders", min=1, max=4, help="Orders of the candidates, averaged.")] = 1,
    users: Annotated[int, typer.Option("--users", min=4, help="Validation users for each kind of request.")] = 40,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the choice of users and words.")] = 0,
    llm_url: Annotated[str | None, typer.Option("--llm-url", help="vLLM server; default: the one that runs.")] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", help="Model name as that server serves it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure and show, keep nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")] = False,
) -> None:  # fmt: skip
    """Measure what the model is worth here, and let it say that much: nothing, if it earns nothing."""
    from eval.llm_report import run_fit  # noqa: PLC0415

    run_fit(
        data, column or [], items, like_above, prompt, mode.value, orders, users, seed, llm_url, llm_model,
        keep=not dry_run, as_json=as_json,
    )  # fmt: skip
