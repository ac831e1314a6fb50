"""Users cut into folds, each held out once: models learn from the others, and from the user only the fold-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from retrieval.arrays import Bool, Csr, Int64
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.splits import SEED, HeldOut, hide_share
from retrieval.errors import DataError
from retrieval.schema import Histories


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold.

    Attributes:
        number: From 0.
        train: Histories of all users, those held out empty.
        universe: ``(n_items,)`` items that training touched: what is ranked.
        held: Fold-in and hidden items of the users held out.
    """

    number: int
    train: Histories
    universe: Bool
    held: HeldOut

    @property
    def counts(self) -> Int64:
        """``(n_items,)`` training interactions of each item."""
        return np.bincount(self.train.items, minlength=len(self.universe))

    def matrix(self) -> Csr:
        """Training users by items of the universe."""
        whole = self.train.matrix(len(self.universe)).tocsr()
        return whole[np.flatnonzero(self.train.lengths)][:, np.flatnonzero(self.universe)]


def make_folds(dataset: Dataset, folds: int, min_items: int) -> tuple[int, Iterator[Fold]]:
    """How many users count, and the folds one after another.

    Raises:
        DataError: Too few users with enough liked items.
    """
    likes, n_items = dataset.likes().distinct(), len(dataset.catalog)
    sizes = np.bincount(likes.users, minlength=len(likes.user_ids))
    users = np.flatnonzero(sizes >= min_items)
    if len(users) < 2 * folds:
        raise DataError(f"only {len(users)} users have {min_items} liked items", "lower --min-items or --folds")

    def each() -> Iterator[Fold]:
        for number, part in enumerate(np.array_split(np.random.RandomState(SEED).permutation(users), folds)):
            rows = likes.where(~np.isin(likes.users, part))
            universe = np.zeros(n_items, bool)
            universe[rows.items] = True
            held = hide_share(likes.where(universe[likes.items]), np.sort(part).astype(np.int32), 0.2)
            yield Fold(number, rows.histories(), universe, held)

    return len(users), each()
