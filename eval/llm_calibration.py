"""Are a model's probabilities of relevance probabilities? Expected calibration error, before and after Platt's scaling.

    ECE = sum over bins b of  |b| / n  |mean of y in b - mean of p in b|

with ten bins of equal size (Naeini et al., AAAI 2015; bins of equal size as in Nguyen and O'Connor, EMNLP 2015). Before, p is the model's
probability of a candidate's label among the labels. After, p = 1 / (1 + exp(-(a s + c))), s being the standardised
log-probability; a and c are fitted by maximum likelihood on one half of the users and judged on the other, both ways round (Platt, 1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, softmax, xlogy

from agent.llm.scorer import standardised
from retrieval.arrays import Bool, Float32, Float64

_BINS = 10
_LEAST = 4
"""Users below whom nothing can be fitted on one half and judged on the other."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said of one user's candidates.

    Attributes:
        logprobs: ``(n,)`` of the labels.
        hits: ``(n,)`` whether the candidate should be found.
    """

    logprobs: Float32
    hits: Bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """How good the probabilities are.

    Attributes:
        before: ECE of the label probabilities.
        after: ECE of the scaled ones, of users that the scaling was not fitted on.
        rate: Share of candidates that should be found.
        slope: Of the scaling on all users; near 0 means that the model's order says nothing.
        users: Who were asked.
    """

    before: float
    after: float
    rate: float
    slope: float
    users: int


def calibration(said: Sequence[Said]) -> Calibration | None:
    """Judge the probabilities; None for too few users."""
    if len(said) < _LEAST:
        return None
    raw = np.concatenate([softmax(one.logprobs.astype(np.float64)) for one in said])
    scores = [standardised(one.logprobs).astype(np.float64) for one in said]
    hits = [one.hits.astype(np.float64) for one in said]
    half = np.arange(len(said)) % 2
    scaled: list[Float64] = [np.empty(0)] * len(said)
    for part in (0, 1):
        learn = np.flatnonzero(half != part)
        a, c = platt(np.concatenate([scores[i] for i in learn]), np.concatenate([hits[i] for i in learn]))
        for i in np.flatnonzero(half == part):
            scaled[i] = expit(a * scores[i] + c)
    together, every = np.concatenate(hits), np.concatenate(scores)
    slope = platt(every, together)[0]
    after = expected_error(np.concatenate(scaled), together)
    return Calibration(expected_error(raw, together), after, float(together.mean()), slope, len(said))


def platt(scores: Float64, hits: Float64) -> tuple[float, float]:
    """Slope and constant of the logistic curve that makes the hits most likely, with Platt's softened targets."""
    positive, negative = hits.sum(), len(hits) - hits.sum()
    target = np.where(hits > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(at: Float64) -> float:
        p = np.clip(expit(at[0] * scores + at[1]), 1e-12, 1 - 1e-12)
        return -float((xlogy(target, p) + xlogy(1 - target, 1 - p)).sum())

    start = np.array([0.0, np.log((positive + 1) / (negative + 1))])
    best = minimize(loss, start, method="BFGS").x
    return float(best[0]), float(best[1])


def expected_error(p: Float64, y: Float64, bins: int = _BINS) -> float:
    """ECE of probabilities against what happened, in bins of equal size."""
    order = np.argsort(p, kind="stable")
    parts = np.array_split(order, min(bins, len(p)))
    return float(sum(len(part) * abs(y[part].mean() - p[part].mean()) for part in parts) / len(p))
