"""The retrievers that are compared, each with the small grid that its settings are chosen from on validation users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from pydantic import BaseModel, ConfigDict

from eval.retrieve_personas import fit_personas
from eval.retrieve_recent import recent_linear, recent_personas
from eval.retrieve_setting import Setting, Trainable
from eval.retrieve_towers import tower_personas
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.baselines.knn import ItemKnn, KnnConfig
from retrieval.baselines.large_linear import LARGEST, linear_autoencoder
from retrieval.baselines.linear import TUNED, LinearConfig
from retrieval.baselines.multvae import MultVaeConfig, fit_mult_vae
from retrieval.baselines.popularity import Popularity
from retrieval.baselines.protocol import Scorer
from retrieval.baselines.recvae import RecVaeConfig, fit_recvae
from retrieval.errors import ConfigError
from retrieval.personas.encoder import EncoderConfig
from retrieval.personas.training import TrainingConfig


class NoConfig(BaseModel):
    """Of a model without settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Model:
    """A retriever and its grid.

    Attributes:
        title: For people.
        grid: Settings to choose from.
        largest: The smaller of users and items may be at most this; None is no limit.
    """

    title: str
    grid: tuple[Setting, ...]
    largest: int | None = None


def _linear(base: LinearConfig, **values: tuple[float, ...]) -> tuple[Setting, ...]:
    def one(varied: dict[str, float]) -> Setting:
        config = base.model_copy(update=varied)
        return Setting(config, varied, lambda ground: linear_autoencoder(ground.matrix, config))

    return tuple(one(varied) for varied in _points(values))


def _knn(**values: tuple[float, ...]) -> tuple[Setting, ...]:
    def one(varied: dict[str, float]) -> Setting:
        config = KnnConfig.model_validate(varied)
        return Setting(config, varied, lambda ground: ItemKnn(ground.matrix, config))

    return tuple(one(varied) for varied in _points(values))


def _ials(**values: tuple[float, ...]) -> tuple[Setting, ...]:
    def one(varied: dict[str, float]) -> Setting:
        config = IalsConfig.model_validate(varied)
        return Setting(config, varied, lambda ground: Ials(ground.matrix, config))

    return tuple(one(varied) for varied in _points(values))


def _mult_vae(**values: tuple[float, ...]) -> tuple[Setting, ...]:
    def one(varied: dict[str, float]) -> Setting:
        config = MultVaeConfig.model_validate(varied)
        return Setting(config, varied, lambda g: fit_mult_vae(g.matrix, config, judge=g.judge, progress=g.progress))

    return tuple(one(varied) for varied in _points(values))


def _recvae(**values: tuple[float, ...]) -> tuple[Setting, ...]:
    def one(varied: dict[str, float]) -> Setting:
        config = RecVaeConfig.model_validate(varied)
        return Setting(config, varied, lambda g: fit_recvae(g.matrix, config, judge=g.judge, progress=g.progress))

    return tuple(one(varied) for varied in _points(values))


def _personas(base: TrainingConfig, **values: tuple[float, ...]) -> tuple[Setting, ...]:
    def one(varied: dict[str, float]) -> Setting:
        config = base.model_copy(update=varied)
        return Setting(config, varied, lambda g: fit_personas(g.matrix, config, g.categories, g.progress))

    return tuple(one(varied) for varied in _points(values))


def _shaped(personas: int, dimension: int = EncoderConfig().dimension, samples: int | None = None) -> TrainingConfig:
    return TrainingConfig(encoder=EncoderConfig(personas=personas, dimension=dimension), samples=samples)


def _points(values: dict[str, tuple[float, ...]]) -> list[dict[str, float]]:
    return [dict(zip(values, point, strict=True)) for point in product(*values.values())]


def _popularity(ground: Trainable) -> Scorer:
    return Popularity(np.asarray(ground.matrix.sum(axis=0)).ravel().astype(np.int64))


