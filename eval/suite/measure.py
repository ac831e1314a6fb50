"""All metrics of one cell's slates, by user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.rerank.protocol import Slates
from eval import metrics
from retrieval.arrays import Float64

if TYPE_CHECKING:  # reports want the names of the metrics without the models that were measured
    from eval.suite.ground import Ground
    from eval.suite.pools import Candidates

HIGHER = {
    "ndcg": "nDCG", "recall": "Recall", "precision": "P", "hit_rate": "HR", "rr": "RR", "ap": "AP", "alpha_ndcg": "alpha-nDCG",
    "subtopic_recall": "S-recall", "minority": "minority presence", "ild": "ILD", "novelty": "novelty",
}  # fmt: skip
"""Metrics of which more is better, and how people call them; each is at the suite's k."""
LOWER = {"c_kl": "C_KL", "js": "JS", "hellinger": "Hellinger", "tdd": "TDD"}
"""Metrics of which less is better."""
NEUTRAL = {"arp": "ARP", "lift": "popularity lift"}
"""Metrics that describe."""
METRICS = {**HIGHER, **LOWER, **NEUTRAL}


def measure(ground: Ground, candidates: Candidates, slates: Slates, k: int) -> dict[str, Float64]:
    """``(B,)`` for each of :data:`METRICS`; NaN where a metric says nothing of a user."""
    positions, relevant = slates.positions, ground.test.hidden.lengths
    held = positions >= 0
    at = np.maximum(positions, 0)
    hit = np.take_along_axis(candidates.hit, at, axis=1) & held
    lists = slates.items(candidates.items)
    subtopics = (np.take_along_axis(candidates.pool.groups, at[:, :, None], axis=1) > 0) & hit[:, :, None]
    users, ranks = np.nonzero(held)
    tastes = ground.tastes_of(lists[users, ranks], users.astype(np.int32), len(lists))
    arp = metrics.average_popularity(lists, ground.counts)
    alpha = metrics.alpha_dcg(subtopics, k)
    target, achieved = candidates.pool.target, slates.achieved
    best = ground.alpha_ideal
    return {
        "ndcg": metrics.ndcg(hit, relevant, k),
        "recall": metrics.recall(hit, relevant, k),
        "precision": metrics.precision(hit, relevant, k),
        "hit_rate": metrics.hit_rate(hit, relevant, k),
        "rr": metrics.reciprocal_rank(hit, relevant, k),
        "ap": metrics.average_precision(hit, relevant, k),
        "alpha_ndcg": np.divide(alpha, best, out=np.full(len(best), np.nan), where=best > 0),
        "subtopic_recall": metrics.subtopic_recall(subtopics, ground.wanted, k),
        "minority": metrics.minority_presence(target, achieved, k),
        "ild": metrics.intra_list_diversity(lists, ground.vectors),
        "novelty": metrics.novelty(lists, ground.counts, ground.matrix.shape[0]),
        "c_kl": slates.kl,
        "js": metrics.jensen_shannon(target, achieved),
        "hellinger": metrics.hellinger(target, achieved),
        "tdd": metrics.taste_distribution_distance(ground.taste_shares, tastes),
        "arp": arp,
        "lift": metrics.popularity_lift(arp, ground.history_arp),
    }
