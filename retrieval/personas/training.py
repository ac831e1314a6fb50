"""Training by the multinomial likelihood: from part of a history, predict the rest.

Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018, for the likelihood and the protocol.

A step's gradient is summed over as many parts of its users as memory asks for, and over processes; the result is that of the whole
batch at once. Beyond :data:`retrieval.personas.sampling.FULL_TO` items the denominator is sampled.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator

from retrieval.arrays import Csr
from retrieval.errors import DataError
from retrieval.personas.batches import draw, users_at_once
from retrieval.personas.encoder import EncoderConfig, PersonaEncoder
from retrieval.personas.initial import InitialTables, initial_tables, with_prototypes
from retrieval.personas.model import PersonaModule
from retrieval.personas.newcomers import likes_beside, mean_user
from retrieval.personas.processes import Processes
from retrieval.personas.sampling import proposal
from retrieval.personas.step import Precision, Step
from retrieval.schema import Histories

_log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Told the stage, the steps done and the steps in all."""


class TrainingConfig(BaseModel):
    """How the encoder is trained. The defaults were chosen on validation users; see docs/decisions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: EncoderConfig = EncoderConfig()
    epochs: int = Field(default=2, ge=0, description="0 keeps the closed forms")
    batch: int = Field(default=64, ge=1, description="users per step")
    learning_rate: float | None = Field(
        default=None,
        gt=0,
        description="of the tables; None is 1e-5 from a closed form, 1e-4 where data are too large for one",
    )
    bias_learning_rate: float = Field(default=1e-4, gt=0)
    scalar_learning_rate: float = Field(default=5e-2, gt=0)
    table_penalty: float = Field(default=1e-2, ge=0, description="pull of the tables to their closed forms")
    theme_penalty: float = Field(default=1e-3, ge=0)
    ridge: float | None = Field(
        default=None,
        gt=0,
        description="lambda of the EDLAE that the tables start from; None goes by the size of the data",
    )
    category_share: float = Field(
        default=0.7, ge=0, le=1, description="part of an item's theme that its categories make"
    )
    groups: int = Field(
        default=8,
        ge=2,
        description="folds of users for cross-fitted tables; two where large data have many more users than items",
    )
    kept: tuple[float, float] = Field(
        default=(0.5, 0.8), description="smallest and largest part of a history that is shown"
    )
    longest: int = Field(default=150, ge=1, description="items of a history that a training step reads")
    samples: int | None = Field(
        default=None,
        ge=1,
        description="expected number of items in the softmax's denominator; None is all up to 50,000 items, 8,192 beyond",
    )
    precision: Precision = Field(
        default="fp32", description="of activations; tables, gradients and optimiser stay single"
    )
    memory_gb: float = Field(
        default=1.0, gt=0, description="of activations at once; a larger step is accumulated in parts"
    )
    gain: float = Field(default=20.0, gt=0, description="initial scale of the scores")
    alpha: float = Field(default=0.5, description="initial exponent of the history's length")
    shrink: float = Field(default=3.0, gt=0, description="items' worth of the whole user in a persona")
    prior_likes: float | None = Field(
        default=None,
        ge=0,
        description="likes of the mean user beside a short history, before fading; None is chosen as training ends",
    )
    seed: int = Field(default=0, ge=0)

    @field_validator("kept")
    @classmethod
    def _part(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] <= value[1] < 1:
            raise ValueError("two parts between 0 and 1, the smaller first")
        return value


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def train(
    histories: Histories,
    n_items: int,
    config: TrainingConfig | None = None,
    *,
    categories: Csr | None = None,
    start: InitialTables | None = None,
    progress: Progress = _silent,
) -> PersonaEncoder:
    """Train an encoder.

    Args:
        histories: What each training user liked.
        n_items: Size of the catalogue; items that nobody touched keep zero vectors.
        config: Settings.
        categories: ``(n_items, G)`` p(g|i) where items have categories; they tell personas apart by subject.
        start: What :func:`closed_forms` returned for the same data and settings, of any number of personas; None computes it.
        progress: Told how far it is.

    Raises:
        DataError: Fewer than ten users have two liked items.
        ValueError: ``start`` is of other users, items or dimensions.
    """
    config = config or TrainingConfig()
    torch.manual_seed(config.seed)
    processes = Processes()
    device = processes.device
    compact, touched = _compact(histories)
    progress("closed forms", 0, 1)
    shape = config.encoder

    def begin() -> InitialTables:
        if start is None:
            return _closed_forms(compact, touched, config, categories)
        given, wanted = (*start.shape, start.items.shape[1]), (len(compact), len(touched), shape.dimension)
        if given != wanted:
            raise ValueError(f"the start is of {given} users, items and dimensions, data and settings are of {wanted}")
        return with_prototypes(start, np.bincount(compact.items), shape.personas, config.seed)

    tables = processes.once(begin)
    module = PersonaModule(shape, tables, gain=config.gain, alpha=config.alpha, shrink=config.shrink).to(device)
    distinct = {id(table): table for table in tables.held_out}  # one for all groups where nothing was solved
    on_device = {at: torch.from_numpy(table.astype(np.float32)).to(device) for at, table in distinct.items()}
    held_out = [on_device[id(table)] for table in tables.held_out]
    optimiser = _optimiser(module, config, solved=tables.solved)
    sampled = proposal(np.bincount(compact.items, minlength=len(touched)), config.samples)
    columns = len(touched) if sampled is None else int(sampled.inclusion.sum())
    at_once = users_at_once(shape, columns, config.longest, config.memory_gb)
    take = Step(
        module,
        optimiser,
        processes,
        config.precision,
        at_once,
        config.longest,
        (config.table_penalty, config.theme_penalty),
    )
    rng = np.random.default_rng(config.seed)
    batches = [(g, part) for g, group in enumerate(tables.groups) for part in _parts(group, config.batch)]
    steps = config.epochs * len(batches)
    warm = max(1, min(10 * len(batches) // config.groups, steps // 5))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(steps, 1)))),
    )
    _log.info(
        "training on %s, %d processes with %d threads of %d cores, %d users at once, %d of %d items in the denominator",
        device, processes.count, torch.get_num_threads(), os.cpu_count() or 0, at_once, columns, len(touched),
    )  # fmt: skip
    order = np.arange(len(batches))
    for step in range(steps):
        if step % len(batches) == 0:
            rng.shuffle(order)
        group, part = batches[order[step % len(batches)]]
        drawn = draw(compact, part, config.kept, rng)
        take(drawn, held_out[group], None if sampled is None else sampled.draw(rng))
        schedule.step()
        progress("multinomial likelihood", step + 1, steps)
    progress("what stands beside short histories", 0, 1)
    encoder, likes = module.cpu().encoder(), config.prior_likes
    if likes is None:
        likes = processes.once(lambda: likes_beside(encoder, tables, compact, config.seed))
    prior = np.float32(likes) * mean_user(encoder.weights.history, compact)
    return _spread(PersonaEncoder(encoder.config, replace(encoder.weights, prior=prior)), touched, n_items)


def closed_forms(histories: Histories, config: TrainingConfig, categories: Csr | None = None) -> InitialTables:
    """Where training starts, for those who train several encoders on the same users.

    Args:
        histories: What each training user liked.
        config: Settings.
        categories: ``(n_items, G)`` where items have categories.

    Raises:
        DataError: Fewer than ten users have two liked items.
    """
    return _closed_forms(*_compact(histories), config, categories)


def _closed_forms(
    compact: Histories, touched: np.ndarray, config: TrainingConfig, categories: Csr | None
) -> InitialTables:
    shape = config.encoder
    return initial_tables(
        compact.matrix(len(touched)).tocsr(),
        None if categories is None else categories[touched],
        category_share=config.category_share, dimension=shape.dimension, theme_dimension=shape.theme_dimension, personas=shape.personas,
        ridge=config.ridge, groups=config.groups, seed=config.seed,
    )  # fmt: skip


def _compact(histories: Histories) -> tuple[Histories, np.ndarray]:
    """Users with two likes or more over the touched items alone, and which these are; the others join at the end as zeros."""
    users = np.flatnonzero(histories.lengths >= 2)
    if len(users) < 10:
        raise DataError(
            f"only {len(users)} users have two liked items or more", "training needs at least ten such users"
        )
    histories = histories.take(users)
    touched = np.unique(histories.items)
    places = np.searchsorted(touched, histories.items).astype(np.int32)
    return Histories(histories.indptr, places, np.ones(len(places), np.float32)), touched


def _optimiser(module: PersonaModule, config: TrainingConfig, *, solved: bool) -> torch.optim.Optimizer:
    tables = [module.history_delta, module.items, module.themes, module.prototypes]
    rate = config.learning_rate or (1e-5 if solved else 1e-4)
    return torch.optim.Adam([
        {"params": tables, "lr": rate},
        {"params": [module.bias], "lr": config.bias_learning_rate},
        {"params": [module.log_gain, module.alpha], "lr": config.scalar_learning_rate},
    ], fused=True)  # fmt: skip


def _parts(group: np.ndarray, size: int) -> list[np.ndarray]:
    return np.array_split(group, max(1, len(group) // size))


def _spread(encoder: PersonaEncoder, touched: np.ndarray, n_items: int) -> PersonaEncoder:
    """Give the untouched items of the catalogue rows of zeros."""
    weights = encoder.weights
    made = {}
    for name, table in weights.as_dict().items():
        if name in {"prototypes", "scalars", "prior"}:
            made[name] = table
            continue
        whole = np.zeros((n_items, *table.shape[1:]), np.float32)
        whole[touched] = table
        made[name] = whole
    return PersonaEncoder(encoder.config, type(weights)(**made))
