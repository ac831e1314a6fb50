"""Retrievers as rankers of sets: trained on all histories, their settings chosen on validation sets, their scores of the candidates kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel

from eval.published.measure import AT, gains
from eval.published.sets import CandidateSets
from eval.retrieve_fitting import Fitting
from eval.retrieve_models import chosen_models
from eval.retrieve_setting import Trainable
from eval.suite.store import RESULTS, code, digest, fingerprint, write_whole
from retrieval import artifacts
from retrieval.arrays import Float32
from retrieval.artifacts import Model
from retrieval.baselines.protocol import Scorer, Touched, indifferent, touched_items, touched_matrix
from retrieval.datasets.dataset import Dataset
from retrieval.errors import NotFoundError
from retrieval.personas.training import train
from retrieval.schema import Catalog

PERSONAS = "personas"
MODEL = "model"
"""Folders of the product's models begin so, whose tastes the language model is told of."""

_USERS = 1_000  # scored at once

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Ranker:
    """A retriever with the setting that was chosen.

    Attributes:
        title: For people.
        config: The setting.
        scores: ``(B, n)`` of the candidates; those that it knows nothing of are below all others.
        validation: Mean nDCG of the validation sets, over the whole set.
    """

    title: str
    config: BaseModel
    scores: Float32
    validation: float


def product(dataset: Dataset, sets: CandidateSets, folder: Path, progress: Progress) -> Model:
    """The product's model of all histories without anybody's last item; trained once and kept."""
    everyone, catalog = sets.everyone, dataset.catalog
    place = folder / f"{MODEL}-{_key(dataset, {'histories': digest(everyone.items.tolist())})}"
    try:
        return artifacts.load(place)
    except NotFoundError:
        progress("training personas", 0, 1)
    counts = np.bincount(everyone.items, minlength=len(catalog))
    rows = dataset.interactions.distinct()
    last = np.append(rows.users[1:] != rows.users[:-1], True)
    known = replace(
        dataset, catalog=Catalog(catalog.table.with_columns(pl.Series("count", counts, pl.Int64))), interactions=rows.where(~last)
    )  # fmt: skip
    shares = catalog.axis().share if catalog.has_labels() else None
    encoder = train(everyone, len(catalog), categories=shares, progress=progress)
    model = artifacts.build(known, encoder)
    artifacts.save(model, place)
    return model


def _key(dataset: Dataset, facts: dict[str, Any]) -> str:
    """Hash of data, code, and whatever else something that is kept depends on."""
    return digest({"data": fingerprint(dataset), "code": code((*RESULTS, "eval/published")), **facts})


def rank(
    dataset: Dataset, sets: CandidateSets, names: list[str], settings: int | None, folder: Path, progress: Progress
) -> dict[str, Ranker]:
    """Score the candidates with every retriever named, each in its best setting.

    Args:
        dataset: The sets' data.
        sets: Users and candidates.
        names: Of :data:`eval.retrieve_models.MODELS`.
        settings: At most this many settings of each.
        folder: Where scores are kept.
        progress: Told stage, done and total.

    Raises:
        ConfigError: An unknown name.
    """
    plan = chosen_models(names, settings)
    touched = touched_items(sets.everyone, len(dataset.catalog))
    categories = dataset.catalog.axis().share[np.flatnonzero(touched)] if dataset.catalog.has_labels() else None
    facts = {"items": digest(sets.items.tolist()), "truth": digest(sets.truth.tolist())}
    found: dict[str, Ranker] = {}
    fitting: Fitting | None = None  # made if something is not kept already
    total, done = sum(len(model.grid) for model in plan.values()), 0
    for name, model in plan.items():
        for setting in model.grid:
            progress(model.title, done, total)
            done += 1
            key = _key(dataset, {**facts, "name": name, "config": setting.config.model_dump(mode="json")})
            place = folder / "scores" / f"{key}.npy"
            if not place.is_file():
                if name == PERSONAS:
                    scores = _of_personas(product(dataset, sets, folder, progress), sets)
                else:
                    fitting = fitting or Fitting(
                        Trainable(touched_matrix(sets.everyone, touched), categories, indifferent, progress)
                    )
                    scores = _scores(Touched(fitting.of(setting), touched), sets)
                write_whole(place, lambda out, scores=scores: np.save(out, scores))
            scores = np.load(place)
            part = sets.validation
            worth = float(gains(scores[part], sets.items[part], sets.truth[part])[:, len(AT) - 1].mean())
            if name not in found or worth > found[name].validation:
                found[name] = Ranker(model.title, setting.config, scores, worth)
    return found


def _scores(scorer: Scorer, sets: CandidateSets) -> Float32:
    parts: list[Float32] = []
    for start in range(0, len(sets.users), _USERS):
        stop = min(start + _USERS, len(sets.users))
        whole = scorer.scores(sets.histories.slice(start, stop))
        parts.append(np.take_along_axis(whole, np.maximum(sets.items[start:stop], 0), axis=1))
    return _finite(np.concatenate(parts), sets)


def _of_personas(model: Model, sets: CandidateSets) -> Float32:
    parts: list[Float32] = []
    for start in range(0, len(sets.users), _USERS):
        stop = min(start + _USERS, len(sets.users))
        personas = model.encoder.encode(sets.histories.slice(start, stop))
        parts.append(model.encoder.attend(personas, np.maximum(sets.items[start:stop], 0))[0])
    scores = np.concatenate(parts)
    return _finite(np.where(model.encoder.known[np.maximum(sets.items, 0)], scores, -np.inf), sets)


def _finite(scores: Float32, sets: CandidateSets) -> Float32:
    """Items that training did not touch are level below the rest, so that scores can be standardised; padding stays -inf."""
    known = np.where(np.isfinite(scores), scores, np.inf).min(axis=1, keepdims=True)
    floor = np.where(np.isfinite(known), known, 0.0) - 1.0
    return np.where(sets.items < 0, -np.inf, np.where(np.isfinite(scores), scores, floor)).astype(np.float32)
