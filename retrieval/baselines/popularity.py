"""Popularity: the same list for everyone, and the first thing to beat."""

from __future__ import annotations

import numpy as np

from retrieval.arrays import Float32, Int64
from retrieval.schema import Histories


class Popularity:
    """Scores every item by its number of training interactions.

    Args:
        counts: ``(M,)`` interactions per item.
    """

    def __init__(self, counts: Int64) -> None:
        self._counts = counts.astype(np.float32)

    def scores(self, histories: Histories) -> Float32:
        """``(B, M)`` the same row for every history."""
        return np.broadcast_to(self._counts, (len(histories), len(self._counts))).copy()
