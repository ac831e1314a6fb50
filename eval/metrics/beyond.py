"""Beyond accuracy: how much of the catalogue, how popular, how new, how diverse."""

from __future__ import annotations

import numpy as np

from retrieval.arrays import Bool, Float32, Float64, Int32, Int64

_CELLS = 20_000_000


def coverage(lists: Int32, n_items: int) -> float:
    """Share of the catalogue that stands in at least one list."""
    return float(len(np.unique(lists[lists >= 0])) / n_items)


def gini(lists: Int32, n_items: int) -> float:
    """How unequally the catalogue is shown: 0 if every item is listed alike, near 1 if all lists are one.

    G = sum_i (2 i - n - 1) x_(i) / (n sum x), x sorted upwards, over all n items of the catalogue, those never listed
    included (Gini 1912; Shani and Gunawardana, Recommender Systems Handbook 2011). NaN if nothing is listed.
    """
    shown = np.sort(np.bincount(lists[lists >= 0], minlength=n_items))
    total = shown.sum()
    if total == 0:
        return float("nan")
    weight = 2 * np.arange(1, n_items + 1) - n_items - 1
    return float((weight * shown).sum() / (n_items * total))


def average_popularity(lists: Int32, counts: Int64) -> Float64:
    """ARP: mean number of training interactions of the listed items (Yin et al., VLDB 2012); 0 for an empty list."""
    held = lists >= 0
    return np.where(held, counts[np.maximum(lists, 0)], 0).sum(axis=1) / np.maximum(held.sum(axis=1), 1)


def popularity_lift(listed: Float64, history: Float64) -> Float64:
    """PL = (ARP(list) - ARP(history)) / ARP(history): 0 if the list is as popular as what the user likes.

    Abdollahpouri, Mansoury, Burke, Mobasher, RecSys 2020, there for groups of users, here for each. NaN for a user whose
    history has no popularity.

    Args:
        listed: ``(B,)`` :func:`average_popularity` of the lists.
        history: ``(B,)`` of the histories.
    """
    return np.divide(listed - history, history, out=np.full(len(history), np.nan), where=history > 0)


def novelty(lists: Int32, counts: Int64, users: int) -> Float64:
    """Mean self-information -log2 p(i), p(i) = (count + 1) / (users + 1), of the listed items; NaN for an empty list.

    Zhou et al., PNAS 2010; the added one keeps an item that nobody touched finite.

    Args:
        lists: ``(B, k)``.
        counts: ``(n_items,)`` training interactions.
        users: Training users.
    """
    held = lists >= 0
    bits = np.log2((users + 1.0) / (counts + 1.0))
    size = held.sum(axis=1)
    total = np.where(held, bits[np.maximum(lists, 0)], 0.0).sum(axis=1)
    return np.divide(total, size, out=np.full(len(lists), np.nan), where=size > 0)


def intra_list_diversity(lists: Int32, vectors: Float32) -> Float64:
    """ILD = mean over pairs of listed items of 1 - cos; NaN for a list of fewer than two.

    Ziegler et al., WWW 2005. Taken from |sum of unit vectors|^2, so the cost is that of one pass.

    Args:
        lists: ``(B, k)``.
        vectors: ``(n_items, d)`` or shares over groups; an item of zeros is at distance 1 from every other.
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros(vectors.shape, np.float64), where=length > 0)
    held = lists >= 0
    listed = np.where(held[:, :, None], unit[np.maximum(lists, 0)], 0.0)
    both = (listed.sum(axis=1) ** 2).sum(axis=1) - (listed**2).sum(axis=(1, 2))
    size = held.sum(axis=1)
    pairs = size * (size - 1)
    return np.divide(pairs - both, pairs, out=np.full(len(lists), np.nan), where=pairs > 0)


def subtopic_recall(subtopics: Bool, wanted: Bool, k: int) -> Float64:
    """S-recall@k: share of the wanted subtopics that the first k items cover; NaN for a user who wants none.

    Zhai, Cohen, Lafferty, SIGIR 2003. There only relevant items cover anything: mask ``subtopics`` by ``hit`` for that.

    Args:
        subtopics: ``(B, n, G)`` which subtopics each listed item has.
        wanted: ``(B, G)``.
        k: Cut-off.
    """
    covered = (subtopics[:, :k].any(axis=1) & wanted).sum(axis=1)
    count = wanted.sum(axis=1)
    return np.divide(covered, count, out=np.full(len(wanted), np.nan), where=count > 0)


def alpha_ndcg(subtopics: Bool, ideal: Bool, k: int, alpha: float = 0.5) -> Float64:
    """alpha-nDCG@k: the r-th item gains sum_g (1 - alpha)^(times g was covered before), discounted by log2(r + 1).

    Clarke et al., SIGIR 2008. The denominator is the greedy order of the ideal items, as there (the optimum is
    NP-hard); among equally good items the first is taken, so that ideal items in descending order of their names give
    ndeval's figures. NaN where no ideal item has a subtopic.

    Args:
        subtopics: ``(B, n, G)`` subtopics of each listed item, all False where it is not relevant.
        ideal: ``(B, m, G)`` of all relevant items, all False in the padding.
        k: Cut-off.
        alpha: How much a covered subtopic loses.
    """
    best = alpha_dcg_ideal(ideal, k, alpha)
    return np.divide(alpha_dcg(subtopics, k, alpha), best, out=np.full(len(best), np.nan), where=best > 0)


def alpha_dcg(subtopics: Bool, k: int, alpha: float = 0.5) -> Float64:
    """``(B,)`` numerator of :func:`alpha_ndcg`."""
    top = subtopics[:, :k]
    before = np.cumsum(top, axis=1) - top
    gain = (top * (1.0 - alpha) ** before).sum(axis=2)
    return gain @ (1.0 / np.log2(np.arange(2, gain.shape[1] + 2)))


def alpha_dcg_ideal(ideal: Bool, k: int, alpha: float = 0.5) -> Float64:
    """``(B,)`` denominator of :func:`alpha_ndcg`, the same for every list of a user."""
    step = max(1, _CELLS // max(1, ideal[0].size)) if len(ideal) else 1
    return np.concatenate(
        [np.zeros(0), *(_greedy(ideal[at : at + step], k, alpha) for at in range(0, len(ideal), step))]
    )


def _greedy(ideal: Bool, k: int, alpha: float) -> Float64:
    """``(B,)`` discounted gain of the greedy order, all users of a chunk a step at a time."""
    left = ideal.astype(np.float32)
    weight = np.ones((len(ideal), ideal.shape[2]))
    total = np.zeros(len(ideal))
    for rank in range(min(k, ideal.shape[1])):
        gains = np.einsum("bmg,bg->bm", left, weight)
        chosen = gains.argmax(axis=1)[:, None]
        total += np.take_along_axis(gains, chosen, axis=1)[:, 0] / np.log2(rank + 2)
        taken = np.take_along_axis(left, chosen[:, :, None], axis=1)[:, 0]
        weight *= np.where(taken > 0, 1.0 - alpha, 1.0)
        np.put_along_axis(left, chosen[:, :, None], 0.0, axis=1)
    return total
