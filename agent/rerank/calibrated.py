"""The calibrated reranker: greedy under a slate-normalised C_KL, improved by swaps, shown by relevance.

Objective of Steck (RecSys 2018, eq. 8): maximise (1 - lambda) * sum_i s(i) - lambda * C_KL(p, q(I)). Steck adds
items greedily against the shares of the items so far. Here every share is of the full slate of k
("slate-normalised"), which makes the calibration term monotone submodular, and a swap search follows: on the
same candidates it gives better relevance *and* a smaller C_KL than the textbook form.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from pydantic import BaseModel, ConfigDict, Field

from agent.rerank.calibration import ALPHA, achieved_shares, kl_divergence, normalised
from agent.rerank.protocol import Float64, Pool, Slates
from retrieval.schema import Int32


class CalibratedConfig(BaseModel):
    """Settings of :class:`Calibrated`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lam: float = Field(default=0.9, ge=0.0, le=1.0, description="0 is only relevance, 1 only calibration")
    alpha: float = Field(default=ALPHA, gt=0.0, lt=1.0, description="smoothing of the slate's shares")
    max_swaps: int = Field(default=50, ge=0, description="most swaps after the greedy pass; 0 is plain greedy")


class Calibrated:
    """Deterministic calibrated reranker, compiled.

    Ties in gain go to the candidate that stands earlier in the pool; the slate is shown by relevance.
    """

    name = "calibrated"

    def __init__(self, config: CalibratedConfig | None = None) -> None:
        self.config = config or CalibratedConfig()

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch; a user with fewer than k candidates gets them all.

        Raises:
            ValueError: k is not positive.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        config = self.config
        scores = normalised(pool)
        groups = np.ascontiguousarray(pool.groups, np.float64)
        positions = _rerank_batch(scores, groups, pool.target, k, config.lam, config.alpha, config.max_swaps)
        achieved = achieved_shares(pool, positions)
        return Slates(positions, achieved, kl_divergence(pool.target, achieved, config.alpha))


class TopK:
    """The k most relevant candidates: what ranking item by item gives. Calibration is only measured."""

    name = "top-k"

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch."""
        order = np.argsort(-normalised(pool), axis=1, kind="stable")[:, :k].astype(np.int32)
        order = np.where(np.take_along_axis(pool.valid, order, axis=1), order, -1).astype(np.int32)
        short = k - order.shape[1]
        positions = np.pad(order, ((0, 0), (0, max(short, 0))), constant_values=-1)
        achieved = achieved_shares(pool, positions)
        return Slates(positions, achieved, kl_divergence(pool.target, achieved))


def warm_up() -> None:
    """Load the compiled kernel (compiling it once per machine), so that no request has to."""
    pool = Pool(np.ones((1, 2), np.float32), np.ones((1, 2, 1), np.float32), np.ones((1, 1)))
    Calibrated()(pool, 1)


@njit(cache=True)
def _rerank_batch(
    scores: Float64, groups: Float64, target: Float64, k: int, lam: float, alpha: float, max_swaps: int
) -> Int32:  # pragma: no cover (compiled)
    users, n, n_groups = groups.shape
    chosen = np.full((users, k), -1, np.int32)
    members = np.empty((n, n_groups), np.int32)
    sizes = np.empty(n, np.int32)
    base = np.empty(n_groups)
    taken = np.empty(n, np.bool_)
    for u in range(users):
        valid = 0
        for i in range(n):
            sizes[i] = 0
            taken[i] = not np.isfinite(scores[u, i])
            if not taken[i]:
                valid += 1
                for g in range(n_groups):
                    # Groups the target does not hold cannot change C_KL: their term is 0 log 0.
                    if groups[u, i, g] > 0.0 and target[u, g] > 0.0:
                        members[i, sizes[i]] = g
                        sizes[i] += 1
        size = min(k, valid)
        if size == 0:
            continue
        step = (1.0 - alpha) / size
        for g in range(n_groups):
            base[g] = alpha * target[u, g]
        for t in range(size):
            best, best_gain = -1, -np.inf
            for i in range(n):
                if taken[i]:
                    continue
                gain = (1.0 - lam) * scores[u, i]
                for m in range(sizes[i]):
                    g = members[i, m]
                    gain += lam * target[u, g] * np.log1p(step * groups[u, i, g] / base[g])
                if gain > best_gain:
                    best, best_gain = i, gain
            chosen[u, t] = best
            taken[best] = True
            for m in range(sizes[best]):
                g = members[best, m]
                base[g] += step * groups[u, best, g]
        _swap(scores[u], groups[u], target[u], chosen[u], size, members, sizes, base, taken, step, lam, max_swaps)
        _by_relevance(scores[u], chosen[u], size)
    return chosen


@njit(cache=True)
def _swap(
    scores: Float64,
    groups: Float64,
    target: Float64,
    chosen: Int32,
    size: int,
    members: Int32,
    sizes: Int32,
    base: Float64,
    taken: np.ndarray,
    step: float,
    lam: float,
    max_swaps: int,
) -> None:  # pragma: no cover (compiled)
    """Exchange the pair that improves the objective most, until none does."""
    n, n_groups = groups.shape
    without = np.empty(n_groups)
    for _ in range(max_swaps):
        best_t, best_i, best_gain = -1, -1, 1e-12
        for t in range(size):
            out = chosen[t]
            for g in range(n_groups):
                without[g] = base[g]
            loss = (1.0 - lam) * scores[out]
            for m in range(sizes[out]):
                g = members[out, m]
                without[g] -= step * groups[out, g]
                loss += lam * target[g] * np.log(base[g] / without[g])
            for i in range(n):
                if taken[i]:
                    continue
                gain = (1.0 - lam) * scores[i] - loss
                for m in range(sizes[i]):
                    g = members[i, m]
                    gain += lam * target[g] * np.log1p(step * groups[i, g] / without[g])
                if gain > best_gain:
                    best_t, best_i, best_gain = t, i, gain
        if best_t < 0:
            return
        out = chosen[best_t]
        for m in range(sizes[out]):
            g = members[out, m]
            base[g] -= step * groups[out, g]
        for m in range(sizes[best_i]):
            g = members[best_i, m]
            base[g] += step * groups[best_i, g]
        taken[out], taken[best_i] = False, True
        chosen[best_t] = best_i


@njit(cache=True)
def _by_relevance(scores: Float64, chosen: Int32, size: int) -> None:  # pragma: no cover (compiled)
    """Insertion sort by score, then by place in the pool; k is small."""
    for t in range(1, size):
        item = chosen[t]
        j = t - 1
        while j >= 0 and (scores[chosen[j]] < scores[item] or (scores[chosen[j]] == scores[item] and chosen[j] > item)):
            chosen[j + 1] = chosen[j]
            j -= 1
        chosen[j + 1] = item
