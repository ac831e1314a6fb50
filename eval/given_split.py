"""The split that a source brings along: a column of its file of interactions says which set each row is of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from retrieval.arrays import Bool, Int32
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.splits import SEED, HeldOut, Split
from retrieval.datasets.table import Origin, keys, read_table
from retrieval.datasets.tabular import TabularSource, interactions_file
from retrieval.errors import ConfigError, DataError
from retrieval.schema import Histories, Interactions

_TRAIN = ("train", "training")
_VALIDATION = ("valid", "validation", "val", "dev")
_TEST = ("test", "testing")
_CARVED = 0.1  # of the training rows are validation where the source has none


def given_split(dataset: Dataset, path: Path, source: TabularSource, column: str) -> Split:
    """Training, validation and test rows as the source has them.

    Users are shown with their training rows to find the validation rows, and with both to find the test rows. Where no
    row is of validation, a tenth of the training rows is drawn for it.

    Args:
        dataset: As it was read from ``path``.
        path: Folder or file of data.
        source: How its columns were read.
        column: Of the interactions; holds train, valid or validation, and test.

    Raises:
        ConfigError: There is no such column.
        DataError: It holds something else, or one of the sets is empty.
    """
    events = interactions_file(path, source)
    table, origin = read_table(events), Origin(events)
    if column not in table.columns:
        raise ConfigError(
            f"--split {column}: {events.name} has no such column", f"choose one of {', '.join(table.columns)}"
        )
    names = table[column].cast(pl.String).str.to_lowercase().to_list()
    known = {name: part for part, group in enumerate((_TRAIN, _VALIDATION, _TEST)) for name in group}
    if strange := sorted({str(name) for name in names} - set(known)):
        raise DataError(f"{events.name}: {column!r} holds {strange[0]!r}", "it may hold train, valid and test")
    user, item = (source.columns.find(table, role, events, required=True) for role in ("user", "item"))
    place = {name: at for at, name in enumerate(dataset.interactions.user_ids)}
    rows = pl.DataFrame({
        "pair": np.array([place.get(name, 0) for name in keys(table, user, origin)], np.int64) * len(dataset.catalog)
        + dataset.catalog.positions(keys(table, item, origin).to_list()),
        "part": np.array([known[str(name)] for name in names], np.int8),
    })  # fmt: skip
    first = rows.unique("pair", keep="first", maintain_order=True).sort("pair")
    likes = dataset.likes()
    pair = likes.users.astype(np.int64) * len(dataset.catalog) + likes.items
    part = first["part"].to_numpy()[np.searchsorted(first["pair"].to_numpy(), pair)]
    return _split(likes, part, len(dataset.catalog))


def _split(likes: Interactions, part: np.ndarray, n_items: int) -> Split:
    if not (part == 1).any():
        drawn = np.random.RandomState(SEED).random_sample(len(part)) < _CARVED
        part = np.where((part == 0) & drawn, 1, part)
    empty = [name for name, at in (("train", 0), ("validation", 1), ("test", 2)) if not (part == at).any()]
    if empty:
        raise DataError(f"the given split has no liked row of {empty[0]}", "use another protocol")
    train = likes.where(part == 0)
    universe = np.zeros(n_items, bool)
    universe[train.items] = True

    def held(shown: Bool, hidden: Bool) -> HeldOut:
        before, after = likes.where(shown).histories(), likes.where(hidden & universe[likes.items]).histories()
        users = np.flatnonzero((before.lengths > 0) & (after.lengths > 0)).astype(np.int32)
        return HeldOut(users, _rows(before, users), _rows(after, users))

    return Split(train, held(part == 0, part == 1), held(part <= 1, part == 2), universe)


def _rows(histories: Histories, users: Int32) -> Histories:
    return Histories.of([histories.row(user) for user in users])
