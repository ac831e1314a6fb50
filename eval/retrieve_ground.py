"""What retrievers are compared on: a split of the data by a protocol, and what follows from its training part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from retrieval.arrays import Bool, Csr, Int64
from retrieval.baselines.protocol import touched_items, touched_matrix
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.splits import SEED, HeldOut, Split, global_time, last_n, strong_generalisation
from retrieval.errors import ConfigError, DataError
from retrieval.schema import Histories

Protocol = Literal["strong", "last", "time", "given"]

_LEAST_ITEMS = 5
_PUBLISHED = ((100_000, 10_000), (6_000, 1_000))  # users with enough likes, and how many are held out of them
_SHARE = 6


@dataclass(frozen=True, slots=True)
class Ground:
    """A split and what every model is trained and judged on.

    Attributes:
        protocol: How users and items were held out.
        note: What was held out, in words.
        split: The sets.
        touched: ``(n_items,)`` items that training touched, M in number: what is ranked.
        counts: ``(n_items,)`` training interactions.
        matrix: Training users with a history by the M items.
        categories: ``(M, G)`` of those items, if there are any.
    """

    protocol: Protocol
    note: str
    split: Split
    touched: Bool
    counts: Int64
    matrix: Csr
    categories: Csr | None


def prepare(
    dataset: Dataset,
    protocol: Protocol = "strong",
    held_out: int | None = None,
    last: int = 1,
    *,
    given: Split | None = None,
    sample: int | None = None,
    known: int | None = None,
) -> Ground:
    """Split the data.

    Args:
        dataset: Data.
        protocol: strong: other users; last: each user's last likes; time: what comes after a moment; given: ``given``.
        held_out: Users in each of validation and test of ``strong``; None goes by the size of the data.
        last: Likes hidden per user and set, of ``last``.
        given: The split of the source.
        sample: At most this many users are measured in each of validation and test, drawn at random.
        known: Of each user of ``strong`` the last so many of the likes that are shown are known, and all others are to be found (the
            Given-N protocol; Breese, Heckerman and Kadie, UAI 1998); who has fewer shown likes is not measured.

    Raises:
        ConfigError: A number of users to hold out, or of likes that are known, where the protocol holds out none; ``given`` without a split.
        DataError: Too few users, nothing to find, or no times where the protocol needs them.
    """
    if known is not None and protocol != "strong":
        raise ConfigError(
            f"--known {known} means nothing to --protocol {protocol}: training may have seen the likes that would be to find",
            "leave it out, or --protocol strong",
        )
    if protocol == "given":
        if given is None:
            raise ConfigError("--protocol given needs the column that says which set a row is of", "--split COLUMN")
        split, note = given, "the sets of the source"
    else:
        split, note = make_split(dataset, protocol, held_out, last)
    if not (split.validation.hidden.lengths.any() and split.test.hidden.lengths.any()):
        raise DataError("no hidden item is one that training touched", "hold out fewer users, or use another protocol")
    if sample is not None and sample < max(len(split.validation.users), len(split.test.users)):
        split = replace(split, validation=_drawn(split.validation, sample), test=_drawn(split.test, sample))
        note += f"; {sample:,} users of each set, drawn at random"
    if known is not None:
        split = replace(split, validation=_newcomers(split.validation, known), test=_newcomers(split.test, known))
        note += f"; of {len(split.test.users):,} of them {known} like{'s are' if known > 1 else ' is'} known and all others to be found instead"
    histories, n_items = split.train.histories(), len(dataset.catalog)
    touched = touched_items(histories, n_items)
    categories = dataset.catalog.axis().share[np.flatnonzero(touched)] if dataset.catalog.has_labels() else None
    counts = np.bincount(histories.items, minlength=n_items)
    return Ground(protocol, note, split, touched, counts, touched_matrix(histories, touched), categories)


def make_split(
    dataset: Dataset, protocol: Literal["strong", "last", "time"], held_out: int | None, last: int
) -> tuple[Split, str]:
    """The split of a protocol, and what was held out in words.

    Raises:
        ConfigError: A number of users to hold out where the protocol holds out none.
    """
    likes, n_items = dataset.likes(), len(dataset.catalog)
    if protocol != "strong" and held_out is not None:
        raise ConfigError(f"--held-out {held_out} means nothing to --protocol {protocol}", "leave it out")
    if protocol == "last":
        return last_n(likes, n_items, n=last), f"of each user the last {last} liked, validation the {last} before"
    if protocol == "time":
        return global_time(likes, n_items), "the latest tenth of all likes, validation the tenth before"
    users = int((np.bincount(likes.users, minlength=len(likes.user_ids)) >= _LEAST_ITEMS).sum())
    number = held_out or _held_out(users)
    split = strong_generalisation(likes, n_items, held_out=number, min_items=_LEAST_ITEMS)
    return split, f"{number:,} of {users:,} users, as many more for validation; a fifth of each history hidden"


def _held_out(users: int) -> int:
    """The published numbers for data of the published sizes, a sixth of the users for smaller ones."""
    return next((held for least, held in _PUBLISHED if users >= least), max(1, users // _SHARE))


def _newcomers(held: HeldOut, known: int) -> HeldOut:
    """Users with as many shown likes and something else to find: of them ``known`` are known, all others are to be found.

    Raises:
        DataError: There is none.
    """
    shown, hidden = held.fold_in.lengths, held.hidden.lengths
    kept = np.flatnonzero((shown >= known) & (shown + hidden > known))
    if not len(kept):
        raise DataError(f"nobody who is measured has {known} shown likes and another", "fewer with --known")
    told = [held.fold_in.row(at)[-known:] for at in kept]
    rest = [np.concatenate([held.hidden.row(at), held.fold_in.row(at)[:-known]]) for at in kept]
    return HeldOut(held.users[kept], Histories.of(told), Histories.of(rest))


def _drawn(held: HeldOut, sample: int) -> HeldOut:
    """Some of the users who have something to find."""
    users = np.flatnonzero(held.hidden.lengths)
    kept = np.sort(np.random.RandomState(SEED).permutation(users)[:sample])
    parts = (Histories.of([rows.row(user) for user in kept]) for rows in (held.fold_in, held.hidden))
    return HeldOut(held.users[kept], *parts)
