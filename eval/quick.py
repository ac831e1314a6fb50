"""The quick evaluation: retrievers under strong generalisation, and the calibration curve over all users.

Every user is held out exactly once: the users are cut into folds, each fold is ranked by models trained on the
others, from 80 % of each history towards the hidden 20 % (seed 98765, as in the Mult-VAE protocol). Ranking is over
the full catalogue that training touched; what was shown is masked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.calibration import target_shares
from agent.rerank.protocol import Pool, Slates
from agent.rerank.topk import TopK
from eval.folds import Fold, make_folds
from eval.metrics import hits, ndcg, recall
from retrieval.arrays import Bool, Float32, Float64, Int32
from retrieval.axes import Axis
from retrieval.baselines.linear import LARGEST, LinearAutoencoder
from retrieval.baselines.popularity import Popularity
from retrieval.candidates import Retriever
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.splits import HeldOut
from retrieval.index import ItemIndex
from retrieval.personas.encoder import EncoderConfig, PersonaEncoder
from retrieval.personas.training import TrainingConfig, train
from retrieval.personas.whole import PersonaScorer
from retrieval.schema import Candidates, Histories

LAMBDAS = (0.0, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
METRICS = ("N@100", "R@20", "R@50")
POOL = 100
SLATE = 10

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Quick:
    """Results, one value per user.

    Attributes:
        retrievers: Name to ``(users, 3)`` values of :data:`METRICS`.
        curve: lambda to ``(users, 2)``: NDCG@10 and C_KL@10 of the calibrated slate of the persona model's pool.
        top: ``(users, 2)`` the same for the accuracy-only list.
        certified: Share of users whose pool is provably complete.
        effective_personas: Mean exp(entropy) of the persona weights.
        axis: What was calibrated.
        users: How many.
    """

    retrievers: dict[str, Float64]
    curve: dict[float, Float64]
    top: Float64
    certified: float
    effective_personas: float
    axis: str
    users: int


def evaluate(dataset: Dataset, folds: int, min_items: int, progress: Progress) -> Quick:
    """Run the quick evaluation.

    Raises:
        DataError: Too few users with enough liked items.
    """
    users, parts = make_folds(dataset, folds, min_items)
    n_items = len(dataset.catalog)
    axis = dataset.catalog.axis() if dataset.catalog.has_labels() else None
    scored: dict[str, list[Float64]] = {}
    curve: dict[float, list[Float64]] = {lam: [] for lam in LAMBDAS}
    top: list[Float64] = []
    certified: list[Bool] = []
    effective: list[Float32] = []
    for fold in parts:
        progress(f"fold {fold.number + 1}: training", fold.number, folds)
        train_rows, universe, held = fold.train, fold.universe, fold.held
        categories = axis.share if axis is not None else None
        personas = train(train_rows, n_items, categories=categories)
        single = train(train_rows, n_items, TrainingConfig(encoder=EncoderConfig(personas=1)), categories=categories)
        models = {
            "popularity": Popularity(fold.counts).scores,
            **_ease(fold),
            "one vector (K=1)": PersonaScorer(single).scores,
            "personas (K=4)": PersonaScorer(personas).scores,
        }
        for name, model in models.items():
            lists = best_items(model(held.fold_in), held.fold_in, universe, 100)
            scored.setdefault(name, []).append(ranking_values(lists, held, n_items))
        retrieved = persona_retriever(personas, universe)(held.fold_in, POOL)
        certified.append(retrieved.certified)
        weights = retrieved.personas.weights
        effective.append(np.exp(-(weights * np.log(weights)).sum(axis=1)))
        pool = _pool(axis, retrieved.candidates, retrieved.personas.weights, held)
        top.append(slate_values(TopK()(pool, SLATE), retrieved.candidates.items, held, n_items))
        for lam in LAMBDAS:
            slates = Calibrated(CalibratedConfig(lam=lam))(pool, SLATE)
            curve[lam].append(slate_values(slates, retrieved.candidates.items, held, n_items))
    progress("done", folds, folds)
    return Quick(
        retrievers={name: np.concatenate(values) for name, values in scored.items()},
        curve={lam: np.concatenate(values) for lam, values in curve.items()},
        top=np.concatenate(top),
        certified=float(np.concatenate(certified).mean()),
        effective_personas=float(np.concatenate(effective).mean()),
        axis="categories" if axis is not None else "personas",
        users=users,
    )


def _ease(fold: Fold) -> dict[str, Callable[[Histories], Float32]]:
    """EASE, as far as its closed form can be solved: a larger data set is evaluated without it."""
    matrix = fold.matrix()
    if min(matrix.shape) > LARGEST:
        return {}
    return {"EASE": on_universe(LinearAutoencoder(matrix, 100.0), fold.universe)}


def best_items(scores: Float32, seen: Histories, universe: Bool, k: int) -> Int32:
    """``(B, k)`` best items by score, ties to the lower id; what was seen or never trained on is left out."""
    masked = np.where(universe, scores, -np.inf)
    masked[seen.owner, seen.items] = -np.inf
    order = np.argsort(-masked, axis=1, kind="stable")[:, :k].astype(np.int32)
    return np.where(np.isfinite(np.take_along_axis(masked, order, axis=1)), order, -1).astype(np.int32)


def ranking_values(lists: Int32, held: HeldOut, n_items: int) -> Float64:
    """``(B, 3)`` values of :data:`METRICS`."""
    hit, relevant = hits(lists, held.hidden, n_items), held.hidden.lengths
    return np.stack([ndcg(hit, relevant, 100), recall(hit, relevant, 20), recall(hit, relevant, 50)], axis=1)


def slate_values(slates: Slates, candidates: Int32, held: HeldOut, n_items: int) -> Float64:
    """``(B, 2)`` NDCG@10 and C_KL@10."""
    hit = hits(slates.items(candidates), held.hidden, n_items)
    return np.stack([ndcg(hit, held.hidden.lengths, SLATE), slates.kl], axis=1)


def _pool(axis: Axis | None, candidates: Candidates, weights: Float32, held: HeldOut) -> Pool:
    if axis is None:
        return Pool(candidates.scores, candidates.persona, weights.astype(np.float64))
    target = target_shares(held.fold_in, axis.rows(held.fold_in.items))
    return Pool(candidates.scores, axis.rows(candidates.items), target)


def persona_retriever(encoder: PersonaEncoder, universe: Bool) -> Retriever:
    """A retriever over the items that training touched."""
    items = np.flatnonzero(universe).astype(np.int32)
    weights = encoder.weights
    vectors = np.concatenate([weights.items[items], weights.bias[items, None]], axis=1)
    return Retriever(encoder, ItemIndex(vectors, items, len(universe)))


def on_universe(model: LinearAutoencoder, universe: Bool) -> Callable[[Histories], Float32]:
    """A model over the trained items only, spread over the whole catalogue."""
    place = np.cumsum(universe) - 1

    def scores(histories: Histories) -> Float32:
        # An item outside the universe has no place in the model: it weighs nothing.
        weights = np.where(universe[histories.items], histories.weights, 0.0).astype(np.float32)
        compact = Histories(histories.indptr, np.maximum(place[histories.items], 0).astype(np.int32), weights)
        out = np.full((len(histories), len(universe)), -np.inf, np.float32)
        out[:, universe] = model.scores(compact)
        return out

    return scores
