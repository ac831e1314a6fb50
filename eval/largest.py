"""The few largest of very many scores, without sorting the others."""

from __future__ import annotations

import numpy as np

from retrieval.arrays import Float32, Int32

NOTHING = -1


def largest(scores: Float32, k: int) -> Int32:
    """``(B, k)`` places of the k largest finite scores of each row, best first, ties to the lower place; -1 pads.

    Only what reaches the k-th largest is sorted, ties with it included, so that the rule for ties holds.

    Args:
        scores: ``(B, M)``; ``-inf`` is never listed.
        k: How many.
    """
    rows, columns = np.nonzero((scores >= kth(scores, k)[:, None]) & np.isfinite(scores))
    order = np.lexsort((columns, -scores[rows, columns], rows))
    found = np.bincount(rows, minlength=len(scores))
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(found) - found, found)
    kept = rank < k
    out = np.full((len(scores), k), NOTHING, np.int32)
    out[rows[kept], rank[kept]] = columns[order][kept]
    return out


def kth(scores: Float32, k: int) -> Float32:
    """The k-th largest along the last axis; ``-inf`` where there are fewer."""
    size = scores.shape[-1]
    if k > size or k < 1:
        return np.full(scores.shape[:-1], -np.inf if k > size else np.inf, np.float32)
    return np.partition(scores, size - k, axis=-1)[..., size - k]
