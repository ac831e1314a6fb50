"""Whether two data sets of different size have the same shape: who does how much, and how fast the spectrum falls.

The three things that Belletti et al. (2019, arXiv 1901.08910) ask an expansion to preserve: the fat tails of the users'
activity and of the items' popularity, and the decay of the singular values of the users-by-items matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import linalg as sparse_linalg

from retrieval.arrays import Csr, Float64, Int64

_svds: Any = sparse_linalg.svds  # annotated too loosely to check against

QUANTILES = (0.1, 0.5, 0.9, 0.99)
_TAIL = 0.1


@dataclass(frozen=True, slots=True)
class Degrees:
    """How unequal degrees are.

    Attributes:
        number: Of users or items with any interaction.
        mean: Interactions of each.
        relative: :data:`QUANTILES` of degree / mean.
        gini: 0 if all have as many, near 1 if one has all.
        top: Share of all interactions that the top hundredth has.
        tail: Hill's estimate of the exponent a of P(degree > x) ~ x^-a, over the top tenth.
    """

    number: int
    mean: float
    relative: tuple[float, ...]
    gini: float
    top: float
    tail: float


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a users-by-items matrix.

    Attributes:
        users: Activity.
        items: Popularity.
        spectrum: ``(k,)`` leading singular values over the first.
    """

    users: Degrees
    items: Degrees
    spectrum: Float64


def shape_of(matrix: Csr, values: int = 20) -> Shape:
    """Degrees and the leading singular values of a binary ``(N, M)`` matrix."""
    spectrum = np.sort(_svds(matrix.astype(np.float32), k=values, return_singular_vectors=False, rng=0))[::-1]
    by_user, by_item = (np.asarray(matrix.sum(axis=axis)).ravel().astype(np.int64) for axis in (1, 0))
    return Shape(degrees(by_user), degrees(by_item), spectrum / spectrum[0])


def degrees(counts: Int64) -> Degrees:
    """Of ``(n,)`` counts, those of zero left aside."""
    ranked = np.sort(counts[counts > 0])
    n, total = len(ranked), float(ranked.sum())
    gini = float((2 * np.arange(1, n + 1) - n - 1) @ ranked / (n * total))
    tail = ranked[-max(2, int(_TAIL * n)) :]
    hill = 1.0 / max(float(np.log(tail / tail[0]).mean()), 1e-12)
    relative = tuple(float(q) for q in np.quantile(ranked, QUANTILES) / ranked.mean())
    return Degrees(n, total / n, relative, gini, float(ranked[-max(1, n // 100) :].sum() / total), hill)


def distance(one: Int64, other: Int64) -> float:
    """Kolmogorov-Smirnov distance between degree / mean of two sets of counts: 0 if the shapes are equal."""
    scaled = [np.sort(c[c > 0] / c[c > 0].mean()) for c in (one, other)]
    grid = np.concatenate(scaled)
    below = [np.searchsorted(s, grid, side="right") / len(s) for s in scaled]
    return float(np.abs(below[0] - below[1]).max())
