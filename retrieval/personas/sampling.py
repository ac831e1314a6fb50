r"""Sampled softmax: the denominator of the likelihood from some of the items, corrected for how they were drawn.

Every item j joins a step's sample S by itself with probability pi_j (Poisson sampling), and counts 1/pi_j there. With H the
items to be found of a user,

    Z = sum_{j in H} exp(s_j) + sum_{j in S \ H} exp(s_j - log pi_j)

has the full denominator as its expectation whatever pi is (Horvitz and Thompson 1952), and is the full one where all pi = 1. This is
the importance-sampled gradient of Bengio and Senecal (2008, doi:10.1109/TNN.2007.912312) with the logQ correction of Yi et al. (2019,
doi:10.1145/3298689.3346996), without replacement: log Z is still too small on average by half the variance of Z over its square, which
goes with 1 / samples. What is to be found is never sampled, so it is exact.
"""

from __future__ import annotations

import numpy as np

from retrieval.arrays import Float32, Float64, Int64

FULL_TO = 50_000
"""Items up to which the whole denominator is computed unless a number of samples is stated."""
SAMPLES = 8_192
"""Expected size of a sample beyond."""

_EXPONENT = 0.5  # of 0, 1/4, 1/2, 3/4 and 1 those in the middle leave log Z with the least spread on the bundled data


class Proposal:
    """How items are drawn: pi_j proportional to sqrt(c_j), c_j the likes of item j, at most 1, summing to ``samples``.

    Args:
        counts: ``(M,)`` likes; every item that may be drawn has at least one.
        samples: Expected size of a sample, 1 to M.
    """

    def __init__(self, counts: Int64, samples: int) -> None:
        self.inclusion = _inclusion(counts.astype(np.float64) ** _EXPONENT, samples)

    def draw(self, rng: np.random.Generator) -> tuple[Int64, Float32]:
        """A sample: items in order, and the correction -log pi of each."""
        drawn = np.flatnonzero(rng.random(len(self.inclusion)) < self.inclusion)
        return drawn, -np.log(self.inclusion[drawn]).astype(np.float32)


def proposal(counts: Int64, samples: int | None) -> Proposal | None:
    """How to sample among M items; None where all of them are to be counted.

    Args:
        counts: ``(M,)`` likes.
        samples: As stated; None is all of the items up to :data:`FULL_TO`, and :data:`SAMPLES` beyond.
    """
    items = len(counts)
    wanted = (items if items <= FULL_TO else SAMPLES) if samples is None else samples
    return Proposal(counts, wanted) if wanted < items else None


def _inclusion(weights: Float64, samples: int) -> Float64:
    """min(1, c w) with the c that makes them sum to ``samples``."""
    certain = np.zeros(len(weights), bool)
    while not certain.all():
        share = (samples - certain.sum()) / weights[~certain].sum()
        over = ~certain & (share * weights >= 1)
        if not over.any():
            return np.where(certain, 1.0, share * weights)
        certain |= over
    return np.ones(len(weights))
