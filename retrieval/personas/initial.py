"""Where training begins: closed forms, because a few hundred users cannot teach tables from noise.

History and item tables are the weighted EDLAE of :mod:`retrieval.baselines.linear` in d dimensions: with the right
singular vectors Z of its scores X R B S,

    p_i = row i of R B S Z,    v_j = row j of Z,    so that sum_i w_i <p_i, v_j> ~ (w R B S)_j

and the exponents of reading and writing are in the tables, while the users' weights shape B alone. Themes join a
spectral embedding of the interactions (popularity axis dropped) with the categories of the items where there are any:
interactions alone divide tastes by era and by fame more than by subject. Prototypes are the spherical k-means of the
themes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import linalg as sparse_linalg

from retrieval.arrays import Csr
from retrieval.baselines.large_linear import LARGEST
from retrieval.baselines.linear import LARGEST as SMALL
from retrieval.baselines.linear import TUNED, ridge_for
from retrieval.personas.closed_form import Floats, solve

_svds: Any = sparse_linalg.svds  # annotated too loosely to check against

_SMOOTHING = 3.0  # interactions added to every item before its themes are scaled, so that rare ones stay quiet
_RESTARTS = 5
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class InitialTables:
    """Starting point of training over M items.

    Attributes:
        items: ``(M, d)`` v_j.
        history: ``(M, d)`` p_i from all users.
        held_out: Per group of users, ``(M, d)`` p_i computed without that group, in the same space: a batch
            of the group reads these, so the likelihood never sees tables that memorised its own targets. Where nothing was
            solved all are ``history`` itself.
        groups: The users of each group.
        themes: ``(M, t)``.
        prototypes: ``(K, t)``.
        solved: The tables are a closed form of the ranking problem; False: only the subspace of data too large for one.
    """

    items: Floats
    history: Floats
    held_out: list[Floats]
    groups: list[npt.NDArray[np.int64]]
    themes: Floats
    prototypes: Floats
    solved: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Users and items that they are of."""
        return sum(map(len, self.groups)), len(self.items)


def initial_tables(
    matrix: Csr,
    categories: Csr | None,
    *,
    dimension: int,
    theme_dimension: int,
    category_share: float,
    personas: int,
    ridge: float | None,
    groups: int,
    seed: int,
) -> InitialTables:
    """Compute the closed forms for an ``(N, M)`` binary matrix and ``(M, G)`` categories, if there are any.

    A ridge of None goes by the number of interactions, see :func:`retrieval.baselines.linear.ridge_for`.
    """
    users, items = matrix.shape
    rank = min(dimension, users - 1, items - 1)
    solvable = min(users, items) <= LARGEST
    if min(users, items) > SMALL and users / groups > items / 2:
        groups = 2  # each is solved anew, and costs as much as all users
    parts = np.array_split(np.random.default_rng(seed).permutation(users), min(groups, users))
    if solvable:
        settings = TUNED.model_copy(update={"ridge": ridge_for(matrix.nnz) if ridge is None else ridge})
        solved = solve(matrix, settings, rank, parts, seed)
        space, whole, held_out = solved.space, solved.whole, solved.held_out
    else:  # the subspace of the interactions themselves (PureSVD)
        space = _svds(matrix.astype(np.float64), k=rank, rng=seed)[2].T
        whole, held_out = space, []
    balance = np.sqrt(np.linalg.norm(whole) / np.linalg.norm(space))
    history = _widen(whole / balance, dimension)
    themes = item_themes(matrix, categories, theme_dimension, category_share)
    counts = np.asarray(matrix.sum(axis=0)).ravel()
    return InitialTables(
        items=_widen(space * balance, dimension),
        history=history,
        held_out=[_widen(table / balance, dimension) for table in held_out] if solvable else [history] * len(parts),
        groups=parts,
        themes=themes,
        prototypes=_widen(spherical_kmeans(themes, counts, personas, seed), theme_dimension),
        solved=solvable,
    )


