"""Ranking items that nobody touched without learning anything: what a predicted vector has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np

from retrieval.arrays import Float32, Int32, Int64
from retrieval.schema import Catalog, Histories

_NEIGHBOURS = 20


def untrained_scores(
    catalog: Catalog, embeddings: Float32, histories: Histories, cold: Int32, counts: Int64
) -> dict[str, Float32]:
    """``(B, m)`` scores of m cold items for B histories, by the name of the ranker.

    *Popularity of similar* is the mean of the likes of the twenty warm items with the nearest words, alike for every user.
    *Text similarity to history* is the cosine of an item's words with the mean of the history's, *category overlap*
    that of its category shares with the history's (content-based filtering: Pazzani and Billsus 2007).

    Args:
        catalog: The items.
        embeddings: ``(M, D)`` unit vectors of what they say.
        histories: What the users liked.
        cold: ``(m,)`` internal ids of the items to rank.
        counts: ``(M,)`` likes in the training data; items with any are warm.
    """
    history = histories.matrix(len(catalog))
    warm = np.flatnonzero(counts)
    nearest = np.argsort(-(embeddings[cold] @ embeddings[warm].T), axis=1, kind="stable")[:, :_NEIGHBOURS]
    scores: dict[str, Any] = {
        "popularity of similar": np.tile(counts[warm][nearest].mean(axis=1), (len(histories), 1)),
        "text similarity to history": _unit(history @ embeddings) @ embeddings[cold].T,
    }
    if catalog.has_labels():
        share = catalog.axis().share
        scores["category overlap"] = _unit((history @ share).toarray()) @ _unit(share[cold].toarray()).T
    return {name: np.asarray(values, np.float32) for name, values in scores.items()}


def _unit(rows: Float32) -> Float32:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
