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
from pydantic import BaseModel, ConfigDict, Field, field_validator

from retrieval.arrays import Bool, Csr, Float32
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.baselines.linear import TUNED, ridge_for
from retrieval.baselines.protocol import Judge, Progress, indifferent, silent
from retrieval.baselines.recvae import RecVaeConfig, RecVaeScorer, fit_recvae
from retrieval.personas.closed_form import solve
from retrieval.personas.encoder import EncoderConfig, PersonaEncoder, Weights
from retrieval.personas.initial import item_themes, spherical_kmeans
from retrieval.recency import fading
from retrieval.schema import Histories, Personas


class TowersConfig(BaseModel):
    """What is trained: a weighted EDLAE, iALS, and RecVAEs from several seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ridge: float | None = Field(default=None, gt=0, description="of the EDLAE; None goes by the size of the data")
    dimension: int = Field(default=1024, ge=1, description="that the EDLAE is cut to")
    ials: IalsConfig = Field(default=IalsConfig(dimension=128), description="but for its seed")
    recvae: RecVaeConfig = Field(default=RecVaeConfig(), description="of each, but for its seed")
    recvaes: int = Field(default=3, ge=0, description="how many")
    seed: int = Field(default=0, ge=0, description="of everything random")

    @field_validator("ials", "recvae")
    @classmethod
    def _one_seed(cls, value: IalsConfig | RecVaeConfig) -> IalsConfig | RecVaeConfig:
        if value.seed:
            raise ValueError("its seed is that of the towers: set seed beside it")
        return value


class TowerPersonasConfig(TowersConfig):
    """Trained towers read as personas: what each says in the sum, and the shape of the personas."""

    ials_weight: float = Field(default=0.5, ge=0, description="w of iALS; that of the EDLAE is 1")
    recvae_weight: float = Field(default=4.0, ge=0, description="of all RecVAEs together")
    category_share: float = Field(
        default=0.7, ge=0, le=1, description="part of an item's theme that its categories make"
    )
    encoder: EncoderConfig = Field(default=EncoderConfig(persona_share=0.1), description="but for its dimension")

    @field_validator("encoder")
    @classmethod
    def _no_dimension(cls, value: EncoderConfig) -> EncoderConfig:
        if value.dimension != EncoderConfig().dimension:
            raise ValueError("towers bring their own dimensions: leave dimension out")
        return value


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


@dataclass(frozen=True, slots=True)
class Towers:
    """Trained on one matrix.

    Attributes:
        linear: Weighted EDLAE.
        ials: Factors.
        recvaes: From as many seeds.
    """

    linear: LinearTower
    ials: IalsTower
    recvaes: tuple[VaeTower, ...]


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
        super().__init__(config, Weights(nothing, joined.items, np.zeros(items, np.float32), themes, prototypes, one))
        self._joined = joined

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


def fit_towers(
    interactions: Csr, config: TowersConfig, *, judge: Judge = indifferent, progress: Progress = silent
) -> Towers:
    """Train every tower of an ``(N, M)`` matrix.

    Args:
        interactions: Training matrix.
        config: Settings.
        judge: Chooses the epoch of each RecVAE.
        progress: Told how far it is.

    Raises:
        DataError: The data are too large for a closed form.
    """
    ridge = ridge_for(interactions.nnz) if config.ridge is None else config.ridge
    rank = min(config.dimension, min(interactions.shape) - 1)
    progress("closed form", 0, 1)
    solved = solve(interactions, TUNED.model_copy(update={"ridge": ridge}), rank, [], config.seed)
    linear = LinearTower(solved.space.astype(np.float32), solved.whole.astype(np.float32))
    progress("iALS", 0, 1)
    ials = IalsTower(Ials(interactions, config.ials.model_copy(update={"seed": config.seed})))

    def vae(at: int) -> VaeTower:
        settings = config.recvae.model_copy(update={"seed": config.seed * config.recvaes + at})

        def told(stage: str, done: int, total: int) -> None:
            progress(f"RecVAE {at + 1} of {config.recvaes}, {stage}", done, total)

        return VaeTower(fit_recvae(interactions, settings, judge=judge, progress=told))

    return Towers(linear, ials, tuple(map(vae, range(config.recvaes))))


def join(towers: Towers, config: TowerPersonasConfig, interactions: Csr, categories: Csr | None) -> TowerEncoder:
    """Trained towers as personas.

    Args:
        towers: Trained.
        config: How they are read.
        interactions: ``(N, M)`` training matrix, for the themes.
        categories: ``(M, G)`` where items have categories.
    """
    number, shape = len(towers.recvaes), config.encoder
    weights = [1.0, config.ials_weight, *[config.recvae_weight / max(number, 1)] * number]
    joined = Joined([towers.linear, towers.ials, *towers.recvaes], weights)
    themes = item_themes(interactions, categories, shape.theme_dimension, config.category_share)
    counts = np.asarray(interactions.sum(axis=0)).ravel()
    prototypes = spherical_kmeans(themes, counts, shape.personas, config.seed)
    return TowerEncoder(shape, joined, _unit(themes), _unit(prototypes))


def _unit(rows: np.ndarray) -> Float32:
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(np.float32)
