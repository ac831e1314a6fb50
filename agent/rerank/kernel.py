"""The compiled heart of the calibrated reranker: greedy, then swaps, one user at a time.

With q~ = (1 - alpha) q + alpha p, adding item i in a slot of attention r moves q~_g by ``step * p(g|i)``. Every
fidelity used here is a sum over groups (Hellinger's a function of one), so a candidate is judged by its own few
groups only; terms that are the same for all candidates are left out.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numba import njit, prange

from agent.rerank.protocol import Float64
from retrieval.schema import Bool, Int32

KL, JENSEN_SHANNON, HELLINGER, OVERLAP = 0, 1, 2, 3
"""Codes of the divergences; see :mod:`agent.rerank.calibration` for the formulas."""

_PARALLEL_FROM = 64
# numba's simplest threading layer may not be entered from two threads at once.
_one_at_a_time = threading.Lock()


def rerank(
    scores: Float64,
    groups: Float64,
    target: Float64,
    attention: Float64,
    lam: Float64,
    alpha: float,
    kind: int,
    max_swaps: int,
    *,
    prefix: bool,
    ramp: bool,
    by_relevance: bool,
) -> Int32:
    """``(B, k)`` positions, -1 where a pool is too short.

    A small batch runs in this thread: starting threads costs more than it saves. A large one uses all of them.

    Args:
        scores: ``(B, n)`` relevance; ``-inf`` is no candidate.
        groups: ``(B, n, G)`` p(g|i).
        target: ``(B, G)`` p(g|u).
        attention: ``(k,)`` weight of each slot.
        lam: ``(B,)`` weight of calibration.
        alpha: Smoothing of q.
        kind: Code of the divergence.
        max_swaps: Most swaps after the greedy pass.
        prefix: Shares of the items so far instead of the whole slate.
        ramp: lambda ** (1 / slot) instead of lambda.
        by_relevance: Order of the slate; else the order of selection.
    """
    arguments = (scores, groups, target, attention, lam, alpha, kind, max_swaps, prefix, ramp, by_relevance)
    if len(scores) < _PARALLEL_FROM:
        return _serial(*arguments)
    with _one_at_a_time:
        return _parallel(*arguments)


@njit(cache=True)
def _serial(
    scores: Float64, groups: Float64, target: Float64, attention: Float64, lam: Float64, alpha: float, kind: int,
    max_swaps: int, prefix: bool, ramp: bool, by_relevance: bool,
) -> Int32:  # pragma: no cover (compiled)  # fmt: skip
    chosen = np.full((len(scores), len(attention)), -1, np.int32)
    for u in range(len(scores)):
        _one_user(scores[u], groups[u], target[u], attention, lam[u], alpha, kind, max_swaps, prefix, ramp, by_relevance, chosen[u])  # fmt: skip
    return chosen


@njit(cache=True, parallel=True)
def _parallel(
    scores: Float64, groups: Float64, target: Float64, attention: Float64, lam: Float64, alpha: float, kind: int,
    max_swaps: int, prefix: bool, ramp: bool, by_relevance: bool,
) -> Int32:  # pragma: no cover (compiled)  # fmt: skip
    chosen = np.full((len(scores), len(attention)), -1, np.int32)
    for u in prange(len(scores)):
        _one_user(scores[u], groups[u], target[u], attention, lam[u], alpha, kind, max_swaps, prefix, ramp, by_relevance, chosen[u])  # fmt: skip
    return chosen


@njit(cache=True)
def _one_user(
    scores: Float64, groups: Float64, target: Float64, attention: Float64, lam: float, alpha: float, kind: int,
    max_swaps: int, prefix: bool, ramp: bool, by_relevance: bool, chosen: Int32,
) -> None:  # pragma: no cover (compiled)  # fmt: skip
    n, n_groups = groups.shape
    members = np.empty((n, n_groups), np.int32)
    sizes = np.zeros(n, np.int32)
    taken = np.empty(n, np.bool_)
    valid = 0
    for i in range(n):
        taken[i] = not np.isfinite(scores[i])
        if not taken[i]:
            valid += 1
            for g in range(n_groups):
                # A group that the target lacks counts for Jensen-Shannon alone: elsewhere its term is 0.
                if groups[i, g] > 0.0 and (target[g] > 0.0 or kind == JENSEN_SHANNON):
                    members[i, sizes[i]] = g
                    sizes[i] += 1
    size = min(len(attention), valid)
    if size == 0:
        return
    base, mass, total, whole = alpha * target, np.zeros(n_groups), 0.0, attention[:size].sum()
    for t in range(size):
        total += attention[t]
        norm = total if prefix else whole
        step = (1.0 - alpha) * attention[t] / norm
        if prefix:
            for g in range(n_groups):
                base[g] = alpha * target[g] + (1.0 - alpha) * mass[g] / norm
        weight = lam ** (1.0 / (t + 1)) if ramp else lam
        level = _overlap(target, base) if kind == HELLINGER else 0.0
        best, best_gain = -1, -np.inf
        for i in range(n):
            if taken[i]:
                continue
            calibration = _outer(kind, level, _inner(kind, target, base, groups[i], members[i], sizes[i], step))
            gain = (1.0 - weight) * scores[i] + weight * calibration
            if gain > best_gain:
                best, best_gain = i, gain
        chosen[t] = best
        taken[best] = True
        for m in range(sizes[best]):
            g = members[best, m]
            base[g] += step * groups[best, g]
            mass[g] += attention[t] * groups[best, g]
    if max_swaps > 0:
        for g in range(n_groups):  # from here on, shares of the whole slate
            base[g] = alpha * target[g] + (1.0 - alpha) * mass[g] / whole
        steps = (1.0 - alpha) * attention[:size] / whole
        _swap(scores, groups, target, chosen, steps, members, sizes, base, taken, lam, kind, max_swaps)
    if by_relevance:
        _sort(scores, chosen, size)


@njit(cache=True)
def _swap(
    scores: Float64, groups: Float64, target: Float64, chosen: Int32, steps: Float64, members: Int32, sizes: Int32,
    base: Float64, taken: Bool, lam: float, kind: int, max_swaps: int,
) -> None:  # pragma: no cover (compiled)  # fmt: skip
    """Exchange the pair that improves the objective most, until none does."""
    n, n_groups = groups.shape
    without = np.empty(n_groups)
    for _ in range(max_swaps):
        best_t, best_i, best_gain = -1, -1, 1e-12
        level = _overlap(target, base) if kind == HELLINGER else 0.0
        for t in range(len(steps)):
            out, loss = chosen[t], 0.0
            for g in range(n_groups):
                without[g] = base[g]
            for m in range(sizes[out]):
                g = members[out, m]
                without[g] = max(base[g] - steps[t] * groups[out, g], 0.0)
                loss += _term(kind, target[g], without[g], base[g] - without[g])
            for i in range(n):
                if taken[i]:
                    continue
                inner = _inner(kind, target, without, groups[i], members[i], sizes[i], steps[t]) - loss
                gain = (1.0 - lam) * (scores[i] - scores[out]) + lam * _outer(kind, level, inner)
                if gain > best_gain:
                    best_t, best_i, best_gain = t, i, gain
        if best_t < 0:
            return
        out = chosen[best_t]
        for m in range(sizes[out]):
            g = members[out, m]
            base[g] = max(base[g] - steps[best_t] * groups[out, g], 0.0)
        for m in range(sizes[best_i]):
            g = members[best_i, m]
            base[g] += steps[best_t] * groups[best_i, g]
        taken[out], taken[best_i] = False, True
        chosen[best_t] = best_i


@njit(cache=True, inline="always")
def _term(kind: int, p: Any, q: Any, more: Any) -> float:  # pragma: no cover (compiled)
    """What a group's fidelity gains when q~_g grows from ``q`` by ``more``."""
    if kind == KL:
        return p * np.log1p(more / q)
    if kind == JENSEN_SHANNON:
        return _jensen_shannon(p, q) - _jensen_shannon(p, q + more)
    return np.sqrt(p) * (np.sqrt(q + more) - np.sqrt(q))


