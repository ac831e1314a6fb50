"""Where the candidates of a comparison come from: a retriever trained on every fold, or files that anybody's retriever wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from eval.folds import Fold, make_folds
from eval.quick import best_items, persona_retriever
from eval.rerank_batch import padded, read_table
from retrieval.arrays import Csr, Float32, Float64, Int32
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.baselines.knn import ItemKnn, KnnConfig
from retrieval.baselines.linear import LinearAutoencoder
from retrieval.baselines.popularity import Popularity
from retrieval.baselines.protocol import Scorer, fit_touched
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.splits import HeldOut
from retrieval.errors import ConfigError, DataError
from retrieval.personas.training import train
from retrieval.schema import Catalog, Histories

PERSONAS = "personas"
_EDLAE_DROPOUT = 0.5

SCORERS: dict[str, Callable[[Csr, float], Scorer]] = {
    "ease": LinearAutoencoder,
    "edlae": lambda matrix, ridge: LinearAutoencoder(matrix, ridge, _EDLAE_DROPOUT),
    "item-knn": lambda matrix, _: ItemKnn(matrix, KnnConfig()),
    "ials": lambda matrix, _: Ials(matrix, IalsConfig()),
    "popularity": lambda matrix, _: Popularity(np.asarray(matrix.sum(axis=0)).ravel().astype(np.int64)),
}
"""By name, from a matrix and the ridge of the linear ones; :data:`PERSONAS` beside them."""


@dataclass(frozen=True, slots=True)
class Found:
    """Candidates of a fold; personas and vectors where the retriever has them.

    Attributes:
        items: ``(B, n)`` internal ids, -1 pads.
        scores: ``(B, n)``.
        persona: ``(B, n, K)`` what each persona has in them.
        weights: ``(B, K)`` of the personas.
        vectors: ``(B, n, d)``.
    """

    items: Int32
    scores: Float32
    persona: Float32 | None = None
    weights: Float64 | None = None
    vectors: Float32 | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """What is compared on.

    Attributes:
        name: Of the retriever.
        users: How many in all.
        depth: Most candidates of each.
        folds: How many.
        parts: The folds, each with its candidates.
    """

    name: str
    users: int
    depth: int
    folds: int
    parts: Iterator[tuple[Fold, Found]]


def from_retriever(
    dataset: Dataset, name: str, *, ridge: float = 100.0, folds: int = 5, min_items: int = 10, depth: int = 100
) -> Ground:
    """Candidates of a retriever that never saw the users of a fold.

    Args:
        dataset: Data.
        name: One of :data:`SCORERS`, or :data:`PERSONAS`.
        ridge: Of the linear ones.
        folds: Every user is held out once.
        min_items: Liked items for a user to count.
        depth: Candidates per user.

    Raises:
        ConfigError: No such retriever.
        DataError: Too few users.
    """
    if name not in (*SCORERS, PERSONAS):
        raise ConfigError(f"--retriever: no retriever {name!r}", f"known: {', '.join((*SCORERS, PERSONAS))}")
    users, parts = make_folds(dataset, folds, min_items)
    found = ((fold, _candidates(fold, dataset.catalog, name, ridge, depth)) for fold in parts)
    return Ground(name, users, depth, folds, found)


def _candidates(fold: Fold, catalog: Catalog, name: str, ridge: float, depth: int) -> Found:
    histories = fold.held.fold_in
    if name == PERSONAS:
        shares = catalog.axis().share if catalog.has_labels() else None
        encoder = train(fold.train, len(fold.universe), categories=shares)
        retrieved = persona_retriever(encoder, fold.universe)(histories, depth)
        found = retrieved.candidates
        weights = retrieved.personas.weights.astype(np.float64)
        vectors = encoder.weights.items[np.maximum(found.items, 0)]
        return Found(found.items, found.scores, found.persona, weights, vectors)
    model = fit_touched(fold.train, len(fold.universe), lambda matrix: SCORERS[name](matrix, ridge))
    scores = model.scores(histories)
    items = best_items(scores, histories, fold.universe, depth)
    taken = np.take_along_axis(scores, np.maximum(items, 0), axis=1)
    return Found(items, np.where(items >= 0, taken, -np.inf).astype(np.float32))


def from_files(dataset: Dataset, candidates: Path, truth: Path, depth: int = 100) -> Ground:
    """Candidates that somebody else retrieved, and what their users should find.

    Args:
        dataset: The likes in it, without the truth, are the histories that targets are made of.
        candidates: Parquet of ``user_id``, ``item_id``, ``score``.
        truth: Parquet of ``user_id``, ``item_id``.
        depth: Candidates of each user that count, best first.

    Raises:
        DataError: A file or column is missing, or it names a user or an item that the data lack.
    """
    pairs = _positions(dataset, truth, read_table(truth, ("user_id", "item_id")))
    rows = _positions(dataset, candidates, read_table(candidates, ("user_id", "item_id", "score")))
    rows = rows.filter(pl.col("score").is_finite())
    twice = rows.select("user", "item").is_duplicated()
    if twice.any():
        user, item = rows.filter(twice).select("user_id", "item_id").row(0)
        raise DataError(f"{candidates}: user {user!r} has item {item!r} more than once", "keep one row of each")
    users = np.unique(pairs["user"].to_numpy())
    rows = rows.filter(pl.col("user").is_in(users)).sort("user", maintain_order=True)
    lengths = np.bincount(np.searchsorted(users, rows["user"].to_numpy()), minlength=len(users)).astype(np.int64)
    items, scores = padded(rows["item"].to_numpy().astype(np.int32), rows["score"].to_numpy(), lengths)
    likes, n_items = dataset.likes().distinct(), len(dataset.catalog)
    hidden = np.unique(pairs["user"].to_numpy().astype(np.int64) * n_items + pairs["item"].to_numpy())
    seen = likes.where(~np.isin(likes.users.astype(np.int64) * n_items + likes.items, hidden))
    everyone = seen.histories()
    held = HeldOut(
        users.astype(np.int32),
        Histories.of([everyone.row(int(u)) for u in users]),
        Histories.of([(hidden[hidden // n_items == u] % n_items).astype(np.int32) for u in users]),
    )
    universe = np.ones(n_items, bool)
    fold = Fold(0, everyone, universe, held)
    found = Found(items[:, :depth], scores[:, :depth])
    return Ground(candidates.name, len(users), depth, 1, iter([(fold, found)]))


def _positions(dataset: Dataset, path: Path, table: pl.DataFrame) -> pl.DataFrame:
    """With the internal ids ``user`` and ``item``."""
    if len(table) == 0:
        raise DataError(f"{path} is empty", "write one row per user and item")
    names = {"user_id": dataset.interactions.user_ids, "item_id": dataset.catalog.table["item_id"].to_list()}
    for column, known in names.items():
        place = pl.DataFrame({column: known, column[:4]: np.arange(len(known), dtype=np.int32)})
        table = table.join(place, on=column, how="left", maintain_order="left")
        missing = table.filter(pl.col(column[:4]).is_null())
        if len(missing):
            raise DataError(
                f"{path}: {column} {missing[column][0]!r} is not in the data", "use the data it was made from"
            )
    return table
