"""Ranking item by item: the list that calibration is measured against."""

from __future__ import annotations

from agent.rerank.calibration import normalised, slates_of
from agent.rerank.greedy import best_first
from agent.rerank.protocol import Pool, Slates


class TopK:
    """The k most relevant candidates; ties go to the earlier in the pool."""

    name = "top-k"

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch."""
        pool.refuse_limits(self.name)
        return slates_of(pool, best_first(normalised(pool), k))