@njit(cache=True)
def _jensen_shannon(p: float, q: float) -> float:  # pragma: no cover (compiled)
    middle = 0.5 * (p + q)
    left = 0.5 * p * np.log(p / middle) if p > 0.0 else 0.0
    return left + (0.5 * q * np.log(q / middle) if q > 0.0 else 0.0)


@njit(cache=True, inline="always")
def _inner(
    kind: int, target: Float64, base: Float64, shares: Float64, members: Int32, size: int, step: float
) -> float:  # pragma: no cover (compiled)
    """Sum of what the groups of one item gain."""
    gain = 0.0
    for m in range(size):
        g = members[m]
        gain += _term(kind, target[g], base[g], step * shares[g])
    return gain


@njit(cache=True, inline="always")
def _outer(kind: int, level: float, inner: float) -> float:  # pragma: no cover (compiled)
    """From the change of the sum to the change of the fidelity; they differ for Hellinger only."""
    if kind == HELLINGER:
        return np.sqrt(max(1.0 - level, 0.0)) - np.sqrt(max(1.0 - level - inner, 0.0))
    return inner


@njit(cache=True)
def _overlap(target: Float64, base: Float64) -> float:  # pragma: no cover (compiled)
    """Sum over groups of sqrt(p q~)."""
    total = 0.0
    for g in range(len(target)):
        total += np.sqrt(target[g] * base[g])
    return total


@njit(cache=True)
def _sort(scores: Float64, chosen: Int32, size: int) -> None:  # pragma: no cover (compiled)
    """Insertion sort by score, then by place in the pool; k is small."""
    for t in range(1, size):
        item = chosen[t]
        j = t - 1
        while j >= 0 and (scores[chosen[j]] < scores[item] or (scores[chosen[j]] == scores[item] and chosen[j] > item)):
            chosen[j + 1] = chosen[j]
            j -= 1
        chosen[j + 1] = item
