"""Retrievers that read recent likes first: trained once, for how fast the others fade is a matter of reading alone."""

from __future__ import annotations

from pydantic import Field

from eval.retrieve_personas import PersonaScorer, fit_personas
from eval.retrieve_setting import Setting, once
from retrieval.arrays import Float32
from retrieval.baselines.large_linear import linear_autoencoder
from retrieval.baselines.linear import LinearConfig
from retrieval.baselines.protocol import Scorer
from retrieval.personas.encoder import PersonaEncoder
from retrieval.personas.training import TrainingConfig
from retrieval.recency import fading
from retrieval.schema import Histories

RECENCY = (0.0, 0.25, 0.5, 1.0)
"""What the exponent of :func:`retrieval.recency.fading` is chosen from."""


class RecentLinearConfig(LinearConfig):
    """EDLAE that reads its histories so."""

    recency: float = Field(ge=0)


class Recent:
    """A scorer that reads histories whose recent likes count more."""

    def __init__(self, scorer: Scorer, recency: float) -> None:
        self._scorer, self._recency = scorer, recency

    def scores(self, histories: Histories) -> Float32:
        """``(B, M)``."""
        return self._scorer.scores(fading(histories, self._recency))


def recent_linear(base: LinearConfig) -> tuple[Setting, ...]:
    """A setting for each exponent of :data:`RECENCY`."""
    trained = once(lambda ground: linear_autoencoder(ground.matrix, base))

    def one(recency: float) -> Setting:
        config = RecentLinearConfig(**base.model_dump(), recency=recency)
        return Setting(config, {"recency": recency}, lambda ground: Recent(trained(ground), recency), shared=True)

    return tuple(map(one, RECENCY))


def recent_personas(base: TrainingConfig) -> tuple[Setting, ...]:
    """The same of the product's encoder, which is trained on splits at random and so without an order."""
    trained = once(lambda ground: fit_personas(ground.matrix, base, ground.categories, ground.progress).encoder)

    def one(recency: float) -> Setting:
        shape = base.encoder.model_copy(update={"recency": recency})
        config = base.model_copy(update={"encoder": shape})
        return Setting(
            config,
            {"recency": recency},
            lambda ground: PersonaScorer(PersonaEncoder(shape, trained(ground).weights)),
            shared=True,
        )

    return tuple(map(one, RECENCY))
