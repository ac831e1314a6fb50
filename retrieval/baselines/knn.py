"""Item-kNN: an item is recommended by its neighbours in the history."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import sparse

from retrieval.arrays import Csr, Float32, Float64
from retrieval.schema import Histories

_CELLS = 8_000_000  # similarities held at once


class KnnConfig(BaseModel):
    """Settings of :class:`ItemKnn`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    neighbours: int = Field(default=100, ge=1, description="most similar items that may vote for an item")
    shrinkage: float = Field(default=20.0, ge=0, description="h, pulls similarities that rest on few users to zero")


class ItemKnn:
    """Cosine with shrinkage, cut to the nearest neighbours of each item.

    s_ij = c_ij / (sqrt(c_i c_j) + h), kept for the k largest i of each j, s_jj = 0;  score_j = sum_i w_i s_ij

    Sarwar, Karypis, Konstan, Riedl, "Item-based collaborative filtering recommendation algorithms", WWW 2001; the
    shrinkage as in Ferrari Dacrema, Cremonesi, Jannach, RecSys 2019. Equal similarities are kept by the lower id.

    Args:
        interactions: ``(N, M)`` training matrix.
        config: Settings.
    """

    def __init__(self, interactions: Csr, config: KnnConfig | None = None) -> None:
        config = config or KnnConfig()
        items = interactions.shape[1]
        rows = interactions.T.tocsr().astype(np.float64)
        lengths: Float64 = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        kept = min(config.neighbours, items)
        step = max(1, _CELLS // items)
        parts: list[Csr] = []
        for start in range(0, items, step):
            stop = min(start + step, items)
            shared = (rows[start:stop] @ rows.T).toarray()
            shared[np.arange(stop - start), np.arange(start, stop)] = 0.0
            similar = shared / np.maximum(lengths[start:stop, None] * lengths + config.shrinkage, 1e-12)
            nearest = np.argsort(-similar, axis=1, kind="stable")[:, :kept]
            values = np.take_along_axis(similar, nearest, axis=1).ravel()
            indptr = np.arange(stop - start + 1) * kept
            parts.append(sparse.csr_matrix((values, nearest.ravel(), indptr), shape=(stop - start, items)))
        self._similar: Csr = sparse.vstack(parts).T.tocsr().astype(np.float32)

    def scores(self, histories: Histories) -> Float32:
        """``(B, M)``."""
        return (histories.matrix(self._similar.shape[0]) @ self._similar).toarray().astype(np.float32)
