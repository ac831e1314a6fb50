"""Training by the multinomial likelihood: from part of a history, predict the rest.

Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018, for the likelihood and the protocol.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from retrieval.arrays import Csr
from retrieval.errors import DataError
from retrieval.personas.encoder import EncoderConfig, PersonaEncoder
from retrieval.personas.initial import initial_tables
from retrieval.personas.model import PersonaModule
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
    groups: int = Field(default=8, ge=2, description="folds of users for cross-fitted tables")
    kept: tuple[float, float] = Field(
        default=(0.5, 0.8), description="smallest and largest part of a history that is shown"
    )
    longest: int = Field(default=150, ge=1, description="items of a history that a training step reads")
    gain: float = Field(default=20.0, gt=0, description="initial scale of the scores")
    alpha: float = Field(default=0.5, description="initial exponent of the history's length")
    shrink: float = Field(default=3.0, gt=0, description="items' worth of the whole user in a persona")
    seed: int = 0


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class _Batch:
    items: Tensor
    weights: Tensor
    shown: Tensor
    hidden: Tensor


def train(
    histories: Histories,
    n_items: int,
    config: TrainingConfig | None = None,
    *,
    categories: Csr | None = None,
    progress: Progress = _silent,
) -> PersonaEncoder:
    """Train an encoder.

    Args:
        histories: What each training user liked.
        n_items: Size of the catalogue; items that nobody touched keep zero vectors.
        config: Settings.
        categories: ``(n_items, G)`` p(g|i) where items have categories; they tell personas apart by subject.
        progress: Told how far it is.

    Raises:
        DataError: Fewer than ten users have two liked items.
    """
    config = config or TrainingConfig()
    users = np.flatnonzero(histories.lengths >= 2)
    if len(users) < 10:
        raise DataError(
            f"only {len(users)} users have two liked items or more", "training needs at least ten such users"
        )
    torch.manual_seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    histories = Histories.of([histories.row(u) for u in users])
    touched = np.unique(histories.items)
    # Only touched items are trained; the others join at the end as rows of zeros.
    compact = Histories(histories.indptr, np.searchsorted(touched, histories.items).astype(np.int32), histories.weights)
    progress("closed forms", 0, 1)
    shape = config.encoder
    tables = initial_tables(
        compact.matrix(len(touched)).tocsr(),
        None if categories is None else categories[touched],
        category_share=config.category_share, dimension=shape.dimension, theme_dimension=shape.theme_dimension, personas=shape.personas,
        ridge=config.ridge, groups=config.groups, seed=config.seed,
    )  # fmt: skip
    module = PersonaModule(shape, tables, gain=config.gain, alpha=config.alpha, shrink=config.shrink).to(device)
    held_out = [torch.from_numpy(table.astype(np.float32)).to(device) for table in tables.held_out]
    optimiser = _optimiser(module, config, solved=tables.solved)
    draw = np.random.default_rng(config.seed)
    batches = [(g, part) for g, group in enumerate(tables.groups) for part in _parts(group, config.batch)]
    steps = config.epochs * len(batches)
    warm = max(1, min(10 * len(batches) // config.groups, steps // 5))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(steps, 1)))),
    )
    _log.info("training on %s with %d threads of %d cores", device, torch.get_num_threads(), os.cpu_count() or 0)
    order = np.arange(len(batches))
    for step in range(steps):
        if step % len(batches) == 0:
            draw.shuffle(order)
        group, part = batches[order[step % len(batches)]]
        batch = _draw(compact, part, len(touched), config, draw, device)
        loss = _loss(module, batch, held_out[group]) + module.penalty(config.table_penalty, config.theme_penalty)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        progress("multinomial likelihood", step + 1, steps)
    return _spread(module.cpu().encoder(), touched, n_items)


def _loss(module: PersonaModule, batch: _Batch, table: Tensor) -> Tensor:
    """Mean negative log-likelihood of the hidden items; what is shown is masked, a user counts by sqrt of the hidden."""
    scores = module(batch.items, batch.weights, table).masked_fill(batch.shown, -1e4)
    likelihood = (torch.log_softmax(scores, 1) * batch.hidden).sum(1)
    size = batch.hidden.sum(1).clamp(min=1).sqrt()
    return -(likelihood / size).sum() / size.sum()


def _draw(
    histories: Histories, users: np.ndarray, n_items: int, config: TrainingConfig, draw: np.random.Generator,
    device: torch.device,
) -> _Batch:  # fmt: skip
    """Split each user's history at random into what is shown and what is hidden."""
    lengths = histories.lengths[users]
    ends = np.cumsum(lengths)
    owner = np.repeat(np.arange(len(users)), lengths)
    within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    items = histories.items[np.repeat(histories.indptr[users], lengths) + within]
    order = np.lexsort((draw.random(len(items)), owner))  # shuffles within each user
    items = items[order]
    kept = np.clip((lengths * draw.uniform(*config.kept, len(users))).astype(int), 1, lengths - 1)
    is_shown = within < kept[owner]
    shown = np.zeros((len(users), n_items), bool)
    shown[owner[is_shown], items[is_shown]] = True
    hidden = np.zeros((len(users), n_items), np.float32)
    hidden[owner[~is_shown], items[~is_shown]] = 1.0
    width = int(min(kept.max(), config.longest))
    read = is_shown & (within < width)
    ids = np.zeros((len(users), width), np.int64)
    weights = np.zeros((len(users), width), np.float32)
    ids[owner[read], within[read]] = items[read]
    weights[owner[read], within[read]] = 1.0
    return _Batch(*(torch.from_numpy(a).to(device) for a in (ids, weights, shown, hidden)))


def _optimiser(module: PersonaModule, config: TrainingConfig, *, solved: bool) -> torch.optim.Optimizer:
    tables = [module.history_delta, module.items, module.themes, module.prototypes]
    rate = config.learning_rate or (1e-5 if solved else 1e-4)
    return torch.optim.Adam([
        {"params": tables, "lr": rate},
        {"params": [module.bias], "lr": config.bias_learning_rate},
        {"params": [module.log_gain, module.alpha], "lr": config.scalar_learning_rate},
    ])  # fmt: skip


def _parts(group: np.ndarray, size: int) -> list[np.ndarray]:
    return np.array_split(group, max(1, len(group) // size))


def _spread(encoder: PersonaEncoder, touched: np.ndarray, n_items: int) -> PersonaEncoder:
    """Give the untouched items of the catalogue rows of zeros."""
    weights = encoder.weights
    made = {}
    for name, table in weights.as_dict().items():
        if name in {"prototypes", "scalars"}:
            made[name] = table
            continue
        whole = np.zeros((n_items, *table.shape[1:]), np.float32)
        whole[touched] = table
        made[name] = whole
    return PersonaEncoder(encoder.config, type(weights)(**made))
