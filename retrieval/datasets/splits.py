"""Splits: strong generalisation as in the Mult-VAE protocol, last-n per user, global time.

Liang, Krishnan, Hoffman, Jebara, "Variational Autoencoders for Collaborative Filtering", WWW 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrieval.arrays import Bool, Int32
from retrieval.errors import DataError
from retrieval.schema import Histories, Interactions

SEED = 98765
"""Seed of the authors' notebook; it fixes both the permutation of users and the hidden items."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Users to be evaluated: what is shown to the model, and what it should find.

    Attributes:
        users: ``(B,)`` internal user ids.
        fold_in: Histories the model may see.
        hidden: Held-out items, the truth.
    """

    users: Int32
    fold_in: Histories
    hidden: Histories


@dataclass(frozen=True, slots=True)
class Split:
    """Training rows, and users held out for choosing and for reporting.

    Attributes:
        train: Interactions that may be trained on.
        validation: For every choice that is made.
        test: For the figures that are reported, once.
        universe: ``(n_items,)`` items that training touched; only these are ranked.
    """

    train: Interactions
    validation: HeldOut
    test: HeldOut
    universe: Bool


def strong_generalisation(
    likes: Interactions, n_items: int, *, held_out: int, min_items: int = 5, hidden_share: float = 0.2
) -> Split:
    """Disjoint users for training, validation and test, exactly as in the authors' notebook.

    Users with at least ``min_items`` are permuted with seed 98765; the last ``held_out`` are test, the
    ``held_out`` before them validation. Of each held-out user ``int(0.2 * n)`` items are hidden if
    they have five or more, drawn without replacement from one stream (seed 98765, users in the order
    of their ids, reset for each of the two sets) among the rows as the file has them, which need not
    be the order of time. Held-out items that no training user touched are dropped before that.

    Args:
        likes: Binarised interactions (already above the threshold); a repeated pair counts once.
        n_items: Size of the catalogue.
        held_out: Users in each of validation and test (10,000 for ML-20M).
        min_items: Least number of liked items for a user to count.
        hidden_share: Share of a held-out history that is hidden.

    Raises:
        DataError: Fewer than ``2 * held_out + 1`` users are left.
    """
    likes = likes.distinct()
    sizes = np.bincount(likes.users, minlength=len(likes.user_ids))
    # The notebook orders users by their id as a number, which need not be our order of first appearance.
    users = _by_id(likes.user_ids)
    users = users[sizes[users] >= min_items]
    if len(users) < 2 * held_out + 1:
        raise DataError(
            f"{len(users)} users have {min_items} liked items, too few to hold out 2 x {held_out}",
            "hold out fewer users, or lower min_items",
        )
    users = users[np.random.RandomState(SEED).permutation(len(users))]
    parts = users[: -2 * held_out], users[-2 * held_out : -held_out], users[-held_out:]
    train = likes.where(np.isin(likes.users, parts[0]))
    universe = np.zeros(n_items, bool)
    universe[train.items] = True
    known = likes.where(universe[likes.items])
    rank = np.empty(len(likes.user_ids), np.int64)
    rank[_by_id(likes.user_ids)] = np.arange(len(likes.user_ids))
    by_id = (part[np.argsort(rank[part])] for part in parts[1:])
    validation, test = (hide_share(known, part, hidden_share, source_order=True) for part in by_id)
    return Split(train, validation, test, universe)


def last_n(likes: Interactions, n_items: int, *, n: int = 1, min_items: int = 5) -> Split:
    """Each user's latest n liked items are test, the n before them validation, the rest training.

    The test history is everything before the test items, validation items included.

    Raises:
        DataError: The data have no times, or no user has ``min_items`` beyond the hidden ones.
    """
    _need_times(likes)
    histories = likes.histories()
    users = np.flatnonzero(histories.lengths >= min_items + 2 * n).astype(np.int32)
    if not len(users):
        raise DataError(f"no user has {min_items + 2 * n} liked items", "lower n or min_items")
    rows = [histories.row(u) for u in users]
    cut = dict(zip(users.tolist(), (histories.lengths[users] - 2 * n).tolist(), strict=True))
    position = np.arange(len(histories.items)) - np.repeat(histories.indptr[:-1], histories.lengths)
    limit = np.array([cut.get(u, np.iinfo(np.int64).max) for u in range(len(histories))])
    keep = position < limit[histories.owner]
    train = Interactions(likes.user_ids, histories.owner[keep], histories.items[keep], histories.weights[keep], None)
    universe = np.zeros(n_items, bool)
    universe[train.items] = True
    validation = HeldOut(
        users, Histories.of([r[: -2 * n] for r in rows]), _known([r[-2 * n : -n] for r in rows], universe)
    )
    test = HeldOut(users, Histories.of([r[:-n] for r in rows]), _known([r[-n:] for r in rows], universe))
    return Split(train, validation, test, universe)


def global_time(likes: Interactions, n_items: int, *, validation: float = 0.1, test: float = 0.1) -> Split:
    """One moment for all: training before it, then validation, then test (no look into the future).

    A held-out user's history is everything of theirs before the period; users without one are left out.

    Args:
        likes: Binarised interactions with times.
        n_items: Size of the catalogue.
        validation: Share of all interactions in the validation period.
        test: Share of all interactions in the test period, the latest.

    Raises:
        DataError: The data have no times, or a period has no user with a history before it.
    """
    times = _need_times(likes)
    begin_validation, begin_test = np.quantile(times, [1 - validation - test, 1 - test])
    # Merged only now: before the cut a repeated pair would move to its last time, out of the training.
    train = likes.where(times < begin_validation).distinct()
    universe = np.zeros(n_items, bool)
    universe[train.items] = True

    def period(start: float, stop: float) -> HeldOut:
        before = likes.where(times < start).histories()
        during = likes.where((times >= start) & (times < stop) & universe[likes.items]).histories()
        users = np.flatnonzero((before.lengths > 0) & (during.lengths > 0)).astype(np.int32)
        if not len(users):
            raise DataError("no user has likes both before and in a held-out period", "use last_n for these data")
        hidden = [np.setdiff1d(during.row(u), before.row(u)) for u in users]
        return HeldOut(users, Histories.of([before.row(u) for u in users]), Histories.of(hidden))

    return Split(train, period(begin_validation, begin_test), period(begin_test, np.inf), universe)


def _by_id(user_ids: tuple[str, ...]) -> Int32:
    """Internal user ids in the order of the external ones: by number if all are numbers."""
    numeric = all(u.lstrip("-").isdigit() for u in user_ids)
    key = np.array([int(u) for u in user_ids]) if numeric else np.array(user_ids)
    return np.argsort(key, kind="stable").astype(np.int32)


def hide_share(likes: Interactions, users: Int32, share: float, *, source_order: bool = False) -> HeldOut:
    """Hide ``int(share * n)`` items of each user who has five or more, drawn as in the authors' notebook.

    Args:
        likes: Binarised interactions; a repeated pair counts once.
        users: ``(B,)`` whose items are hidden, in the order of the draws.
        share: Of a history, between 0 and 1.
        source_order: Number what is drawn as the rows of the source, as the notebook does; else as the
            history, oldest first. What is shown and what is hidden stay oldest first in both.
    """
    likes = likes.distinct()
    histories = likes.histories()
    numbered = np.lexsort((likes.source_rows, likes.users)) if source_order else np.arange(len(likes))
    draw = np.random.RandomState(SEED)
    fold_in: list[Int32] = []
    hidden: list[Int32] = []
    for user in users:
        row = histories.row(user)
        chosen = np.zeros(len(row), bool)
        if len(row) >= 5:
            drawn = draw.choice(len(row), size=int(share * len(row)), replace=False)
            begin = histories.indptr[user]
            chosen[numbered[begin : begin + len(row)][drawn] - begin] = True
        fold_in.append(row[~chosen])
        hidden.append(row[chosen])
    return HeldOut(users, Histories.of(fold_in), Histories.of(hidden))


def _known(rows: list[Int32], universe: Bool) -> Histories:
    return Histories.of([row[universe[row]] for row in rows])


def _need_times(likes: Interactions) -> np.ndarray:
    if likes.times is None:
        raise DataError("these data have no times", "map a column: --column time=NAME, or use another split")
    return likes.times
