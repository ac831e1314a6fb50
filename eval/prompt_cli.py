"""``polytaste prompts``: the commands. Imports nothing heavy until one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eval.live_cli import live
from eval.prompt_optimise_cli import optimise

app = typer.Typer(help="Prompts: what they say, what is wrong with them, which one is better.", no_args_is_help=True)
app.add_typer(live, name="live")
app.command()(optimise)

Name = Annotated[str, typer.Argument(help="Of the library, or the path of a .j2 file.")]
Names = Annotated[
    list[str] | None, typer.Argument(help="Of the library, or paths of .j2 files; default: the whole library.")
]
Source = Annotated[Path | None, typer.Option("--model", help="Folder of a trained model; default: the last trained.")]
Data = Annotated[
    str | None,
    typer.Option("--data", help="Data to train on now, instead of a trained model; 'ml-latest-small' is bundled."),
]
Column = Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")]
User = Annotated[str | None, typer.Option("--user", help="A user of the data; default: the first.")]
Like = Annotated[
    list[str] | None,
    typer.Option("--like", help="A liked title, an item id, or id:ITEM_ID, instead of a user; repeat."),
]
Request = Annotated[str, typer.Option("--request", help="What is wanted, in words.")]
Slots = Annotated[int, typer.Option("--k", min=1, max=100, help="Length of the list.")]
TokenizerName = Annotated[
    str | None,
    typer.Option(
        "--tokenizer", help="Folder of a model's checkpoint; default: the packaged model's, else by characters."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="The facts alone, on stdout.")]


@app.command("list")
def list_prompts(as_json: Json = False) -> None:
    """The library: name, version, what it answers with, what it is for."""
    from eval.prompt_show import show_library  # noqa: PLC0415

    show_library(as_json=as_json)


@app.command()
def show(name: Name = "rerank-shares", as_json: Json = False) -> None:
    """A prompt as its file has it."""
    from eval.prompt_show import show_file  # noqa: PLC0415

    show_file(name, as_json=as_json)


@app.command()
def render(
    name: Name = "rerank-shares",
    user: User = None,
    like: Like = None,
    request: Request = "",
    k: Slots = 10,
    model: Source = None,
    data: Data = None,
    column: Column = None,
    tokenizer: TokenizerName = None,
    as_json: Json = False,
) -> None:
    """What production would send for a real user: part by part, with tokens, and where the prefix cache ends."""
    from eval.prompt_show import show_rendered  # noqa: PLC0415

    show_rendered(name, user, like or [], request, k, model, data, column or [], tokenizer, as_json=as_json)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="Of the library, or the path of a .j2 file.")],
    after: Annotated[str, typer.Argument(help="The other.")],
    user: User = None,
    like: Like = None,
    request: Request = "",
    k: Slots = 10,
    model: Source = None,
    data: Data = None,
    column: Column = None,
    text_only: Annotated[
        bool, typer.Option("--text-only", help="Compare the files alone; no model is needed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """How two prompts differ: their files, and what they say of the same user."""
    from eval.prompt_show import show_diff  # noqa: PLC0415

    show_diff(
        before, after, user, like or [], request, k, model, data, column or [], text_only=text_only, as_json=as_json
    )


@app.command()
def lint(
    names: Names = None,
    user: User = None,
    like: Like = None,
    request: Request = "",
    model: Source = None,
    data: Data = None,
    column: Column = None,
    tokenizer: TokenizerName = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    as_json: Json = False,
) -> None:
    """What is wrong with prompts; exit code 2 if something is. Without a user, by made-up inputs of ordinary length."""
    from eval.prompt_show import show_findings  # noqa: PLC0415

    real = user is not None or bool(like) or model is not None or data is not None
    source = (user, like or [], request, model, data, column or []) if real else None
    if not show_findings(names or [], source, tokenizer, strict=strict, as_json=as_json):
        raise typer.Exit(2)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Of the new prompt.")],
    like: Annotated[str, typer.Option("--from", help="Prompt to begin with.")] = "rerank-shares",
    purpose: Annotated[str, typer.Option("--purpose", help="One line: what it tries.")] = "",
    folder: Annotated[Path, typer.Option("--out", help="Folder of the new file.")] = Path(),
    as_json: Json = False,
) -> None:
    """A new prompt file that begins as a copy of another; an existing file is kept."""
    from eval.prompt_show import write_new  # noqa: PLC0415

    write_new(name, like, purpose, folder, as_json=as_json)


@app.command()
def compare(
    prompts: Annotated[list[str], typer.Argument(help="Two or more, of the library or paths of .j2 files; the first is the baseline.")],
    users: Annotated[int, typer.Option("--users", min=4, help="Most users.")] = 200,
    after: Annotated[int, typer.Option("--after", min=0, help="Leave out so many, whom an earlier comparison asked about: a second opinion.")] = 0,
    data: Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")] = "ml-latest-small",
    column: Column = None,
    items: Annotated[str | None, typer.Option("--items", help="File of items, if --data is a file.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    words: Annotated[str, typer.Option("--words", help="Requests that name categories: none, all or mixed.")] = "none",
    mode: Annotated[str, typer.Option("--mode", help="label, permutation, scores, pointwise, sliding or tournament.")] = "label",
    orders: Annotated[int, typer.Option("--orders", min=1, max=4, help="Orders of the candidates, averaged.")] = 1,
    weight: Annotated[float, typer.Option("--weight", min=0.0, max=1.0, help="Share of the model in the slate.")] = 0.2,
    bias_users: Annotated[int, typer.Option("--bias-users", min=0, help="Users who are asked about in a second order too.")] = 40,
    primary: Annotated[str, typer.Option("--primary", help="Metric that may end it early: ndcg, slate_ndcg or kl.")] = "ndcg",
    looks: Annotated[int, typer.Option("--looks", min=1, max=10, help="Looks at the results; 1 waits for all users.")] = 4,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="Ask no more once this many tokens were paid.")] = None,
    max_seconds: Annotated[float | None, typer.Option("--max-seconds", min=0.001, help="Nor after this time of asking.")] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=64, help="Users who are asked about at once.")] = 4,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the choice of users and words.")] = 0,
    llm_url: Annotated[str | None, typer.Option("--llm-url", help="vLLM server; default: the one that runs.")] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", help="Model name as that server serves it.")] = None,
    cache: Annotated[Path | None, typer.Option("--cache", help="Folder of the answers that are kept.")] = None,
    page: Annotated[Path | None, typer.Option("--out", help="HTML file to write.")] = None,
    store: Annotated[str | None, typer.Option("--mlflow", help="Keep it in MLflow too: sqlite:///FILE, or a server; the extra 'mlflow'.")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Is one prompt better than another, for whom, at what cost: the same users and candidates, paired, told when it is settled."""
    from eval.prompt_report import run_compare  # noqa: PLC0415

    kinds = {"none": False, "all": True, "mixed": None}
    if words not in kinds:
        raise typer.BadParameter("none, all or mixed", param_hint="--words")
    settings = {
        "prompts": prompts, "users": users, "after": after, "words": kinds[words], "mode": mode, "orders": orders, "weight": weight,
        "bias_users": bias_users, "primary": primary, "looks": looks, "max_tokens": max_tokens, "max_seconds": max_seconds,
        "at_once": at_once, "seed": seed,
    }  # fmt: skip
    run_compare(
        data, column or [], items, like_above, settings, llm_url, llm_model, cache, page, store, as_json=as_json
    )


