"""The calibrated reranker: greedy under a slate-normalised C_KL, improved by swaps, shown by relevance.

Objective of Steck (RecSys 2018, eq. 8): maximise (1 - lambda) * sum_i s(i) - lambda * C_KL(p, q(I)). Steck adds
items greedily against the shares of the items so far (:func:`steck_greedy`). Here every share is of the full slate
of k ("slate-normalised"), which makes the calibration term monotone submodular, and a swap search follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.rerank import compiled, kernel
from agent.rerank.calibration import ALPHA, normalised, slates_of
from agent.rerank.feasible import Nearest, nearest
from agent.rerank.protocol import Clash, Pool, Slates
from retrieval.arrays import Float64, Int32

_KINDS = {
    "kl": compiled.KL,
    "jensen-shannon": compiled.JENSEN_SHANNON,
    "hellinger": compiled.HELLINGER,
    "overlap": compiled.OVERLAP,
}


class CalibratedConfig(BaseModel):
    """Settings of :class:`Calibrated`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lam: float = Field(default=0.9, ge=0.0, le=1.0, description="0 is only relevance, 1 only calibration")
    alpha: float = Field(default=ALPHA, gt=0.0, lt=1.0, description="smoothing of the slate's shares")
    max_swaps: int = Field(default=50, ge=0, description="most swaps after the greedy pass; 0 is plain greedy")
    chains: bool = Field(
        default=False, description="try two swaps at once where one does not help: nearer to the optimum, slower"
    )
    divergence: Literal["kl", "jensen-shannon", "hellinger", "overlap"] = Field(
        default="kl", description="how far the slate's shares are from the target; overlap is 1 - sum sqrt(p q)"
    )
    normalisation: Literal["slate", "prefix"] = Field(
        default="slate", description="shares of the whole slate, or of the items chosen so far"
    )
    order: Literal["relevance", "selection"] = Field(default="relevance", description="how the slate is shown")
    ramp: bool = Field(default=False, description="lambda ** (1 / slot): relevance first, calibration later")
    attention: Literal["uniform", "log"] = Field(
        default="uniform", description="weight of a slot in the shares: alike, or 1 / log2(1 + rank)"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> CalibratedConfig:
        if self.ramp and self.max_swaps:
            raise ValueError("ramp weighs every slot differently, which swaps cannot: set max_swaps to 0")
        if self.attention != "uniform" and self.order != "selection":
            raise ValueError("attention weighs the ranks that were chosen: set order to 'selection'")
        return self


@dataclass(frozen=True, slots=True)
class Making:
    """How slates came about.

    Attributes:
        picks: ``(B, k)`` positions in the order in which the greedy pass chose them; where that broke a limit, the slate
            that was begun with instead.
        swaps: ``(B, max_swaps, 3)`` position that left, position that came, and what the objective gained; -1
            after the last.
    """

    picks: Int32
    swaps: Float64


class Calibrated:
    """Deterministic calibrated reranker, compiled.

    Ties in gain go to the candidate that stands earlier in the pool; a slate in the order of relevance keeps
    equal candidates in the order of the pool. Limits of the pool are kept by the greedy pass and by every swap; where
    the greedy pass finds no slate that keeps them, the swaps start from one that does, or else from the nearest.
    """

    def __init__(self, config: CalibratedConfig | None = None, name: str = "calibrated") -> None:
        self.config = config or CalibratedConfig()
        self.name = name

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch; a user with fewer than k candidates gets them all.

        Raises:
            ValueError: k is not positive.
        """
        return self.with_lambdas(pool, k, np.full(len(pool.relevance), self.config.lam))

    def with_lambdas(self, pool: Pool, k: int, lam: Float64, known: dict[int, Nearest] | None = None) -> Slates:
        """Rerank a batch with a lambda of its own for each user, ``(B,)``.

        Args:
            pool: Candidates.
            k: Length of the slates.
            lam: Weights of calibration.
            known: Kept between calls on the same pool: slates to start from where the greedy pass breaks a limit.

        Raises:
            ValueError: k is not positive.
        """
        scores = normalised(pool)
        positions, _ = self._run(pool, scores, k, lam)
        known = {} if known is None else known
        clashes: dict[int, Clash] = {}
        for user in self._broken(pool, positions):
            found = self._nearest(pool, scores, positions, user, known)
            positions[user] = self._from(found, pool, scores, k, lam, user)[0]
            if found.clash is not None:
                clashes[user] = found.clash
        return slates_of(pool, positions, self.config.alpha, clashes)

    def improved(self, pool: Pool, start: Int32, lam: Float64) -> Int32:
        """``(B, k)`` slates by swaps from given ones, within the limits as far as those keep them."""
        return self._run(pool, normalised(pool), start.shape[1], lam, start)[0]

    def making(self, pool: Pool, k: int) -> Making:
        """The picks the swaps began with and the swaps that followed, for whoever wants to know.

        Raises:
            ValueError: k is not positive.
        """
        scores, lam = normalised(pool), np.full(len(pool.relevance), self.config.lam)
        greedy = Calibrated(self.config.model_copy(update={"max_swaps": 0, "order": "selection"}))
        picks, _ = greedy._run(pool, scores, k, lam)
        positions, swaps = self._run(pool, scores, k, lam, traced=True)
        for user in self._broken(pool, positions):
            found = self._nearest(pool, scores, positions, user, {})
            picks[user, : len(found.positions)] = found.positions
            swaps[user] = self._from(found, pool, scores, k, lam, user, traced=True)[1]
        return Making(picks, swaps)

    @staticmethod
    def _broken(pool: Pool, positions: Int32) -> list[int]:
        """Users whose slate breaks a limit: few, as the greedy pass looks ahead."""
        return [] if pool.limits is None else np.flatnonzero(~pool.limits.kept(positions)).tolist()

    @staticmethod
    def _nearest(pool: Pool, scores: Float64, positions: Int32, user: int, known: dict[int, Nearest]) -> Nearest:
        if user not in known and pool.limits is not None:
            known[user] = nearest(pool.limits, user, scores[user], int((positions[user] >= 0).sum()))
        return known[user]

    def _from(
        self, found: Nearest, pool: Pool, scores: Float64, k: int, lam: Float64, user: int, *, traced: bool = False
    ) -> tuple[Int32, Float64]:
        """Slate and swaps of one user, begun with a slate that keeps its limits."""
        alone = slice(user, user + 1)
        limits = pool.limits.of(alone) if pool.limits is not None else None
        bound = None if limits is None else replace(limits, low=found.low[None], high=found.high[None])
        one = Pool(pool.relevance[alone], pool.groups[alone], pool.target[alone], limits=bound)
        start = np.full((1, k), -1, np.int32)
        start[0, : len(found.positions)] = found.positions
        positions, swaps = self._run(one, scores[alone], k, lam[alone], start, traced=traced)
        return positions[0], swaps[0] if traced else swaps

    def _run(
        self, pool: Pool, scores: Float64, k: int, lam: Float64, start: Int32 | None = None, *, traced: bool = False
    ) -> tuple[Int32, Float64]:
        config, limits = self.config, pool.limits
        users, n = scores.shape
        slots = attention(config.attention, k)
        none = np.empty((users, 0), np.int32)
        return kernel.rerank(
            scores,
            np.ascontiguousarray(pool.groups, np.float32),
            np.ascontiguousarray(pool.target, np.float64),
            slots,
            lam,
            config.alpha,
            _KINDS[config.divergence],
            config.max_swaps,
            config.chains,
            np.empty((users, n, 0), np.int32) if limits is None else np.ascontiguousarray(limits.rules, np.int32),
            none if limits is None else np.ascontiguousarray(limits.low, np.int32),
            none if limits is None else np.ascontiguousarray(limits.high, np.int32),
            np.full((users, k), -1, np.int32) if start is None else start,
            prefix=config.normalisation == "prefix",
            ramp=config.ramp,
            by_relevance=config.order == "relevance",
            traced=traced,
        )


def steck_greedy(lam: float = 0.9) -> Calibrated:
    """The textbook form, for citation and comparison: prefix shares, no swaps, in the order of selection.

    Steck, "Calibrated Recommendations", RecSys 2018, section 4.
    """
    config = CalibratedConfig(lam=lam, max_swaps=0, normalisation="prefix", order="selection")
    return Calibrated(config, "steck-greedy")


def leap_ramp(lam: float = 0.9) -> Calibrated:
    """:func:`steck_greedy` with lambda ** (1 / rank), after LeapRec (2024, arXiv 2408.02156)."""
    config = CalibratedConfig(lam=lam, max_swaps=0, normalisation="prefix", order="selection", ramp=True)
    return Calibrated(config, "ramp")


def attention(kind: str, k: int) -> Float64:
    """``(k,)`` weight of each slot in the slate's shares.

    Raises:
        ValueError: k is not positive.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    return np.ones(k) if kind == "uniform" else 1.0 / np.log2(2.0 + np.arange(k))


def warm_up() -> None:
    """Load the compiled kernel (compiling it once per machine), so that no request has to."""
    pool = Pool(np.ones((1, 2), np.float32), np.ones((1, 2, 1), np.float32), np.ones((1, 1)))
    Calibrated()(pool, 1)
