"""``polytaste tune``: low-rank tuning of the language model for its job. Imports nothing heavy until it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Tune the language model for its job, choose on validation users, say what it is worth.", no_args_is_help=True
)


class Learned(StrEnum):
    """What is learned."""

    label = "label"
    yes_no = "yes-no"
    both = "both"


class ListLoss(StrEnum):
    """Loss of a list."""

    softmax = "softmax"
    listmle = "listmle"


@app.command("run")
def run_command(
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; one that was broken off goes on.")],
    data: Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")] = "ml-latest-small",
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    tags: Annotated[Path | None, typer.Option("--tags", help="Table of item_id and tag; default: the one beside the data.")] = None,
    llm_model: Annotated[str, typer.Option("--llm-model", help="Packaged model, model folder, GGUF file or hub name.")] = "smollm2-135m-instruct",
    objective: Annotated[Learned, typer.Option("--objective", help="The letter of a candidate, yes or no about each, or one after the other.")] = Learned.label,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Runs of each, from --seed on.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of everything random.")] = 0,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Budget: tokens read in training.")] = 300_000,
    prompt: Annotated[str | None, typer.Option("--prompt", help="Of the library, or a .j2 file; default: the objective's.")] = None,
    loss: Annotated[ListLoss, typer.Option("--loss", help="Over the list.")] = ListLoss.softmax,
    beside: Annotated[bool, typer.Option("--beside/--alone", help="Learn what to add to the retriever's order, or an order that stands alone.")] = False,
    distil: Annotated[float, typer.Option("--distil", min=0.0, max=1.0, help="Share of what the retriever teaches.")] = 0.3,
    rank: Annotated[int, typer.Option("--rank", min=1, help="Of the adapter.")] = 16,
    rate: Annotated[float, typer.Option("--rate", min=1e-7, help="Highest learning rate.")] = 5e-4,
    accumulate: Annotated[int, typer.Option("--accumulate", min=1, help="Requests to a step.")] = 4,
    checks: Annotated[int, typer.Option("--checks", min=1, help="Times that validation users are asked.")] = 3,
    users: Annotated[int, typer.Option("--users", min=4, help="Users reported on, for each kind of request.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")] = False,
) -> None:  # fmt: skip
    """Learn from requests as production makes them. With several objectives or seeds: which learns more of the same budget?"""
    from eval.tune.config import TuneConfig  # noqa: PLC0415
    from eval.tune.report import run_tune  # noqa: PLC0415
    from retrieval.errors import ConfigError  # noqa: PLC0415

    if prompt is not None and objective is Learned.both:
        raise ConfigError("--prompt with --objective both", "the objectives need a prompt each: give one objective")
    config = TuneConfig(
        model=llm_model, prompt=prompt, loss=loss.value, beside=beside, distil=distil, tokens=tokens, rank=rank, learning_rate=rate,
        accumulate=accumulate, checks=checks, users=users, seed=seed,
    )  # fmt: skip
    both = ("label", "yes-no") if objective is Learned.both else (objective.value,)
    run_tune(data, column or [], like_above, tags, config, out, objectives=both, seeds=seeds, as_json=as_json)


@app.command("merge")
def merge_command(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the checkpoint.")],
) -> None:
    """Join model and adapter to a plain checkpoint, which a server reads several times faster than the two apart."""
    from eval.tune.report import run_merge  # noqa: PLC0415

    run_merge(run, out)
