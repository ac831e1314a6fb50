"""What came last may say more of what comes next."""

from __future__ import annotations

import numpy as np

from retrieval.arrays import Int64
from retrieval.schema import Histories


def age(histories: Histories) -> Int64:
    """``(nnz,)`` how many likes of the same user came after each."""
    return histories.indptr[1:][histories.owner] - 1 - np.arange(len(histories.items))


def fading(histories: Histories, recency: float) -> Histories:
    """Histories whose likes count ``(1 + age)^-recency`` as much, scaled so that the weights of a user sum to what they did.

    A power of the age forgets fast at first and slowly later, as people do (Wixted and Ebbesen, "On the form of forgetting",
    1991), and needs no clock: only the order of a history, oldest first.

    Args:
        histories: Oldest first.
        recency: 0 leaves them as they are.
    """
    if recency == 0 or not len(histories.items):
        return histories
    weights = histories.weights * (1.0 + age(histories)) ** -recency
    before, after = (np.bincount(histories.owner, w, minlength=len(histories)) for w in (histories.weights, weights))
    scale = np.divide(before, after, out=np.ones_like(after), where=after > 0)
    return Histories(histories.indptr, histories.items, (weights * scale[histories.owner]).astype(np.float32))
