"""``polytaste prompts optimise``: the command. Imports nothing heavy until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def optimise(
    start: Annotated[str, typer.Option("--from", help="Prompt to begin with, of the library or the path of a .j2 file; it answers with a label.")] = "rerank-shares",
    out: Annotated[Path, typer.Option("--out", help="File of the best prompt, .j2; not written if none is better.")] = Path("better.j2"),
    wordings: Annotated[Path | None, typer.Option("--wordings", help="YAML file of more sentences: names of groups, each with a list.")] = None,
    vary: Annotated[list[str] | None, typer.Option("--vary", help="Parts or groups of sentences that may change, with commas or repeated. Default: all; --dry-run lists them.")] = None,
    trials: Annotated[int, typer.Option("--trials", min=2, help="Prompts to try, the first among them.")] = 30,
    users: Annotated[int, typer.Option("--users", min=8, help="Users to search on.")] = 60,
    judges: Annotated[int, typer.Option("--judges", min=4, help="Other users, whom the best is compared with the first on, once.")] = 100,
    lam: Annotated[float, typer.Option("--lam", min=0.0, help="NDCG that a C_KL of one is worth.")] = 0.1,
    cost: Annotated[float, typer.Option("--cost", min=0.0, help="NDCG that a thousand tokens must bring.")] = 0.01,
    data: Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")] = "ml-latest-small",
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    items: Annotated[str | None, typer.Option("--items", help="File of items, if --data is a file.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    words: Annotated[str, typer.Option("--words", help="Requests that name categories: none, all or mixed.")] = "none",
    weight: Annotated[float, typer.Option("--weight", min=0.0, max=1.0, help="Share of the model in the slate.")] = 0.2,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="Pay no more tokens than about this; what judging takes is kept back.")] = None,
    max_seconds: Annotated[float | None, typer.Option("--max-seconds", min=0.001, help="Search no longer after this time of asking; judging comes after it.")] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=64, help="Users who are asked about at once.")] = 4,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the proposals and the choice of users.")] = 0,
    llm_url: Annotated[str | None, typer.Option("--llm-url", help="vLLM server; default: the one that runs.")] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", help="Model name as that server serves it.")] = None,
    cache: Annotated[Path | None, typer.Option("--cache", help="Folder of the answers that are kept.")] = None,
    page: Annotated[Path | None, typer.Option("--page", help="HTML file to write.")] = None,
    store: Annotated[str | None, typer.Option("--mlflow", help="Keep it in MLflow too: sqlite:///FILE, or a server; the extra 'mlflow'.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what may change, and about what it costs; ask nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The facts alone, on stdout.")] = False,
) -> None:  # fmt: skip
    """Search for a better prompt: parts and sentences are varied on some users, and the best is judged once on others."""
    from eval.prompt_optimise_report import run_optimise  # noqa: PLC0415

    kinds = {"none": False, "all": True, "mixed": None}
    if words not in kinds:
        raise typer.BadParameter("none, all or mixed", param_hint="--words")
    settings = {
        "worth": {"lam": lam, "cost": cost}, "trials": trials, "users": users, "judges": judges, "words": kinds[words], "weight": weight,
        "max_tokens": max_tokens, "max_seconds": max_seconds, "at_once": at_once, "seed": seed,
    }  # fmt: skip
    run_optimise(
        data, column or [], items, like_above, start, wordings, vary or [], settings, llm_url, llm_model, cache, out, page, store,
        dry=dry_run, as_json=as_json,
    )  # fmt: skip
