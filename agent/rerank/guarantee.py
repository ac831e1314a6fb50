"""The most relevant slate whose calibration error stays under a limit: bisection over lambda, user by user at once.

C_KL of the calibrated slate falls and relevance falls as lambda grows (up to the local search's small steps back), so
the smallest lambda that meets the limit is looked for. Every slate met on the way counts: of those within the limit
the most relevant is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.calibration import normalised
from agent.rerank.feasible import Nearest
from agent.rerank.protocol import Pool, Slates
from retrieval.arrays import Bool, Float64


class GuaranteeConfig(BaseModel):
    """Settings of :class:`Guarantee`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_kl: float = Field(default=0.1, ge=0.0, description="C_KL that no slate may exceed, in nats")
    steps: int = Field(default=12, ge=1, le=40, description="halvings of the interval of lambda")
    calibrated: CalibratedConfig = Field(default=CalibratedConfig(), description="its lam is what is searched for")


@dataclass(frozen=True, slots=True)
class Guaranteed:
    """Slates with what could be kept.

    Attributes:
        slates: The most relevant found within the limit; where there is none, the best calibrated.
        met: ``(B,)`` whether C_KL is within the limit. False for an empty pool with a target.
        lam: ``(B,)`` lambda that made each slate; 0 is the accuracy-only list.
        floor: ``(B,)`` smallest C_KL found for the pool, by the same local search: rarely above the smallest there is.
    """

    slates: Slates
    met: Bool
    lam: Float64
    floor: Float64


class Guarantee:
    """Holds a limit on C_KL with as much relevance as it leaves."""

    name = "guarantee"

    def __init__(self, config: GuaranteeConfig | None = None) -> None:
        self.config = config or GuaranteeConfig()

    def __call__(self, pool: Pool, k: int) -> Slates:
        """The slates alone; see :meth:`report`."""
        return self.report(pool, k).slates

    def report(self, pool: Pool, k: int) -> Guaranteed:
        """Slates, and for whom the limit holds.

        Raises:
            ValueError: k is not positive.
        """
        reranker, limit = Calibrated(self.config.calibrated), self.config.max_kl
        known: dict[int, Nearest] = {}  # what keeps the limits does not depend on lambda
        users, relevance = len(pool.relevance), np.where(pool.valid, normalised(pool), 0.0)
        low, high = np.zeros(users), np.ones(users)
        kept = reranker.with_lambdas(pool, k, high, known)
        floor, kept_lam = kept.kl.copy(), high.copy()
        kept_value = _value(relevance, kept)
        for step in range(self.config.steps + 1):
            lam = low if step == 0 else (low + high) / 2.0
            tried = reranker.with_lambdas(pool, k, lam, known)
            value, within = _value(relevance, tried), tried.kl <= limit
            best_so_far = (kept.kl <= limit) | np.isnan(kept.kl)
            # Inside the limit relevance decides; outside, the smaller error.
            better = np.where(best_so_far, within & (value > kept_value), tried.kl < kept.kl)
            kept = Slates(
                np.where(better[:, None], tried.positions, kept.positions),
                np.where(better[:, None], tried.achieved, kept.achieved),
                np.where(better, tried.kl, kept.kl),
                kept.clashes,
            )
            kept_lam, kept_value = np.where(better, lam, kept_lam), np.where(better, value, kept_value)
            floor = np.fmin(floor, tried.kl)
            if step == 0:
                high = np.where(within, 0.0, high)
            else:
                low, high = np.where(within, low, lam), np.where(within, lam, high)
        return Guaranteed(kept, kept.kl <= limit, kept_lam, floor)


def _value(relevance: Float64, slates: Slates) -> Float64:
    taken = np.take_along_axis(relevance, np.maximum(slates.positions, 0), axis=1)
    return np.where(slates.positions >= 0, taken, 0.0).sum(axis=1)
