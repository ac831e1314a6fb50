"""xQuAD: cover each aspect of what is wanted, with the user's target shares as the weights of the aspects.

Santos, Macdonald and Ounis, "Exploiting Query Reformulations for Web Search Result Diversification", WWW 2010.
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agent.rerank.calibration import normalised, slates_of
from agent.rerank.greedy import choose
from agent.rerank.protocol import Pool, Slates
from retrieval.arrays import Float64, Int32


class XQuADConfig(BaseModel):
    """Settings of :class:`XQuAD`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lam: float = Field(default=0.5, ge=0.0, le=1.0, description="0 is only relevance, 1 only the aspects")


class XQuAD:
    """Greedy on (1 - lambda) s(i) + lambda sum_g p_g P(i|g) prod_{j chosen} (1 - P(j|g)), in the order of selection.

    P(i|g) is the share p(g|i) that the item gives the aspect: whether it covers it, however relevant it is.
    """

    name = "xquad"

    def __init__(self, config: XQuADConfig | None = None) -> None:
        self.config = config or XQuADConfig()

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch.

        Raises:
            ValueError: k is not positive.
        """
        pool.refuse_limits(self.name)
        scores = normalised(pool)
        return slates_of(pool, _covering(scores, self.coverage(pool, scores), pool.target, k, self.config.lam))

    def coverage(self, pool: Pool, scores: Float64) -> Float64:
        """``(B, n, G)`` P(i|g)."""
        return np.where(np.isfinite(scores)[:, :, None], pool.groups.astype(np.float64), 0.0)


def _covering(scores: Float64, coverage: Float64, target: Float64, k: int, lam: float) -> Int32:
    users = np.arange(len(scores))
    wanting = target.copy()  # p_g prod (1 - P(j|g)): how much of each aspect is still to be served
    relevance = np.where(np.isfinite(scores), scores, 0.0)

    def gain(_slot: int) -> Float64:
        return (1.0 - lam) * relevance + lam * np.einsum("bng,bg->bn", coverage, wanting)

    def took(places: Int32) -> None:
        np.multiply(wanting, 1.0 - coverage[users, places], out=wanting, where=(places >= 0)[:, None])

    return choose(scores, k, gain, took)
