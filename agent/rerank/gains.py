"""Why each pick stands in a slate: what it adds to the objective, as relevance and as calibration.

With F(I) = (1 - lambda) sum_{i in I} s_i - lambda C_KL(p, q(I)) over slate shares, the gain of a pick is F(I) minus F of the
slate whose slot stays empty. It splits into (1 - lambda) s_i and lambda times what C_KL would be worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.rerank.calibration import ALPHA, normalised
from agent.rerank.protocol import Pool, Slates
from retrieval.arrays import Float64


@dataclass(frozen=True, slots=True)
class Gains:
    """Gains of the picks of a batch of slates; 0 where a place is empty.

    Attributes:
        relevance: ``(B, k)``.
        calibration: ``(B, k)`` never negative: an empty slot serves nobody better.
    """

    relevance: Float64
    calibration: Float64


def gains(pool: Pool, slates: Slates, lam: float, alpha: float = ALPHA) -> Gains:
    """Split what every pick adds, for any reranker's slates."""
    held = slates.positions >= 0
    places = np.maximum(slates.positions, 0)
    scores = np.take_along_axis(np.where(pool.valid, normalised(pool), 0.0), places, axis=1)
    shares = np.take_along_axis(pool.groups, places[:, :, None], axis=1).astype(np.float64) * held[:, :, None]
    size = np.maximum(held.sum(axis=1), 1)[:, None, None]
    target = pool.target[:, None, :]
    whole = alpha * target + (1.0 - alpha) * shares.sum(axis=1, keepdims=True) / size
    without = np.maximum(whole - (1.0 - alpha) * shares / size, alpha * target)
    with np.errstate(divide="ignore", invalid="ignore"):
        worse = np.where(target > 0, target * np.log(whole / without), 0.0).sum(axis=2)
    return Gains((1.0 - lam) * scores * held, lam * worse * held)
