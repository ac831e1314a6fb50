"""Relevance with popularity taken off: the simplest remedy against a list of what everyone watches."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agent.rerank.calibration import normalised, slates_of
from agent.rerank.greedy import best_first
from agent.rerank.protocol import Pool, Slates


class PopularityPenaltyConfig(BaseModel):
    """Settings of :class:`PopularityPenalty`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lam: float = Field(default=0.5, ge=0.0, le=1.0, description="0 is only relevance, 1 only rarity")


class PopularityPenalty:
    """The largest (1 - lambda) s(i) - lambda c(i), c the pool's log popularity scaled to [0, 1] per user.

    Raises:
        ValueError: On a call, if the pool does not carry its items' popularity.
    """

    name = "popularity-penalty"

    def __init__(self, config: PopularityPenaltyConfig | None = None) -> None:
        self.config = config or PopularityPenaltyConfig()

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch."""
        pool.refuse_limits(self.name)
        if pool.popularity is None:
            raise ValueError("popularity-penalty needs Pool.popularity: the training counts of the candidates")
        counts = np.where(pool.valid, np.log1p(pool.popularity), -np.inf).astype(np.float32)
        common = normalised(Pool(counts, pool.groups, pool.target))
        lam, scores = self.config.lam, normalised(pool)
        value = (1.0 - lam) * np.where(pool.valid, scores, 0.0) - lam * np.where(pool.valid, common, 0.0)
        return slates_of(pool, best_first(np.where(pool.valid, value, -np.inf), k))
