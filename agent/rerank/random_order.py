"""Chance: what a reranker that knows nothing does with the pool."""

from __future__ import annotations

import numpy as np

from agent.rerank.calibration import slates_of
from agent.rerank.greedy import best_first
from agent.rerank.protocol import Pool, Slates


class RandomOrder:
    """Candidates in an order of chance.

    The order depends on the seed and on the user's own candidates, not on who else is in the batch.
    """

    name = "random"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch."""
        pool.refuse_limits(self.name)
        draw = np.empty(pool.relevance.shape)
        for user, row in enumerate(np.ascontiguousarray(pool.relevance, np.float32)):
            draw[user] = np.random.default_rng([self.seed, *row.view(np.uint32)]).random(len(row))
        return slates_of(pool, best_first(np.where(pool.valid, draw, -np.inf), k))
