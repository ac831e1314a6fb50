"""Which towers are trained, and how they are joined: weighted EDLAE, iALS, and RecVAE from several seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from retrieval.arrays import Csr
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.baselines.linear import TUNED, ridge_for
from retrieval.baselines.protocol import Judge, Progress, indifferent, silent
from retrieval.baselines.recvae import RecVaeConfig, fit_recvae
from retrieval.personas.closed_form import solve
from retrieval.personas.encoder import EncoderConfig, unit
from retrieval.personas.initial import item_themes, spherical_kmeans
from retrieval.personas.towers import IalsTower, Joined, LinearTower, TowerEncoder, VaeTower


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
    encoder: EncoderConfig = Field(
        default=EncoderConfig(persona_share=0.1), description="but for its dimension and prior"
    )

    @field_validator("encoder")
    @classmethod
    def _nothing_of_a_table(cls, value: EncoderConfig) -> EncoderConfig:
        if value.dimension != EncoderConfig().dimension:
            raise ValueError("towers bring their own dimensions: leave dimension out")
        if value.prior_fade != EncoderConfig().prior_fade:
            raise ValueError("nothing stands beside short histories of towers: leave prior_fade out")
        return value


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
    return TowerEncoder(shape, joined, unit(themes.astype(np.float32)), unit(prototypes.astype(np.float32)))
