"""Candidates of held-out users: what every reranking claim starts from, made once per retriever and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from agent.rerank.protocol import Pool, Slates
from eval import metrics
from eval.retrieve_models import MODELS, Trainable
from eval.suite.store import digest, write_whole
from retrieval.arrays import Bool, Float32, Float64, Int32, Int64
from retrieval.baselines.protocol import Progress, Scorer, silent

if TYPE_CHECKING:
    from eval.claims.ground import Ground, Part

K = 10
"""Length of a list."""


_Lists: TypeAlias = tuple[Int32, Float32]
"""Items and scores, ``(B, n)`` each."""


@dataclass(frozen=True, eq=False)
class Found:
    """Candidates of held-out users, best first.

    Attributes:
        items: ``(B, n)`` internal ids, -1 pads.
        hit: ``(B, n)`` which are hidden items.
        relevant: ``(B,)`` hidden items.
        pool: The same for rerankers.
    """

    items: Int32
    hit: Bool
    relevant: Int64
    pool: Pool

    def ndcg(self, slates: Slates, k: int = K) -> Float64:
        """``(B,)`` nDCG@k of slates of these candidates."""
        return metrics.ndcg(self.hits(slates), self.relevant, k)

    def hits(self, slates: Slates) -> Bool:
        """``(B, k)`` which places of the slates hold a hidden item."""
        return np.take_along_axis(self.hit, np.maximum(slates.positions, 0), axis=1) & (slates.positions >= 0)

    def popularity(self, slates: Slates, counts: Int64) -> Float64:
        """``(B,)`` mean number of training interactions of what the slates hold."""
        return metrics.average_popularity(slates.items(self.items), counts)

    def towards(self, target: Float64) -> Pool:
        """The same candidates with other proportions asked for, ``(B, G)``."""
        return Pool(self.pool.relevance, self.pool.groups, target, popularity=self.pool.popularity)


def choose(part: Part, name: str) -> Scorer:
    """A retriever of :data:`eval.retrieve_models.MODELS`, its settings chosen on the validation users of a part."""
    trainable = Trainable(part.matrix, part.categories, part.judge, silent)
    best: tuple[float, Scorer] | None = None
    for setting in MODELS[name].grid:
        scorer = setting.fit(trainable)
        value = part.judge(scorer)
        if best is None or value > best[0]:
            best = value, scorer
    if best is None:
        raise ValueError(f"{name} has no settings")
    return best[1]


def retrieved(ground: Ground, name: str, progress: Progress) -> tuple[list[Found], list[Found]]:
    """Candidates of a retriever for the validation and the test users of every part."""
    both: list[tuple[Found, Found]] = []
    for at, part in enumerate(ground.parts):
        progress(f"{ground.name}: {MODELS[name].title}", at, len(ground.parts))
        ours, theirs = _lists(ground, at, name)
        both.append((part.found(*ours, part.validation), part.found(*theirs, part.test)))
    return [one for one, _ in both], [other for _, other in both]


def _lists(ground: Ground, at: int, name: str) -> tuple[_Lists, _Lists]:
    """Items and scores for validation and test, from the folder where they were made before."""
    path = None
    if ground.folder is not None:
        path = ground.folder / f"{name}-{at}-{digest(ground.key)}.npz"
        if path.exists():
            with np.load(path) as kept:
                return (kept["chosen_by"], kept["chosen_by_scores"]), (kept["test"], kept["test_scores"])
    part = ground.parts[at]
    scorer = choose(part, name)
    validation, test = part.best(scorer, part.validation), part.best(scorer, part.test)
    if path is not None:
        names = ("chosen_by", "chosen_by_scores", "test", "test_scores")
        arrays: Any = dict(zip(names, (*validation, *test), strict=True))
        write_whole(path, lambda out: np.savez_compressed(out, **arrays))
    return validation, test


def over(found: Sequence[Found], value: Callable[[Found], Float64]) -> Float64:
    """A value of every user, the parts one after another."""
    return np.concatenate([value(one) for one in found])


def shuffled(users: int, seed: int) -> Int64:
    """``(users,)`` for each user another one, nobody for himself: the control of everything that is personal."""
    order = np.random.default_rng(seed).permutation(users)
    other = np.empty(users, np.int64)
    other[order] = np.roll(order, 1)
    return other
