"""What several vectors per user do, and what they do not: against four controls, in collapse, in the pool, for small tastes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy import sparse

from agent.rerank.calibration import target_shares
from eval.metrics import gini, taste_clusters
from eval.minority import share_present, smallest_present
from eval.persona_controls import ials_model, inner, kmeans_model, learned_models, mixture_model
from eval.persona_diagnostics import Collapse, Depths, Merging, collapse, depths, merging
from eval.retrieve import AT, CHOSEN_BY, Measured, choose, evaluate, measure, stage
from eval.retrieve_ground import Ground
from eval.retrieve_models import MODELS, Model, thinned
from retrieval.arrays import Float64, Int32
from retrieval.axes import Axis
from retrieval.baselines.ials import Ials
from retrieval.baselines.protocol import Progress, Touched
from retrieval.datasets.dataset import Dataset
from retrieval.personas.encoder import PersonaEncoder
from retrieval.personas.training import TrainingConfig
from retrieval.personas.whole import PersonaScorer

SHORT = 10
"""Length of the list that a minority taste is looked for in."""

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Parts of a persona's vector that are its own, read by one trained encoder."""

TASTES = "tastes"
"""Name of the axis for data without categories: k-means of the single vector's item factors."""

_TASTES = 20
_ONE = "one-vector"


@dataclass(frozen=True, slots=True)
class Studied:
    """A retriever on the test users.

    Attributes:
        measured: Accuracy, popularity, coverage and how it was chosen.
        lists: ``(B, 100)``.
        gini: Of the first 20.
        smallest: ``(B,)`` whether the smallest minority taste is in the first ten; NaN for a user without one.
        present: ``(B,)`` share of the minority tastes in the first ten.
    """

    measured: Measured
    lists: Int32
    gini: float
    smallest: Float64
    present: Float64


@dataclass(frozen=True, slots=True)
class OwnShare:
    """The learned personas read with another part of the vector that is its own.

    Attributes:
        share: beta of :mod:`retrieval.personas.encoder`.
        validation: NDCG@100.
        studied: On the test users.
    """

    share: float
    validation: float
    studied: Studied


@dataclass(frozen=True, slots=True)
class Study:
    """Everything, on the same users.

    Attributes:
        ground: Split data.
        axis: What divided the items.
        models: By name.
        shares: :data:`SHARES`, in order.
        matched: The largest share whose validation NDCG@100 is not below that of one vector.
        collapse: Of the learned personas.
        depths: Of the learned personas.
        merging: Pools of the learned personas, and of one vector.
    """

    ground: Ground
    axis: str
    models: dict[str, Studied]
    shares: tuple[OwnShare, ...]
    matched: OwnShare
    collapse: Collapse
    depths: Depths
    merging: Merging


def study(
    dataset: Dataset, ground: Ground, progress: Progress, *, axis: str | None = None, settings: int | None = None,
    wide: bool = True, budget: int = 100, factors: int = 128, config: TrainingConfig | None = None,
) -> Study:  # fmt: skip
    """Train the personas and their controls, and look at what they do.

    Args:
        dataset: Data.
        ground: Its split.
        progress: Told stage, done and total.
        axis: Column of the catalogue that makes tastes; None is the categories, or :data:`TASTES` where there are none.
        settings: At most this many settings of the models with a grid.
        wide: Train the vector of K d dimensions too.
        budget: Candidates in every pool.
        factors: Dimension of the factors of the mixture fold-in.
        config: Of the personas; None is the product's.
    """
    if axis is not None and axis != TASTES:
        dataset.catalog.axis(axis)  # an unknown one is said before anything is trained
    learned = learned_models(config or TrainingConfig(), wide=wide)
    plan: dict[str, Model] = {**learned, "ials": thinned(ials_model(factors), settings)}
    linear = MODELS["edlae-tuned"]
    if linear.largest is None or min(ground.matrix.shape) <= linear.largest:
        plan["edlae-tuned"] = thinned(linear, settings)
    total, done = sum(len(m.grid) for m in plan.values()) + 4, 0
    scorers: dict[str, Touched] = {}
    measured: dict[str, tuple[Measured, Int32]] = {}

    def run(name: str, model: Model) -> None:
        nonlocal done
        scorers[name], tried = choose(model, ground, stage(progress, model, done, total))
        measured[name] = measure(model.title, scorers[name], tried, ground)
        done += len(model.grid)

    for name, model in plan.items():
        run(name, model)
    personas, single = (cast("PersonaScorer", inner(scorers[name])).encoder for name in ("personas", _ONE))
    heads = personas.config.personas
    run("k-means", kmeans_model(PersonaScorer(single), heads))
    run("mixture", mixture_model(cast("Ials", inner(scorers["ials"])), heads))
    progress("looking at personas", total, total)
    groups = _axis(dataset, ground, single, axis)
    look = _looker(ground, groups)
    models = {name: look(*found) for name, found in measured.items()}
    shares = tuple(_with_share(personas, share, ground, look) for share in SHARES)
    least = models[_ONE].measured.best.validation
    enough = [one for one in shares if one.validation >= least]
    return Study(
        ground, groups.name, models, shares, max(enough or shares, key=lambda one: one.share if enough else one.validation),
        collapse(personas, ground, AT), depths(personas, ground),
        merging({"personas": personas, _ONE: single}, ground, groups, budget),
    )  # fmt: skip


def _axis(dataset: Dataset, ground: Ground, single: PersonaEncoder, name: str | None) -> Axis:
    if name not in {None, TASTES} or (name is None and dataset.catalog.has_labels()):
        return dataset.catalog.axis(name or "categories")
    rows = np.flatnonzero(ground.touched)
    cluster = taste_clusters(single.weights.items, _TASTES)
    number = int(cluster.max()) + 1
    share = sparse.csr_matrix(
        (np.ones(len(rows), np.float32), (rows, cluster)), shape=(len(ground.touched), number)
    )  # fmt: skip
    return Axis(TASTES, tuple(f"taste {at + 1}" for at in range(number)), share)


def inequality(lists: Int32, ground: Ground) -> float:
    """Gini of the first 20 of each list over the trained items."""
    place = np.cumsum(ground.touched) - 1
    top = lists[:, :AT]
    return gini(np.where(top < 0, -1, place[np.maximum(top, 0)]).astype(np.int32), int(ground.touched.sum()))


def _looker(ground: Ground, axis: Axis) -> Callable[[Measured, Int32], Studied]:
    fold_in = ground.split.test.fold_in
    target = target_shares(fold_in, axis.rows(fold_in.items))

    def look(measured: Measured, lists: Int32) -> Studied:
        short = lists[:, :SHORT]
        return Studied(
            measured, lists, inequality(lists, ground), smallest_present(short, axis, target),
            share_present(short, axis, target),
        )  # fmt: skip

    return look


def _with_share(
    encoder: PersonaEncoder, share: float, ground: Ground, look: Callable[[Measured, Int32], Studied]
) -> OwnShare:
    changed = PersonaEncoder(encoder.config.model_copy(update={"persona_share": share}), encoder.weights)
    scorer = Touched(PersonaScorer(changed), ground.touched)
    validation, _ = evaluate(scorer, ground.split.validation, ground.touched)
    found = measure(f"own share {share:g}", scorer, (), ground)
    return OwnShare(share, float(np.nanmean(validation[:, CHOSEN_BY])), look(*found))
