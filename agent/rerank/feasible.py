"""Slates that keep hard limits: found by a programme where the greedy pass finds none, and what clashes where none is.

A slate is a 0/1 vector x with sum x = k and low <= R x <= high, R the candidates' rules. Where that has no solution,
the nearest slate minimises the sum of what is missing and what is too much (the elastic form of the programme), and the
clash is a minimal infeasible subset of what was asked, by the deletion filter of Chinneck and Dravnieks (1991).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint

from agent.rerank.protocol import Clash, Limits
from agent.rerank.solver import solve
from retrieval.arrays import Bool, Csr, Float64, Int32

_SECONDS = 1.0
"""Most time of one programme; small ones take milliseconds."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The slate to start from, with the limits that it keeps.

    Attributes:
        positions: ``(size,)`` in the pool.
        low: ``(C,)`` least counts, lowered where they cannot be met.
        high: ``(C,)`` largest counts, raised where they cannot be.
        clash: None if nothing had to give way.
    """

    positions: Int32
    low: Int32
    high: Int32
    clash: Clash | None


def nearest(limits: Limits, user: int, scores: Float64, size: int) -> Nearest:
    """The slate of ``size`` candidates that keeps the limits, or is nearest to it; of such the most relevant.

    Args:
        limits: Of the batch.
        user: Which user of it.
        scores: ``(n,)`` relevance in [0, 1]; ``-inf`` is no candidate.
        size: Items of the slate; no more than there are candidates.
    """
    carried = rule_matrix(limits, user)
    low, high = limits.low[user], limits.high[user]
    everything = np.ones(len(low), bool)
    chosen, missing, excess = _elastic(carried, low, high, scores, size, everything)
    if not (missing.any() or excess.any()):
        return Nearest(chosen, low, high, None)
    origin = limits.origin[user]
    asked = [int(o) for o in np.unique(origin[(low > 0) | (high < size)])]
    for name in list(asked):  # leave out whatever is not needed for the contradiction
        rest = [o for o in asked if o != name]
        _, short, over = _elastic(carried, low, high, scores, size, np.isin(origin, rest))
        if short.any() or over.any():
            asked = rest
    between = tuple(limits.names[o] for o in asked)
    given_up = [
        *(f"{limits.names[origin[c]]}: {low[c] - missing[c]} instead of {low[c]}" for c in np.flatnonzero(missing)),
        *(f"{limits.names[origin[c]]}: {high[c] + excess[c]} instead of {high[c]}" for c in np.flatnonzero(excess)),
    ]
    return Nearest(chosen, low - missing, high + excess, Clash(between, tuple(given_up)))


def rule_matrix(limits: Limits, user: int) -> Csr:
    """``(C, n)`` which candidates of one user carry which rule."""
    rules = limits.rules[user]
    item, at = np.nonzero(rules >= 0)
    shape = (limits.low.shape[1], len(rules))
    return sparse.csr_matrix((np.ones(len(item)), (rules[item, at], item)), shape=shape)


def _elastic(
    carried: Csr, low: Int32, high: Int32, scores: Float64, size: int, active: Bool
) -> tuple[Int32, Int32, Int32]:
    """Positions, and by rule how many items are missing and how many too much."""
    rows, n = len(low), carried.shape[1]
    valid = np.isfinite(scores)
    # A unit of violation costs more than any relevance can win back.
    cost = np.concatenate([-np.where(valid, scores, 0.0), np.full(2 * rows, 2.0 * (size + 1))])
    # SciPy's stubs know these as single numbers only.
    most: Any = np.concatenate([valid.astype(np.float64), np.full(2 * rows, np.inf)])
    count = sparse.csr_matrix(np.repeat([1.0, 0.0], [n, 2 * rows])[None])
    counted = sparse.hstack([carried, sparse.eye(rows), -sparse.eye(rows)], format="csr")
    least: Any = np.where(active, low, 0)
    largest: Any = np.where(active, high, size)
    found = solve(
        cost,
        constraints=[LinearConstraint(count, size, size), LinearConstraint(counted, least, largest)],
        bounds=Bounds(0.0, most),
        integrality=np.repeat([1, 0], [n, 2 * rows]),
        options={"time_limit": _SECONDS},
    )
    if found.x is None:  # out of time: the most relevant, and what that lacks
        chosen = np.sort(np.argsort(np.where(valid, -scores, np.inf), kind="stable")[:size]).astype(np.int32)
        counts = np.asarray(carried[:, chosen].sum(axis=1)).ravel().astype(np.int32)
        return chosen, np.maximum(least - counts, 0).astype(np.int32), np.maximum(counts - largest, 0).astype(np.int32)
    slack = np.rint(found.x[n:]).astype(np.int32)
    chosen = np.sort(np.argsort(-found.x[:n], kind="stable")[:size]).astype(np.int32)
    return chosen, slack[:rows], slack[rows:]
