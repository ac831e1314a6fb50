"""The contract of every reranker: a pool of candidates in, slates out, batch first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from retrieval.schema import Bool, Float32, Int32

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates of B users, along one axis of calibration.

    Attributes:
        relevance: ``(B, n)`` the higher the better; ``-inf`` marks padding. Only differences within a
            row matter: rerankers normalise per user.
        groups: ``(B, n, G)`` p(g|i) of each candidate, rows sum to one.
        target: ``(B, G)`` p(g|u), rows sum to one; a row of zeros asks for no calibration.
        vectors: ``(B, n, d)`` of the candidates, for rerankers that look at how alike two items are.
        popularity: ``(B, n)`` training interactions of the candidates, for rerankers that weigh them.
    """

    relevance: Float32
    groups: Float32
    target: Float64
    vectors: Float32 | None = None
    popularity: Float32 | None = None

    @property
    def valid(self) -> Bool:
        """``(B, n)`` which entries are candidates, not padding."""
        return np.isfinite(self.relevance)


@dataclass(frozen=True, slots=True)
class Slates:
    """Lists of k, in the order they are shown.

    Attributes:
        positions: ``(B, k)`` positions in the pool, -1 where the pool had too few candidates.
        achieved: ``(B, G)`` q(g|u), the share of each group in the slate; zeros for an empty slate.
        kl: ``(B,)`` calibration error C_KL of the slate, in nats; NaN for an empty slate.
    """

    positions: Int32
    achieved: Float64
    kl: Float64

    def items(self, candidates: Int32) -> Int32:
        """``(B, k)`` internal item ids, given the ids of the pool."""
        taken = np.take_along_axis(candidates, np.maximum(self.positions, 0), axis=1)
        return np.where(self.positions < 0, -1, taken).astype(np.int32)


class Reranker(Protocol):
    """Chooses and orders k of the candidates; deterministic, distinct, never outside the pool."""

    @property
    def name(self) -> str:
        """What a slate says ranked it."""
        ...

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch."""
        ...
