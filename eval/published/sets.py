"""Candidate sets as LLMRank published them, read against the data that they were made from.

A file holds, for each user and each of several retrievers, a list of a hundred items, best first. What should be found is the user's
last item; all before it is the history. Hou et al., "Large Language Models are Zero-Shot Rankers for Recommender Systems", ECIR 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from retrieval.arrays import Float32, Int32
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError, DataError
from retrieval.schema import Histories

RANDOM = "random"
"""Candidates that nobody retrieved."""
SOURCES = (RANDOM, "bm25", "bert", "pop", "bpr", "gru4rec", "sasrec")
"""Retrievers of the publication, in its order."""
MIXED = "mixed"
"""The first three of each of them."""
SHOWN = 20
"""Candidates of a set, as published."""

_SEED = 0  # of the order in which candidates are shown
_EACH = 3
_COLUMNS = ("user_id", "retriever", "candidates")


@dataclass(frozen=True, slots=True)
class CandidateSets:
    """Candidates of B users, in the order of the file.

    Attributes:
        source: Retriever, or :data:`MIXED`.
        with_truth: Whether what should be found was put among the candidates.
        held: Share of the sets that hold it by themselves.
        users: ``(B,)`` internal ids.
        items: ``(B, n)`` candidates as they are shown, shuffled; -1 pads.
        given: ``(B, n)`` minus the place of each in the file; as it is shown where the truth, which has none, was put in.
        truth: ``(B,)`` what should be found.
        histories: Of these users, before the truth.
        everyone: Histories of all users of the data, the last item of each left out.
    """

    source: str
    with_truth: bool
    held: float
    users: Int32
    items: Int32
    given: Float32
    truth: Int32
    histories: Histories
    everyone: Histories

    @property
    def leaks(self) -> bool:
        """Whether the truth was put among candidates that were retrieved: it stands there because it is the truth."""
        return self.with_truth and self.source != RANDOM

    @property
    def test(self) -> Int32:
        """Rows of the first half, which the figures are of."""
        return np.arange((len(self.users) + 1) // 2, dtype=np.int32)

    @property
    def validation(self) -> Int32:
        """Rows of the second half, which settings and weights are chosen on."""
        return np.arange((len(self.users) + 1) // 2, len(self.users), dtype=np.int32)


def read_sets(dataset: Dataset, path: Path, source: str, *, with_truth: bool) -> CandidateSets:
    """Read the sets of one source.

    Args:
        dataset: All its interactions count, liked or not, as in the publication.
        path: Parquet of ``user_id``, ``retriever`` and a list ``candidates``.
        source: One of :data:`SOURCES`, or :data:`MIXED`.
        with_truth: Put the truth in the place of the last candidate, unless it is there. The publication does so with random
            candidates; with retrieved ones it is a leak, and :attr:`CandidateSets.leaks` says so.

    Raises:
        ConfigError: An unknown source.
        DataError: A column is missing, a user or an item is not in the data, or the data have no times.
    """
    wanted = SOURCES if source == MIXED else (source,)
    if not set(wanted) <= set(SOURCES):
        raise ConfigError(f"--source {source}: no such retriever", f"one of {', '.join((*SOURCES, MIXED))}")
    if dataset.interactions.times is None:
        raise DataError(f"{dataset.name} has no times, so that nobody's last item is known", "--column time=NAME")
    lists = _lists(_read(path), wanted, path)
    everyone = dataset.interactions.distinct().histories()
    users = _users(dataset, list(lists), path)
    rows = [everyone.row(int(user)) for user in users]
    if min(map(len, rows)) < 2:
        raise DataError(f"{path}: a user has fewer than two items in {dataset.name}", "use the data it was made from")
    truth = np.array([row[-1] for row in rows], np.int32)
    shown, given, held = list[Int32](), list[np.ndarray](), 0
    for at, named in enumerate(lists.values()):
        items = dataset.catalog.positions(named)
        held += int(truth[at] in items)
        if with_truth:
            items = np.append(items[items != truth[at]][: SHOWN - 1], truth[at])
        order = np.random.default_rng([_SEED, at]).permutation(len(items))
        shown.append(items[order])
        given.append(-np.arange(len(items)) if with_truth else -order)
    all_but_last = [everyone.row(user)[:-1] for user in range(len(everyone))]
    return CandidateSets(
        source, with_truth, held / len(users), users, _padded(shown, -1).astype(np.int32), _padded(given, -np.inf).astype(np.float32), truth,
        Histories.of([row[:-1] for row in rows]), Histories.of(all_but_last),
    )  # fmt: skip


def _read(path: Path) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path, columns=list(_COLUMNS))
    except (pl.exceptions.PolarsError, OSError) as why:
        raise DataError(
            f"{path}: {str(why).splitlines()[0]}", f"it has to be Parquet with the columns {', '.join(_COLUMNS)}"
        ) from why
    return table.with_columns(pl.col("user_id", "retriever").cast(pl.String))


def _lists(table: pl.DataFrame, wanted: tuple[str, ...], path: Path) -> dict[str, list[str]]:
    """The first candidates of each user, by external ids; of several retrievers one after the other, each item once."""
    each = SHOWN if len(wanted) == 1 else _EACH
    found: dict[str, list[str]] = {}
    for name in wanted:
        rows = table.filter(pl.col("retriever") == name)
        if not len(rows):
            raise DataError(f"{path} has no candidates of {name!r}", f"it has {', '.join(table['retriever'].unique())}")
        for user, items in rows.select("user_id", pl.col("candidates").list.head(each)).iter_rows():
            found.setdefault(user, []).extend(map(str, items))
    return {user: list(dict.fromkeys(items)) for user, items in found.items()}


def _users(dataset: Dataset, named: list[str], path: Path) -> Int32:
    position = {user: at for at, user in enumerate(dataset.interactions.user_ids)}
    missing = next((user for user in named if user not in position), None)
    if missing is not None:
        raise DataError(f"{path}: user {missing!r} is not in {dataset.name}", "use the data it was made from")
    return np.array([position[user] for user in named], np.int32)


def _padded(rows: list[np.ndarray], fill: float) -> np.ndarray:
    out = np.full((len(rows), max(map(len, rows))), fill)
    for at, row in enumerate(rows):
        out[at, : len(row)] = row
    return out
