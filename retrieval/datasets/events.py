"""Interactions read in batches of rows: ids become numbers at once, and what is as long as the file lies on the disk if it is large.

At no time are the ids of all rows held as text: of a file of n rows with N users and M items, the N + M ids, four bytes per row and
id, and the columns of values and times.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from retrieval.arrays import Bool, Float32, Int32, Int64
from retrieval.datasets.table import Origin, keys, readable, scan

ROWS = 500_000
"""Rows of a batch."""

_IN_MEMORY = 64 * 2**20  # bytes of an array that is not worth a file


@dataclass(frozen=True, slots=True)
class Codes:
    """A column of ids.

    Attributes:
        ids: Distinct, in the order of their first row.
        at: ``(n,)`` position in ``ids`` of each row's.
    """

    ids: pl.Series
    at: Int32

    def where(self, keep: Bool) -> Codes:
        """Of some rows alone, in the order of their first row among these."""
        kept = self.at[keep]
        present, first = np.unique(kept, return_index=True)
        order = present[np.argsort(first)]
        place = np.zeros(len(self.ids), np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        return Codes(self.ids.gather(order), place[kept])


@dataclass(frozen=True, slots=True)
class Events:
    """The rows of a source in its order.

    Attributes:
        users: Who.
        items: What.
        values: ``(n,)`` what the source says of each.
        times: ``(n,)`` seconds or any increasing order; None where the source has none.
    """

    users: Codes
    items: Codes
    values: Float32
    times: Int64 | None

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Events:
        """From a table of ``user`` (str), ``item`` (str), ``value`` (float) and optionally ``time`` (int)."""
        times = frame["time"].to_numpy().astype(np.int64) if "time" in frame.columns else None
        return cls(codes(frame["user"]), codes(frame["item"]), frame["value"].to_numpy().astype(np.float32), times)

    def __len__(self) -> int:
        return len(self.values)

    def where(self, keep: Bool) -> Events:
        """Some of the rows."""
        times = None if self.times is None else self.times[keep]
        return Events(self.users.where(keep), self.items.where(keep), self.values[keep], times)

    def order(self) -> Int64 | None:
        """``(n,)`` rows by user, then time, then as they came; None where they are so already."""
        users, times = self.users.at, self.times
        steps = np.diff(users)
        if bool((steps >= 0).all()) and (times is None or bool(((np.diff(times) >= 0) | (steps > 0)).all())):
            return None
        return np.lexsort((users,) if times is None else (times, users))


class Encoder:
    """Numbers the ids of a column batch by batch."""

    def __init__(self) -> None:
        self._known = pl.DataFrame(schema={"id": pl.String, "at": pl.Int32})
        self._stored = Growing(np.dtype(np.int32))

    def add(self, values: pl.Series) -> None:
        """The ids of the next rows."""
        rows = values.alias("id").to_frame()
        fresh = rows.unique(maintain_order=True).join(self._known, on="id", how="anti", maintain_order="left")
        begin = self._known.height
        numbered = fresh.with_columns(at=pl.int_range(begin, begin + fresh.height, dtype=pl.Int32, eager=True))
        self._known = pl.concat([self._known, numbered])
        self._stored.add(rows.join(self._known, on="id", how="left", maintain_order="left")["at"].to_numpy())

    def codes(self) -> Codes:
        """All rows that were added."""
        return Codes(self._known["id"], self._stored.array())


def codes(values: pl.Series) -> Codes:
    """A whole column of ids as numbers."""
    encoder = Encoder()
    encoder.add(values)
    return encoder.codes()


class Growing:
    """An array written at its end; a large one is read from a file without a name, which goes when the array does."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the array that is mapped onto it)

    def add(self, values: np.ndarray) -> None:
        """More of it."""
        self._file.write(np.ascontiguousarray(values, self._dtype).tobytes())

    def array(self) -> Any:
        """``(n,)`` what was written."""
        size = self._file.tell()
        self._file.seek(0)
        if size <= _IN_MEMORY:
            return np.frombuffer(bytearray(self._file.read()), self._dtype)
        return np.memmap(self._file, self._dtype, "r+")


def gathered(values: np.ndarray, order: Int64 | None, through: np.ndarray | None = None) -> Any:
    """``values[order]``, each replaced by its place in ``through``, a batch of rows at a time."""
    if order is None and through is None:
        return values
    out = Growing(values.dtype if through is None else through.dtype)
    for start in range(0, len(values), ROWS):
        part = values[start : start + ROWS] if order is None else values[order[start : start + ROWS]]
        out.add(part if through is None else through[part])
    return out.array()


def read_events(origin: Origin, user: str, item: str, others: Sequence[str]) -> tuple[Codes, Codes, pl.DataFrame]:
    """Two columns of ids as numbers, and other columns as they are.

    Args:
        origin: The file.
        user: Column.
        item: Column.
        others: Columns that are kept whole.

    Raises:
        DataError: The file cannot be read, or an id is empty.
    """
    users, items = Encoder(), Encoder()
    kept: list[pl.DataFrame] = []
    start = 0
    with readable(origin.path):
        table = scan(origin.path)
        if (
            origin.path.suffix == ".parquet"
        ):  # a parser of text that is asked for some columns overlooks rows that have too many
            table = table.select(dict.fromkeys((user, item, *others)).keys())
        kept.append(table.select(others).head(0).collect())
        for batch in table.collect_batches(chunk_size=ROWS, maintain_order=True):
            here = replace(origin, start=start)
            users.add(keys(batch, user, here))
            items.add(keys(batch, item, here))
            kept.append(batch.select(others))
            start += batch.height
    return users.codes(), items.codes(), pl.concat(kept)
