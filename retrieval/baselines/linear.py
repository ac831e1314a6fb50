"""EASE and EDLAE: item-to-item weights in closed form, without ever forming the item-by-item matrix.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019 (EASE); Steck, "Autoencoders that don't overfit
towards the Identity", NeurIPS 2020 (EDLAE, whose emphasised-denoising loss adds p/(1-p) of an item's count to its
ridge).
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import linalg, sparse

from retrieval.arrays import Csr, Float32, Float64
from retrieval.errors import DataError
from retrieval.schema import Histories

LARGEST = 12_000
"""The smaller of users and items may be at most this: a dense matrix of that size is solved."""


class LinearConfig(BaseModel):
    """Settings of :class:`LinearAutoencoder`. The three exponents are ours, not Steck's; 0 leaves his model as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ridge: float = Field(default=100.0, gt=0, description="lambda")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="p of EDLAE; 0 is EASE")
    user_exponent: float = Field(default=0.0, ge=0, description="a user with n items counts n^-this in the loss")
    read_exponent: float = Field(default=0.0, ge=0, description="an item c people like says (c+1)^-this as much")
    write_exponent: float = Field(default=0.0, ge=0, description="and its score is multiplied by (c+1)^-this")


TUNED = LinearConfig(ridge=200.0, dropout=0.6, user_exponent=0.5, read_exponent=0.15, write_exponent=0.05)
"""Found among about 150 settings on the validation users of MovieLens-1M; see docs/decisions/0006-retrievers.md."""


def ridge_for(interactions: int) -> float:
    """Ridge sqrt(n) / 2 for n interactions, where nothing was tuned on the data themselves.

    About the best of the grid both on data of 31 thousand interactions (100) and of 388 thousand (400, flat above 200).
    """
    return 0.5 * max(interactions, 1) ** 0.5


class LinearAutoencoder:
    """B = I - P diag(1/P_jj), P = (X'WX + diag(ridge))^-1; scores are (x R) B S.

    W weighs the users (mean 1), R and S the items as they are read and written; all three are the identity unless an
    exponent of :class:`LinearConfig` is set.

    Args:
        interactions: ``(N, M)`` binary training matrix.
        ridge: lambda.
        dropout: p of EDLAE; 0 is EASE.
        user_exponent: Of the users' weights.
        read_exponent: Of what a history's items say.
        write_exponent: Of the items' scores.

    Raises:
        DataError: Both users and items outnumber :data:`LARGEST`.
    """

    def __init__(
        self,
        interactions: Csr,
        ridge: float = 100.0,
        dropout: float = 0.0,
        *,
        user_exponent: float = 0.0,
        read_exponent: float = 0.0,
        write_exponent: float = 0.0,
    ) -> None:
        users, items = interactions.shape
        if min(users, items) > LARGEST:
            raise DataError(
                f"{users:,} users and {items:,} items are too many for a closed form", "use a sampled data set"
            )
        likes = np.asarray(interactions.sum(axis=0)).ravel() + 1.0  # 1: what nobody liked has a power too
        self._read: Float64 = likes**-read_exponent
        self._write: Float64 = likes**-write_exponent
        if user_exponent > 0:
            interactions = weighted_users(interactions, user_exponent)
        counts = np.asarray(interactions.multiply(interactions).sum(axis=0)).ravel()
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

    @classmethod
    def of(cls, interactions: Csr, config: LinearConfig) -> LinearAutoencoder:
        """The model of a configuration."""
        return cls(interactions, **config.model_dump())

    def _inverse_times(self, right: Float64) -> Float64:
        """P @ right."""
        if self._woodbury:
            return right / self.ridge[:, None] - self._scaled.T @ (self._solved @ right)
        return self._inverse @ right

    def project(self, right: Float64) -> Float64:
        """R B S @ right, for ``(M, d)``: what each item of a history contributes in a space of d dimensions."""
        right = self._write[:, None] * right
        return self._read[:, None] * (right - self._inverse_times(right / self.diagonal[:, None]))

    def predict(self, rows: Csr) -> Float64:
        """X R B S for each row of ``(B, M)``, dense."""
        dense = rows.toarray().astype(np.float64) * self._read
        return (dense - self._inverse_times(dense.T).T / self.diagonal) * self._write

    def scores(self, histories: Histories) -> Float32:
        """``(B, M)`` scores of every item for each history."""
        return self.predict(histories.matrix(len(self.ridge))).astype(np.float32)


def weighted_users(interactions: Csr, exponent: float) -> Csr:
    """Rows times sqrt(w_u), w_u = n_u^-exponent scaled to a mean of one, so that the ridge keeps its meaning."""
    sizes = np.asarray(interactions.sum(axis=1)).ravel()
    weights = np.maximum(sizes, 1.0) ** -exponent
    return (sparse.diags(np.sqrt(weights / weights.mean())) @ interactions).tocsr()
