"""The models that several learned vectors per user have to beat, and their line-up.

One vector of the same loss and width; one vector as wide as all personas together; personas by k-means on the item
factors; several vectors by fold-in alone. Cen et al. 2020 (ComiRec) had none of them, and much of what several vectors gain
elsewhere is gained by one with a better loss.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from eval.metrics import taste_clusters
from eval.retrieve_models import Model
from eval.retrieve_personas import fit_personas, start_of
from eval.retrieve_setting import Setting, Trainable
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.baselines.mixture import MixtureConfig, MixtureFoldIn
from retrieval.baselines.protocol import Scorer
from retrieval.personas.encoder import PersonaEncoder
from retrieval.personas.initial import InitialTables
from retrieval.personas.training import TrainingConfig
from retrieval.personas.whole import PersonaScorer

TEMPERATURES = (0.05, 0.2, 0.8)
"""Settings of the mixture fold-in that validation chooses from."""

_HARD = 50.0  # sharpness at which a membership is that of k-means


def kmeans_personas(encoder: PersonaEncoder, personas: int) -> PersonaEncoder:
    """Personas without training: the tables of one vector, memberships by spherical k-means on its item vectors.

    The centres over all items are the prototypes, and the rounds of routing on unit item vectors, nearly hard, are the rounds
    of k-means within a history. All else is as in the learned encoder.

    Args:
        encoder: Of one vector per user.
        personas: K.
    """
    learned = encoder.weights
    length = np.linalg.norm(learned.items, axis=1, keepdims=True)
    unit = np.divide(learned.items, length, out=np.zeros_like(learned.items), where=length > 0)
    held = unit[length[:, 0] > 0]
    cluster = taste_clusters(held, personas)
    centres = np.stack([held[cluster == k].sum(axis=0) for k in range(personas)])
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    config = encoder.config.model_copy(
        update={"personas": personas, "theme_dimension": unit.shape[1], "sharpness": _HARD}
    )
    return PersonaEncoder(config, replace(learned, themes=unit, prototypes=centres.astype(np.float32)))


def kmeans_model(one_vector: PersonaScorer, personas: int) -> Model:
    """:func:`kmeans_personas` of a trained single vector, as a model of the comparison."""
    made = PersonaScorer(kmeans_personas(one_vector.encoder, personas))
    return Model(f"k-means (K={personas})", (Setting(made.encoder.config, {}, lambda _: made),))


def mixture_model(ials: Ials, personas: int) -> Model:
    """Mixture fold-in on trained factors, its temperature chosen on validation."""

    def one(temperature: float) -> Setting:
        config = MixtureConfig(personas=personas, temperature=temperature, ials=ials.config)
        return Setting(config, {"temperature": temperature}, lambda _: MixtureFoldIn(ials.items, config))

    return Model(f"mixture (K={personas})", tuple(one(t) for t in TEMPERATURES))


def ials_model(dimension: int) -> Model:
    """Factors by iALS of one dimension, their regularisation chosen on validation: what the mixture folds into."""

    def one(regularisation: float) -> Setting:
        config = IalsConfig(dimension=dimension, regularisation=regularisation)
        return Setting(config, {"regularisation": regularisation})

    return Model(f"iALS, d={dimension}", tuple(one(r) for r in (0.003, 0.01, 0.03)))


def inner(scorer: Scorer) -> Scorer:
    """What stands inside :class:`retrieval.baselines.protocol.Touched`."""
    return cast("Scorer", getattr(scorer, "inner", scorer))


def learned_models(config: TrainingConfig, *, wide: bool) -> dict[str, Model]:
    """The personas, one vector as wide as each of them, and one as wide as all, by the same multinomial likelihood.

    The first two, of one width, start from the same closed forms: the personas make and keep them, which is counted in their
    seconds, and the one vector lets them go.

    Args:
        config: Of the personas.
        wide: With the vector as wide as all.
    """
    shape, kept = config.encoder, list[InitialTables]()

    def start(ground: Trainable, personas: int) -> InitialTables:
        if not kept:
            ground.progress("closed forms", 0, 1)
            kept.append(start_of(ground.matrix, config, ground.categories))
        return kept[0] if personas > 1 else kept.pop()

    def one(personas: int, dimension: int) -> Model:
        encoder = shape.model_copy(update={"personas": personas, "dimension": dimension})
        settings = config.model_copy(update={"encoder": encoder})

        def fit(ground: Trainable) -> Scorer:
            tables = start(ground, personas) if dimension == shape.dimension else None
            return fit_personas(ground.matrix, settings, ground.categories, ground.progress, tables)

        title = f"K=1, d={dimension}" if personas == 1 else f"personas (K={personas})"
        return Model(title, (Setting(settings, {}, fit),))

    models = {"personas": one(shape.personas, shape.dimension), "one-vector": one(1, shape.dimension)}
    return {**models, "one-vector-wide": one(1, shape.personas * shape.dimension)} if wide else models
