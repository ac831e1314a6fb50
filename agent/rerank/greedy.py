"""Shared by the rerankers that choose one item after another: the loop over slots, batched over users."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from retrieval.arrays import Float64, Int32

Gain = Callable[[int], Float64]
"""Slot to the ``(B, n)`` value of each candidate there; what was taken or is padding is masked by the loop."""


def best_first(values: Float64, k: int) -> Int32:
    """``(B, k)`` positions of the largest values, ties to the earlier; -1 where no finite value is left.

    Raises:
        ValueError: k is not positive.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    order = np.argsort(-values, axis=1, kind="stable")[:, :k].astype(np.int32)
    order = np.where(np.isfinite(np.take_along_axis(values, order, axis=1)), order, -1).astype(np.int32)
    return np.pad(order, ((0, 0), (0, k - order.shape[1])), constant_values=-1)


def choose(scores: Float64, k: int, gain: Gain, took: Callable[[Int32], None]) -> Int32:
    """Fill slot after slot with the candidate of the largest gain, ties to the earlier in the pool.

    Args:
        scores: ``(B, n)``; ``-inf`` is no candidate.
        k: Slots.
        gain: Value of each candidate in a slot.
        took: Told the ``(B,)`` positions taken in a slot (-1 for none), to update what gain depends on.

    Returns:
        ``(B, k)`` in the order of selection.

    Raises:
        ValueError: k is not positive.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    free = np.isfinite(scores)
    users = np.arange(len(scores))
    chosen = np.full((len(scores), k), -1, np.int32)
    for slot in range(min(k, scores.shape[1])):
        values = np.where(free, gain(slot), -np.inf)
        best = values.argmax(axis=1).astype(np.int32)
        some = free[users, best]
        chosen[:, slot] = np.where(some, best, -1)
        free[users[some], best[some]] = False
        took(chosen[:, slot])
    return chosen
