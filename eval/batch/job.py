"""A batch job: its blocks, what is done of them, and the folder that knows both. A block is written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from agent.llm import earned
from agent.llm.endpoint import Endpoint
from agent.recommender import RecommenderConfig
from eval.batch.stages import Block, Chain, Made, Rank, RankByModel, Retrieve, Score
from eval.nodes import Nodes
from eval.rerank_batch import read_table
from eval.suite.store import alone, digest, write_json, write_whole
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
        truth: Table of ``user_id, item_id`` that should be found; None where nobody knows.
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
        ConfigError: The folder holds another job's results, or another process works in it.
        ServerError: The language model cannot be reached, or nodes are lost for good; what was finished is kept.
    """
    blocks = list(_blocks(batch))
    with alone(batch.out):
        _claim(batch)
        left = [b for b in blocks if not all(_path(batch, part, b).exists() for part in ("slates", "users"))]
        done = len(blocks) - len(left)
        for at, made in nodes.map(_chain(batch, nodes), left):
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
    users = batch.users
    if len(set(users)) < len(users):
        twice = next(user for at, user in enumerate(users) if user in users[:at])
        raise DataError(f"user {twice!r} is named more than once", "name each user once")
    for user in users:
        if not batch.model.knows(user):
            batch.model.history_of(user)  # says what is known instead
    truth = None if batch.truth is None else _truth(batch, batch.truth)
    for number, first in enumerate(range(0, len(users), batch.size)):
        mine = users[first : first + batch.size]
        nothing = np.empty(0, np.int32)
        found = None if truth is None else tuple(truth.get(user, nothing) for user in mine)
        yield Block(number, first, mine, found)


def _truth(batch: Batch, table: pl.DataFrame) -> dict[str, np.ndarray]:
    ids = batch.model.catalog.table.select("item_id").with_row_index("item")
    found = table.unique(maintain_order=True).join(ids, on="item_id", how="left", maintain_order="left")
    if found["item"].null_count():
        unknown = found.filter(pl.col("item").is_null())["item_id"][0]
        raise DataError(f"item {unknown!r} of the truth is not in the catalogue", "use the data of the model")
    grouped = found.group_by("user_id", maintain_order=True).agg("item")
    return {user: np.array(items, np.int32) for user, items in grouped.iter_rows()}


def _chain(batch: Batch, nodes: Nodes) -> Chain:
    rank: Rank | RankByModel = Rank()
    if batch.endpoints:
        answers = nodes.answers(batch.out / "answers.jsonl")
        model, prompt = batch.endpoints[0].model, load(batch.config.prompt).version
        worth = earned.read(model, prompt, batch.model.dataset, batch.config.llm.orders)
        rank = RankByModel(batch.endpoints, batch.config, worth, answers)
    return Chain(Retrieve(batch.model, batch.config, batch.k), rank, Score(batch.model.catalog, batch.k))


def _claim(batch: Batch) -> None:
    """One folder, one job. Where the servers are is not part of it: another may take over."""
    model = batch.endpoints[0].model if batch.endpoints else ""
    truth = "" if batch.truth is None else digest(batch.truth.hash_rows(seed=0).to_list())
    job: dict[str, Any] = {
        "model": batch.identity, "users": digest(batch.users), "truth": truth, "llm": model, "k": batch.k, "block": batch.size,
        "config": batch.config.model_dump(mode="json"),
    }  # fmt: skip
    note = batch.out / "job.json"
    if note.exists() and json.loads(note.read_text(encoding="utf-8")) != job:
        raise ConfigError(f"{batch.out} holds the result of another job", f"name another folder; see {note}")
    write_json(note, job)


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
    with (batch.out / "timings.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
