"""Weighted ridge regression whose strength is chosen by the error that matters, on rows left out.

For features x_j, targets t_j and weights w_j, both centred at their weighted means,

    W = (sum_j w_j x_j x_j' + l sum_j w_j I)^-1 sum_j w_j x_j t_j'          (Hoerl and Kennard 1970)

and l is the one of those tried for which sum_j w_j (t_j - t^_j)' M (t_j - t^_j) over rows left out is least. The metric M
says which directions of a target matter: it does not change W, only what is a good l.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.arrays import Float64


class Ridge:
    """Regressions that share their features: one decomposition serves every strength and every target.

    Args:
        x: ``(N, F)`` features.
        weights: ``(N,)`` not negative, not all zero.
    """

    def __init__(self, x: Float64, weights: Float64) -> None:
        self.centre: Float64 = np.average(x, axis=0, weights=weights)
        centred = x - self.centre
        self._weighted = centred * weights[:, None]
        self._values, self._vectors = np.linalg.eigh(self._weighted.T @ centred)
        self._weights = weights

    def slopes(self, targets: Float64, strength: float) -> Float64:
        """``(F, T)`` coefficients W for ``(N, T)`` targets at one strength l."""
        centred = targets - np.average(targets, axis=0, weights=self._weights)
        inner = self._vectors.T @ (self._weighted.T @ centred)
        return self._vectors @ (inner / (self._values + strength * self._weights.sum())[:, None])


def choose_strengths(
    x: Float64,
    targets: Sequence[Float64],
    metrics: Sequence[Float64],
    weights: Float64,
    strengths: Sequence[float],
    folds: int,
    seed: int,
) -> tuple[list[float], list[float]]:
    """Cross-validation over rows.

    Args:
        x: ``(N, F)`` features.
        targets: Tables ``(N, T_i)``, each with a strength of its own.
        metrics: M of each, ``(T_i, T_i)``.
        weights: ``(N,)``.
        strengths: What is tried.
        folds: Parts of the rows, each predicted from the others.
        seed: Of the parts.

    Returns:
        The best strength for each target, and the part of the variance (under M) that it explains on rows left out: 1 is
        perfect, 0 is no better than the mean.
    """
    errors = np.zeros((len(targets), len(strengths)))
    spread = np.zeros(len(targets))
    order = np.random.default_rng(seed).permutation(len(x))
    for out in np.array_split(order, folds):
        rest = np.setdiff1d(order, out)
        solved = Ridge(x[rest], weights[rest])
        there = x[out] - solved.centre
        for t, (table, metric) in enumerate(zip(targets, metrics, strict=True)):
            off = table[out] - np.average(table[rest], axis=0, weights=weights[rest])
            spread[t] += _error(off, metric, weights[out])
            for s, strength in enumerate(strengths):
                errors[t, s] += _error(off - there @ solved.slopes(table[rest], strength), metric, weights[out])
    best = errors.argmin(axis=1)
    kept = 1.0 - errors[np.arange(len(targets)), best] / np.maximum(spread, 1e-12)
    return [strengths[s] for s in best], kept.tolist()


def _error(off: Float64, metric: Float64, weights: Float64) -> float:
    return float(weights @ ((off @ metric) * off).sum(axis=1))
