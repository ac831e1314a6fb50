"""Several models of one catalogue as one inner product, so that one index searches their sum.

Scores that are inner products add by joining vectors. With towers t, each a user vector u_t and item vectors v_tj with biases
b_tj, write x_t = (u_t, 1) and y_tj = (v_tj, b_tj), and C_t for the covariance of y_tj over the items. Then

    sigma_t^2 = x_t' C_t x_t                     the spread of tower t's scores over the catalogue, for this user
    u = (w_t x_t / sigma_t)_t,   v_j = (y_tj)_t
    <u, v_j> = sum_t w_t (score_tj / sigma_t)

is a sum of scores on one scale, found for every user without scoring an item. The scales differ by user, so the towers need not
agree on what a point of a score is worth.

Personas are read as by :class:`retrieval.personas.encoder.PersonaEncoder`, with the same themes; persona k has u of
its own part of the history, and beta of it: (1-beta) u + beta u_k. A tower may be anything that reads a history, also
what is no sum over its items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from retrieval.arrays import Csr, Float32
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.baselines.linear import TUNED, ridge_for
from retrieval.baselines.protocol import Judge, Progress, indifferent, silent
from retrieval.baselines.recvae import RecVaeConfig, RecVaeScorer, fit_recvae
from retrieval.personas.closed_form import solve
from retrieval.personas.encoder import EncoderConfig, PersonaEncoder, Weights
from retrieval.personas.initial import item_themes, spherical_kmeans
from retrieval.schema import Histories, Personas

_FLAT = 1e-6  # a tower with the same score for every item says nothing, and is not blown up


class TowersConfig(BaseModel):
    """Which towers are trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ridge: float | None = Field(
        default=None, gt=0, description="of the weighted EDLAE; None goes by the size of the data"
    )
    dimension: int = Field(default=1024, ge=1, description="of the weighted EDLAE's tower")
    ials: IalsConfig = IalsConfig(dimension=128)
    recvae: RecVaeConfig = RecVaeConfig()
    recvaes: int = Field(default=3, ge=0, description="how many, from as many seeds")
    seed: int = Field(default=0, ge=0, description="of iALS and the RecVAEs, whose own are not read")


class TowerPersonasConfig(TowersConfig):
    """And how they are read."""

    ials_weight: float = Field(default=0.5, ge=0, description="w of iALS; that of EDLAE is 1")
    recvae_weight: float = Field(default=2.0, ge=0, description="of all RecVAEs together")
    category_share: float = Field(
        default=0.7, ge=0, le=1, description="part of an item's theme that its categories make"
    )
    encoder: EncoderConfig = Field(default=EncoderConfig(persona_share=0.1), description="its dimension is not read")


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
    """Factors, and the ridge solution of a history."""

    def __init__(self, model: Ials) -> None:
        self.items = model.items
        self.bias = np.zeros(len(model.items), np.float32)
        self.users = model.users


class VaeTower:
    """The mean of the posterior, and a linear decoder."""

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
        self.items: Float32 = np.hstack(parts)
        self._spread = [np.cov(part, rowvar=False, dtype=np.float64).astype(np.float32) for part in parts]

    def users(self, histories: Histories) -> Float32:
        """``(B, d)`` u, d being that of all towers and one more for each."""
        parts: list[Float32] = []
        for tower, weight, spread in zip(self._towers, self._weights, self._spread, strict=True):
            vectors = np.column_stack([tower.users(histories), np.ones(len(histories), np.float32)])
            sigma = np.sqrt(np.maximum(np.einsum("bd,bd->b", vectors @ spread, vectors), 0.0))
            scale = np.divide(weight, sigma, out=np.zeros_like(sigma), where=sigma > _FLAT)
            parts.append(scale[:, None] * vectors)
        return np.hstack(parts).astype(np.float32)


class TowerEncoder(PersonaEncoder):
    """Personas whose vectors are those of joined towers.

    Args:
        config: Of the personas; its dimension is not read.
        joined: Towers.
        themes: ``(M, t)`` unit themes that memberships are made of.
        prototypes: ``(K, t)``.
    """

    def __init__(self, config: EncoderConfig, joined: Joined, themes: Float32, prototypes: Float32) -> None:
        items = len(joined.items)
        nothing, one = np.zeros((items, 1), np.float32), np.ones(3, np.float32)
        super().__init__(config, Weights(nothing, joined.items, np.zeros(items, np.float32), themes, prototypes, one))
        self._joined = joined

    def encode(self, histories: Histories) -> Personas:
        """Personas of B histories, see :meth:`PersonaEncoder.encode`."""
        routed, heads, beta = super().encode(histories), self.config.personas, self.config.persona_share
        whole = self._joined.users(histories)[:, None]
        if heads == 1 or beta == 0:
            return replace(routed, vectors=np.repeat(whole, heads, axis=1))
        own = [
            self._joined.users(replace(histories, weights=histories.weights * routed.membership[:, k]))
            for k in range(heads)
        ]
        return replace(routed, vectors=((1 - beta) * whole + beta * np.stack(own, axis=1)).astype(np.float32))


def fit_towers(
    interactions: Csr, config: TowersConfig, *, judge: Judge = indifferent, progress: Progress = silent
) -> list[Tower]:
    """Train every tower of an ``(N, M)`` matrix: weighted EDLAE, iALS, and RecVAE from several seeds.

    Args:
        interactions: Training matrix.
        config: Settings.
        judge: Chooses the epoch of each RecVAE.
        progress: Told how far it is.
    """
    ridge = ridge_for(interactions.nnz) if config.ridge is None else config.ridge
    rank = min(config.dimension, min(interactions.shape) - 1)
    progress("closed form", 0, 1)
    solved = solve(interactions, TUNED.model_copy(update={"ridge": ridge}), rank, [], config.seed)
    towers: list[Tower] = [LinearTower(solved.space.astype(np.float32), solved.whole.astype(np.float32))]
    towers.append(IalsTower(Ials(interactions, config.ials.model_copy(update={"seed": config.seed}))))
    for at in range(config.recvaes):
        settings = config.recvae.model_copy(update={"seed": config.seed * config.recvaes + at})
        towers.append(VaeTower(fit_recvae(interactions, settings, judge=judge, progress=progress)))
    return towers


def join(
    towers: Sequence[Tower], config: TowerPersonasConfig, interactions: Csr, categories: Csr | None
) -> TowerEncoder:
    """Trained towers as personas.

    Args:
        towers: As :func:`fit_towers` returns them.
        config: How they are read.
        interactions: ``(N, M)`` training matrix, for the themes.
        categories: ``(M, G)`` where items have categories.
    """
    each = config.recvae_weight / max(len(towers) - 2, 1)
    joined = Joined(towers, [1.0, config.ials_weight, *[each] * (len(towers) - 2)])
    shape = config.encoder
    themes = item_themes(interactions, categories, shape.theme_dimension, config.category_share)
    counts = np.asarray(interactions.sum(axis=0)).ravel()
    prototypes = spherical_kmeans(themes, counts, shape.personas, config.seed)
    return TowerEncoder(shape, joined, _unit(themes), _unit(prototypes))


def _unit(rows: np.ndarray) -> Float32:
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(np.float32)
