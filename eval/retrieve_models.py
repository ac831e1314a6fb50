"""The retrievers that are compared, each with the small grid that its settings are chosen from on validation users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from pydantic import BaseModel

from eval.retrieve_recent import RecentLinearConfig
from eval.retrieve_setting import NoConfig, Setting
from retrieval.baselines.ials import IalsConfig
from retrieval.baselines.knn import KnnConfig
from retrieval.baselines.large_linear import LARGEST
from retrieval.baselines.linear import TUNED, LinearConfig
from retrieval.baselines.multvae import MultVaeConfig
from retrieval.baselines.recvae import RecVaeConfig
from retrieval.errors import ConfigError
from retrieval.personas.encoder import EncoderConfig
from retrieval.personas.tower_training import TowerPersonasConfig
from retrieval.personas.training import TrainingConfig


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


RECENCY = (0.0, 0.25, 0.5, 1.0)
"""What the exponent of :func:`retrieval.recency.fading` is chosen from."""


def _grid(base: BaseModel, *, shared: bool = False, **values: tuple[float, ...]) -> tuple[Setting, ...]:
    """All combinations of the values."""
    points = [dict(zip(values, point, strict=True)) for point in product(*values.values())]
    return tuple(
        Setting(type(base).model_validate({**base.model_dump(), **varied}), varied, shared=shared) for varied in points
    )


def _shaped(personas: int, dimension: int = EncoderConfig().dimension, samples: int | None = None) -> TrainingConfig:
    return TrainingConfig(encoder=EncoderConfig(personas=personas, dimension=dimension), samples=samples)


def _recent(base: TrainingConfig) -> tuple[Setting, ...]:
    """The product's encoder, which is trained on splits at random and so without an order, read by one."""

    def one(recency: float) -> Setting:
        shape = base.encoder.model_copy(update={"recency": recency})
        return Setting(base.model_copy(update={"encoder": shape}), {"recency": recency}, shared=True)

    return tuple(map(one, RECENCY))


def _towers(personas: int, shares: tuple[float, ...]) -> tuple[Setting, ...]:
    def one(weight: float, share: float) -> Setting:
        shape = EncoderConfig(personas=personas, persona_share=share)
        varied = {"recvae_weight": weight, **({"persona_share": share} if len(shares) > 1 else {})}
        return Setting(TowerPersonasConfig(recvae_weight=weight, encoder=shape), varied, shared=True)

    return tuple(one(weight, share) for weight in (2.0, 4.0, 8.0) for share in shares)


_SHAPE = EncoderConfig()
_WIDTH = _SHAPE.personas * _SHAPE.dimension
_FULL = (
    1536  # dimensions in which next to nothing of a closed form is lost on 40,000 items; docs/decisions/0016-scale.md
)
_SAMPLES = 2048  # where tables are wide, which makes counting all items dear; no loss by docs/decisions/0016-scale.md

MODELS: dict[str, Model] = {
    "popularity": Model("popularity", _grid(NoConfig())),
    "item-knn": Model("item-kNN", _grid(KnnConfig(), neighbours=(50, 100, 200), shrinkage=(0.0, 20.0, 100.0))),
    "ease": Model("EASE", _grid(LinearConfig(), ridge=(100.0, 200.0, 500.0, 1000.0)), LARGEST),
    "edlae": Model("EDLAE", _grid(LinearConfig(), ridge=(50.0, 100.0, 200.0, 400.0), dropout=(0.3, 0.5)), LARGEST),
    "edlae-tuned": Model("EDLAE weighted", _grid(TUNED, ridge=(50.0, 100.0, 200.0, 400.0)), LARGEST),
    "ials": Model("iALS", _grid(IalsConfig(), dimension=(64, 128), regularisation=(0.003, 0.01, 0.03))),
    "mult-vae": Model("Mult-VAE", _grid(MultVaeConfig(), beta=(0.2,))),
    "recvae": Model("RecVAE", _grid(RecVaeConfig(), gamma=(0.008,))),
    "edlae-recent": Model(
        "EDLAE weighted, recent likes first",
        _grid(RecentLinearConfig(**TUNED.model_dump(), recency=0.0), shared=True, recency=RECENCY),
        LARGEST,
    ),
    "personas": Model(f"personas (K={_SHAPE.personas})", _grid(_shaped(_SHAPE.personas))),
    "personas-no-prior": Model(
        f"personas (K={_SHAPE.personas}), nothing beside short histories", _grid(TrainingConfig(prior_likes=0.0))
    ),
    "personas-sampled": Model(
        f"personas (K={_SHAPE.personas}), sampled softmax",
        _grid(_shaped(_SHAPE.personas), samples=(512, 2048, 8192)),
    ),
    "personas-wide": Model(
        f"personas (K={_SHAPE.personas}, d={_FULL}), sampled softmax",
        _grid(_shaped(_SHAPE.personas, _FULL, _SAMPLES), ridge=(100.0,)),
    ),
    "personas-recent": Model(
        f"personas (K={_SHAPE.personas}, d={_WIDTH}), recent likes first",
        _recent(_shaped(_SHAPE.personas, _WIDTH, _SAMPLES)),
    ),
    "one-vector": Model(f"K=1, d={_SHAPE.dimension}", _grid(_shaped(1))),
    "one-vector-wide": Model(f"K=1, d={_WIDTH}", _grid(_shaped(1, _WIDTH))),
    "towers": Model(f"towers, personas (K={_SHAPE.personas})", _towers(_SHAPE.personas, (0.1, 0.2)), LARGEST),
    "towers-one-vector": Model("towers, K=1", _towers(1, (0.0,)), LARGEST),
    "one-vector-recent": Model(f"K=1, d={_WIDTH}, recent likes first", _recent(_shaped(1, _WIDTH, _SAMPLES))),
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