def with_prototypes(tables: InitialTables, counts: npt.NDArray[Any], personas: int, seed: int) -> InitialTables:
    """The same closed forms for another number of personas.

    Args:
        tables: Of the same users and items.
        counts: ``(M,)`` interactions.
        personas: K.
        seed: Of the k-means.
    """
    return replace(tables, prototypes=spherical_kmeans(tables.themes, counts, personas, seed))


def item_themes(matrix: Csr, categories: Csr | None, width: int, category_share: float) -> Floats:
    """What memberships are made of: taste by co-occurrence, and by categories for ``category_share`` of the squared length.

    Args:
        matrix: ``(N, M)`` interactions.
        categories: ``(M, G)``, if there are any.
        width: t.
        category_share: Where there are.

    Returns:
        ``(M, t)`` unit rows but for items that say nothing; zero columns where the data have less rank.
    """
    described = None if categories is None or category_share == 0 else _category_embedding(categories, width // 2)
    taste = _spectral(matrix, width - (0 if described is None else described.shape[1]))
    if described is None:
        return taste
    bare = np.linalg.norm(described, axis=1, keepdims=True) < 0.5  # an item without categories has its taste alone
    joined = np.hstack([np.sqrt(1.0 - category_share) * taste, np.sqrt(category_share) * described])
    return np.where(bare, np.hstack([taste, np.zeros_like(described)]), joined)


def _spectral(matrix: Csr, width: int) -> Floats:
    """Right singular vectors of the normalised interactions without the first, as unit rows."""
    activity = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1.0)
    popularity = np.asarray(matrix.sum(axis=0)).ravel() + _SMOOTHING
    scaled = sparse.diags(activity**-0.5) @ matrix.astype(np.float64) @ sparse.diags(popularity**-0.5)
    rank = min(width, min(matrix.shape) - 2)
    left, _, _ = _svds(scaled.tocsr(), k=rank + 1, rng=0)
    # svds returns ascending singular values; the last is the popularity axis, which tells tastes apart least.
    return _widen(_unit(scaled.T @ left[:, ::-1][:, 1:]), width)


def _category_embedding(categories: Csr, width: int) -> Floats:
    """Categories weighted by rarity, in at most ``width`` dimensions, as unit rows; zeros where an item has none."""
    present: Any = (categories > 0).astype(np.float64)
    rarity = np.log((1.0 + present.shape[0]) / (1.0 + np.asarray(present.sum(axis=0)).ravel()))
    weighted: Any = present @ sparse.diags(np.maximum(rarity, 0.0))
    if weighted.shape[1] > width:
        # svds needs fewer axes than the shorter side, which a small catalogue with many tags lacks.
        axes = min(width, min(weighted.shape) - 1)
        return _unit(weighted @ _svds(weighted, k=axes, rng=0)[2].T) if axes > 0 else _unit(weighted.toarray())
    return _unit(weighted.toarray())


def _unit(rows: Floats) -> Floats:
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-3)


def spherical_kmeans(rows: Floats, weights: npt.NDArray[Any], clusters: int, seed: int) -> Floats:
    """Unit centres ``(clusters, t)`` of unit rows ``(M, t)`` by weighted k-means on the sphere, best of a few starts."""
    draw = np.random.default_rng(seed)
    touched = np.flatnonzero(weights > 0)
    clusters_there = min(clusters, len(touched))
    best, best_value = rows[touched[:clusters_there]], -np.inf
    for _ in range(_RESTARTS):
        chosen = draw.choice(touched, clusters_there, replace=False, p=weights[touched] / weights[touched].sum())
        centres = rows[chosen]
        for _ in range(_ROUNDS):
            nearest = np.argmax(rows @ centres.T, axis=1)
            member = sparse.csr_matrix((weights, (nearest, np.arange(len(rows)))), shape=(clusters_there, len(rows)))
            centres = member @ rows + 1e-9
            centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        value = float((np.max(rows @ centres.T, axis=1) * weights).sum())
        if value > best_value:
            best, best_value = centres, value
    return np.pad(best, ((0, clusters - clusters_there), (0, 0)), constant_values=1e-3)


def _widen(table: Floats, width: int) -> Floats:
    """Zero columns where the data have less rank than was asked for."""
    return np.pad(table, ((0, 0), (0, width - table.shape[1])))
