"""From settings to a trained retriever, whatever point of a grid or of a person's they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import BaseModel

from eval.retrieve_personas import fit_personas
from eval.retrieve_recent import Recent, RecentLinearConfig
from eval.retrieve_setting import NoConfig, Setting, Trainable
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.baselines.knn import ItemKnn, KnnConfig
from retrieval.baselines.large_linear import linear_autoencoder
from retrieval.baselines.linear import LinearConfig
from retrieval.baselines.multvae import MultVaeConfig, fit_mult_vae
from retrieval.baselines.popularity import Popularity
from retrieval.baselines.protocol import Progress, Scorer
from retrieval.baselines.recvae import RecVaeConfig, fit_recvae
from retrieval.personas.encoder import PersonaEncoder
from retrieval.personas.tower_training import TowerPersonasConfig, TowersConfig, fit_towers, join
from retrieval.personas.training import TrainingConfig
from retrieval.personas.whole import PersonaScorer


def _popularity(ground: Trainable, _config: Any) -> Scorer:
    return Popularity(np.asarray(ground.matrix.sum(axis=0)).ravel().astype(np.int64))


_TRAINED: dict[type[BaseModel], Callable[[Trainable, Any], Any]] = {
    NoConfig: _popularity,
    KnnConfig: lambda g, config: ItemKnn(g.matrix, config),
    LinearConfig: lambda g, config: linear_autoencoder(g.matrix, config),
    IalsConfig: lambda g, config: Ials(g.matrix, config),
    MultVaeConfig: lambda g, config: fit_mult_vae(g.matrix, config, judge=g.judge, progress=g.progress),
    RecVaeConfig: lambda g, config: fit_recvae(g.matrix, config, judge=g.judge, progress=g.progress),
    TrainingConfig: lambda g, config: fit_personas(g.matrix, config, g.categories, g.progress),
    TowersConfig: lambda g, config: fit_towers(g.matrix, config, judge=g.judge, progress=g.progress),
}

_READ: dict[type[BaseModel], Callable[[Trainable, Any, Any], Scorer]] = {
    RecentLinearConfig: lambda _, config, trained: Recent(trained, config.recency),
    TrainingConfig: lambda _, config, trained: PersonaScorer(PersonaEncoder(config.encoder, trained.encoder.weights)),
    TowerPersonasConfig: lambda g, config, towers: PersonaScorer(join(towers, config, g.matrix, g.categories)),
}
"""Of those whose settings are partly of how what was trained is read."""


class Fitting:
    """Trains retrievers on one ground. Settings that differ in how a model is read alone share what was trained last.

    Args:
        ground: To learn from.
    """

    def __init__(self, ground: Trainable) -> None:
        self.ground = ground
        self.seconds = 0.0
        """What the last training took, also of settings that only read it."""
        self._last: tuple[BaseModel, Any] | None = None

    def __call__(self, config: BaseModel, progress: Progress | None = None) -> Scorer:
        """The retriever of these settings; ``progress`` is told instead of the ground's."""
        ground = self.ground if progress is None else replace(self.ground, progress=progress)
        read, still = _READ.get(type(config)), still_of(config)
        if read is None or self._last is None or self._last[0] != still:
            self._last = None  # let go before the next is trained
            began = time.perf_counter()
            trained = _TRAINED[type(still)](ground, still)
            self.seconds = time.perf_counter() - began
            if read is None:
                return trained
            self._last = still, trained
        return read(ground, config, self._last[1])

    def of(self, setting: Setting, progress: Progress | None = None) -> Scorer:
        """The retriever of a point of a grid, which may know itself how it is trained."""
        if setting.fit is None:
            return self(setting.config, progress)
        began = time.perf_counter()
        scorer = setting.fit(self.ground if progress is None else replace(self.ground, progress=progress))
        self.seconds = time.perf_counter() - began
        return scorer


def still_of(config: BaseModel) -> BaseModel:
    """The settings that training depends on: without those of reading."""
    if isinstance(config, RecentLinearConfig):
        return LinearConfig.model_validate(config.model_dump(exclude={"recency"}))
    if isinstance(config, TrainingConfig):
        shape = config.encoder.model_copy(update={"recency": 0.0})
        return config.model_copy(update={"encoder": shape})
    if isinstance(config, TowerPersonasConfig):
        return TowersConfig.model_validate(config.model_dump(include=set(TowersConfig.model_fields)))
    return config
