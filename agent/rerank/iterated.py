"""Iterated local search: the calibrated reranker begun again and again from slates that were disturbed.

Lourenço, Martin and Stützle, "Iterated Local Search", Handbook of Metaheuristics 2003. The objective is that of
:mod:`agent.rerank.calibrated`; what is found is the optimum for nearly every user, at a hundredth of the time of the exact
programme and fifty times that of the default.
"""

from __future__ import annotations

import math

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.calibration import ALPHA, kl_divergence, normalised, slates_of
from agent.rerank.compiled import TIE
from agent.rerank.protocol import Pool, Slates
from retrieval.arrays import Bool, Float64, Int32


class IteratedConfig(BaseModel):
    """Settings of :class:`Iterated`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lam: float = Field(default=0.9, ge=0.0, le=1.0, description="0 is only relevance, 1 only calibration")
    alpha: float = Field(default=ALPHA, gt=0.0, lt=1.0, description="smoothing of the slate's shares")
    restarts: int = Field(default=60, ge=0, description="how often the search begins again")
    kick: float = Field(default=0.6, gt=0.0, le=1.0, description="part of the slate that is exchanged before it does")
    seed: int = 0


class Iterated:
    """Greedy, swaps and chains of two, then ``restarts`` times: a random part of the slate exchanged, swaps and chains; the best counts.

    Every user gets the same exchanges, so that a batch is its users one by one. Slates are shown by relevance.
    """

    name = "iterated"

    def __init__(self, config: IteratedConfig | None = None) -> None:
        self.config = config or IteratedConfig()
        self._local = Calibrated(CalibratedConfig(lam=self.config.lam, alpha=self.config.alpha, chains=True))

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch; a user with fewer than k candidates gets them all.

        Raises:
            ValueError: k is not positive.
        """
        config = self.config
        begun = self._local(pool, k)
        positions = begun.positions.copy()
        lam = np.full(len(positions), config.lam)
        best = objective(pool, positions, config.lam, config.alpha)
        clashing = np.zeros(len(positions), bool)
        clashing[list(begun.clashes)] = True  # no slate keeps their limits: the nearest stays
        draw = np.random.default_rng(config.seed)
        for _ in range(config.restarts):
            start = _kicked(positions, pool.valid, config.kick, draw)
            found = self._local.improved(pool, start, lam)
            value = objective(pool, found, config.lam, config.alpha)
            better = (value > best + TIE) & ~clashing
            if pool.limits is not None:
                better &= pool.limits.kept(found)
            positions[better], best[better] = found[better], value[better]
        return slates_of(pool, positions, config.alpha, begun.clashes)


def objective(pool: Pool, positions: Int32, lam: float, alpha: float = ALPHA) -> Float64:
    """``(B,)`` (1 - lambda) sum_i s_i - lambda C_KL over slate shares, of any slates; an empty one is worth 0."""
    held = positions >= 0
    places = np.maximum(positions, 0)
    relevance = np.where(held, np.take_along_axis(np.where(pool.valid, normalised(pool), 0.0), places, axis=1), 0.0)
    shares = np.take_along_axis(pool.groups, places[:, :, None], axis=1).astype(np.float64) * held[:, :, None]
    achieved = shares.sum(axis=1) / np.maximum(held.sum(axis=1), 1)[:, None]
    return (1.0 - lam) * relevance.sum(axis=1) - lam * np.nan_to_num(kl_divergence(pool.target, achieved, alpha))


def _kicked(positions: Int32, valid: Bool, kick: float, draw: np.random.Generator) -> Int32:
    """Slates with that part of their slots refilled by candidates outside them, fewer where fewer are left."""
    k = positions.shape[1]
    slots = draw.permutation(k)[: math.ceil(kick * k)]
    # Drawn last and in the order of the pool: padding behind it changes nothing.
    luck = np.broadcast_to(draw.random(valid.shape[1]), valid.shape)
    taken = ~valid
    filled = positions >= 0
    user, slot = np.nonzero(filled)
    taken[user, positions[user, slot]] = True
    order = np.argsort(np.where(taken, np.inf, luck), axis=1)[:, : len(slots)].astype(np.int32)
    slots = slots[: order.shape[1]]
    usable = ~np.take_along_axis(taken, order, axis=1) & filled[:, slots]
    start = positions.copy()
    start[:, slots] = np.where(usable, order, start[:, slots])
    return start
