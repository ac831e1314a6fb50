"""The door to the compiled reranker: in this thread for a request, over all threads for a batch."""

from __future__ import annotations

import threading

import numpy as np

from agent.rerank.compiled import parallel, serial
from retrieval.arrays import Float32, Float64, Int32

_PARALLEL_FROM = 64
# numba's simplest threading layer may not be entered from two threads at once.
_one_at_a_time = threading.Lock()


def rerank(
    scores: Float64,
    groups: Float32,
    target: Float64,
    attention: Float64,
    lam: Float64,
    alpha: float,
    kind: int,
    max_swaps: int,
    chains: bool,
    rules: Int32,
    low: Int32,
    high: Int32,
    start: Int32,
    *,
    prefix: bool,
    ramp: bool,
    by_relevance: bool,
    traced: bool,
) -> tuple[Int32, Float64]:
    """``(B, k)`` positions, -1 where a pool is too short; and the swaps, if they are traced.

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
        chains: Whether to try two swaps at once where one does not help.
        rules: ``(B, n, R)`` limits that count a candidate, -1 for none.
        low: ``(B, C)`` least number of items in the slate that each limit counts.
        high: ``(B, C)`` largest.
        start: ``(B, k)`` slate to improve by swaps instead of a greedy one; a row of -1 where there is none.
        prefix: Shares of the items so far instead of the whole slate.
        ramp: lambda ** (1 / slot) instead of lambda.
        by_relevance: Order of the slate; else the order of selection.
        traced: Whether to keep ``(B, max_swaps, 3)`` of what left, what came and the gain; -1 where none did.
    """
    trace = np.full((len(scores), max_swaps if traced else 0, 3), -1.0)
    arguments = (
        scores, groups, target, attention, lam, alpha, kind, max_swaps, chains, rules, low, high, start, prefix, ramp,
        by_relevance, trace,
    )  # fmt: skip
    if len(scores) < _PARALLEL_FROM:
        return serial(*arguments), trace
    with _one_at_a_time:
        return parallel(*arguments), trace
