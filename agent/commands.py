"""The work behind the command line, kept out of it so that help needs no numerical library."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.text import Text

from agent.cli import parse_columns
from agent.console import err, out, progress_bar, show_error, show_slate
from agent.llm import server
from agent.paths import data_folder, embeddings_folder, models_folder
from agent.recommender import Recommender, RecommenderConfig
from agent.rerank.calibrated import warm_up
from agent.rerank.limits import CountRule
from agent.slate import Slate
from retrieval import artifacts, datasets
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.download import download
from retrieval.datasets.tabular import Columns, TabularSource, read_source
from retrieval.errors import ConfigError, PolytasteError, ServerError


def load_data(data: str, columns: list[str], items: str | None = None, like_above: float | None = None) -> Dataset:
    """Load data with what the command line says of its columns, and say how it was read."""
    source = None
    if columns or items:
        folder = Path(data)
        source = read_source(folder) if (folder / "dataset.yaml").is_file() else TabularSource()
        items_file = str(Path(items).resolve()) if items else source.items
        source = source.model_copy(update={"columns": mapped(columns, source.columns), "items": items_file})
    dataset = datasets.load(data, source, like_above)
    say_notes(dataset.notes)
    return dataset


def say_notes(notes: Iterable[str]) -> None:
    """What a person should know of how something was read or written."""
    for note in notes:
        err.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)


def mapped(columns: list[str], stated: Columns) -> Columns:
    """Columns as ``--column ROLE=NAME`` says, before what was stated elsewhere.

    Raises:
        ConfigError: One is no such pair, or there is no such role.
    """
    try:
        return Columns.model_validate({**stated.model_dump(), **parse_columns(columns)})
    except ValidationError as why:
        role = why.errors()[0]["loc"][0]
        raise ConfigError(f"--column {role}: no such role", f"roles: {', '.join(Columns.model_fields)}") from why


def _is_main() -> bool:
    """Whether this process is the one that writes and speaks, of those that torchrun or accelerate started together."""
    return int(os.environ.get("RANK", "0")) == 0


def train_model(
    data: str,
    columns: list[str],
    items: str | None,
    like_above: float | None,
    folder: Path | None,
    shape: dict[str, Any],
    epochs: int,
    seed: int,
    text_model: str | None = None,
    tags: Path | None = None,
    scale: dict[str, Any] | None = None,
) -> None:
    """Train, build and save; of several processes that were launched together one does the latter, and speaks.

    ``shape`` is of the encoder, ``scale`` holds further fields of the training's configuration.
    """
    from retrieval.personas.encoder import EncoderConfig  # noqa: PLC0415
    from retrieval.personas.training import TrainingConfig, train  # noqa: PLC0415  (imports torch)
    from retrieval.text_encoder import weights_folder  # noqa: PLC0415
    from retrieval.text_train import place_cold, read_words, with_tags  # noqa: PLC0415

    err.quiet = not _is_main()
    place = folder or models_folder() / "default"
    artifacts.check_place(place)  # not after minutes of training
    if text_model is not None:
        weights_folder(text_model)  # nor is this said after them
    try:
        config = TrainingConfig.model_validate({
            "encoder": EncoderConfig(**shape), "epochs": epochs, "seed": seed, **(scale or {}),
        })  # fmt: skip
    except ValidationError as why:
        first = why.errors()[0]
        raise ConfigError(
            f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}", "polytaste train --help says what it takes"
        ) from why
    dataset = with_tags(load_data(data, columns, items, like_above), data, tags)
    likes = dataset.likes()
    counted = (
        f"{dataset.name}: {len(dataset.interactions.user_ids):,} users, {len(dataset.catalog):,} items, "
        f"{len(likes):,} likes of {len(dataset.interactions):,} interactions"
    )
    err.print(Text(counted))
    categories = dataset.catalog.axis().share if dataset.catalog.has_labels() else None
    with progress_bar("training") as (bar, task):

        def told(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        histories = dataset.histories()
        encoder = train(histories, len(dataset.catalog), config, categories=categories, progress=told)
        if not _is_main():
            return
        words = None if text_model is None else read_words(dataset, text_model, embeddings_folder(), told)
        if words is not None:
            encoder = place_cold(encoder, dataset, histories, words)
    artifacts.save(artifacts.build(dataset, encoder, words=words), place)
    warm_up()
    err.print(Text(f"saved {place}", style="green"), soft_wrap=True)
    if dataset.licence:
        err.print(Text(f"data: {dataset.licence}", style="dim"), soft_wrap=True)


def open_recommender(
    model: Path | None, llm_url: str | None, llm_model: str | None, *, use_llm: bool, config: dict[str, Any]
) -> Recommender:
    """A recommender as the command line asks for it."""
    settings = RecommenderConfig.model_validate(config)
    return Recommender.load(model, llm_url=llm_url, llm_model=llm_model, use_llm=use_llm, config=settings)


def read_rules(at_least: list[str], at_most: list[str]) -> list[CountRule]:
    """``[COLUMN:]GROUP=N`` as rules; the group ``*`` is each of the column.

    Raises:
        ConfigError: One cannot be read.
    """
    rules: list[CountRule] = []
    for option, pairs in (("at_least", at_least), ("at_most", at_most)):
        for pair in pairs:
            group, _, count = pair.rpartition("=")
            column, colon, value = group.partition(":")
            place = {"column": column} if colon else {}
            named = value if colon else group
            try:
                rule = {**place, "value": None if named == "*" else named, option: int(count)}
                rules.append(CountRule.model_validate(rule))
            except ValueError as why:
                said = why.errors()[0]["msg"] if isinstance(why, ValidationError) else "not [COLUMN:]GROUP=N"
                flag = "--" + option.replace("_", "-")
                raise ConfigError(
                    f"{flag} {pair!r}: {said}", f"for example {flag} Comedy=2, or decade:1990s=2"
                ) from why
    return rules


def print_slate(slate: Slate, user: str | None, like: list[str], request: str, *, as_json: bool) -> None:
    """The slate for a person, or alone for a machine."""
    if as_json:
        out.file.write(slate.model_dump_json(indent=2) + "\n")
        return
    who = f"user {user}" if user else ("someone who likes " + ", ".join(like) if like else "someone new")
    show_slate(slate, f"For {who}" + (f": \u201c{request}\u201d" if request else ""))


def chat_loop(
    recommender: Recommender, user: str | None, like: list[str], deadline_ms: int, *, reads: bool, phrases: bool
) -> None:
    """A conversation until an empty line: wishes, critiques of the last list, "why number 2?", "undo"."""
    from agent.chat.assistant import AssistantConfig  # noqa: PLC0415
    from agent.chat.dialogue import Dialogue, TurnState  # noqa: PLC0415
    from agent.chat.person import Person  # noqa: PLC0415
    from agent.llm.loop import run  # noqa: PLC0415
    from agent.memory.people import Kind, Said  # noqa: PLC0415

    ids = recommender.model.catalog.item_ids
    if user is not None:
        recommender.model.history_of(user)  # an unknown one is said at once
    person = Person(user or "").after(tuple(Said(ids[recommender.resolve(title)], Kind.LIKE) for title in like))
    dialogue, states = Dialogue(recommender, AssistantConfig(reads=reads, phrases=phrases)), list[TurnState]()
    err.print(
        "What would you like? Then, say: less dark, not the second, older, why number 1?, undo. (an empty line ends)"
    )
    while True:
        try:
            message = out.input("[bold]> [/bold]").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if message.lower() in {"", "quit", "exit", "bye"}:
            return
        try:
            reply = run(dialogue.respond(message, person, states, deadline_ms=deadline_ms))
        except PolytasteError as why:
            show_error(why)
            continue
        person = person.after(reply.feedback)
        states.append(reply.state)
        out.print(Text(reply.text), soft_wrap=True)
        if reply.slate is not None:
            print_slate(reply.slate, user, like, message, as_json=False)


def server_up(model: str, port: int) -> None:
    """Start the server under a spinner."""
    with err.status("starting vLLM") as spinner:
        state = server.up(model, port=port, progress=lambda words: spinner.update(Text(words)))
    err.print(Text(f"vLLM serves {state.model} at {state.url} (stop it: polytaste llm down)", style="green"))


def server_down() -> None:
    """Stop the server."""
    err.print("stopped" if server.down() else "no server was running")


def server_status() -> None:
    """Say how the server is.

    Raises:
        ServerError: It is not running, or does not answer.
    """
    state = server.status()
    if state is None:
        raise ServerError("no embedded server is running", "start it: polytaste llm up")
    if not state.healthy():
        raise ServerError(f"process {state.pid} runs but {state.url} does not answer", f"see {state.log}")
    out.print(Text(f"healthy: {state.model} at {state.url} (process {state.pid})"), soft_wrap=True)


def fetch(name: str, folder: Path | None) -> None:
    """Download a data set."""
    place = download(name, folder or data_folder())
    err.print(Text(f"{name} is in {place}; train on it: polytaste train --data {place}", style="green"), soft_wrap=True)
