"""Retrievers side by side: settings chosen on validation users, the chosen one measured on test users, once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from eval.metrics import average_popularity, coverage, hits, ndcg, recall
from eval.quick import best_items
from eval.retrieve_models import Ground, Model, Setting, chosen_models
from retrieval.arrays import Bool, Csr, Float64, Int64
from retrieval.baselines.protocol import Progress, Scorer, Touched, touched_items, touched_matrix
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.splits import HeldOut, Split, global_time, last_n, strong_generalisation
from retrieval.errors import ConfigError, DataError

Protocol = Literal["strong", "last", "time"]
METRICS = ("Recall@20", "Recall@50", "NDCG@100")
CHOSEN_BY = 2
"""Position in :data:`METRICS` of what settings are chosen by."""

_CELLS = 8_000_000  # scores held at once
_DEPTH = 100
_AT = 20
_LEAST_ITEMS = 5
_PUBLISHED = ((100_000, 10_000), (6_000, 1_000))  # users with enough likes, and how many are held out of them
_SHARE = 6


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting, its value on validation and what it cost.

    Attributes:
        setting: The point of the grid.
        validation: Mean NDCG@100 over the validation users.
        seconds: Of training.
    """

    setting: Setting
    validation: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A retriever on the test users.

    Attributes:
        title: For people.
        values: ``(B, 3)`` values of :data:`METRICS`, NaN for a user with nothing hidden.
        popularity: ``(B,)`` ARP@20, mean number of training interactions of what is listed.
        coverage: Share of the ranked items that stand in at least one list of 20.
        tried: All settings; the best on validation is the one measured.
    """

    title: str
    values: Float64
    popularity: Float64
    coverage: float
    tried: tuple[Tried, ...]

    @property
    def best(self) -> Tried:
        """The setting that was measured: the first of the best."""
        return max(self.tried, key=lambda t: t.validation)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every retriever on the same users.

    Attributes:
        models: By name.
        protocol: How users and items were held out.
        note: What was held out, in words.
        train: Training users.
        validation: Users settings were chosen on.
        test: Users the figures are of.
        items: Items that are ranked.
        left_out: Names of models the data are too large for.
    """

    models: dict[str, Measured]
    protocol: Protocol
    note: str
    train: int
    validation: int
    test: int
    items: int
    left_out: tuple[str, ...]


def compare(
    dataset: Dataset,
    models: Sequence[str],
    progress: Progress,
    *,
    protocol: Protocol = "strong",
    held_out: int | None = None,
    last: int = 1,
) -> Comparison:
    """Train every setting of every model, choose on validation, measure on test.

    Args:
        dataset: Data.
        models: Names of :data:`eval.retrieve_models.MODELS`.
        progress: Told stage, done and total.
        protocol: strong: other users; last: each user's last likes; time: what comes after a moment.
        held_out: Users in each of validation and test of ``strong``; None goes by the size of the data.
        last: Likes hidden per user and set, of ``last``.

    Raises:
        ConfigError: An unknown model.
        DataError: Too few users, nothing to find, or no times where the protocol needs them.
    """
    plan = chosen_models(models)
    split, note = make_split(dataset, protocol, held_out, last)
    if not (split.validation.hidden.lengths.any() and split.test.hidden.lengths.any()):
        raise DataError("no hidden item is one that training touched", "hold out fewer users, or use another protocol")
    histories = split.train.histories()
    n_items = len(dataset.catalog)
    touched = touched_items(histories, n_items)
    matrix = touched_matrix(histories, touched)
    counts = np.bincount(histories.items, minlength=n_items)
    categories = dataset.catalog.axis().share[np.flatnonzero(touched)] if dataset.catalog.has_labels() else None
    small = {n: m for n, m in plan.items() if m.largest is None or min(matrix.shape) <= m.largest}
    total, done = sum(len(m.grid) for m in small.values()), 0
    measured: dict[str, Measured] = {}
    for name, model in small.items():
        measured[name] = _measure(
            model, split, touched, counts, matrix, categories, _stage(progress, model, done, total)
        )
        done += len(model.grid)
    progress("done", total, total)
    return Comparison(
        measured, protocol, note, matrix.shape[0], len(split.validation.users), len(split.test.users), int(touched.sum()),
        tuple(n for n in plan if n not in small),
    )  # fmt: skip


