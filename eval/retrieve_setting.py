"""What a retriever is trained on, and one point of the grid that its settings are chosen from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from retrieval.arrays import Csr
from retrieval.baselines.protocol import Judge, Progress, Scorer


@dataclass(frozen=True, slots=True)
class Trainable:
    """All that a model may learn from.

    Attributes:
        matrix: Training users by the M items they touched.
        categories: ``(M, G)`` of those items, if there are any.
        judge: On validation users, for models that are trained by epochs.
        progress: Told how far training is.
    """

    matrix: Csr
    categories: Csr | None
    judge: Judge
    progress: Progress


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of a grid.

    Attributes:
        config: What it is.
        varied: Those of its fields that the grid varies, for reports.
        fit: Trains it, where its settings alone do not say how; None leaves it to :class:`eval.retrieve_fitting.Fitting`.
        shared: Whether the settings of its grid are ways to read one training.
    """

    config: BaseModel
    varied: dict[str, float]
    fit: Callable[[Trainable], Scorer] | None = None
    shared: bool = False


class NoConfig(BaseModel):
    """Of a model without settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)
