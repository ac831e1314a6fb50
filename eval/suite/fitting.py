"""From settings to a trained retriever, whatever point of a grid or of a person's they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import BaseModel

from eval.retrieve_models import NoConfig
from eval.retrieve_personas import PersonaScorer, fit_personas
from eval.retrieve_recent import Recent, RecentLinearConfig
from eval.retrieve_setting import Trainable
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.baselines.knn import ItemKnn, KnnConfig
from retrieval.baselines.linear import LinearAutoencoder, LinearConfig
from retrieval.baselines.multvae import MultVaeConfig, fit_mult_vae
from retrieval.baselines.popularity import Popularity
from retrieval.baselines.protocol import Scorer
from retrieval.baselines.recvae import RecVaeConfig, fit_recvae
from retrieval.personas.encoder import PersonaEncoder
from retrieval.personas.training import TrainingConfig


def _popularity(ground: Trainable, _config: Any) -> Scorer:
    return Popularity(np.asarray(ground.matrix.sum(axis=0)).ravel().astype(np.int64))


_FIT: dict[type[BaseModel], Callable[[Trainable, Any], Scorer]] = {
    NoConfig: _popularity,
    KnnConfig: lambda g, config: ItemKnn(g.matrix, config),
    LinearConfig: lambda g, config: LinearAutoencoder.of(g.matrix, config),
    IalsConfig: lambda g, config: Ials(g.matrix, config),
    MultVaeConfig: lambda g, config: fit_mult_vae(g.matrix, config, judge=g.judge, progress=g.progress),
    RecVaeConfig: lambda g, config: fit_recvae(g.matrix, config, judge=g.judge, progress=g.progress),
    TrainingConfig: lambda g, config: fit_personas(g.matrix, config, g.categories, g.progress),
}


class Fitting:
    """Trains retrievers on one ground. Settings that differ in how recent likes are read alone share what was trained last.

    Args:
        ground: To learn from.
    """

    def __init__(self, ground: Trainable) -> None:
        self._ground = ground
        self._last: tuple[BaseModel, Scorer] | None = None

    def __call__(self, config: BaseModel) -> Scorer:
        """The retriever of these settings."""
        still, recency = _still(config)
        if self._last is None or self._last[0] != still:
            self._last = still, _FIT[type(still)](self._ground, still)
        trained = self._last[1]
        if not recency:
            return trained
        if isinstance(config, TrainingConfig) and isinstance(trained, PersonaScorer):
            return PersonaScorer(PersonaEncoder(config.encoder, trained.encoder.weights))
        return Recent(trained, recency)


def _still(config: BaseModel) -> tuple[BaseModel, float]:
    """What is trained, which is without an order (:mod:`eval.retrieve_recent`), and the exponent that it is read by."""
    if isinstance(config, RecentLinearConfig):
        return LinearConfig.model_validate(config.model_dump(exclude={"recency"})), config.recency
    if isinstance(config, TrainingConfig):
        shape = config.encoder.model_copy(update={"recency": 0.0})
        return config.model_copy(update={"encoder": shape}), config.encoder.recency
    return config, 0.0
