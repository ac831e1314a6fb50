"""A batch job: its blocks, what is done of them, and the folder that knows both. A block is written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from agent.llm import earned
from agent.llm.earned import Earned
from agent.llm.endpoint import Endpoint
from agent.recommender import RecommenderConfig
from eval.batch.stages import Block, Chain, Made, Rank, RankByModel, Retrieve, Score
from eval.batch.truth import truth_of
from eval.nodes import Nodes
from eval.rerank_batch import read_table
from eval.suite.lines import append
from eval.suite.store import LISTS, alone, code, digest, versions, write_json, write_whole
from prompts.template import load
from retrieval.artifacts import Model
from retrieval.errors import ConfigError, DataError

BLOCK = 256
"""Users of a block: about a second of work without a language model."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Batch:
    """What is asked for.

    Attributes:
        model: Trained artefact, without what only words need.
        identity: Hash of its files.
        users: External ids; known to the model, each once.
        truth: Table of ``user_id, item_id`` that should be found (see :mod:`eval.batch.truth`); None where nobody knows.
        endpoints: Servers of a language model; none ranks without.
        config: How lists are made.
        k: Length of a list.
        out: Folder of the results.
        size: Users of a block.
    """

    model: Model
    identity: str
    users: tuple[str, ...]
    truth: pl.DataFrame | None
    endpoints: tuple[Endpoint, ...]
    config: RecommenderConfig
    k: int
    out: Path
    size: int = BLOCK


def run_batch(batch: Batch, nodes: Nodes, progress: Progress) -> None:
    """Make every block that is not there.

    Writes ``slates/part-*.parquet``, ``users/part-*.parquet`` (see :class:`eval.batch.stages.Made`), ``answers.jsonl`` with a language
    model, and ``timings.jsonl``, which nothing is computed from.

    Raises:
        DataError: A user or an item is unknown, or a user is named twice.
        ConfigError: The folder holds lists of another job, code or prompt, another process works in it, or a node has other code.
        ServerError: The language model cannot be reached, or nodes are lost for good; what was finished is kept.
    """
    blocks, worth = list(_blocks(batch)), _worth(batch)
    with alone(batch.out):
        _claim(batch, worth)
        left = [b for b in blocks if not all(_path(batch, part, b).exists() for part in ("slates", "users"))]
        done = len(blocks) - len(left)
        for at, made in nodes.map(_chain(batch, worth, nodes), left):
            progress(f"lists of {len(batch.users):,} users", done, len(blocks))
            _write(batch, left[at], made)
            done += 1
        progress(f"lists of {len(batch.users):,} users", done, len(blocks))


def read_users(path: Path) -> tuple[str, ...]:
    """Column ``user_id`` of a CSV or Parquet file.

    Raises:
        DataError: It cannot be read, or has no such column.
    """
    try:
        table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as why:
        raise DataError(f"{path}: {str(why).splitlines()[0]}", "name a CSV or Parquet file of users") from why
    if "user_id" not in table.columns:
        raise DataError(f"{path} has no column user_id", f"its columns: {', '.join(table.columns)}")
    return tuple(table["user_id"].cast(pl.String).to_list())


def users_asked(out: Path) -> int:
    """Users of the job whose results a folder holds.

    Raises:
        DataError: It holds none.
    """
    note = out / "job.json"
    if not note.is_file():
        raise DataError(f"{out} holds no lists", "make some: polytaste batch --out")
    return int(json.loads(note.read_text(encoding="utf-8"))["count"])


def read_truth(path: Path) -> pl.DataFrame:
    """A Parquet file or folder of ``user_id, item_id``; raises :class:`DataError`."""
    return read_table(path, ("user_id", "item_id"))


def results(out: Path, part: str) -> pl.DataFrame:
    """``slates`` or ``users`` of all blocks, in the order of the users.

    Raises:
        DataError: There are none.
    """
    found = sorted((out / part).glob("part-*.parquet"))
    if not found:
        raise DataError(f"{out} holds no lists", "make some: polytaste batch --out")
    return pl.concat([pl.read_parquet(path) for path in found])


