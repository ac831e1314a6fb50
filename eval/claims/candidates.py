"""Candidates of held-out users: what every reranking claim starts from, made once per retriever and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.rerank.protocol import Pool, Slates
from eval import metrics
from eval.claims.kept import DEPTH, Arrays, kept
from eval.claims.made import sources
from eval.retrieve_fitting import Fitting
from eval.retrieve_models import MODELS
from eval.retrieve_setting import Trainable
from retrieval.arrays import Bool, Float64, Int32, Int64
from retrieval.baselines.protocol import Progress, Scorer, silent
from retrieval.datasets.splits import HeldOut
from retrieval.personas.training import TrainingConfig

if TYPE_CHECKING:
    from eval.claims.ground import Ground, Part

K = 10
"""Length of a list."""


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

    def ndcg_of_all(self) -> Float64:
        """``(B,)`` nDCG of the candidates as they come."""
        return metrics.ndcg(self.hit, self.relevant, DEPTH)

    def hits(self, slates: Slates) -> Bool:
        """``(B, k)`` which places of the slates hold a hidden item."""
        return np.take_along_axis(self.hit, np.maximum(slates.positions, 0), axis=1) & (slates.positions >= 0)

    def popularity(self, slates: Slates, counts: Int64) -> Float64:
        """``(B,)`` mean number of training interactions of what the slates hold."""
        return metrics.average_popularity(slates.items(self.items), counts)

    def towards(self, target: Float64) -> Pool:
        """The same candidates with other proportions asked for, ``(B, G)``."""
        return Pool(self.pool.relevance, self.pool.groups, target, popularity=self.pool.popularity)


def choose(part: Part, name: str, seed: int = 0) -> Scorer:
    """A retriever of :data:`eval.retrieve_models.MODELS`, its settings chosen on the validation users of a part.

    Args:
        part: Trained and chosen on.
        name: Of the retriever.
        seed: Of the models that gradients train, personas and one vector.
    """
    fitting = Fitting(Trainable(part.matrix, part.categories, part.judge, silent))
    best: tuple[float, Scorer] | None = None
    for setting in MODELS[name].grid:
        config = setting.config
        if isinstance(config, TrainingConfig):
            config = config.model_copy(update={"seed": seed})
        scorer = fitting.of(replace(setting, config=config))
        value = part.judge(scorer)
        if best is None or value > best[0]:
            best = value, scorer
    if best is None:
        raise ValueError(f"{name} has no settings")
    return best[1]


def retrieved(ground: Ground, name: str, progress: Progress, seed: int = 0) -> tuple[list[Found], list[Found]]:
    """Candidates of a retriever for the validation and the test users of every part."""
    both: list[tuple[Found, Found]] = []
    for at, part in enumerate(ground.parts):
        progress(f"{ground.name}: {MODELS[name].title}, seed {seed}", at, len(ground.parts))
        lists = _lists(ground, part, name, seed)
        both.append((read(part, lists, part.validation, "validation"), read(part, lists, part.test, "test")))
    return [one for one, _ in both], [other for _, other in both]


def retrieved_by_half(ground: Ground, name: str, progress: Progress, seed: int = 0) -> list[Int32]:
    """``(B, n)`` what a retriever lists for the test users of every part if it is told the second half of the fold-in alone."""
    progress(f"{ground.name}: {MODELS[name].title}, by half", 0, 1)
    return [_lists(ground, part, name, seed)["half"] for part in ground.parts]


def trained(ground: Ground, part: Part, facts: dict[str, Any], fit: Callable[[], Scorer]) -> tuple[Found, Found]:
    """Candidates of a model for the validation and the test users of a part; what was trained once is not trained again.

    Args:
        ground: With the folder.
        part: Of it.
        facts: All else that the lists depend on; "code" is the hash of what trains.
        fit: Trains.
    """
    lists = kept(ground.folder, {"part": part.key, "depth": DEPTH, **facts}, lambda: listed(part, fit()))
    return read(part, lists, part.validation, "validation"), read(part, lists, part.test, "test")


def listed(part: Part, scorer: Scorer) -> Arrays:
    """Items and scores for the users of a part."""
    (chosen, chosen_scores), (test, test_scores) = (part.best(scorer, held) for held in (part.validation, part.test))
    return {"validation": chosen, "validation_scores": chosen_scores, "test": test, "test_scores": test_scores}


def read(part: Part, lists: Arrays, held: HeldOut, name: str) -> Found:
    """Kept lists as candidates."""
    return part.found(lists[name], lists[f"{name}_scores"], held)


def _lists(ground: Ground, part: Part, name: str, seed: int) -> Arrays:
    def make() -> Arrays:
        scorer = choose(part, name, seed)
        half, _ = part.best(scorer, part.test, told=part.halves[1])
        return {**listed(part, scorer), "half": half}

    grid = [repr(setting.config) for setting in MODELS[name].grid]
    facts = {"retriever": name, "grid": grid, "seed": seed, "code": sources("ground", "candidates")}
    return kept(ground.folder, {"part": part.key, "depth": DEPTH, **facts}, make)


def over(found: Sequence[Found], value: Callable[[Found], Float64]) -> Float64:
    """A value of every user, the parts one after another."""
    return np.concatenate([value(one) for one in found])


def shuffled(users: int, seed: int) -> Int64:
    """``(users,)`` for each user another one, nobody for himself: the control of everything that is personal."""
    order = np.random.default_rng(seed).permutation(users)
    other = np.empty(users, np.int64)
    other[order] = np.roll(order, 1)
    return other
