"""Dimension as a hyper-parameter of fairness: the same model at many widths, retuned at each.

Ohsaka and Togashi, "Curse of 'Low' Dimensionality in Recommender Systems", SIGIR 2023 (arXiv 2305.13597): models of equal
recall list very different parts of the catalogue, and few dimensions list what is popular.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from eval.persona_study import inequality
from eval.retrieve import Measured, choose, measure, stage
from eval.retrieve_ground import Ground
from eval.retrieve_models import Model, thinned
from eval.retrieve_setting import Setting
from retrieval.baselines.ials import IalsConfig
from retrieval.baselines.protocol import Progress
from retrieval.errors import ConfigError
from retrieval.personas.encoder import EncoderConfig
from retrieval.personas.training import TrainingConfig

DIMENSIONS = (16, 32, 64, 128, 256, 512, 1024)
REGULARISATIONS = (0.003, 0.01, 0.03)
UNOBSERVED = (0.05, 0.2)
FAMILIES = ("ials", "personas")


@dataclass(frozen=True, slots=True)
class Width:
    """A model of one dimension on the test users.

    Attributes:
        family: Of :data:`FAMILIES`.
        dimension: d.
        measured: Accuracy, ARP, coverage, and the settings that were tried.
        gini: Of the first 20 of each list over the trained items.
    """

    family: str
    dimension: int
    measured: Measured
    gini: float


def widths(dimensions: Sequence[int], ground: Ground) -> list[int]:
    """Dimensions that the data have, ascending; those beyond become the largest: one less than the smaller of users and items.

    Raises:
        ConfigError: A dimension below 1, or none.
    """
    if not dimensions or min(dimensions) < 1:
        raise ConfigError("--dimensions: name at least one number above 0", "for example 16,64,256")
    most = min(ground.matrix.shape) - 1
    return sorted({min(d, most) for d in dimensions})


def sweep(
    ground: Ground, families: Sequence[str], dimensions: Sequence[int], progress: Progress, settings: int | None = None
) -> list[Width]:
    """Measure every family at every dimension, settings chosen on validation for each.

    Args:
        ground: Split data.
        families: Of :data:`FAMILIES`; the personas have one setting, the product's.
        dimensions: As asked for; see :func:`widths`.
        progress: Told stage, done and total.
        settings: At most this many settings per dimension.

    Raises:
        ConfigError: An unknown family.
    """
    if unknown := [name for name in families if name not in FAMILIES]:
        raise ConfigError(f"--models: no model {unknown[0]!r} has a sweep", f"choose among {', '.join(FAMILIES)}")
    plan = [(name, d, thinned(_model(name, d), settings)) for name in families for d in widths(dimensions, ground)]
    total, done = sum(len(model.grid) for _, _, model in plan), 0
    found: list[Width] = []
    for name, d, model in plan:
        best, tried = choose(model, ground, stage(progress, model, done, total))
        measured, lists = measure(model.title, best, tried, ground)
        found.append(Width(name, d, measured, inequality(lists, ground)))
        done += len(model.grid)
    progress("done", total, total)
    return found


def _model(family: str, dimension: int) -> Model:
    if family == "personas":
        config = TrainingConfig(encoder=EncoderConfig(dimension=dimension))
        return Model(f"personas, d={dimension}", (Setting(config, {}),))

    def one(regularisation: float, unobserved: float) -> Setting:
        config = IalsConfig(dimension=dimension, regularisation=regularisation, unobserved_weight=unobserved)
        varied = {"regularisation": regularisation, "unobserved_weight": unobserved}
        return Setting(config, varied)

    return Model(f"iALS, d={dimension}", tuple(one(*point) for point in product(REGULARISATIONS, UNOBSERVED)))