def _blocks(batch: Batch) -> Iterator[Block]:
    users, seen = batch.users, set[str]()
    for user in users:
        if user in seen:
            raise DataError(f"user {user!r} is named more than once", "name each user once")
        seen.add(user)
        if not batch.model.knows(user):
            batch.model.history_of(user)  # says what is known instead
    truth = None if batch.truth is None else truth_of(batch.model, users, batch.truth)
    for number, first in enumerate(range(0, len(users), batch.size)):
        last = first + batch.size
        yield Block(number, first, users[first:last], None if truth is None else tuple(truth[first:last]))


def _chain(batch: Batch, worth: Earned | None, nodes: Nodes) -> Chain:
    rank: Rank | RankByModel = Rank()
    if batch.endpoints:
        answers = nodes.answers(batch.out / "answers.jsonl")
        rank = RankByModel(batch.endpoints, batch.config, worth, answers)
    return Chain(Retrieve(batch.model, batch.config, batch.k), rank, Score(batch.model.catalog, batch.k))


def _worth(batch: Batch) -> Earned | None:
    """What the language model has earned; None where it has not, where the weight is given, and without a model."""
    config = batch.config
    if not batch.endpoints or config.llm.weight is not None:
        return None
    prompt = load(config.prompt).version
    return earned.read(batch.endpoints[0].model, prompt, batch.model.dataset, config.llm.orders)


def _claim(batch: Batch, worth: Earned | None) -> None:
    """One folder, one job: what lists depend on. Where the servers are is not part of it: another may take over."""
    config = batch.config
    job: dict[str, Any] = {
        "model": batch.identity, "users": digest(batch.users), "count": len(batch.users), "k": batch.k, "block": batch.size,
        "truth": "" if batch.truth is None else digest(batch.truth.hash_rows(seed=0).to_list()),
        "config": config.model_dump(mode="json"), "code": code(LISTS), "libraries": versions(),
    }  # fmt: skip
    if batch.endpoints:
        job |= {
            "llm": batch.endpoints[0].model,
            "prompt": load(config.prompt).version,
            "earned": "" if worth is None else digest(worth.model_dump(mode="json")),
        }
    note = batch.out / "job.json"
    if note.exists():
        _same(note, json.loads(note.read_text(encoding="utf-8")), job)
    write_json(note, job)


_ELSE = "name another folder (with a copy of answers.jsonl nothing is asked twice)"
_REMEDIES = {
    "code": "finish it with the version of polytaste that began it, or " + _ELSE,
    "libraries": "finish it with the libraries that began it (see its job.json), or " + _ELSE,
    "prompt": "finish it with the prompt as it was, or " + _ELSE,
    "earned": "polytaste llm fit ran meanwhile: " + _ELSE,
}


def _same(note: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to put lists of two kinds into one folder."""
    other = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if other:
        remedy = (len(other) == 1 and _REMEDIES.get(other[0])) or f"{_ELSE}; see {note}"
        if set(other) <= set(_REMEDIES):
            raise ConfigError(
                f"{note.parent} holds lists made with other {' and '.join(other)}: they would be mixed", remedy
            )
        raise ConfigError(f"{note.parent} holds the result of another job: other {', '.join(other)}", remedy)


def _path(batch: Batch, part: str, block: Block) -> Path:
    return batch.out / part / f"part-{block.number:06d}.parquet"


def _write(batch: Batch, block: Block, made: Made) -> None:
    """A block is done when both are there."""
    write_whole(_path(batch, "users", block), made.users.write_parquet)
    write_whole(_path(batch, "slates", block), made.slates.write_parquet)
    line = {
        "block": block.number,
        "users": len(block.users),
        "servers": len(batch.endpoints),
        **{k: round(v, 6) for k, v in made.seconds.items()},
    }
    append(batch.out / "timings.jsonl", line)
