"""What all cells of one data set and split share: who is asked, what they liked, and what is known of the items."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse.linalg import svds

from agent.rerank.calibration import target_shares
from eval import metrics
from eval.retrieve_ground import make_split
from eval.suite.config import DataConfig, SplitConfig, SuiteConfig
from eval.suite.store import digest, fingerprint
from retrieval.arrays import Bool, Csr, Float32, Float64, Int32, Int64
from retrieval.axes import Axis, blended, parse_axes, popular_head
from retrieval.baselines.protocol import touched_items, touched_matrix
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.splits import HeldOut
from retrieval.errors import ConfigError, DataError
from retrieval.schema import Catalog, Histories

_DIMENSION = 32
_DRAW = 98765  # of the test users that are kept, where not all are


@dataclass(frozen=True)
class Ground:
    """One data set, split.

    Attributes:
        name: Of the data.
        key: Hash of data, split and everything below.
        catalog: The items, with training counts.
        axis: Along which slates are calibrated.
        matrix: Training users by the M items that training touched.
        categories: ``(M, G)`` of those, along the axis.
        touched: ``(n_items,)`` which these are: what is ranked.
        counts: ``(n_items,)`` training interactions.
        validation: Users for choosing.
        test: Users for the figures.
        user_ids: Names of the test users.
        target: ``(B, G)`` p(g|u).
        vectors: ``(n_items, d)`` of a truncated SVD of the training matrix, the same whatever retrieves.
        tastes: ``(n_items,)`` cluster of each item in that space.
        taste_shares: ``(B, T)`` of the fold-in.
        wanted: ``(B, G)`` groups of the hidden items.
        alpha_ideal: ``(B,)`` denominators of alpha-nDCG.
        history_arp: ``(B,)`` mean popularity of the fold-in.
    """

    name: str
    key: str
    catalog: Catalog
    axis: Axis
    matrix: Csr
    categories: Csr
    touched: Bool
    counts: Int64
    validation: HeldOut
    test: HeldOut
    user_ids: tuple[str, ...]
    target: Float64
    vectors: Float32
    tastes: Int32
    taste_shares: Float64
    wanted: Bool
    alpha_ideal: Float64
    history_arp: Float64

    def tastes_of(self, items: Int32, owner: Int32, users: int) -> Float64:
        """``(users, T)`` shares of items over the taste clusters."""
        return _spread(self.tastes, items, owner, users, self.taste_shares.shape[1])

    def of(self, rows: Int32) -> Ground:
        """The same for some of the test users."""
        held = self.test
        fold_in, hidden = (Histories.of([part.row(u) for u in rows]) for part in (held.fold_in, held.hidden))
        return replace(
            self, test=HeldOut(held.users[rows], fold_in, hidden), user_ids=tuple(self.user_ids[u] for u in rows),
            target=self.target[rows], taste_shares=self.taste_shares[rows], wanted=self.wanted[rows],
            alpha_ideal=self.alpha_ideal[rows], history_arp=self.history_arp[rows],
        )  # fmt: skip

    def groups(self) -> pl.DataFrame:
        """Each test user: history, its popularity and minority share, the target, and what was shown and hidden."""
        fold_in, hidden = self.test.fold_in, self.test.hidden
        head = popular_head(self.counts, 0.2)
        popular = _means(head[fold_in.items], fold_in)
        return pl.DataFrame(
            {
                "user_id": pl.Series(self.user_ids, dtype=pl.String),
                "history": fold_in.lengths,
                "hidden": hidden.lengths,
                "head_share": popular,
                "minority_share": _minority_share(self.target),
                "target": pl.Series(list(self.target), dtype=pl.List(pl.Float64)),
                "fold_in": pl.Series([fold_in.row(u) for u in range(len(fold_in))], dtype=pl.List(pl.Int32)),
                "hidden_items": pl.Series([hidden.row(u) for u in range(len(hidden))], dtype=pl.List(pl.Int32)),
            }
        )

    def items(self) -> pl.DataFrame:
        """Every item by internal id: what reports and run files call it, and its shares along the axis."""
        share = self.axis.share.tocsr()
        rows = [slice(share.indptr[i], share.indptr[i + 1]) for i in range(share.shape[0])]
        return pl.DataFrame(
            {
                "item_id": self.catalog.item_ids,
                "title": self.catalog.titles,
                "groups": pl.Series([share.indices[row] for row in rows], dtype=pl.List(pl.Int32)),
                "shares": pl.Series([share.data[row] for row in rows], dtype=pl.List(pl.Float32)),
            }
        )


def make_ground(suite: SuiteConfig, data: DataConfig, split: SplitConfig, dataset: Dataset) -> Ground:
    """Split a data set and look at what all cells need.

    Raises:
        DataError: Too few users, nothing to find, or no times where the protocol needs them.
        ConfigError: The axis has no groups.
    """
    axes = parse_axes(data.axis)
    if "categories" in axes and not dataset.catalog.has_labels():
        raise ConfigError(
            f"{dataset.name} has no categories to calibrate along", "give the data an axis: popularity, or a column"
        )
    try:
        parts, _ = make_split(dataset, split.protocol, split.held_out, split.last)
    except (ConfigError, DataError) as why:
        raise type(why)(f"{data.name or dataset.name}, split {split.title}: {why}", why.remedy) from why
    if not parts.test.hidden.lengths.any():
        raise DataError(f"{dataset.name}: no hidden item is one that training touched", "hold out fewer users")
    train, n_items = parts.train.histories(), len(dataset.catalog)
    touched = touched_items(train, n_items)
    matrix = touched_matrix(train, touched)
    counts = np.bincount(train.items, minlength=n_items)
    # Bands of popularity by what training knows: likes that are to be found must not say who is popular.
    catalog = Catalog(dataset.catalog.table.with_columns(pl.Series("count", counts, pl.Int64)))
    axis = blended([catalog.axis(name) for name in axes], list(axes.values()))
    test = _some(parts.test, suite.users)
    vectors = np.zeros((n_items, min(_DIMENSION, min(matrix.shape) - 1)), np.float32)
    vectors[touched] = _factors(matrix, vectors.shape[1])
    tastes = np.zeros(n_items, np.int32)
    tastes[touched] = metrics.taste_clusters(vectors[touched], suite.tastes)
    fold_in, hidden = test.fold_in, test.hidden
    wide = max(1, int(hidden.lengths.max(initial=0)))
    held = axis.share > 0
    ideal = np.zeros((len(hidden), wide, len(axis.labels)), bool)
    place = np.arange(len(hidden.items)) - np.repeat(hidden.indptr[:-1], hidden.lengths)
    ideal[hidden.owner, place] = held[hidden.items].toarray()
    facts = {
        "data": fingerprint(dataset),
        "axis": data.axis,
        "split": split.model_dump(),
        "users": suite.users,
        "tastes": suite.tastes,
    }
    return Ground(
        name=data.name or dataset.name,
        key=digest(facts),
        catalog=catalog,
        axis=axis,
        matrix=matrix,
        categories=axis.share[np.flatnonzero(touched)],
        touched=touched,
        counts=counts,
        validation=parts.validation,
        test=test,
        user_ids=tuple(parts.train.user_ids[user] for user in test.users),
        target=target_shares(fold_in, axis.rows(fold_in.items)),
        vectors=vectors,
        tastes=tastes,
        taste_shares=_spread(tastes, fold_in.items, fold_in.owner, len(fold_in), int(tastes.max(initial=0)) + 1),
        wanted=np.asarray(ideal.any(axis=1)),
        alpha_ideal=metrics.alpha_dcg_ideal(ideal, suite.k),
        history_arp=_means(counts[fold_in.items], fold_in),
    )


def _some(held: HeldOut, most: int | None) -> HeldOut:
    if most is None or len(held.users) <= most:
        return held
    kept = np.sort(np.random.default_rng(_DRAW).permutation(len(held.users))[:most])
    rows = [Histories.of([part.row(u) for u in kept]) for part in (held.fold_in, held.hidden)]
    return HeldOut(held.users[kept], *rows)


def _factors(matrix: Csr, dimension: int) -> Float32:
    """``(M, d)`` right singular vectors times singular values, signs fixed."""
    if dimension < 1:
        return np.zeros((matrix.shape[1], dimension), np.float32)
    start = np.random.default_rng(0).normal(size=min(matrix.shape))
    factors: Any = svds(matrix.astype(np.float64), k=dimension, v0=start)
    values, rows = factors[1:]
    signs = np.sign(rows[np.arange(dimension), np.abs(rows).argmax(axis=1)])
    return (rows * (values * signs)[:, None]).T.astype(np.float32)


def _spread(tastes: Int32, items: Int32, owner: Int32, users: int, clusters: int) -> Float64:
    cells = owner.astype(np.int64) * clusters + tastes[items]
    count = np.bincount(cells, minlength=users * clusters).reshape(users, clusters).astype(np.float64)
    mass = count.sum(axis=1, keepdims=True)
    return np.divide(count, mass, out=np.zeros_like(count), where=mass > 0)


def _means(values: np.ndarray, histories: Histories) -> Float64:
    """``(B,)`` mean over each history of a value of its entries; 0 for an empty one."""
    total = np.bincount(histories.owner, weights=values, minlength=len(histories))
    return total / np.maximum(histories.lengths, 1)


def _minority_share(target: Float64, majority: float = 0.5) -> Float64:
    """Part of the history that the tastes beyond the majority hold; see :func:`eval.metrics.minority_presence`."""
    ordered = -np.sort(-target, axis=1)
    before = np.cumsum(ordered, axis=1) - ordered
    return np.where(before >= majority - 1e-12, ordered, 0.0).sum(axis=1)
