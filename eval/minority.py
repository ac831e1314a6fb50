"""Is the smaller taste of a user in the list at all, before anything is reranked?"""

from __future__ import annotations

import numpy as np

from retrieval.arrays import Bool, Float64, Int32
from retrieval.axes import UNLABELLED, Axis

LEAST, MOST = 0.10, 0.25
"""Share of the history that makes a group a minority taste: large enough for a place in a list of ten."""


def minority_tastes(target: Float64, axis: Axis, least: float = LEAST, most: float = MOST) -> Bool:
    """``(B, G)`` which groups of an axis are minority tastes: ``least`` to ``most`` of the history.

    Items without a group are no taste.

    Args:
        target: ``(B, G)`` p(g|u).
        axis: Its groups.
        least: Smallest share.
        most: Largest.
    """
    named = np.array([label != UNLABELLED for label in axis.labels])
    return (target >= least - 1e-9) & (target <= most + 1e-9) & named


def smallest_present(lists: Int32, axis: Axis, target: Float64) -> Float64:
    """``(B,)`` 1 if the smallest minority taste of a user has an item in the list, else 0; NaN for a user with none.

    Of equal ones the first group counts, for every model alike.

    Args:
        lists: ``(B, k)`` item ids, -1 pads.
        axis: What divides the items.
        target: ``(B, G)`` p(g|u) of the histories.
    """
    minority = minority_tastes(target, axis)
    smallest = np.where(minority, target, np.inf).argmin(axis=1)
    shown = _shown(lists, axis)[np.arange(len(lists)), smallest]
    return np.where(minority.any(axis=1), shown, np.nan).astype(np.float64)


def share_present(lists: Int32, axis: Axis, target: Float64) -> Float64:
    """``(B,)`` share of a user's minority tastes that have an item in the list; NaN for a user with none."""
    minority = minority_tastes(target, axis)
    count = minority.sum(axis=1)
    shown = (minority & _shown(lists, axis)).sum(axis=1)
    return np.divide(shown, count, out=np.full(len(lists), np.nan), where=count > 0)


def _shown(lists: Int32, axis: Axis) -> Bool:
    """``(B, G)`` whether any listed item has the group."""
    shown = np.zeros((len(lists), len(axis.labels)), bool)
    for rank in range(lists.shape[1]):
        shown |= axis.rows(lists[:, rank]) > 0
    return shown