def make_split(dataset: Dataset, protocol: Protocol, held_out: int | None, last: int) -> tuple[Split, str]:
    """The split of a protocol, and what was held out in words.

    Raises:
        ConfigError: A number of users to hold out where the protocol holds out none.
    """
    likes, n_items = dataset.likes(), len(dataset.catalog)
    if protocol != "strong" and held_out is not None:
        raise ConfigError(f"--held-out {held_out} means nothing to --protocol {protocol}", "leave it out")
    if protocol == "last":
        return last_n(likes, n_items, n=last), f"of each user the last {last} liked, validation the {last} before"
    if protocol == "time":
        return global_time(likes, n_items), "the latest tenth of all likes, validation the tenth before"
    users = int((np.bincount(likes.users, minlength=len(likes.user_ids)) >= _LEAST_ITEMS).sum())
    number = held_out or _held_out(users)
    split = strong_generalisation(likes, n_items, held_out=number, min_items=_LEAST_ITEMS)
    return split, f"{number:,} of {users:,} users, as many more for validation; a fifth of each history hidden"


def _held_out(users: int) -> int:
    """The published numbers for data of the published sizes, a sixth of the users for smaller ones."""
    return next((held for least, held in _PUBLISHED if users >= least), max(1, users // _SHARE))


def _measure(
    model: Model, split: Split, touched: Bool, counts: Int64, matrix: Csr, categories: Csr | None,
    progress: Callable[[int, str, int, int], None],
) -> Measured:  # fmt: skip
    def judge(scorer: Scorer) -> float:
        return float(np.nanmean(_values(Touched(scorer, touched), split.validation, touched)[0][:, CHOSEN_BY]))

    tried: list[Tried] = []

    def fitted() -> Iterator[tuple[float, Scorer]]:
        for at, setting in enumerate(model.grid):
            progress(at, "training", 0, 1)
            told = partial(progress, at)
            began = time.perf_counter()
            scorer = setting.fit(Ground(matrix, categories, judge, told))
            seconds = time.perf_counter() - began
            tried.append(Tried(setting, judge(scorer), seconds))
            yield tried[-1].validation, scorer

    # One after another, so that only the best so far is held in memory.
    _, best = max(fitted(), key=lambda pair: pair[0])
    values, lists = _values(Touched(best, touched), split.test, touched)
    top = lists[:, :_AT]
    return Measured(
        model.title, values, average_popularity(top, counts), coverage(top, int(touched.sum())), tuple(tried)
    )


def _values(scorer: Scorer, held: HeldOut, universe: Bool) -> tuple[Float64, np.ndarray]:
    """``(B, 3)`` values of :data:`METRICS` and ``(B, 100)`` lists, for as many users at once as memory is meant for."""
    n_items = len(universe)
    step = max(1, _CELLS // n_items)
    parts: list[np.ndarray] = []
    for start in range(0, len(held.users), step):
        seen = held.fold_in.slice(start, min(start + step, len(held.users)))
        parts.append(best_items(scorer.scores(seen), seen, universe, _DEPTH))
    lists = np.concatenate(parts)
    hit, relevant = hits(lists, held.hidden, n_items), held.hidden.lengths
    return np.stack([recall(hit, relevant, 20), recall(hit, relevant, 50), ndcg(hit, relevant, 100)], axis=1), lists


def _stage(progress: Progress, model: Model, before: int, total: int) -> Callable[[int, str, int, int], None]:
    def told(at: int, stage: str, done: int, of: int) -> None:
        where = f"{at + 1}/{len(model.grid)}" if len(model.grid) > 1 else ""
        share = f"{done / of:.0%}" if done else ""
        progress(" ".join(filter(None, (model.title, where, stage, share))), before + at, total)

    return told
