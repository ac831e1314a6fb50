"""Mixture fold-in: several vectors per user on item factors that stay as they are, so that no persona is trained.

Whatever several vectors gain here comes from the fold-in alone; it is the control that a trained persona model has to beat.
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from retrieval.arrays import Float32, Float64, Int32
from retrieval.baselines.ials import IalsConfig
from retrieval.schema import Histories

_CELLS = 4_000_000  # users x personas x items held at once
_EMPTY = 1e-6  # least share of a persona: keeps its system solvable, and its vector at zero


class MixtureConfig(BaseModel):
    """Settings of :class:`MixtureFoldIn`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    personas: int = Field(default=4, ge=1, description="K, vectors per user")
    temperature: float = Field(default=0.2, gt=0, description="tau; the larger, the more alike the vectors")
    rounds: int = Field(default=5, ge=1, description="of memberships and solutions in turn")
    ials: IalsConfig = Field(default=IalsConfig(), description="of the factors, and of every ridge solution")


class MixtureFoldIn:
    """For a history with weights w_i over items with factors h_i, in turn

        r_ik = softmax_k(<u_k, h_i> / tau),    pi_k = sum_i w_i r_ik / sum_i w_i
        u_k  = argmin_u sum_i w_i r_ik (1 - <u, h_i>)^2 + a0 pi_k sum_j <u, h_j>^2 + lambda (n_k + a0 pi_k M)^nu |u|^2

    with n_k = sum_i w_i r_ik, and score_j = sum_k r_jk <u_k, h_j>. A persona answers for its share pi_k of what was not
    seen as of what was: with K = 1 this is the fold-in of iALS (Rendle et al. 2021), and with equal memberships and nu = 1
    all u_k are. The first memberships are those of the K items of the history that lie farthest from each other
    (Gonzalez 1985), so the order of a history does not matter.

    Args:
        items: ``(M, d)`` factors, of :class:`retrieval.baselines.ials.Ials` trained with ``config.ials``.
        config: Settings.
    """

    def __init__(self, items: Float32, config: MixtureConfig | None = None) -> None:
        self.config = config or MixtureConfig()
        self.items: Float64 = items.astype(np.float64)
        self._everything = self.config.ials.unobserved_weight * (self.items.T @ self.items)

    def users(self, histories: Histories) -> tuple[Float64, Float64]:
        """``(B, K, d)`` vectors and ``(B, K)`` shares; zeros for an empty history and for personas without an item."""
        heads, width = self.config.personas, self.items.shape[1]
        vectors, shares = np.zeros((len(histories), heads, width)), np.zeros((len(histories), heads))
        for user in range(len(histories)):
            part = slice(histories.indptr[user], histories.indptr[user + 1])
            if part.stop > part.start:
                order = np.argsort(histories.items[part], kind="stable")
                rows = histories.items[part][order]
                weights = histories.weights[part][order].astype(np.float64)
                vectors[user], shares[user] = self._fold_in(rows, weights)
        return vectors, shares

    def scores(self, histories: Histories) -> Float32:
        """``(B, M)``."""
        step = max(1, _CELLS // (len(self.items) * self.config.personas))
        out = np.empty((len(histories), len(self.items)), np.float32)
        for start in range(0, len(histories), step):
            stop = min(start + step, len(histories))
            vectors, shares = self.users(histories.slice(start, stop))
            inner = vectors @ self.items.T
            out[start:stop] = (_memberships(inner, shares, self.config.temperature) * inner).sum(axis=1)
        return out

    def _fold_in(self, rows: Int32, weights: Float64) -> tuple[Float64, Float64]:
        seen = self.items[rows]
        member = _farthest_first(seen, weights, self.config.personas)
        vectors, shares = self._solve(seen, weights, member)
        for _ in range(self.config.rounds):
            inner = vectors @ seen.T
            member = _memberships(inner[None], shares[None], self.config.temperature)[0]
            vectors, shares = self._solve(seen, weights, member)
        return vectors, shares

    def _solve(self, seen: Float64, weights: Float64, member: Float64) -> tuple[Float64, Float64]:
        """Vectors ``(K, d)`` and shares ``(K,)`` for memberships ``(K, n)``."""
        config = self.config.ials
        mass = member @ weights
        shares = mass / weights.sum()
        held = np.maximum(shares, _EMPTY)
        weighted = (member * weights)[:, :, None] * seen
        systems = weighted.transpose(0, 2, 1) @ seen + held[:, None, None] * self._everything
        ridge = config.regularisation * (mass + config.unobserved_weight * held * len(self.items)) ** config.exponent
        diagonal = np.arange(seen.shape[1])
        systems[:, diagonal, diagonal] += ridge[:, None]
        return np.linalg.solve(systems, weighted.sum(axis=1)[:, :, None])[:, :, 0], shares


def _memberships(inner: Float64, shares: Float64, temperature: float) -> Float64:
    """``(B, K, n)`` softmax over the personas of a user that hold anything; even where none does."""
    logits = inner / temperature
    logits = np.where((shares > _EMPTY)[:, :, None], logits, logits.min(axis=1, keepdims=True) - 1e3)
    logits -= logits.max(axis=1, keepdims=True)
    grown = np.exp(logits)
    return grown / grown.sum(axis=1, keepdims=True)


def _farthest_first(seen: Float64, weights: Float64, personas: int) -> Float64:
    """``(K, n)`` 1 at the nearest of K items: the one most like the whole history, then the farthest from those chosen."""
    unit = seen / np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-12)
    chosen = [int(np.argmax(unit @ (weights @ unit)))]
    near = unit @ unit[chosen[0]]
    while len(chosen) < min(personas, len(seen)):
        chosen.append(int(np.argmin(near)))
        near = np.maximum(near, unit @ unit[chosen[-1]])
    member = np.zeros((personas, len(seen)))
    member[np.argmax(unit[chosen] @ unit.T, axis=0), np.arange(len(seen))] = 1.0
    return member
