"""iALS: item factors by alternating least squares; a user is the ridge solution for a history, so new ones are no
exception.
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from retrieval.arrays import Csr, Float32
from retrieval.schema import Histories

_ROWS = 256  # d x d systems solved at once
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
    seed: int = 0


class Ials:
    """Low-rank factors under a quadratic loss on all pairs.

    min sum_(u,i) w_ui (1 - <p_u, q_i>)^2 + a0 sum_u sum_i <p_u, q_i>^2
        + lambda (sum_u (n_u + a0 M)^nu |p_u|^2 + sum_i (n_i + a0 N)^nu |q_i|^2)

    Hu, Koren, Volinsky, ICDM 2008, with the regularisation scaled by frequency of Rendle, Krichene, Zhang, Koren,
    "Revisiting the performance of iALS on item recommendation benchmarks", RecSys 2022 (arXiv 2110.14037).

    Args:
        interactions: ``(N, M)`` training matrix.
        config: Settings.
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
        """Factors of the rows, those of the columns fixed: by whichever system is smaller, in items or in dimensions."""
        everything = self.config.unobserved_weight * (factors.T @ factors)
        lengths = np.diff(rows.indptr)
        out = np.zeros((rows.shape[0], factors.shape[1]), np.float32)
        if len(short := np.flatnonzero((lengths > 0) & (lengths < factors.shape[1]))):
            out[short] = self._by_items(rows[short], factors, everything)
        if len(long := np.flatnonzero(lengths >= factors.shape[1])):
            out[long] = self._by_dimensions(rows[long], factors, everything)
        out[np.abs(out) < _TINY] = 0.0
        return out

    def _ridge(self, weights: Float32, columns: int) -> np.float32:
        size = float(weights.sum()) + self.config.unobserved_weight * columns
        return np.float32(self.config.regularisation * size**self.config.exponent)

    def _by_items(self, rows: Csr, factors: Float32, everything: Float32) -> Float32:
        """By Woodbury, S the n factors of a row, W their weights, B = everything + ridge I, h = W^1/2 1:

        (B + S'WS)^-1 S'W 1 = B^-1 S' W^1/2 (I + W^1/2 S B^-1 S' W^1/2)^-1 h,

        where the eigenvectors of ``everything`` make B diagonal for every ridge.
        """
        values, axes = np.linalg.eigh(everything)
        turned = factors @ axes
        out = np.empty((rows.shape[0], factors.shape[1]), np.float32)
        for row in range(rows.shape[0]):
            part = slice(rows.indptr[row], rows.indptr[row + 1])
            weights = rows.data[part].astype(np.float32)
            half = np.sqrt(weights)
            scaled = turned[rows.indices[part]] * half[:, None]
            through = scaled / (np.maximum(values, 0.0) + self._ridge(weights, len(factors)))
            system = scaled @ through.T
            system.flat[:: len(half) + 1] += 1.0
            out[row] = np.linalg.solve(system, half) @ through
        return out @ axes.T

    def _by_dimensions(self, rows: Csr, factors: Float32, everything: Float32) -> Float32:
        d = factors.shape[1]
        out = np.empty((rows.shape[0], d), np.float32)
        diagonal = np.arange(d)
        for start in range(0, rows.shape[0], _ROWS):
            stop = min(start + _ROWS, rows.shape[0])
            systems = np.empty((stop - start, d, d), np.float32)
            right = np.empty((stop - start, d, 1), np.float32)
            for at, row in enumerate(range(start, stop)):
                part = slice(rows.indptr[row], rows.indptr[row + 1])
                seen, weights = factors[rows.indices[part]], rows.data[part].astype(np.float32)
                weighted = seen * weights[:, None]
                np.matmul(weighted.T, seen, out=systems[at])
                right[at, :, 0] = weighted.sum(axis=0)
                systems[at, diagonal, diagonal] += self._ridge(weights, len(factors))
            out[start:stop] = np.linalg.solve(systems + everything, right)[:, :, 0]
        return out
