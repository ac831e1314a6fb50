"""EASE and EDLAE for tens of thousands of users and items: single precision, in place, on the shorter side.

The same closed form as :mod:`retrieval.baselines.linear` (Steck 2019, 2020), whose double-precision arrays, and the M x M or N x M
copies beside them, stop at 12,000. Here one symmetric matrix of the shorter side is inverted where it stands, and nothing else of
that size is ever held: 3.6 GB for 30,000. What some users did is taken out of it without a second inversion, unless
they are more than half as many as the items: then a second matrix of that size is there for a while.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg, sparse

from retrieval.arrays import Csr, Float32, Int64
from retrieval.baselines.linear import LARGEST as SMALL
from retrieval.baselines.linear import LinearAutoencoder, LinearConfig, weighted_users
from retrieval.baselines.protocol import Scorer
from retrieval.errors import DataError
from retrieval.schema import Histories

LARGEST = 40_000
"""The smaller of users and items may be at most this: a symmetric matrix of 6.4 GB."""

_ROWS = 512  # of a dense block beside the inverse
_functions: Any = linalg.get_lapack_funcs
_potrf, _potri = _functions(("potrf", "potri"), dtype=np.float32)


def linear_autoencoder(interactions: Csr, config: LinearConfig) -> Scorer:
    """EASE or EDLAE in double precision where its size allows it, in single precision beyond."""
    if min(interactions.shape) <= SMALL:
        return LinearAutoencoder.of(interactions, config)
    return LargeLinearAutoencoder(interactions, config)


class LargeLinearAutoencoder:
    """B = I - P diag(1/P_jj), P = (X'WX + D)^-1, and scores (x R) B S as in :class:`LinearAutoencoder`.

    With no more items than users, P itself is inverted. With fewer users, by Woodbury and K = I + Y D^-1 Y', Y = W^1/2 X,

        P      = D^-1 - D^-1 Y' K^-1 Y D^-1
        P_jj   = 1/D_jj - y_j' K^-1 y_j / D_jj^2,     y_j the sparse column j of Y
        x P    = x D^-1 - ((x D^-1 Y') K^-1) Y D^-1

    so that only the N x N inverse is dense.

    Args:
        interactions: ``(N, M)`` binary training matrix.
        config: Settings.

    Raises:
        DataError: Both users and items outnumber :data:`LARGEST`.
    """

    def __init__(self, interactions: Csr, config: LinearConfig) -> None:
        users, items = interactions.shape
        if min(users, items) > LARGEST:
            raise DataError(
                f"{users:,} users and {items:,} items are too many for a closed form", "use a sampled data set"
            )
        likes = np.asarray(interactions.sum(axis=0)).ravel() + 1.0
        self._read: Float32 = (likes**-config.read_exponent).astype(np.float32)
        self._write: Float32 = (likes**-config.write_exponent).astype(np.float32)
        if config.user_exponent > 0:
            interactions = weighted_users(interactions, config.user_exponent)
        counts = np.asarray(interactions.multiply(interactions).sum(axis=0)).ravel()
        ridge = config.ridge + config.dropout / (1.0 - config.dropout) * counts
        self._ridge: Float32 = ridge.astype(np.float32)
        self._columns: Csr | None = None
        self._inverse: Float32
        self._diagonal: Float32
        self._rows: Csr = interactions.tocsr().astype(np.float32)  # Y
        if users < items:
            rows = interactions.tocsr().astype(np.float64)
            scaled = rows @ sparse.diags(1.0 / ridge)
            self._inverse = _inverse(scaled, rows.T.tocsc(), np.ones(users))
            self._columns = scaled.T.tocsr().astype(np.float32)  # (M, N): D^-1 Y'
            self._diagonal = (1.0 / ridge - _quadratic(self._columns, self._inverse)).astype(np.float32)
        else:
            columns = interactions.T.tocsr().astype(np.float64)
            self._inverse = _inverse(columns, columns.T.tocsc(), ridge)
            self._diagonal = np.diag(self._inverse).copy()

    def scores(self, histories: Histories) -> Float32:
        """``(B, M)`` scores of every item for each history."""
        rows = histories.matrix(len(self._read)) @ sparse.diags(self._read)
        rows = rows.tocsr().astype(np.float32)
        if self._columns is None:
            product = np.asarray(rows @ self._inverse)
        else:
            shared = (rows @ self._columns).toarray() @ self._inverse
            product = (rows @ sparse.diags(1.0 / self._ridge)).toarray() - (self._columns @ shared.T).T
        return ((rows.toarray() - product / self._diagonal) * self._write).astype(np.float32)

    def project(self, right: Float32) -> Float32:
        """R B S @ right, for ``(M, d)``: what each item of a history contributes in a space of d dimensions."""
        return self._projected(right, self._inverse_times, self._diagonal)

    def pull(self, left: Float32) -> Float32:
        """(R B S)' @ left, for ``(M, d)``: the adjoint of :meth:`project`."""
        left = self._read[:, None] * left
        return _single(self._write[:, None] * (left - self._inverse_times(left) / self._diagonal[:, None]))

    def project_without(self, users: Int64, right: Float32) -> Float32:
        """:meth:`project` as it would be without some of the training users, the penalty left as it is.

        By Woodbury, with Y_g the weighted rows of these users and F = P Y_g',

            P_without = P + F (I - Y_g F)^-1 F'

        Where these users are more than half as many as the items, the others are solved anew, which is no dearer.

        Args:
            users: Rows of the training matrix to leave out.
            right: ``(M, d)``.
        """
        if self._columns is None and 2 * len(users) > len(self._read):
            rest = self._rows[np.setdiff1d(np.arange(self._rows.shape[0]), users)].astype(np.float64)
            inverse = _inverse(rest.T.tocsr(), rest.tocsc(), self._ridge)
            return self._projected(right, lambda x: inverse @ x, np.diag(inverse))
        gone = self._rows[users]
        if self._columns is None:
            reach = np.asarray((gone @ self._inverse).T)  # F, as P is symmetric
        else:  # P Y' = D^-1 Y' K^-1
            reach = self._columns @ np.ascontiguousarray(self._inverse[:, users])
        system = np.eye(len(users), dtype=np.float32) - gone @ reach
        factor = linalg.cholesky(system, lower=True, overwrite_a=True, check_finite=False)
        half = _single(linalg.solve_triangular(factor, reach.T, lower=True, check_finite=False))
        diagonal = self._diagonal + _single(np.einsum("gm,gm->m", half, half))

        def inverse_times(right: Float32) -> Float32:  # half' half is what P gains
            return _single(self._inverse_times(right) + half.T @ (half @ right))

        return self._projected(right, inverse_times, diagonal)

    def _projected(self, right: Float32, inverse_times: Callable[[Float32], Float32], diagonal: Float32) -> Float32:
        right = self._write[:, None] * right
        return _single(self._read[:, None] * (right - inverse_times(_single(right / diagonal[:, None]))))

    def _inverse_times(self, right: Float32) -> Float32:
        """P @ right."""
        if self._columns is None:
            return self._inverse @ right
        shared = _single(self._inverse @ (self._columns.T @ right))
        return _single(right / self._ridge[:, None] - self._columns @ shared)


def _single(array: Any) -> Float32:
    """For the checker: arithmetic of single precision stays in it, which its annotations do not say."""
    return array.astype(np.float32, copy=False)


def _inverse(left: Csr, right: Csr, diagonal: np.ndarray) -> Float32:
    """(left right + diag)^-1 of a symmetric positive matrix, ``(n, n)``, by Cholesky in the memory of one."""
    size = left.shape[0]
    system = np.empty((size, size), np.float32)  # symmetric: its rows are the columns that LAPACK reads
    for start in range(0, size, _ROWS):
        stop = min(start + _ROWS, size)
        system[start:stop] = (left[start:stop] @ right).toarray()
        system[np.arange(start, stop), np.arange(start, stop)] += diagonal[start:stop]
    factor, failed = _potrf(system.T, lower=1, clean=0, overwrite_a=1)
    inverse, unsolved = _potri(factor, lower=1, overwrite_c=1)
    if failed or unsolved:
        raise DataError("the closed form cannot be solved in single precision", "raise the ridge")
    for start in range(0, size, _ROWS):  # LAPACK leaves the other triangle as it was
        stop = min(start + _ROWS, size)
        block = inverse[start:, start:stop]
        block[: stop - start] = np.tril(block[: stop - start]) + np.tril(block[: stop - start], -1).T
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
    return inverse.T  # the same numbers in the order of rows, which sparse products read without a copy


def _quadratic(columns: Csr, inverse: Float32) -> np.ndarray:
    """``(M,)`` c K^-1 c' of each sparse row c."""
    out = np.empty(columns.shape[0])
    for start in range(0, len(out), _ROWS):
        part = columns[start : start + _ROWS]
        out[start : start + _ROWS] = np.asarray(part.multiply(part @ inverse).sum(axis=1)).ravel()
    return out
