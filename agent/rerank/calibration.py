"""Calibration in Steck's sense: how far a slate's shares are from the user's.

Steck, "Calibrated Recommendations", RecSys 2018.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agent.rerank.protocol import Clash, Pool, Slates
from retrieval.arrays import Float32, Float64, Int32
from retrieval.schema import Histories

ALPHA = 0.01
"""Share of the target mixed into the slate's distribution, so that C_KL stays finite (Steck 2018, eq. 7)."""


def target_shares(histories: Histories, groups: Float32) -> Float64:
    """p(g|u) = sum_i w_ui p(g|i) / sum_i w_ui (Steck 2018, eq. 2).

    Args:
        histories: B histories; weights may carry recency or a request.
        groups: ``(nnz, G)`` p(g|i) of each entry of the histories.

    Returns:
        ``(B, G)``; a row of zeros for an empty history.
    """
    return shares(groups.astype(np.float64), histories.weights.astype(np.float64), histories.owner, len(histories))


def shares(groups: Float64, weights: Float64, owner: Int32, n_users: int) -> Float64:
    """Weighted mean of the rows of ``groups`` per owner; rows of zeros where nothing is owned."""
    total = np.zeros((n_users, groups.shape[1]))
    np.add.at(total, owner, groups * weights[:, None])
    mass = total.sum(axis=1, keepdims=True)
    return np.divide(total, mass, out=np.zeros_like(total), where=mass > 0)


def kl_divergence(target: Float64, achieved: Float64, alpha: float = ALPHA) -> Float64:
    """C_KL(p, q) = sum_g p log(p / q~), q~ = (1 - alpha) q + alpha p (Steck 2018, eqs. 5 and 7), in nats.

    Args:
        target: ``(..., G)`` p.
        achieved: ``(..., G)`` q.
        alpha: Mixing weight.

    Returns:
        ``(...)``; 0 where p is all zeros, NaN where p is not but q is: there is no slate to judge.
    """
    mixed = (1.0 - alpha) * achieved + alpha * target
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(target > 0, target * np.log(target / mixed), 0.0)
    empty = (achieved.sum(axis=-1) <= 0) & (target.sum(axis=-1) > 0)
    # Mathematically non-negative; rounding can leave a perfectly calibrated slate at -1e-17.
    return np.where(empty, np.nan, np.maximum(terms.sum(axis=-1), 0.0))


def achieved_shares(pool: Pool, positions: Int32) -> Float64:
    """q(g|u): mean of p(g|i) over the slate, every rank counting alike. ``(B, G)``."""
    held = positions >= 0
    rows = np.take_along_axis(pool.groups, np.maximum(positions, 0)[:, :, None], axis=1).astype(np.float64)
    rows[~held] = 0.0
    total = rows.sum(axis=1)
    mass = total.sum(axis=1, keepdims=True)
    return np.divide(total, mass, out=np.zeros_like(total), where=mass > 0)


def slates_of(pool: Pool, positions: Int32, alpha: float = ALPHA, clashes: Mapping[int, Clash] | None = None) -> Slates:
    """Slates with their shares and C_KL, measured alike for every reranker whatever it aimed at."""
    achieved = achieved_shares(pool, positions)
    return Slates(positions, achieved, kl_divergence(pool.target, achieved, alpha), clashes or {})


def normalised(pool: Pool) -> Float64:
    """Relevance scaled to [0, 1] per user, so that lambda means the same for every scorer; padding is -inf.

    A user whose candidates all score alike gets zeros.
    """
    valid = pool.valid
    relevance = pool.relevance.astype(np.float64)
    low = np.min(relevance, axis=1, where=valid, initial=np.inf, keepdims=True)
    high = np.max(relevance, axis=1, where=valid, initial=-np.inf, keepdims=True)
    spread = np.where(high > low, high - low, 1.0)
    return np.where(valid, (np.where(valid, relevance, 0.0) - np.where(valid, low, 0.0)) / spread, -np.inf)
