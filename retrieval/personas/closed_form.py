"""The weighted EDLAE of all users, and without each group of them, in d dimensions of its own.

With Z the right singular vectors of the scores X R B S (:mod:`retrieval.baselines.linear`) the best d dimensions for these users
are R B S Z and Z. Small data are solved in double precision and their scores decomposed whole. Large data are solved in single
precision, and Z is found by subspace iteration (Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review
2011, algorithm 4.4), which needs products with the scores and never the scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import linalg

from retrieval.arrays import Csr, Float32, Float64, Int64
from retrieval.baselines.large_linear import LargeLinearAutoencoder
from retrieval.baselines.linear import LARGEST as SMALL  # in double precision
from retrieval.baselines.linear import LinearAutoencoder, LinearConfig

Floats: TypeAlias = npt.NDArray[np.floating[Any]]

_SPARE = 32  # dimensions beside those asked for, and
_ITERATIONS = 4  # products with A'A: EDLAE's spectrum falls slowly, yet the scores of the cut no longer change


@dataclass(frozen=True, slots=True)
class Solved:
    """A closed form in d dimensions, M items.

    Attributes:
        space: ``(M, d)`` Z.
        whole: ``(M, d)`` R B S Z from all users.
        held_out: Per group of users, the same without them.
    """

    space: Floats
    whole: Floats
    held_out: list[Floats]


def solve(matrix: Csr, settings: LinearConfig, rank: int, groups: list[Int64], seed: int) -> Solved:
    """The closed form of an ``(N, M)`` binary matrix in ``rank`` dimensions.

    Args:
        matrix: Training interactions.
        settings: Of the EDLAE.
        rank: d.
        groups: Rows to do without, one group at a time.
        seed: Of the random start on large data.

    Raises:
        DataError: Both users and items outnumber :data:`retrieval.baselines.large_linear.LARGEST`.
    """
    if min(matrix.shape) <= SMALL:
        model = LinearAutoencoder.of(matrix, settings)
        space = right_singular(model.predict(matrix), rank)
        others = (np.setdiff1d(np.arange(matrix.shape[0]), group) for group in groups)
        return Solved(
            space,
            model.project(space),
            [LinearAutoencoder.of(matrix[rest], settings).project(space) for rest in others],
        )
    large = LargeLinearAutoencoder(matrix, settings)
    read, back = matrix.tocsr().astype(np.float32), matrix.T.tocsr().astype(np.float32)
    found = right_singular_of(
        lambda z: read @ large.project(z), lambda y: large.pull(back @ y), matrix.shape[1], rank, seed
    )
    return Solved(found, large.project(found), [large.project_without(group, found) for group in groups])


def right_singular(matrix: Float64, rank: int) -> Float64:
    """The ``rank`` leading right singular vectors of a dense ``(N, M)`` matrix, ``(M, rank)``."""
    if matrix.shape[0] <= matrix.shape[1]:
        values, vectors = np.linalg.eigh(matrix @ matrix.T)
        order = np.argsort(-values)[:rank]
        return matrix.T @ vectors[:, order] / np.sqrt(np.maximum(values[order], 1e-9))
    values, vectors = np.linalg.eigh(matrix.T @ matrix)
    return vectors[:, np.argsort(-values)[:rank]]


def right_singular_of(
    times: Callable[[Float32], Float32], adjoint: Callable[[Float32], Float32], columns: int, rank: int, seed: int
) -> Float32:
    """The same of a matrix A that is known by its products only.

    Args:
        times: A @ z of ``(M, b)``.
        adjoint: A' @ y of ``(N, b)``.
        columns: M.
        rank: How many.
        seed: Of the random start.
    """
    block = min(rank + _SPARE, columns)
    basis = np.random.default_rng(seed).standard_normal((columns, block), np.float32)
    for _ in range(_ITERATIONS):
        basis = _orthonormal(adjoint(times(_orthonormal(basis))))
    image = times(basis)
    values, vectors = np.linalg.eigh((image.T @ image).astype(np.float64))
    return basis @ vectors[:, np.argsort(-values)[:rank]].astype(np.float32)


def _orthonormal(columns: Float32) -> Float32:
    """A basis of their span, in single precision: NumPy's own works in double and takes three times as long."""
    qr: Any = linalg.qr
    return qr(columns, mode="economic", overwrite_a=True, check_finite=False)[0]
