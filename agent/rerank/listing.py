"""The last arithmetic of every request: whatever scored the candidates, one slate is made of them here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.rerank.calibrated import Calibrated, CalibratedConfig, Making
from agent.rerank.gains import Gains, gains
from agent.rerank.guarantee import Guarantee, GuaranteeConfig
from agent.rerank.protocol import Pool, Slates
from retrieval.arrays import Int32


@dataclass(frozen=True, slots=True)
class Kept:
    """Whether a promised calibration error was kept for one user.

    Attributes:
        max_kl: What was promised.
        met: Whether the slate keeps it.
        floor: Smallest C_KL found for the pool.
    """

    max_kl: float
    met: bool
    floor: float


@dataclass(frozen=True, slots=True)
class Listed:
    """One user's slate and how it came about; positions are those of the pool.

    Attributes:
        slates: A batch of one.
        gains: What every pick adds.
        lam: lambda that made it.
        kept: About the promised calibration error, if one was.
        making: Greedy picks and swaps, if they were asked for.
    """

    slates: Slates
    gains: Gains
    lam: float
    kept: Kept | None = None
    making: Making | None = None


class Listing:
    """Makes the slate of a request: calibrated by lambda, or as relevant as a promised C_KL allows.

    Args:
        config: Of the calibrated reranker.
        max_kl: C_KL that the slate may not exceed; None leaves it to lambda.
        traced: Whether to keep picks and swaps.
    """

    def __init__(self, config: CalibratedConfig, max_kl: float | None = None, *, traced: bool = False) -> None:
        self.config = config
        self.max_kl = max_kl
        self.traced = traced

    def __call__(self, pool: Pool, k: int) -> Listed:
        """The slate of one user."""
        config, kept = self.config, None
        if self.max_kl is None:
            slates = Calibrated(config)(pool, k)
        else:
            found = Guarantee(GuaranteeConfig(max_kl=self.max_kl, calibrated=config)).report(pool, k)
            slates, kept = found.slates, Kept(self.max_kl, bool(found.met[0]), float(found.floor[0]))
            config = config.model_copy(update={"lam": float(found.lam[0])})
        making = Calibrated(config).making(pool, k) if self.traced else None
        return Listed(slates, gains(pool, slates, config.lam, config.alpha), config.lam, kept, making)

    def uncalibrated(self) -> Listing:
        """The same without proportions; a promised C_KL is still kept."""
        return Listing(self.config.model_copy(update={"lam": 0.0}), self.max_kl, traced=self.traced)

    def shortlist(self, pool: Pool, k: int, size: int) -> Int32:
        """Positions of the candidates worth a closer look, most relevant first.

        They are a slate of ``k`` that keeps the limits of the pool, filled up by a calibrated slate of ``size`` without them.
        """
        free = Pool(pool.relevance, pool.groups, pool.target)
        wide = Calibrated(self.config)(free, size).positions[0]
        if pool.limits is not None:
            bound = Calibrated(self.config)(pool, k).positions[0]
            bound = bound[bound >= 0]
            wide = np.concatenate([bound, wide[~np.isin(wide, bound)]])[:size]
        wide = wide[wide >= 0]
        return wide[np.lexsort((wide, -pool.relevance[0, wide]))].astype(np.int32)
