"""The contract of every reranker: a pool of candidates in, slates out, batch first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from retrieval.arrays import Bool, Float32, Float64, Int32


@dataclass(frozen=True, slots=True)
class Limits:
    """How many items of some kinds a slate may hold, as hard conditions on C counts.

    Every condition is of one form: of the candidates that carry rule c, at least ``low`` and at most ``high`` stand
    in the slate. An item that must be there is the only carrier of a rule with ``low = high = 1``.

    Attributes:
        rules: ``(B, n, R)`` rules that each candidate carries, -1 for none.
        low: ``(B, C)`` least count of each rule.
        high: ``(B, C)`` largest.
        origin: ``(B, C)`` which of ``names`` a rule stands for; one name may stand for many rules.
        names: What was asked, in words.
    """

    rules: Int32
    low: Int32
    high: Int32
    origin: Int32
    names: tuple[str, ...]

    def counts(self, positions: Int32) -> Int32:
        """``(B, C)`` how many items of each rule stand in slates of ``(B, k)`` positions."""
        held = np.take_along_axis(self.rules, np.maximum(positions, 0)[:, :, None], axis=1)
        held = np.where((positions >= 0)[:, :, None], held, -1).reshape(len(positions), -1)
        users, slots = np.nonzero(held >= 0)
        out = np.zeros(self.low.shape, np.int32)
        np.add.at(out, (users, held[users, slots]), 1)
        return out

    def kept(self, positions: Int32) -> Bool:
        """``(B,)`` whether slates keep every limit."""
        counts = self.counts(positions)
        return np.asarray(((counts >= self.low) & (counts <= self.high)).all(axis=1))

    def of(self, users: slice) -> Limits:
        """The limits of some of the users."""
        return Limits(self.rules[users], self.low[users], self.high[users], self.origin[users], self.names)


@dataclass(frozen=True, slots=True)
class Clash:
    """Why no slate of a pool keeps every limit, and what was given up.

    Attributes:
        between: Names of the limits that cannot all hold; leaving any one of them out ends this clash.
        relaxed: What the slate that was made instead falls short of, in words.
    """

    between: tuple[str, ...]
    relaxed: tuple[str, ...]


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
        limits: Hard conditions on the slate, for rerankers that can hold them; the others refuse the pool.
    """

    relevance: Float32
    groups: Float32
    target: Float64
    vectors: Float32 | None = None
    popularity: Float32 | None = None
    limits: Limits | None = None

    def refuse_limits(self, name: str) -> None:
        """For a reranker that cannot hold limits: better no slate than one that breaks them in silence.

        Raises:
            ValueError: The pool has limits.
        """
        if self.limits is not None:
            raise ValueError(f"{name} cannot hold limits: use calibrated or exact")

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
        clashes: By user, where no slate could keep the limits of the pool.
    """

    positions: Int32
    achieved: Float64
    kl: Float64
    clashes: Mapping[int, Clash] = field(default_factory=dict)

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