_SHAPE = EncoderConfig()
_WIDTH = _SHAPE.personas * _SHAPE.dimension
_FULL = (
    1536  # dimensions in which next to nothing of a closed form is lost on 40,000 items; docs/decisions/0016-scale.md
)
_SAMPLES = 2048  # where tables are wide, which makes counting all items dear; no loss by docs/decisions/0016-scale.md

MODELS: dict[str, Model] = {
    "popularity": Model("popularity", (Setting(NoConfig(), {}, _popularity),)),
    "item-knn": Model("item-kNN", _knn(neighbours=(50, 100, 200), shrinkage=(0.0, 20.0, 100.0))),
    "ease": Model("EASE", _linear(LinearConfig(), ridge=(100.0, 200.0, 500.0, 1000.0)), LARGEST),
    "edlae": Model("EDLAE", _linear(LinearConfig(), ridge=(50.0, 100.0, 200.0, 400.0), dropout=(0.3, 0.5)), LARGEST),
    "edlae-tuned": Model("EDLAE weighted", _linear(TUNED, ridge=(50.0, 100.0, 200.0, 400.0)), LARGEST),
    "ials": Model("iALS", _ials(dimension=(64, 128), regularisation=(0.003, 0.01, 0.03))),
    "mult-vae": Model("Mult-VAE", _mult_vae(beta=(0.2,))),
    "recvae": Model("RecVAE", _recvae(gamma=(0.008,))),
    "edlae-recent": Model("EDLAE weighted, recent likes first", recent_linear(TUNED), LARGEST),
    "personas": Model(f"personas (K={_SHAPE.personas})", _personas(_shaped(_SHAPE.personas))),
    "personas-sampled": Model(
        f"personas (K={_SHAPE.personas}), sampled softmax",
        _personas(_shaped(_SHAPE.personas), samples=(512, 2048, 8192)),
    ),
    "personas-wide": Model(
        f"personas (K={_SHAPE.personas}, d={_FULL}), sampled softmax",
        _personas(_shaped(_SHAPE.personas, _FULL, _SAMPLES), ridge=(100.0,)),
    ),
    "personas-recent": Model(
        f"personas (K={_SHAPE.personas}, d={_WIDTH}), recent likes first",
        recent_personas(_shaped(_SHAPE.personas, _WIDTH, _SAMPLES)),
    ),
    "one-vector": Model(f"K=1, d={_SHAPE.dimension}", _personas(_shaped(1))),
    "one-vector-wide": Model(f"K=1, d={_WIDTH}", _personas(_shaped(1, _WIDTH))),
    "towers": Model(f"towers, personas (K={_SHAPE.personas})", tower_personas(_SHAPE.personas), LARGEST),
    "towers-one-vector": Model("towers, K=1", tower_personas(1), LARGEST),
    "one-vector-recent": Model(f"K=1, d={_WIDTH}, recent likes first", recent_personas(_shaped(1, _WIDTH, _SAMPLES))),
}
"""By name. The exponents of ``edlae-tuned`` were found on MovieLens-1M's validation users and are not varied here."""


def chosen_models(names: Sequence[str], settings: int | None = None) -> dict[str, Model]:
    """Models by name, in the order given; what is named twice is run once.

    Args:
        names: Of :data:`MODELS`.
        settings: At most this many points of each grid, spread over it; None is all.

    Raises:
        ConfigError: An unknown name, or none.
    """
    unknown = [name for name in names if name not in MODELS]
    if unknown or not names:
        raise ConfigError(f"--models: no model {', '.join(unknown)!r}", f"choose among {', '.join(MODELS)}")
    return {name: thinned(MODELS[name], settings) for name in names}


def thinned(model: Model, settings: int | None) -> Model:
    """A model with at most ``settings`` points of its grid, spread over it; its ends are left out first."""
    if settings is None or settings >= len(model.grid):
        return model
    places = np.linspace(0, len(model.grid) - 1, settings + 2)[1:-1]
    return replace(model, grid=tuple(model.grid[round(at)] for at in places))
