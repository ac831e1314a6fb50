"""Every deterministic reranker on identical candidates: accuracy against calibration, over lambda."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.pools import PERSONAS
from agent.rerank.calibration import target_shares
from agent.rerank.protocol import Pool
from agent.rerank.strategies import WITHOUT_LAMBDA, make
from eval.compare_sources import Found, Ground
from eval.folds import Fold
from eval.metrics import hits, ndcg
from retrieval.arrays import Float32, Float64
from retrieval.axes import joined, parse_axes
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError
from retrieval.schema import Catalog

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
    source: str


def compare(
    dataset: Dataset,
    strategies: Sequence[str],
    lambdas: Sequence[float],
    progress: Progress,
    *,
    ground: Ground,
    axis: str = "categories",
    k: int = 10,
) -> Comparison:
    """Rerank the candidates of every user once per strategy and lambda.

    Args:
        dataset: Data with groups to calibrate along.
        strategies: Names of :data:`agent.rerank.strategies.STRATEGIES`.
        lambdas: For the strategies that have one.
        progress: Told stage, done and total.
        ground: Users and candidates.
        axis: Column of groups, or several with weights; see :func:`retrieval.axes.parse_axes`.
        k: Length of the slates.

    Raises:
        ConfigError: An unknown strategy.
        NotFoundError: No such column.
        DataError: Too few users, or no groups.
    """
    axes = _checked_axes(dataset, axis, ground.name)
    plan = [(n, lam) for n in strategies for lam in ([0.0] if n in WITHOUT_LAMBDA else lambdas)]
    plan = list(dict.fromkeys(plan))  # what is named twice is run once
    rerankers = {point: make(*point) for point in plan}
    values: dict[Point, list[Float64]] = {point: [] for point in plan}
    total = ground.folds * len(plan)
    progress("fold 1: candidates", 0, total)
    for fold, found in ground.parts:
        done = fold.number * len(plan)
        items, pool = found.items, _pool(fold, dataset.catalog, axes, found)
        relevant, n_items = fold.held.hidden.lengths, len(fold.universe)
        for at, point in enumerate(plan):
            progress(f"fold {fold.number + 1}: {point[0]}", done + at, total)
            slates = rerankers[point](pool, k)
            hit = hits(slates.items(items), fold.held.hidden, n_items)
            values[point].append(np.stack([ndcg(hit, relevant, k), slates.kl], axis=1))
        progress(f"fold {fold.number + 2}: candidates", done + len(plan), total)
    progress("done", total, total)
    points = {point: np.concatenate(rows) for point, rows in values.items()}
    return Comparison(points, ground.users, k, ground.depth, axis, ground.name)


def _checked_axes(dataset: Dataset, text: str, source: str) -> dict[str, float]:
    axes = parse_axes(text)
    for name in axes:
        if name == PERSONAS and source != PERSONAS:
            raise ConfigError(f"--axis {text}: {source} has no personas", "add --retriever personas, or name a column")
        if name == "categories" and not dataset.catalog.has_labels():
            raise ConfigError(f"{dataset.name} has no categories to calibrate along", "name a column with --axis")
        if name != PERSONAS:
            dataset.catalog.axis(name)
    return axes


def _pool(fold: Fold, catalog: Catalog, axes: dict[str, float], found: Found) -> Pool:
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
