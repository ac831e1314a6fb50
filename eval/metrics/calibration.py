"""Does a list keep the user's proportions? Distances between p, the shares of the history, and q, those of the list.

All take ``(B, G)`` rows that sum to one and return ``(B,)``. A user without proportions (p all zeros) is at distance 0, as
nothing is asked; an empty list under proportions has NaN.
"""

from __future__ import annotations

import numpy as np

from agent.rerank.calibration import kl_divergence as calibration_kl
from agent.rerank.calibration import shares
from retrieval.arrays import Float32, Float64, Int32
from retrieval.axes import Axis

__all__ = [
    "calibration_kl",
    "hellinger",
    "jensen_shannon",
    "list_shares",
    "minority_presence",
    "taste_clusters",
    "taste_distribution_distance",
]


def list_shares(lists: Int32, axis: Axis) -> Float64:
    """q(g|u) = mean of p(g|i) over the listed items, every rank counting alike (Steck 2018, eq. 3). ``(B, G)``."""
    users, ranks = np.nonzero(lists >= 0)
    groups = axis.share[lists[users, ranks]].toarray().astype(np.float64)
    return shares(groups, np.ones(len(users)), users.astype(np.int32), len(lists))


def jensen_shannon(target: Float64, achieved: Float64) -> Float64:
    """JS = KL(p, m) / 2 + KL(q, m) / 2 with m = (p + q) / 2, in nats: from 0 to log 2.

    Lin, IEEE Trans. Information Theory 1991. Symmetric, and finite without the mixing that C_KL needs.
    """
    middle = (target + achieved) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(p > 0, p * np.log(p / middle), 0.0).sum(axis=-1) for p in (target, achieved)]
    return _judged(target, achieved, np.maximum(sum(terms) / 2, 0.0))


def hellinger(target: Float64, achieved: Float64) -> Float64:
    """H = sqrt(1 - sum_g sqrt(p q)), from 0 to 1; the second term is the Bhattacharyya coefficient (1943)."""
    overlap = np.sqrt(target * achieved).sum(axis=-1)
    return _judged(target, achieved, np.sqrt(np.maximum(1.0 - overlap, 0.0)))


def taste_distribution_distance(history: Float64, listed: Float64) -> Float64:
    """TDD = sum_t |p(t) - q(t)| / 2 over taste clusters t: the part of the list that serves the wrong taste, 0 to 1.

    The idea is that of Barkan, Fuchs, Caciularu, Koenigstein, "Explainable Recommendations via Attentive Multi-Persona
    Collaborative Filtering", RecSys 2020: items fall into clusters of the latent space, whatever they are called, and the
    list should be spread over them as the history is. The halved sum is this project's choice of distance, so figures
    are comparable among models measured here, not with those of the paper.

    Args:
        history: ``(B, T)`` shares of the history over the clusters of :func:`taste_clusters`.
        listed: ``(B, T)`` shares of the list.
    """
    return _judged(history, listed, np.abs(history - listed).sum(axis=-1) / 2)


def taste_clusters(vectors: Float32, clusters: int, seed: int = 0) -> Int32:
    """``(n_items,)`` cluster of each item by k-means on unit vectors (spherical up to the last normalisation).

    Args:
        vectors: ``(n_items, d)`` item vectors; the same for all models that are compared, or TDD means nothing.
        clusters: At most this many tastes.
        seed: Of the first centres (k-means++).
    """
    from scipy.cluster.vq import kmeans2  # noqa: PLC0415  (slow to import, seldom needed)

    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0).astype(np.float64)
    wanted = min(clusters, len(np.unique(unit, axis=0)))
    return kmeans2(unit, wanted, minit="++", iter=30, rng=np.random.default_rng(seed))[1].astype(np.int32)


def minority_presence(target: Float64, achieved: Float64, k: int, majority: float = 0.5) -> Float64:
    """Share of a user's minority tastes that the list shows at all; NaN for a user who has none.

    Tastes sorted by share are the majority until they hold ``majority`` of the history; the others are minority tastes
    as far as they are entitled to a place, k p(g) >= 1/2, so that an ideal list of k could show each of them.

    Args:
        target: ``(B, G)`` p.
        achieved: ``(B, G)`` q.
        k: Length of the list.
        majority: Part of the history.
    """
    order = np.argsort(-target, axis=1, kind="stable")
    sorted_shares = np.take_along_axis(target, order, axis=1)
    before = np.cumsum(sorted_shares, axis=1) - sorted_shares
    minority = np.zeros(target.shape, bool)
    np.put_along_axis(minority, order, before >= majority - 1e-12, axis=1)
    minority &= k * target >= 0.5
    count = minority.sum(axis=1)
    shown = (minority & (achieved > 0)).sum(axis=1)
    return np.divide(shown, count, out=np.full(len(target), np.nan), where=count > 0)


def _judged(target: Float64, achieved: Float64, distance: Float64) -> Float64:
    asked, empty = target.sum(axis=-1) > 0, achieved.sum(axis=-1) <= 0
    return np.where(asked, np.where(empty, np.nan, distance), 0.0)
