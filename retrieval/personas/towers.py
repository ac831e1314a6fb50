"""Several models of one catalogue as one inner product, so that one index searches their sum.

Scores that are inner products add by joining vectors. With towers t, each a user vector u_t and item vectors v_tj with biases
b_tj, write x_t = (u_t, 1), y_tj = (v_tj, b_tj) less their mean over the items, and C_t for the covariance of y_tj. Then

    sigma_t^2 = x_t' C_t x_t                     the spread of tower t's scores over the catalogue, for this user
    u = (w_t x_t / sigma_t)_t,   v_j = (y_tj)_t
    <u, v_j> = sum_t w_t (score_tj - mean_t) / sigma_t

is a sum of standard scores, found for every user without scoring an item: the towers need not agree on what a point of a
score is worth. Summing standard scores is CombSUM (Fox and Shaw, TREC-2 1994) on z-scores; that the sum is again one inner product, and
its scale a quadratic form, is ours (docs/decisions/0007-towers.md).

Personas are read as by :class:`retrieval.personas.encoder.PersonaEncoder`, with the same themes; persona k has u_k of
its own part of the history, and beta of it: (1-beta) u + beta u_k. A tower may be anything that reads a history, also
what is no sum over its items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from retrieval.arrays import Bool, Float32
from retrieval.baselines.ials import Ials
from retrieval.baselines.recvae import RecVaeScorer
from retrieval.personas.encoder import EncoderConfig, PersonaEncoder, Weights
from retrieval.recency import fading
from retrieval.schema import Histories, Personas


class Tower(Protocol):
    """A model whose scores are inner products of a user's and an item's vector."""

    @property
    def items(self) -> Float32:
        """``(M, d)``."""
        ...

    @property
    def bias(self) -> Float32:
        """``(M,)``."""
        ...

    def users(self, histories: Histories) -> Float32:
        """``(B, d)``; anything, and the same, for empty histories."""
        ...


@dataclass(frozen=True, slots=True)
class LinearTower:
    """A linear autoencoder in d dimensions.

    Attributes:
        items: ``(M, d)`` what is searched.
        history: ``(M, d)`` what an item of a history says.
    """

    items: Float32
    history: Float32

    @property
    def bias(self) -> Float32:
        """Zeros."""
        return np.zeros(len(self.items), np.float32)

    def users(self, histories: Histories) -> Float32:
        """``(B, d)`` the weighted sum over a history."""
        return np.asarray(histories.matrix(len(self.items)) @ self.history, np.float32)


class IalsTower:
    """Factors, and the ridge solution of a history.

    Args:
        model: Trained.
    """

    def __init__(self, model: Ials) -> None:
        self.items = model.items
        self.bias = np.zeros(len(model.items), np.float32)
        self.users = model.users


class VaeTower:
    """The mean of the posterior, and a linear decoder.

    Args:
        model: Trained.
    """

    def __init__(self, model: RecVaeScorer) -> None:
        self.items, self.bias = model.decoder()
        self.users = model.latent


class Joined:
    """Towers side by side.

    Args:
        towers: Of the same M items.
        weights: w_t, one for each.
    """

    def __init__(self, towers: Sequence[Tower], weights: Sequence[float]) -> None:
        self._towers, self._weights = tuple(towers), tuple(weights)
        parts = [np.column_stack([tower.items, tower.bias]).astype(np.float32) for tower in self._towers]
        self.items: Float32 = np.hstack([part - part.mean(axis=0) for part in parts])
        spreads = [np.atleast_2d(np.cov(part, rowvar=False, dtype=np.float64)) for part in parts]
        self._spreads: list[Float32] = [spread.astype(np.float32) for spread in spreads]

    def users(self, histories: Histories) -> Float32:
        """``(B, d)`` u, d being that of all towers and one more for each; zero where a tower tells no item from another."""
        parts: list[Float32] = []
        for tower, weight, spread in zip(self._towers, self._weights, self._spreads, strict=True):
            vectors = np.column_stack([tower.users(histories), np.ones(len(histories), np.float32)])
            sigma = np.sqrt(np.maximum(np.einsum("bd,bd->b", vectors @ spread, vectors), 0.0))
            scale = np.divide(weight, sigma, out=np.zeros_like(sigma), where=sigma > 0)
            parts.append(scale[:, None] * vectors)
        return np.hstack(parts).astype(np.float32)


class TowerEncoder(PersonaEncoder):
    """Personas whose vectors are those of joined towers: memberships by themes as ever, but no history table.

    Args:
        config: Of the personas; its dimension is not read.
        joined: Towers.
        themes: ``(M, t)`` unit themes that memberships are made of.
        prototypes: ``(K, t)``.
    """

    def __init__(self, config: EncoderConfig, joined: Joined, themes: Float32, prototypes: Float32) -> None:
        items = len(joined.items)
        nothing, one = np.zeros((items, 1), np.float32), np.ones(3, np.float32)
        silent = np.zeros(items, np.float32)
        super().__init__(config, Weights(nothing, joined.items, silent, themes, prototypes, one, nothing[0]))
        self._joined = joined

    @cached_property
    def plain(self) -> TowerEncoder:
        """Itself: nothing stands beside short histories."""
        return self

    @cached_property
    def known(self) -> Bool:
        """``(M,)`` all: towers are trained on the items that were touched alone."""
        return np.ones(self.n_items, bool)

    def encode(self, histories: Histories) -> Personas:
        """Personas of B histories, with ``(B, K, d)`` vectors of the joined towers.

        An empty history gets uniform weights and what the towers say of nobody, which is popularity where their decoders learned it.

        Raises:
            ValueError: An item id is outside the catalogue.
        """
        routed, heads, beta = super().encode(histories), self.config.personas, self.config.persona_share
        read = fading(histories, self.config.recency)
        whole = self._joined.users(read)[:, None]
        if heads == 1 or beta == 0:
            return replace(routed, vectors=np.repeat(whole, heads, axis=1))
        own = [self._joined.users(replace(read, weights=read.weights * routed.membership[:, k])) for k in range(heads)]
        return replace(routed, vectors=((1 - beta) * whole + beta * np.stack(own, axis=1)).astype(np.float32))
