"""``polytaste llm peers``: the command. Imports nothing heavy until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def peers(
    rankllm: Annotated[Path, typer.Option("--rankllm", help="The python of an environment that has RankLLM.")],
    data: Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")] = "ml-latest-small",
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    users: Annotated[int, typer.Option("--users", min=2, help="Users of each run.")] = 12,
    at_once: Annotated[int, typer.Option("--at-once", min=2, help="Requests at once, beside one at a time.")] = 4,
    limit: Annotated[float, typer.Option("--limit", min=1, help="Seconds of a run of RankLLM; what is not done then is left.")] = 60.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the choice of users.")] = 0,
    llm_url: Annotated[str | None, typer.Option("--llm-url", help="vLLM server; default: the one that runs.")] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", help="Model name as that server serves it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")] = False,
) -> None:  # fmt: skip
    """Time the label mode beside RankLLM's listwise reranker: the same server, model, users and candidates."""
    from eval.llm_peers_report import run_peers  # noqa: PLC0415

    run_peers(rankllm, data, column or [], users, at_once, limit, seed, llm_url, llm_model, as_json=as_json)
