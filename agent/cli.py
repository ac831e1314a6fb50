"""The command line. Heavy work is imported by the command that needs it, so that help is instant."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from agent import service_cli
from agent.data_cli import app as data_app
from retrieval.errors import ConfigError, PolytasteError

app = typer.Typer(
    name="polytaste",
    help="Recommendations that keep every side of you in the list.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
llm = typer.Typer(
    help="The language model: the embedded vLLM server, and what the model is worth.", no_args_is_help=True
)
app.add_typer(llm, name="llm")
app.add_typer(data_app, name="data")
app.command()(service_cli.serve)
app.command()(service_cli.mcp)
app.add_typer(service_cli.keys, name="keys")

ModelFolder = Annotated[
    Path | None, typer.Option("--model", help="Folder of a trained model; default: the last trained.")
]
DataPath = Annotated[str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")]
ColumnMap = Annotated[
    list[str] | None, typer.Option("--column", help="ROLE=NAME for user, item, rating, time, title, categories, year.")
]
LikeAbove = Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")]
LlmUrl = Annotated[str | None, typer.Option("--llm-url", help="vLLM server, for example http://127.0.0.1:8000.")]
LlmModel = Annotated[str | None, typer.Option("--llm-model", help="Model name as that server serves it.")]
LlmReads = Annotated[bool, typer.Option("--llm-reads", help="Let the model read what the rules leave unread.")]
LlmPhrases = Annotated[
    bool, typer.Option("--llm-phrases", help="Let it phrase explanations; what the facts do not bear out is dropped.")
]
NoLlm = Annotated[bool, typer.Option("--no-llm", help="Rank with the calibrated reranker alone.")]
Lambda = Annotated[float, typer.Option("--lam", min=0.0, max=1.0, help="0: only relevance. 1: only calibration.")]
AxisName = Annotated[
    str,
    typer.Option(
        "--axis", help="categories, personas, decade, popularity, any column, or several: categories=.7,decade=.3."
    ),
]
Gamma = Annotated[float, typer.Option("--gamma", min=0.0, help="Target p^gamma: 0 evens it out, 1 is the history's.")]
HalfLife = Annotated[
    float | None, typer.Option("--half-life", min=0.001, help="Likes back in the history at which one counts half.")
]
Prior = Annotated[float, typer.Option("--prior", min=0.0, max=1.0, help="Part of the target that is everyone's.")]


@app.command()
def train(
    data: DataPath = "ml-latest-small",
    column: ColumnMap = None,
    items: Annotated[str | None, typer.Option("--items", help="File of items, if --data is a file.")] = None,
    like_above: LikeAbove = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the model; default: where recommend looks.")
    ] = None,
    personas: Annotated[int, typer.Option("--personas", min=1, max=32, help="Tastes per user.")] = 4,
    dimension: Annotated[
        int, typer.Option("--dimension", min=1, help="Of vectors; more is more exact on thousands of sparse items.")
    ] = 192,
    recency: Annotated[
        float,
        typer.Option(
            "--recency", min=0, help="A like with A likes after it counts (1+A)^-RECENCY; 0.5 where taste moves on."
        ),
    ] = 0.0,
    epochs: Annotated[int, typer.Option("--epochs", min=0, help="Passes over the users.")] = 2,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of everything random.")] = 0,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Users per step.")] = 64,
    samples: Annotated[
        int | None,
        typer.Option(
            "--samples", min=1, help="Items in the softmax's denominator; default: all, 8,192 beyond 50,000 items."
        ),
    ] = None,
    precision: Annotated[str, typer.Option("--precision", help="Of activations: fp32, bf16 or fp16.")] = "fp32",
    memory_gb: Annotated[
        float, typer.Option("--memory-gb", min=0.001, help="Of activations at once; a larger batch is taken in parts.")
    ] = 1.0,
    text_model: Annotated[
        str, typer.Option("--text-model", help="Sentence encoder: the packaged one, a folder or a hub name.")
    ] = "all-minilm-l6-v2",
    words: Annotated[
        bool, typer.Option("--words/--no-words", help="Read what items say, for requests in words.")
    ] = True,
    tags: Annotated[
        Path | None,
        typer.Option("--tags", help="Table of item_id and tag; default: tags.parquet or tags.csv beside the data."),
    ] = None,
) -> None:
    """Train the persona encoder, read what the items say, and build the indexes."""
    from agent.commands import train_model  # noqa: PLC0415

    shape = {"personas": personas, "dimension": dimension, "recency": recency}
    scale = {"batch": batch, "samples": samples, "precision": precision, "memory_gb": memory_gb}
    read = text_model if words else None
    train_model(data, column or [], items, like_above, out, shape, epochs, seed, read, tags, scale)


@app.command()
def recommend(
    user: Annotated[str | None, typer.Option("--user", help="A user of the data.")] = None,
    like: Annotated[list[str] | None, typer.Option("--like", help="A liked title, an item id, or id:ITEM_ID; repeat.")] = None,
    request: Annotated[str, typer.Option("--request", help="What is wanted, in words.")] = "",
    k: Annotated[int | None, typer.Option("--k", min=1, max=100, help="How many.")] = None,
    deadline_ms: Annotated[int, typer.Option("--deadline-ms", min=1, help="The slate is there by then, once the model is loaded.")] = 5000,
    as_json: Annotated[bool, typer.Option("--json", help="The slate alone, on stdout.")] = False,
    model: ModelFolder = None,
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    no_llm: NoLlm = False,
    lam: Lambda = 0.9,
    max_kl: Annotated[float | None, typer.Option("--max-kl", min=0.0, help="Largest calibration error, instead of --lam.")] = None,
    axis: AxisName = "auto",
    gamma: Gamma = 1.0,
    half_life: HalfLife = None,
    prior: Prior = 0.0,
    at_most: Annotated[list[str] | None, typer.Option("--at-most", help="[COLUMN:]GROUP=N, or COLUMN:*=N for each group; repeat.")] = None,
    at_least: Annotated[list[str] | None, typer.Option("--at-least", help="[COLUMN:]GROUP=N; repeat.")] = None,
    include: Annotated[list[str] | None, typer.Option("--include", help="A title or item id that must be there; repeat.")] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="One that must not; repeat.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Tell how the slate was made: picks and swaps.")] = False,
) -> None:  # fmt: skip
    """One slate for a known user, for liked titles, or for a request in words."""
    from agent.commands import open_recommender, print_slate, read_rules  # noqa: PLC0415

    config = {
        "axis": axis,
        "calibrated": {"lam": lam},
        "target": {"gamma": gamma, "half_life": half_life, "prior": prior},
    }
    rules = read_rules(at_least or [], at_most or [])
    recommender = open_recommender(model, llm_url, llm_model, use_llm=not no_llm, config=config)
    slate = recommender.recommend(
        request, user=user, like=like or (), k=k, deadline_ms=deadline_ms, rules=rules, include=include or (),
        exclude=exclude or (), max_kl=max_kl, trace=trace,
    )  # fmt: skip
    print_slate(slate, user, like or [], request, as_json=as_json)


@app.command()
def chat(
    user: Annotated[str | None, typer.Option("--user", help="A user of the data.")] = None,
    like: Annotated[
        list[str] | None, typer.Option("--like", help="A liked title, an item id, or id:ITEM_ID; repeat.")
    ] = None,
    deadline_ms: Annotated[int, typer.Option("--deadline-ms", min=1)] = 5000,
    model: ModelFolder = None,
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    no_llm: NoLlm = False,
    lam: Lambda = 0.9,
    axis: AxisName = "auto",
    llm_reads: LlmReads = False,
    llm_phrases: LlmPhrases = False,
) -> None:
    """A conversation: a wish, then critiques of the list, why, undo; an empty line, quit or Ctrl-D ends."""
    from agent.commands import chat_loop, open_recommender  # noqa: PLC0415

    config = {"axis": axis, "calibrated": {"lam": lam}}
    recommender = open_recommender(model, llm_url, llm_model, use_llm=not no_llm, config=config)
    chat_loop(recommender, user, like or [], deadline_ms, reads=llm_reads, phrases=llm_phrases)


@llm.command("up")
def llm_up(
    llm_model: Annotated[
        str, typer.Option("--model", help="Packaged model, model folder, GGUF file or hub name.")
    ] = "smollm2-135m-instruct",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 picks a free one.")] = 0,
) -> None:
    """Start vLLM on loopback and wait until it is warm; a running one is kept."""
    from agent.commands import server_up  # noqa: PLC0415

    server_up(llm_model, port)


@llm.command("down")
def llm_down() -> None:
    """Stop the server and all its processes."""
    from agent.commands import server_down  # noqa: PLC0415

    server_down()


@llm.command("status")
def llm_status() -> None:
    """Is it running and healthy? Exit code 5 if not."""
    from agent.commands import server_status  # noqa: PLC0415

    server_status()


@app.command()
def doctor(model: ModelFolder = None, llm_url: LlmUrl = None, llm_model: LlmModel = None) -> None:
    """What is installed, which device, is the server healthy, and what to do."""
    from agent.doctor import report  # noqa: PLC0415

    report(model, llm_url, llm_model)


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="ml-100k, ml-1m, ml-10m, ml-20m, ml-25m or ml-32m.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder; default: the platform's data folder.")] = None,
) -> None:
    """Fetch a MovieLens archive from GroupLens, verified by its published checksum."""
    from agent.commands import fetch  # noqa: PLC0415

    fetch(name, out)


def _plug_in() -> None:
    """Commands of higher rooms, each imported only when it is called or its help is shown."""
    asked = sys.argv[1:2]
    for entry in entry_points(group="polytaste.commands"):
        parent, _, name = entry.name.rpartition(".")
        if asked == [parent or name] or (not parent and asked in (["--help"], ["-h"], [])):
            place, loaded = {"": app, "llm": llm}[parent], entry.load()
            if isinstance(loaded, typer.Typer):
                place.add_typer(loaded, name=name)
            else:
                place.command(name)(loaded)


def main() -> None:
    """Run, and turn errors that a person can act on into a message and an exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    _plug_in()
    try:
        app()
    except PolytasteError as why:
        from agent.console import show_error  # noqa: PLC0415

        show_error(why)
        raise SystemExit(why.exit_code) from None


def parse_columns(pairs: list[str]) -> dict[str, str]:
    """``ROLE=NAME`` pairs as a mapping.

    Raises:
        ConfigError: One has no equals sign.
    """
    for pair in pairs:
        if "=" not in pair:
            raise ConfigError(f"--column {pair!r} is not ROLE=NAME", "for example --column user=customer_id")
    return dict(pair.split("=", 1) for pair in pairs)
