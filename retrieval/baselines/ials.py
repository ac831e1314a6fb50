"""iALS: item factors by alternating least squares; a user is the ridge solution for a history, so new ones are no
exception.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import linalg

from retrieval.arrays import Csr, Float32
from retrieval.errors import DataError
from retrieval.schema import Histories

_functions: Any = linalg.get_lapack_funcs  # annotated too loosely to check against
(_posv,) = _functions(("posv",), dtype=np.float32)
_TINY = 1e-12  # factors that decay towards zero become denormal, on which arithmetic is many times slower


class IalsConfig(BaseModel):
    """Settings of :class:`Ials`; regularisation and weight are tuned per dimension (Rendle et al. 2021)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dimension: int = Field(default=64, ge=1, description="d")
    regularisation: float = Field(default=0.01, gt=0, description="lambda")
    unobserved_weight: float = Field(default=0.1, gt=0, description="alpha_0, of every pair, seen or not")
    exponent: float = Field(default=1.0, ge=0, description="nu: how far the ridge grows with the frequency")
    epochs: int = Field(default=10, ge=1)
    deviation: float = Field(default=0.1, gt=0, description="sigma of the initial factors, before 1/sqrt(d)")
    seed: int = Field(default=0, ge=0)


class Ials:
    """Low-rank factors under a quadratic loss on all pairs.

    min sum_(u,i) w_ui (1 - <p_u, q_i>)^2 + a0 sum_u sum_i <p_u, q_i>^2
        + lambda (sum_u (n_u + a0 M)^nu |p_u|^2 + sum_i (n_i + a0 N)^nu |q_i|^2)

    Hu, Koren, Volinsky, ICDM 2008, with the regularisation scaled by frequency of Rendle, Krichene, Zhang, Koren,
    "Revisiting the performance of iALS on item recommendation benchmarks", RecSys 2022 (arXiv 2110.14037).

    Args:
        interactions: ``(N, M)`` training matrix.
        config: Settings.

    Raises:
        DataError: The regularisation is too small for single precision.
    """

    def __init__(self, interactions: Csr, config: IalsConfig | None = None) -> None:
        self.config = config or IalsConfig()
        users, d = interactions.tocsr(), self.config.dimension
        items = users.T.tocsr()
        draw = np.random.default_rng(self.config.seed)
        scale = self.config.deviation / np.sqrt(d)
        self.items: Float32 = draw.normal(0.0, scale, (items.shape[0], d)).astype(np.float32)
        for _ in range(self.config.epochs):
            self.items = self._solve(items, self._solve(users, self.items))

    def users(self, histories: Histories) -> Float32:
        """``(B, d)`` the ridge solution for each history; zero for an empty one."""
        return self._solve(histories.matrix(len(self.items)), self.items)

    def scores(self, histories: Histories) -> Float32:
        """``(B, M)``."""
        return self.users(histories) @ self.items.T

    def _solve(self, rows: Csr, factors: Float32) -> Float32:
        """Factors of the rows, those of the columns fixed: by whichever system is smaller, in dimensions or in items.

        With S the n factors of a row, W their weights, E = a0 F'F and B = E + ridge I, by Woodbury

            (B + S'WS)^-1 S'W 1 = B^-1 S' W^1/2 (I + W^1/2 S B^-1 S' W^1/2)^-1 W^1/2 1,

        and in the axes of E's eigenvectors B is diagonal, whatever the ridge of a row is.
        """
        d, everything = factors.shape[1], self.config.unobserved_weight * (factors.T @ factors)
        values, axes = (array.astype(np.float32) for array in np.linalg.eigh(everything))
        values, turned = np.maximum(values, 0.0), factors @ axes
        out = np.zeros((rows.shape[0], d), np.float32)
        few = np.diff(rows.indptr) < d
        for row in np.flatnonzero(np.diff(rows.indptr)):
            part = slice(rows.indptr[row], rows.indptr[row + 1])
            items, weights = rows.indices[part], rows.data[part].astype(np.float32)
            half, ridge = np.sqrt(weights)[:, None], self._ridge(weights, len(factors))
            if few[row]:
                scaled = half * turned[items]
                through = scaled / (values + ridge)
                out[row] = through.T @ _positive(_plus(scaled @ through.T, np.float32(1.0)), half[:, 0])
            else:
                scaled = half * factors[items]
                out[row] = _positive(_plus(scaled.T @ scaled + everything, ridge), half[:, 0] @ scaled)
        out[few] = out[few] @ axes.T
        out[np.abs(out) < _TINY] = 0.0
        return out

    def _ridge(self, weights: Float32, columns: int) -> np.float32:
        size = float(weights.sum()) + self.config.unobserved_weight * columns
        return np.float32(self.config.regularisation * size**self.config.exponent)


def _plus(system: Float32, ridge: np.float32) -> Float32:
    system.flat[:: len(system) + 1] += ridge
    return system


def _positive(system: Float32, right: Float32) -> Float32:
    """The solution of a positive system, which is overwritten; single precision, as NumPy's own solver does not offer."""
    _, solution, failed = _posv(system.T, right, lower=1, overwrite_a=1)
    if failed:
        raise DataError("a system of iALS cannot be solved in single precision", "raise the regularisation")
    return solution