@app.command()
def factorial(
    tastes: Annotated[str, typer.Option("--tastes", help="How tastes are told: none, words, exemplars, both.")] = "none,words,exemplars,both",
    shares: Annotated[str, typer.Option("--shares", help="How proportions are asked for: none, places, percent, table.")] = "none,places,percent,table",
    first: Annotated[str, typer.Option("--first", help="Which candidate is shown first, by retrieval: best, worst.")] = "best,worst",
    orders: Annotated[str, typer.Option("--orders", help="Orders of the candidates that are averaged: numbers from 1 to 4.")] = "1",
    users: Annotated[int, typer.Option("--users", min=8, help="Most users.")] = 60,
    cells: Annotated[int, typer.Option("--cells", min=2, help="Combinations that each user is asked in.")] = 8,
    data: Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")] = "ml-latest-small",
    column: Column = None,
    items: Annotated[str | None, typer.Option("--items", help="File of items, if --data is a file.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="Ask no more once this many tokens were paid.")] = None,
    max_seconds: Annotated[float | None, typer.Option("--max-seconds", min=0.001, help="Nor after this time of asking.")] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=64, help="Users who are asked about at once.")] = 4,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the choice of users and cells.")] = 0,
    llm_url: Annotated[str | None, typer.Option("--llm-url", help="vLLM server; default: the one that runs.")] = None,
    llm_model: Annotated[str | None, typer.Option("--llm-model", help="Model name as that server serves it.")] = None,
    cache: Annotated[Path | None, typer.Option("--cache", help="Folder of the answers that are kept.")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Which part of a prompt does what: all combinations of the parts, each user in some, with main effects and interactions."""
    from eval.prompt_factorial_report import run_factorial  # noqa: PLC0415

    def split(text: str) -> list[str]:
        return [one.strip() for one in text.split(",")]

    settings = {
        "tastes": split(tastes), "shares": split(shares), "first": split(first), "orders": split(orders), "users": users,
        "cells": cells, "max_tokens": max_tokens, "max_seconds": max_seconds, "at_once": at_once, "seed": seed,
    }  # fmt: skip
    run_factorial(data, column or [], items, like_above, settings, llm_url, llm_model, cache, as_json=as_json)
