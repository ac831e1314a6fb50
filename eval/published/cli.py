"""``polytaste llm published``: the command. Imports nothing heavy until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def published(
    file: Annotated[Path, typer.Argument(help="Parquet of user_id, retriever and a list of candidates.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of models, scores and answers; work that was stopped goes on there.")],
    data: Annotated[str, typer.Option("--data", help="Folder or file of the data that the candidates are of.")] = "ml-latest-small",
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    source: Annotated[str, typer.Option("--source", help="Whose candidates: random, bm25, bert, pop, bpr, gru4rec, sasrec, or mixed.")] = "random",
    with_truth: Annotated[bool, typer.Option("--with-truth", help="Put what should be found among the candidates, as is done with random ones; retrieved sets hold it or not by themselves.")] = False,
    ranker: Annotated[list[str] | None, typer.Option("--ranker", help="Retriever to rank by; again for more.")] = None,
    settings: Annotated[int | None, typer.Option("--settings", min=1, help="At most this many settings of each.")] = None,
    users: Annotated[int, typer.Option("--users", min=2, help="Test users the model is asked about.")] = 100,
    validation: Annotated[int, typer.Option("--validation", min=2, help="Users that its weight is fitted on.")] = 50,
    orders: Annotated[int, typer.Option("--orders", min=2, max=4, help="Orders of the candidates, beside one.")] = 4,
    prompt: Annotated[str, typer.Option("--prompt", help="Of the library, or the path of a .j2 file.")] = "rerank-shares",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the random order.")] = 0,
    no_llm: Annotated[bool, typer.Option("--no-llm", help="Without the model.")] = False,
    llm_url: Annotated[str | None, typer.Option("--llm-url", help="vLLM server; default: the one that runs.")] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", help="Model name as that server serves it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")] = False,
) -> None:  # fmt: skip
    """Rank published candidate sets: by retrievers, by the model, and by both, as the publication measured."""
    from eval.published.report import run_published  # noqa: PLC0415
    from eval.published.study import Plan  # noqa: PLC0415

    names = tuple(ranker or ("popularity", "item-knn", "ease", "personas"))
    plan = Plan(names, settings, users, validation, orders, prompt, seed)
    run_published(
        file, data, column or [], source, plan, out, llm_url, llm_model, with_truth=with_truth, no_llm=no_llm, as_json=as_json
    )  # fmt: skip
