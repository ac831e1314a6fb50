"""Every deterministic reranker on identical candidates: accuracy against calibration, over lambda."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from agent.rerank.calibration import target_shares
from agent.rerank.protocol import Pool
from agent.rerank.strategies import WITHOUT_LAMBDA, make
from eval.folds import Fold, make_folds
from eval.metrics import hits, ndcg
from eval.quick import best_items, on_universe, persona_retriever
from retrieval.arrays import Bool, Float32, Float64, Int32
from retrieval.axes import Axis
from retrieval.baselines.linear import LinearAutoencoder
from retrieval.baselines.popularity import Popularity
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError
from retrieval.personas.training import train
from retrieval.schema import Histories

Source = Literal["ease", "personas", "popularity"]
Point = tuple[str, float]
"""Strategy and lambda."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Comparison:
    """Results on the same candidates of the same users.

    Attributes:
        points: Strategy and lambda to ``(users, 2)``: NDCG@k and C_KL@k.
        users: How many.
        k: Length of the slates.
        depth: Candidates per user.
        axis: Column along which calibration is measured.
        source: Retriever of the candidates.
    """

    points: dict[Point, Float64]
    users: int
    k: int
    depth: int
    axis: str
    source: Source


def compare(
    dataset: Dataset,
    strategies: Sequence[str],
    lambdas: Sequence[float],
    progress: Progress,
    *,
    source: Source = "ease",
    axis: str = "categories",
    ridge: float = 100.0,
    folds: int = 5,
    min_items: int = 10,
    k: int = 10,
    depth: int = 100,
) -> Comparison:
    """Rerank the candidates of every user once per strategy and lambda.

    Args:
        dataset: Data with groups to calibrate along.
        strategies: Names of :data:`agent.rerank.strategies.STRATEGIES`.
        lambdas: For the strategies that have one.
        progress: Told stage, done and total.
        source: Retriever of the candidates.
        axis: Column of groups.
        ridge: Of EASE.
        folds: Every user is held out once.
        min_items: Liked items for a user to count.
        k: Length of the slates.
        depth: Candidates per user.

    Raises:
        ConfigError: An unknown strategy.
        NotFoundError: No such column.
        DataError: Too few users, or no groups.
    """
    if not dataset.catalog.has_labels() and axis == "categories":
        raise ConfigError(f"{dataset.name} has no categories to calibrate along", "name a column with --axis")
    groups = dataset.catalog.axis(axis)
    plan = [(n, lam) for n in strategies for lam in ([0.0] if n in WITHOUT_LAMBDA else lambdas)]
    rerankers = {point: make(*point) for point in plan}
    values: dict[Point, list[Float64]] = {point: [] for point in plan}
    users, parts = make_folds(dataset, folds, min_items)
    for fold in parts:
        done, total = fold.number * len(plan), folds * len(plan)
        progress(f"fold {fold.number + 1}: candidates", done, total)
        items, scores = _candidates(fold, groups, source, ridge, depth)
        pool = _pool(fold, groups, items, scores)
        relevant, n_items = fold.held.hidden.lengths, len(fold.universe)
        for at, point in enumerate(plan):
            progress(f"fold {fold.number + 1}: {point[0]}", done + at, total)
            slates = rerankers[point](pool, k)
            hit = hits(slates.items(items), fold.held.hidden, n_items)
            values[point].append(np.stack([ndcg(hit, relevant, k), slates.kl], axis=1))
    progress("done", folds, folds)
    points = {point: np.concatenate(rows) for point, rows in values.items()}
    return Comparison(points, users, k, depth, axis, source)


def _pool(fold: Fold, groups: Axis, items: Int32, scores: Float32) -> Pool:
    target = target_shares(fold.held.fold_in, groups.rows(fold.held.fold_in.items))
    popularity = fold.counts[np.maximum(items, 0)].astype(np.float32)
    return Pool(scores, groups.rows(items), target, popularity=popularity)


def _candidates(fold: Fold, groups: Axis, source: Source, ridge: float, depth: int) -> tuple[Int32, Float32]:
    histories = fold.held.fold_in
    if source == "personas":
        encoder = train(fold.train, len(fold.universe), categories=groups.share)
        found = persona_retriever(encoder, fold.universe)(histories, depth).candidates
        return found.items, found.scores
    if source == "popularity":
        return _best(Popularity(fold.counts).scores, histories, fold.universe, depth)
    return _best(on_universe(LinearAutoencoder(fold.matrix(), ridge), fold.universe), histories, fold.universe, depth)


def _best(
    model: Callable[[Histories], Float32], histories: Histories, universe: Bool, depth: int
) -> tuple[Int32, Float32]:
    scores = model(histories)
    items = best_items(scores, histories, universe, depth)
    taken = np.take_along_axis(scores, np.maximum(items, 0), axis=1)
    return items, np.where(items >= 0, taken, -np.inf).astype(np.float32)
