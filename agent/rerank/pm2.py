"""PM-2: proportionality as seats in a parliament.

Dang and Croft, "Diversity by Proportionality: An Election-based Approach to Search Result Diversification", SIGIR 2012.
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agent.rerank.calibration import normalised, slates_of
from agent.rerank.greedy import choose
from agent.rerank.protocol import Pool, Slates
from retrieval.arrays import Float64, Int32


class PM2Config(BaseModel):
    """Settings of :class:`PM2`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lam: float = Field(default=0.5, ge=0.0, le=1.0, description="0 is only relevance, 1 only the aspects")


class PM2:
    """Each slot goes to the aspect with the largest quotient p_g / (2 m_g + 1), m_g the seats that it has.

    Of the candidates the one with the largest lambda q_g* P(i|g*) + (1 - lambda) sum_{g != g*} q_g P(i|g) is
    taken, with P(i|g) = p(g|i) s(i); its seat is shared out by these products. At lambda = 0 it ranks by relevance
    alone, so that lambda has the one direction of this house.
    """

    name = "pm-2"

    def __init__(self, config: PM2Config | None = None) -> None:
        self.config = config or PM2Config()

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch.

        Raises:
            ValueError: k is not positive.
        """
        pool.refuse_limits(self.name)
        lam, scores = self.config.lam, normalised(pool)
        users = np.arange(len(scores))
        relevance = np.where(np.isfinite(scores), scores, 0.0)
        served = pool.groups * relevance[:, :, None]
        seats = np.zeros_like(pool.target)

        def gain(_slot: int) -> Float64:
            if lam == 0.0:
                return relevance
            quotient = pool.target / (2.0 * seats + 1.0)
            leading = quotient.argmax(axis=1)
            weight = np.full(quotient.shape, 1.0 - lam) * quotient
            weight[users, leading] = lam * quotient[users, leading]
            value = np.einsum("bng,bg->bn", served, weight)
            # Nobody serves an aspect that is due, or nothing is asked for: relevance decides.
            return value + 1e-9 * relevance

        def took(places: Int32) -> None:
            share = served[users, places] * (pool.target > 0)
            mass = share.sum(axis=1, keepdims=True)
            seats.__iadd__(np.divide(share, mass, out=np.zeros_like(share), where=(mass > 0) & (places >= 0)[:, None]))

        return slates_of(pool, choose(scores, k, gain, took))
