"""``polytaste llm modes``: the command. Imports nothing heavy until it runs."""

from __future__ import annotations

from typing import Annotated

import typer


def modes(
    data: Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")] = "ml-latest-small",
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    items: Annotated[str | None, typer.Option("--items", help="File of items, if --data is a file.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    users: Annotated[int, typer.Option("--users", min=2, help="Validation users.")] = 20,
    timed: Annotated[int, typer.Option("--timed", min=1, help="Further users, for requests a second at each --at-once.")] = 8,
    at_once: Annotated[list[int] | None, typer.Option("--at-once", min=1, help="Requests at once while these are timed; again for more, each with users of its own. Default: 1 and 4.")] = None,
    long: Annotated[int, typer.Option("--long", min=21, max=300, help="Candidates of the modes that use windows.")] = 60,
    only: Annotated[list[str] | None, typer.Option("--only", help="A way of asking, as the table calls it; again for more. Then neither order effects nor speeds.")] = None,
    words: Annotated[bool, typer.Option("--words", help="Requests that name categories; default: no words.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the choice of users.")] = 0,
    llm_url: Annotated[str | None, typer.Option("--llm-url", help="vLLM server; default: the one that runs.")] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", help="Model name as that server serves it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")] = False,
) -> None:  # fmt: skip
    """Compare the ways of asking the model: what each is worth, keeps and costs, and how far places sway it."""
    from eval.llm_modes_report import run_modes  # noqa: PLC0415

    run_modes(
        data, column or [], items, like_above, users, timed, at_once or [1, 4], long, seed, llm_url, llm_model,
        only=tuple(only or ()), words=words, as_json=as_json,
    )  # fmt: skip
