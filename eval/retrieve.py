"""Retrievers side by side: settings chosen on validation users, the chosen one measured on test users, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from eval.largest import largest
from eval.metrics import average_popularity, coverage, hits, ndcg, recall
from eval.retrieve_fitting import Fitting
from eval.retrieve_ground import Ground, Protocol
from eval.retrieve_models import Model, chosen_models
from eval.retrieve_setting import Setting, Trainable
from retrieval.arrays import Bool, Float64, Int32
from retrieval.baselines.protocol import Progress, Scorer, Touched, silent
from retrieval.datasets.splits import HeldOut

METRICS = ("Recall@20", "Recall@50", "NDCG@100")
CHOSEN_BY = 2
"""Position in :data:`METRICS` of what settings are chosen by."""

_CELLS = 8_000_000  # scores held at once
_DEPTH = 100
AT = 20
"""Length of the lists that coverage and popularity are of."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting, its value on validation and what it cost.

    Attributes:
        setting: The point of the grid.
        validation: Mean NDCG@100 over the validation users.
        seconds: Of the training that it reads, which another setting or model may have waited for.
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

    @property
    def shared(self) -> bool:
        """Whether the settings that were tried are ways to read one training."""
        return len(self.tried) > 1 and self.best.setting.shared


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


def compare(ground: Ground, models: Sequence[str], progress: Progress, *, settings: int | None = None) -> Comparison:
    """Train every setting of every model, choose on validation, measure on test.

    Args:
        ground: Split data.
        models: Names of :data:`eval.retrieve_models.MODELS`.
        progress: Told stage, done and total.
        settings: At most this many settings of each model, spread over its grid.

    Raises:
        ConfigError: An unknown model.
    """
    plan = chosen_models(models, settings)
    small = {n: m for n, m in plan.items() if m.largest is None or min(ground.matrix.shape) <= m.largest}
    total, done = sum(len(m.grid) for m in small.values()), 0
    measured: dict[str, Measured] = {}
    fitting = fitting_on(ground)
    for name, model in small.items():
        best, tried = choose(model, ground, stage(progress, model, done, total), fitting)
        measured[name], _ = measure(model.title, best, tried, ground)
        done += len(model.grid)
    progress("done", total, total)
    split = ground.split
    return Comparison(
        measured, ground.protocol, ground.note, ground.matrix.shape[0], len(split.validation.users), len(split.test.users),
        int(ground.touched.sum()), tuple(n for n in plan if n not in small),
    )  # fmt: skip


def choose(
    model: Model, ground: Ground, progress: Callable[[int, str, int, int], None], fitting: Fitting | None = None
) -> tuple[Touched, tuple[Tried, ...]]:
    """Train every setting and keep the best on validation.

    Args:
        model: With its grid.
        ground: Split data.
        progress: Told the setting, stage, done and total.
        fitting: Of the ground, for those who choose several models; one may read what another has trained.

    Returns:
        The best, over the whole catalogue, and all settings with their values.
    """
    fitting = fitting or fitting_on(ground)
    judge, tried = fitting.ground.judge, list[Tried]()

    def fitted() -> Iterator[tuple[float, Scorer]]:
        for at, setting in enumerate(model.grid):
            progress(at, "training", 0, 1)
            told = partial(progress, at)
            scorer = fitting.of(setting, told)
            tried.append(Tried(setting, judge(scorer), fitting.seconds))
            yield tried[-1].validation, scorer

    # One after another, so that only the best so far is held in memory.
    _, best = max(fitted(), key=lambda pair: pair[0])
    return Touched(best, ground.touched), tuple(tried)


def fitting_on(ground: Ground) -> Fitting:
    """Training on a ground, judged by NDCG@100 of its validation users."""

    def judge(scorer: Scorer) -> float:
        whole = Touched(scorer, ground.touched)
        return float(np.nanmean(evaluate(whole, ground.split.validation, ground.touched)[0][:, CHOSEN_BY]))

    return Fitting(Trainable(ground.matrix, ground.categories, judge, silent))


def measure(title: str, scorer: Scorer, tried: tuple[Tried, ...], ground: Ground) -> tuple[Measured, Int32]:
    """A chosen retriever on the test users, and its ``(B, 100)`` lists."""
    values, lists = evaluate(scorer, ground.split.test, ground.touched)
    top = lists[:, :AT]
    shown = coverage(top, int(ground.touched.sum()))
    return Measured(title, values, average_popularity(top, ground.counts), shown, tried), lists


def evaluate(scorer: Scorer, held: HeldOut, universe: Bool) -> tuple[Float64, Int32]:
    """``(B, 3)`` values of :data:`METRICS` and ``(B, 100)`` lists, for as many users at once as memory is meant for."""
    n_items = len(universe)
    step = max(1, _CELLS // n_items)
    parts: list[np.ndarray] = []
    for start in range(0, len(held.users), step):
        seen = held.fold_in.slice(start, min(start + step, len(held.users)))
        scores = np.where(universe, scorer.scores(seen), -np.inf)
        scores[seen.owner, seen.items] = -np.inf
        parts.append(largest(scores, _DEPTH))
    lists = np.concatenate(parts)
    hit, relevant = hits(lists, held.hidden, n_items), held.hidden.lengths
    return np.stack([recall(hit, relevant, 20), recall(hit, relevant, 50), ndcg(hit, relevant, 100)], axis=1), lists


def stage(progress: Progress, model: Model, before: int, total: int) -> Callable[[int, str, int, int], None]:
    """Progress of one model within that of several."""

    def told(at: int, stage: str, done: int, of: int) -> None:
        where = f"{at + 1}/{len(model.grid)}" if len(model.grid) > 1 else ""
        share = f"{done / of:.0%}" if done else ""
        progress(" ".join(filter(None, (model.title, where, stage, share))), before + at, total)

    return told
