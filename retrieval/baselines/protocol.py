"""What every retriever that scores a whole catalogue promises, and the one way to train it on the items it knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from retrieval.arrays import Bool, Csr, Float32
from retrieval.schema import Histories


class Scorer(Protocol):
    """Scores of every item for any histories, those of users who were never trained on included.

    The order of a history does not matter, one history alone scores as in a batch, and an empty one is defined. What
    was seen is not masked: that is the caller's. The test suite of the contract runs over every implementation.
    """

    def scores(self, histories: Histories) -> Float32:
        """``(B, n_items)`` scores, higher is better; ``-inf`` for items that training did not touch."""
        ...


Judge = Callable[[Scorer], float]
"""How good a scorer is on users held out for choosing; training by epochs keeps the best."""


Progress = Callable[[str, int, int], None]
"""Told the stage, the steps done and the steps in all."""


def silent(_stage: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def indifferent(_scorer: Scorer) -> float:
    """Judge of those who hold nobody out: every epoch is as good as the one before, so the last is kept."""
    return 0.0


class Touched:
    """A scorer over the items that training touched, spread over the whole catalogue.

    An item without a single interaction has no place in a collaborative model: it scores ``-inf``, and weighs nothing
    in a history.

    Args:
        inner: Over ``touched.sum()`` items.
        touched: ``(n_items,)``.
    """

    def __init__(self, inner: Scorer, touched: Bool) -> None:
        self.inner = inner
        self.touched = touched
        self._place = (np.cumsum(touched) - 1).astype(np.int32)

    def scores(self, histories: Histories) -> Float32:
        """``(B, n_items)``."""
        known = self.touched[histories.items]
        ends = np.concatenate([[0], np.cumsum(known)]).astype(np.int64)
        inside = Histories(ends[histories.indptr], self._place[histories.items[known]], histories.weights[known])
        out = np.full((len(histories), len(self.touched)), -np.inf, np.float32)
        out[:, self.touched] = self.inner.scores(inside)
        return out


def fit_touched(train: Histories, n_items: int, fit: Callable[[Csr], Scorer]) -> Touched:
    """Train on the users with a history and the items in one.

    Args:
        train: Histories of the training users; empty ones are left out.
        n_items: Size of the catalogue.
        fit: Makes a scorer from a ``(users, items)`` matrix without an empty row or column.
    """
    touched = touched_items(train, n_items)
    return Touched(fit(touched_matrix(train, touched)), touched)


def touched_items(train: Histories, n_items: int) -> Bool:
    """``(n_items,)`` whether an item is in any history."""
    touched = np.zeros(n_items, bool)
    touched[train.items] = True
    return touched


def touched_matrix(train: Histories, touched: Bool) -> Csr:
    """Users with a history by touched items."""
    whole = train.matrix(len(touched)).tocsr()
    return whole[np.flatnonzero(train.lengths)][:, np.flatnonzero(touched)].tocsr()
