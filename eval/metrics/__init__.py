"""Metrics over whole batches, one value per user, no loop over users.

Three shapes recur. ``lists (B, k)`` are internal item ids in the order they are shown, -1 where a list is short; ``hit
(B, k)`` says which of them are among the user's hidden items; ``relevant (B,)`` counts the hidden items. Lists come in
their final order, so no metric meets a tie: whoever makes lists from scores breaks ties by a stated rule
(:func:`ranked` here, trec_eval's rule in :mod:`eval.interchange`). An item that stands in a list twice counts once, at its first
place. A user with nothing hidden has NaN, not zero, wherever a metric asks for hidden items.
"""

from __future__ import annotations

from eval.metrics.beyond import (
    alpha_dcg,
    alpha_dcg_ideal,
    alpha_ndcg,
    average_popularity,
    coverage,
    gini,
    intra_list_diversity,
    novelty,
    popularity_lift,
    subtopic_recall,
)
from eval.metrics.calibration import (
    calibration_kl,
    hellinger,
    jensen_shannon,
    list_shares,
    minority_presence,
    taste_clusters,
    taste_distribution_distance,
)
from eval.metrics.model import Cost, Validity, cost, kendall_tau, slot_bias, validity
from eval.metrics.pool import calibration_floor, ndcg_ceiling, recall_ceiling
from eval.metrics.ranking import (
    average_precision,
    graded_ndcg,
    hit_rate,
    hits,
    ndcg,
    precision,
    ranked,
    recall,
    reciprocal_rank,
)

__all__ = [
    "Cost",
    "Validity",
    "alpha_dcg",
    "alpha_dcg_ideal",
    "alpha_ndcg",
    "average_popularity",
    "average_precision",
    "calibration_floor",
    "calibration_kl",
    "cost",
    "coverage",
    "gini",
    "graded_ndcg",
    "hellinger",
    "hit_rate",
    "hits",
    "intra_list_diversity",
    "jensen_shannon",
    "kendall_tau",
    "list_shares",
    "minority_presence",
    "ndcg",
    "ndcg_ceiling",
    "novelty",
    "popularity_lift",
    "precision",
    "ranked",
    "recall",
    "recall_ceiling",
    "reciprocal_rank",
    "slot_bias",
    "subtopic_recall",
    "taste_clusters",
    "taste_distribution_distance",
    "validity",
]
