"""Every deterministic reranker on identical candidates: accuracy against calibration, over lambda."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from agent.pools import PERSONAS
from agent.rerank.calibration import target_shares
from agent.rerank.protocol import Pool
from agent.rerank.strategies import WITHOUT_LAMBDA, make
from eval.folds import Fold, make_folds
from eval.metrics import hits, ndcg
from eval.quick import best_items, on_universe, persona_retriever
from retrieval.arrays import Bool, Float32, Float64, Int32
from retrieval.axes import joined, parse_axes
from retrieval.baselines.linear import LinearAutoencoder
from retrieval.baselines.popularity import Popularity
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError
from retrieval.personas.training import train
from retrieval.schema import Catalog, Histories

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
        axis: Along which calibration is measured.
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
        axis: Column of groups, or several with weights; see :func:`retrieval.axes.parse_axes`.
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
    axes = _checked_axes(dataset, axis, source)
    plan = [(n, lam) for n in strategies for lam in ([0.0] if n in WITHOUT_LAMBDA else lambdas)]
    plan = list(dict.fromkeys(plan))  # what is named twice is run once
    rerankers = {point: make(*point) for point in plan}
    values: dict[Point, list[Float64]] = {point: [] for point in plan}
    users, parts = make_folds(dataset, folds, min_items)
    for fold in parts:
        done, total = fold.number * len(plan), folds * len(plan)
        progress(f"fold {fold.number + 1}: candidates", done, total)
        found = _candidates(fold, dataset.catalog, source, ridge, depth)
        items, pool = found.items, _pool(fold, dataset.catalog, axes, found)
        relevant, n_items = fold.held.hidden.lengths, len(fold.universe)
        for at, point in enumerate(plan):
            progress(f"fold {fold.number + 1}: {point[0]}", done + at, total)
            slates = rerankers[point](pool, k)
            hit = hits(slates.items(items), fold.held.hidden, n_items)
            values[point].append(np.stack([ndcg(hit, relevant, k), slates.kl], axis=1))
    progress("done", folds, folds)
    points = {point: np.concatenate(rows) for point, rows in values.items()}
    return Comparison(points, users, k, depth, axis, source)


@dataclass(frozen=True, slots=True)
class _Found:
    """Candidates of a fold; personas and vectors where the retriever has them."""

    items: Int32
    scores: Float32
    persona: Float32 | None = None
    weights: Float64 | None = None
    vectors: Float32 | None = None


def _checked_axes(dataset: Dataset, text: str, source: Source) -> dict[str, float]:
    axes = parse_axes(text)
    for name in axes:
        if name == PERSONAS and source != PERSONAS:
            raise ConfigError(f"--axis {text}: {source} has no personas", "add --retriever personas, or name a column")
        if name == "categories" and not dataset.catalog.has_labels():
            raise ConfigError(f"{dataset.name} has no categories to calibrate along", "name a column with --axis")
        if name != PERSONAS:
            dataset.catalog.axis(name)
    return axes


def _pool(fold: Fold, catalog: Catalog, axes: dict[str, float], found: _Found) -> Pool:
    history = fold.held.fold_in
    groups: list[Float32] = []
    target: list[Float64] = []
    for name in axes:
        if name == PERSONAS and found.persona is not None and found.weights is not None:
            groups.append(found.persona)
            target.append(found.weights)
        else:
            axis = catalog.axis(name)
            groups.append(axis.rows(found.items))
            target.append(target_shares(history, axis.rows(history.items)))
    weights = list(axes.values())
    rows = np.asarray(joined(groups, weights), np.float32)
    popularity = fold.counts[np.maximum(found.items, 0)].astype(np.float32)
    return Pool(found.scores, rows, joined(target, weights), vectors=found.vectors, popularity=popularity)


def _candidates(fold: Fold, catalog: Catalog, source: Source, ridge: float, depth: int) -> _Found:
    histories = fold.held.fold_in
    if source == "personas":
        shares = catalog.axis().share if catalog.has_labels() else None
        encoder = train(fold.train, len(fold.universe), categories=shares)
        retrieved = persona_retriever(encoder, fold.universe)(histories, depth)
        found = retrieved.candidates
        weights = retrieved.personas.weights.astype(np.float64)
        vectors = encoder.weights.items[np.maximum(found.items, 0)]
        return _Found(found.items, found.scores, found.persona, weights, vectors)
    if source == "popularity":
        return _Found(*_best(Popularity(fold.counts).scores, histories, fold.universe, depth))
    model = on_universe(LinearAutoencoder(fold.matrix(), ridge), fold.universe)
    return _Found(*_best(model, histories, fold.universe, depth))


def _best(
    model: Callable[[Histories], Float32], histories: Histories, universe: Bool, depth: int
) -> tuple[Int32, Float32]:
    scores = model(histories)
    items = best_items(scores, histories, universe, depth)
    taken = np.take_along_axis(scores, np.maximum(items, 0), axis=1)
    return items, np.where(items >= 0, taken, -np.inf).astype(np.float32)
