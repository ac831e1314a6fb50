"""Building with a gate: the effort of a search is raised until its recall against exact search reaches the target.

Recall is measured on queries that were given, as a recommender asks them, and on item vectors, each source by itself; the
target must hold for the worse one, two standard errors below its mean, so that it also holds for queries that come later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from retrieval.arrays import Float32, Float64, Int64
from retrieval.index_config import IndexCard, IndexConfig
from retrieval.index_faiss import Engine, exact, gpus

Progress = Callable[[str, int, int], None]

_REFINEMENTS = (4, 16, 64)  # candidates per result whose codes are checked against their half-precision vectors
_PLATEAU = 1e-3  # a doubling of effort that gains less cannot reach the target: what is missing is precision
_SAME = 1e-6  # relative: an item that scores like the last of the exact list is as good as it
_log = logging.getLogger(__name__)


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
    del stage, done, total


@dataclass(frozen=True, slots=True)
class Probes:
    """Queries with their exact answers.

    Attributes:
        queries: ``(P, d)``.
        source: ``(P,)`` 0 for item vectors, 1 for given queries.
        places: ``(P, depth)`` the exact best.
        last: ``(P,)`` the score of the last of them.
    """

    queries: Float32
    source: Int64
    places: Int64
    last: Float32

    @classmethod
    def of(cls, vectors: Float32, given: Float32, config: IndexConfig) -> Probes:
        """Sample queries and answer them exactly.

        Args:
            vectors: ``(m, d)`` items.
            given: ``(G, d)`` queries as they are asked; may be empty.
            config: How many of each, and how deep.
        """
        rng = np.random.default_rng(config.seed)
        some = [rng.choice(len(rows), min(len(rows), config.sample), replace=False) for rows in (vectors, given)]
        queries = np.concatenate([vectors[some[0]], given[some[1]]])
        source = np.repeat(np.arange(2), [len(s) for s in some])
        scores, places = exact(queries, vectors, min(config.depth, len(vectors)))
        return cls(queries, source, places, scores[:, -1])

    def recall(self, engine: Engine) -> tuple[float, float]:
        """Mean recall of the worse source, and that less two standard errors."""
        depth = self.places.shape[1]
        scores, found = engine.search(self.queries, depth)
        hits = np.empty(len(found))
        tied = (scores >= (self.last - _SAME * np.abs(self.last))[:, None]) & (found >= 0)
        for row, (mine, best) in enumerate(zip(found, self.places, strict=True)):
            hits[row] = (np.isin(mine, best) | tied[row]).sum() / depth
        each = [_bound(hits[self.source == s]) for s in np.unique(self.source)]
        return min(each, key=lambda pair: pair[1])


def build_engine(
    vectors: Float32, given: Float32, config: IndexConfig, progress: Progress = silent
) -> tuple[Engine, IndexCard]:
    """An engine over ``(m, d)`` vectors that searches as hard as the target recall needs, and its card.

    A target that no effort reaches is logged as a warning and stands in the card; the search then runs at the
    largest effort that still gained something.

    Args:
        vectors: ``(m, d)``.
        given: ``(G, d)`` queries as they are asked; may be empty.
        config: Kind, target and parameters.
        progress: Told the stage, how many are done, and how many there are.
    """
    begun = time.perf_counter()
    kind = config.kind_for(len(vectors), on_gpu=gpus() > 0)
    progress(f"building {kind}", 0, 3)
    engine = Engine.build(vectors, kind, config)
    recall, bound, asked = 1.0, 1.0, 0
    if kind != "flat":
        progress("exact answers", 1, 3)
        probes = Probes.of(vectors, given, config)
        progress("raising the effort", 2, 3)
        recall, bound = _tune(engine, probes, config.target_recall)
        asked = len(probes.queries)
    seconds = time.perf_counter() - begun
    card = IndexCard(
        kind, engine.dimension, len(vectors), config, engine.parameters(), recall, bound, asked, round(seconds, 3)
    )
    progress("built", 3, 3)
    if not card.met:
        _log.warning(
            "the %s index finds %.4f of the exact best %d (bound %.4f, target %.4f) at %s",
            kind, recall, config.depth, bound, config.target_recall, card.parameters,
        )  # fmt: skip
    return engine, card


def _tune(engine: Engine, probes: Probes, target: float) -> tuple[float, float]:
    """Set the least effort that reaches the target, or the one beyond which nothing is gained."""
    refinements = _REFINEMENTS if engine.kind == "ivfpq" else (1,)
    reached = (0.0, 0.0)
    for engine.refine in refinements:
        engine.effort = min(8, engine.most_effort)
        failed, reached = 0, probes.recall(engine)
        while reached[1] < target and engine.effort < engine.most_effort:
            before, failed = reached[0], engine.effort
            engine.effort = min(2 * engine.effort, engine.most_effort)
            reached = probes.recall(engine)
            if engine.kind == "ivfpq" and reached[0] - before < _PLATEAU:
                break
        if reached[1] >= target:
            return _narrowed(engine, probes, target, failed, reached)
    return reached


def _narrowed(
    engine: Engine, probes: Probes, target: float, failed: int, reached: tuple[float, float]
) -> tuple[float, float]:
    """Halve the gap between the effort that failed and the one that did, three times."""
    good = engine.effort
    for _ in range(3):
        engine.effort = (failed + good) // 2
        if engine.effort in (failed, 0):
            break
        tried = probes.recall(engine)
        if tried[1] >= target:
            good, reached = engine.effort, tried
        else:
            failed = engine.effort
    engine.effort = good
    return reached


def _bound(hits: Float64) -> tuple[float, float]:
    mean = float(hits.mean())
    error = float(hits.std(ddof=1) / len(hits) ** 0.5) if len(hits) > 1 else 0.0
    return mean, mean - 2 * error
