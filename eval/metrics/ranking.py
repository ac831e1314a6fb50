"""Is what the user liked near the top? Asserted equal to ir-measures and trec_eval in the tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retrieval.arrays import Bool, Float32, Float64, Int32, Int64
from retrieval.schema import Histories

_CELLS = 50_000_000  # truth values held at once
_TIES = 98765
"""Seed of the one shuffled order that ties are broken by."""


def hits(lists: Int32, hidden: Histories, n_items: int) -> Bool:
    """``(B, k)`` whether each listed item is among the user's hidden ones.

    Padding never is, and a repeated item only at its first place.
    """
    step = max(1, _CELLS // max(n_items, 1))
    hit = np.zeros(lists.shape, bool)
    for start in range(0, len(lists), step):
        part = slice(start, min(start + step, len(lists)))
        truth = hidden.slice(part.start, part.stop)
        known = np.zeros((len(truth), n_items), bool)
        known[truth.owner, truth.items] = True
        hit[part] = np.take_along_axis(known, np.maximum(lists[part], 0), axis=1)
    hit &= lists >= 0
    return hit & ~_repeated(lists)


def _repeated(lists: Int32) -> Bool:
    """``(B, k)`` whether an item stood further up in its list already."""
    ordered = np.sort(lists, axis=1)
    suspect = np.flatnonzero(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1))
    again = np.zeros(lists.shape, bool)
    if len(suspect):  # seldom, so that only those few are sorted with their places
        order = np.argsort(lists[suspect], axis=1, kind="stable")
        row = np.take_along_axis(lists[suspect], order, axis=1)
        twice = np.zeros(row.shape, bool)
        np.put_along_axis(twice, order[:, 1:], row[:, 1:] == row[:, :-1], axis=1)
        again[suspect] = twice
    return again


def ranked(scores: Float32, seen: Histories, universe: Bool, k: int) -> Int32:
    """``(B, k)`` best items by score; what was seen, or stands outside the universe, is left out; -1 pads.

    Items of one score follow one order, shuffled once for all: catalogues are often sorted by age or popularity, and
    by that order a scorer that says nothing would rank well.

    Args:
        scores: ``(B, n_items)``, higher is better; ``-inf`` is never listed.
        seen: B histories.
        universe: ``(n_items,)`` what may be ranked.
        k: Length of the lists.
    """
    shuffled = np.random.default_rng(_TIES).permutation(scores.shape[1])
    masked = np.where(universe, scores, -np.inf)
    masked[seen.owner, seen.items] = -np.inf
    masked = masked[:, shuffled]
    k = min(k, masked.shape[1])
    # A partial sort keeps all that tie with the k-th, so that a whole sort of those few settles ties by the rule.
    least = -np.partition(-masked, k - 1, axis=1)[:, k - 1 : k]
    order = np.argsort(np.where(masked >= least, -masked, np.inf), axis=1, kind="stable")[:, :k]
    listed = shuffled[order]
    return np.where(np.isfinite(np.take_along_axis(masked, order, axis=1)), listed, -1).astype(np.int32)


def ndcg(hit: Bool, relevant: Int64, k: int) -> Float64:
    """Binary nDCG@k: sum of 1/log2(rank+1) over hits, divided by its value for min(k, relevant) hits on top.

    Jarvelin and Kekalainen, TOIS 2002. The ideal is that of the user's hidden items, not of a full list of k. NaN for
    a user with nothing hidden.
    """
    discount = _discount(k)
    gain = hit[:, :k] @ discount[: hit.shape[1]]
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])[np.minimum(relevant, k)]
    return gain / ideal


def graded_ndcg(gains: npt.NDArray[np.floating], ideal: npt.NDArray[np.floating], k: int) -> Float64:
    """nDCG@k with linear gains, as trec_eval has it: DCG of the list by DCG of the ideal order.

    Jarvelin and Kekalainen, TOIS 2002, without the exponential gain of later web search. NaN where nothing is relevant.

    Args:
        gains: ``(B, n)`` relevance of what is listed, 0 in the padding; negative judgements count as 0.
        ideal: ``(B, m)`` relevance of all judged items of each user, largest first, 0 in the padding.
        k: Cut-off.
    """
    discount = _discount(k)
    found = np.maximum(gains[:, :k], 0) @ discount[: gains.shape[1]]
    best = np.maximum(ideal[:, :k], 0) @ discount[: ideal.shape[1]]
    return np.divide(found, best, out=np.full(len(best), np.nan), where=best > 0)


def recall(hit: Bool, relevant: Int64, k: int, *, capped: bool = True) -> Float64:
    """Recall@k = hits / min(k, relevant), as Liang et al. 2018 have it, so that a full list can reach one.

    Uncapped, the denominator is all that is relevant, as in trec_eval. NaN for a user with nothing hidden.
    """
    most = np.minimum(relevant, k) if capped else relevant
    return hit[:, :k].sum(axis=1) / _or_nan(most, relevant)


def precision(hit: Bool, relevant: Int64, k: int) -> Float64:
    """P@k = hits / k; the places that a short list leaves empty are misses. NaN for a user with nothing hidden."""
    return np.where(relevant > 0, hit[:, :k].sum(axis=1) / k, np.nan)


def hit_rate(hit: Bool, relevant: Int64, k: int) -> Float64:
    """HR@k: 1 if anything relevant is among the first k, else 0. NaN for a user with nothing hidden.

    Deshpande and Karypis, TOIS 2004.
    """
    return np.where(relevant > 0, hit[:, :k].any(axis=1), np.nan).astype(np.float64)


def reciprocal_rank(hit: Bool, relevant: Int64, k: int) -> Float64:
    """RR@k = 1 / rank of the first hit, 0 if it stands below k; its mean is MRR. NaN for a user with nothing hidden.

    Voorhees, TREC-8 1999.
    """
    top = hit[:, :k]
    if not top.shape[1]:
        return np.where(relevant > 0, 0.0, np.nan)
    value = np.where(top.any(axis=1), 1.0 / (1 + top.argmax(axis=1)), 0.0)
    return np.where(relevant > 0, value, np.nan)


def average_precision(hit: Bool, relevant: Int64, k: int, *, capped: bool = False) -> Float64:
    """AP@k = sum over hits among the first k of P@rank, divided by all that is relevant; its mean is MAP.

    As trec_eval's ``map_cut``. Capped, the denominator is min(k, relevant), as several recommender libraries have it.
    NaN for a user with nothing hidden.
    """
    top = hit[:, :k]
    at = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
    most = np.minimum(relevant, k) if capped else relevant
    return (at * top).sum(axis=1) / _or_nan(most, relevant)


def _discount(k: int) -> Float64:
    return 1.0 / np.log2(np.arange(2, k + 2))


def _or_nan(denominator: Int64, relevant: Int64) -> Float64:
    return np.where(relevant > 0, denominator, np.nan)
