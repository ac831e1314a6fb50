"""What a training step reads: histories split at random into shown and hidden, and made dense a part at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from retrieval.arrays import Bool, Float32, Int64
from retrieval.personas.encoder import EncoderConfig
from retrieval.schema import Histories

NEVER = -1e4
"""Added to the score of what must not count; exp of it is zero in every precision."""

_COPIES = 6  # of the scores of a user by a persona that the backward pass holds, by measurement
_PLAIN = 4  # and of those of a user


@dataclass(frozen=True, slots=True)
class Batch:
    """Some users of a step, as dense tensors over C columns.

    Attributes:
        items: ``(B, L)`` ids of the items that are read, anything where the weight is zero.
        weights: ``(B, L)``.
        shown: ``(B, C)`` columns the user is known to like.
        hidden: ``(B, C)`` 1 for the columns to be found.
        columns: ``(C,)`` the items that are scored; None: all.
        correction: ``(C,)`` -log pi of a sampled column, :data:`NEVER` of one that is there only because somebody is to find
            it; None where all are scored.
    """

    items: Tensor
    weights: Tensor
    shown: Tensor
    hidden: Tensor
    columns: Tensor | None
    correction: Tensor | None


@dataclass(frozen=True, slots=True)
class Draw:
    """Split histories of a step's users, one entry per like.

    Attributes:
        owner: ``(nnz,)`` position of the user in the step, ascending.
        items: ``(nnz,)`` in random order within a user.
        within: ``(nnz,)`` place in the user's order.
        kept: ``(B,)`` how many of them are shown, the first of each user.
    """

    owner: Int64
    items: Int64
    within: Int64
    kept: Int64

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def weights(self) -> Tensor:
        """``(B,)`` what each user counts: the square root of the number of hidden items."""
        hidden = self.within >= self.kept[self.owner]
        return (
            torch.from_numpy(np.bincount(self.owner[hidden], minlength=len(self)).astype(np.float32))
            .clamp(min=1)
            .sqrt()
        )

    def dense(
        self,
        start: int,
        stop: int,
        n_items: int,
        longest: int,
        sample: tuple[Int64, Float32] | None,
        device: torch.device,
    ) -> Batch:
        """Users ``start`` to ``stop`` of the step.

        Args:
            start: First user.
            stop: One behind the last.
            n_items: M.
            longest: Items of a history that are read.
            sample: Items of the denominator and their corrections; None is all.
            device: Where to.
        """
        low, high = np.searchsorted(self.owner, [start, stop])
        owner, items, within = self.owner[low:high] - start, self.items[low:high], self.within[low:high]
        kept = self.kept[start:stop]
        users, is_shown = stop - start, within < kept[owner]
        width = int(min(kept.max(), longest))
        read = is_shown & (within < width)
        ids, weights = np.zeros((users, width), np.int64), np.zeros((users, width), np.float32)
        ids[owner[read], within[read]] = items[read]
        weights[owner[read], within[read]] = 1.0
        columns = correction = None
        place, there, size = items, np.ones(len(items), bool), n_items
        if sample is not None:
            columns = np.union1d(sample[0], items[~is_shown])
            size = len(columns)
            correction = np.full(size, NEVER, np.float32)
            correction[np.searchsorted(columns, sample[0])] = sample[1]
            place, there = _places(columns, items)
        shown, hidden = np.zeros((users, size), bool), np.zeros((users, size), np.float32)
        shown[owner[is_shown & there], place[is_shown & there]] = True
        hidden[owner[~is_shown], place[~is_shown]] = 1.0
        made = (
            None if a is None else torch.from_numpy(a).to(device)
            for a in (ids, weights, shown, hidden, columns, correction)
        )
        return Batch(*made)  # pyright: ignore[reportArgumentType]  the first four are never None


def draw(histories: Histories, users: Int64, kept: tuple[float, float], rng: np.random.Generator) -> Draw:
    """Split the history of each user at random: a part between ``kept``, at least one item and never all, is shown."""
    lengths = histories.lengths[users]
    ends = np.cumsum(lengths)
    owner = np.repeat(np.arange(len(users)), lengths)
    within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    items = histories.items[np.repeat(histories.indptr[users], lengths) + within].astype(np.int64)
    order = np.lexsort((rng.random(len(items)), owner))  # shuffles within each user
    count = np.clip((lengths * rng.uniform(*kept, len(users))).astype(int), 1, lengths - 1)
    return Draw(owner, items[order], within, count)


def users_at_once(shape: EncoderConfig, columns: int, longest: int, gigabytes: float) -> int:
    """How many users' activations fit, forward and backward, in single precision; at least one."""
    scores = columns * (_COPIES * shape.personas + _PLAIN)
    read = longest * 2 * (2 * shape.dimension + (shape.iterations + 1) * (shape.theme_dimension + 3 * shape.personas))
    return max(1, int(gigabytes * 2**30 / (4 * (scores + read))))


def _places(columns: Int64, items: Int64) -> tuple[Int64, Bool]:
    """Where each item stands among sorted columns, and whether it does."""
    at = np.minimum(np.searchsorted(columns, items), len(columns) - 1)
    return at, columns[at] == items
