"""EASE and EDLAE: item-to-item weights in closed form, without ever forming the item-by-item matrix.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019 (EASE); Steck, "Autoencoders that don't overfit
towards the Identity", NeurIPS 2020 (EDLAE, whose emphasised-denoising loss adds p/(1-p) of an item's count to its
ridge).
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from retrieval.arrays import Csr, Float32, Float64
from retrieval.errors import DataError
from retrieval.schema import Histories

LARGEST = 12_000
"""The smaller of users and items may be at most this: a dense matrix of that size is solved."""


class LinearAutoencoder:
    """B = I - P diag(1/P_jj), P = (X'X + diag(ridge))^-1; scores are x B.

    Args:
        interactions: ``(N, M)`` binary training matrix.
        ridge: lambda.
        dropout: p of EDLAE; 0 is EASE.

    Raises:
        DataError: Both users and items outnumber :data:`LARGEST`.
    """

    def __init__(self, interactions: Csr, ridge: float = 100.0, dropout: float = 0.0) -> None:
        users, items = interactions.shape
        if min(users, items) > LARGEST:
            raise DataError(
                f"{users:,} users and {items:,} items are too many for a closed form", "use a sampled data set"
            )
        counts = np.asarray(interactions.sum(axis=0)).ravel()
        self.ridge: Float64 = ridge + dropout / (1.0 - dropout) * counts
        if users < items:  # Woodbury: a system of the users' size
            dense = interactions.toarray().astype(np.float64)
            self._scaled = dense / self.ridge
            system = np.eye(users) + self._scaled @ dense.T
            self._solved = linalg.solve(system, self._scaled, assume_a="pos", overwrite_a=True)
            self.diagonal: Float64 = 1.0 / self.ridge - (self._scaled * self._solved).sum(axis=0)
        else:
            gram = (interactions.T @ interactions).toarray().astype(np.float64)
            gram[np.diag_indices(items)] += self.ridge
            self._inverse = linalg.inv(gram, overwrite_a=True)
            self.diagonal = np.diag(self._inverse).copy()
        self._woodbury = users < items

    def _inverse_times(self, right: Float64) -> Float64:
        """P @ right."""
        if self._woodbury:
            return right / self.ridge[:, None] - self._scaled.T @ (self._solved @ right)
        return self._inverse @ right

    def project(self, right: Float64) -> Float64:
        """B @ right, for ``(M, d)``: what each item of a history contributes in a space of d dimensions."""
        return right - self._inverse_times(right / self.diagonal[:, None])

    def predict(self, rows: Csr) -> Float64:
        """X B for each row of ``(B, M)``, dense."""
        dense = rows.toarray().astype(np.float64)
        return dense - self._inverse_times(dense.T).T / self.diagonal

    def scores(self, histories: Histories) -> Float32:
        """``(B, M)`` scores of every item for each history."""
        return self.predict(histories.matrix(len(self.ridge))).astype(np.float32)
