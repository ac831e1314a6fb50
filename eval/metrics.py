"""Ranking metrics over whole batches, one value per user.

Lists come in their final order, so there are no ties left to break; -1 pads short lists. Asserted equal to
ir-measures in the tests.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retrieval.arrays import Bool, Float64, Int32
from retrieval.schema import Histories


def hits(lists: Int32, hidden: Histories, n_items: int) -> Bool:
    """``(B, k)`` whether each listed item is among the user's hidden ones; padding never is."""
    keys = np.arange(len(lists))[:, None] * np.int64(n_items) + lists
    truth = hidden.owner.astype(np.int64) * n_items + hidden.items
    return np.isin(keys, truth) & (lists >= 0)


def ndcg(hit: Bool, relevant: npt.NDArray[np.int64], k: int) -> Float64:
    """Binary nDCG@k: sum of 1/log2(rank+1) over hits, divided by its value for min(k, relevant) hits on top.

    Jarvelin and Kekalainen, TOIS 2002. NaN for a user with nothing hidden.
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    gain = hit[:, :k] @ discount[: hit.shape[1]]
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])[np.minimum(relevant, k)]
    return gain / ideal


def recall(hit: Bool, relevant: npt.NDArray[np.int64], k: int) -> Float64:
    """Recall@k with the denominator min(k, relevant) of Liang et al. 2018, so that a full list can reach one."""
    with np.errstate(invalid="ignore"):
        return hit[:, :k].sum(axis=1) / np.where(relevant > 0, np.minimum(relevant, k), np.nan)


def coverage(lists: Int32, n_items: int) -> float:
    """Share of the catalogue that stands in at least one list."""
    return float(len(np.unique(lists[lists >= 0])) / n_items)


def average_popularity(lists: Int32, counts: npt.NDArray[np.int64]) -> Float64:
    """ARP: mean number of training interactions of the listed items (Yin et al., VLDB 2012)."""
    held = lists >= 0
    return np.where(held, counts[np.maximum(lists, 0)], 0).sum(axis=1) / np.maximum(held.sum(axis=1), 1)
