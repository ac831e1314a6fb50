"""The contracts of the house: catalogue, interactions, histories, personas, candidates.

Hot boundaries are frozen dataclasses of arrays, batch first: one user is a batch of one. External
ids are strings; inside, items are contiguous ``int32`` positions in the catalogue, and the map between
the two lives in :class:`Catalog` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from scipy import sparse

from retrieval.arrays import Bool, Csr, Float32, Int32, Int64
from retrieval.axes import Axis, make_axis
from retrieval.errors import DataError, NotFoundError

NO_ITEM = -1
"""Padding in every array of item positions."""

_ROWS = 1_000_000  # looked at together


@dataclass(frozen=True)
class Catalog:
    """The items, in a table whose row number is the internal item id.

    Attributes:
        table: At least ``item_id`` (str, unique), ``title`` (str), ``categories`` (list[str], may be
            empty), ``year`` (int, null if unknown) and ``count`` (interactions seen in training).
            Further columns of the source are kept as they came.
    """

    table: pl.DataFrame

    def __post_init__(self) -> None:
        missing = {"item_id", "title", "categories", "year", "count"} - set(self.table.columns)
        if missing:
            raise DataError(
                f"the catalogue lacks the columns {sorted(missing)}",
                "build it through retrieval.datasets, which fills what a source does not have",
            )
        if self.table["item_id"].n_unique() != self.table.height:
            twice = self.table.filter(pl.col("item_id").is_duplicated())["item_id"][0]
            raise DataError(
                f"item_id {twice!r} stands more than once in the catalogue",
                "keep one row per item in the file of items",
            )

    def __len__(self) -> int:
        return self.table.height

    @cached_property
    def _position(self) -> dict[str, int]:
        return {item_id: i for i, item_id in enumerate(self.table["item_id"].to_list())}

    @cached_property
    def titles(self) -> list[str]:
        """Titles by internal id."""
        return self.table["title"].to_list()

    @cached_property
    def item_ids(self) -> list[str]:
        """External ids by internal id."""
        return self.table["item_id"].to_list()

    @cached_property
    def counts(self) -> Int64:
        """``(n_items,)`` interactions of each item in the training data: its popularity."""
        return self.table["count"].to_numpy().astype(np.int64)

    def has_item(self, item_id: str) -> bool:
        """Whether an external id is in the catalogue."""
        return item_id in self._position

    def positions(self, item_ids: Sequence[str]) -> Int32:
        """Internal ids of external ones.

        Raises:
            NotFoundError: An id is not in the catalogue; the message names the first such id.
        """
        try:
            return np.array([self._position[str(i)] for i in item_ids], np.int32)
        except KeyError as unknown:
            raise NotFoundError(
                f"item id {unknown.args[0]!r} is not in the catalogue",
                "use an item_id of the data the model was trained on",
            ) from None

    def has_labels(self, column: str = "categories") -> bool:
        """Whether any item carries a group in this column."""
        if column not in self._labelled:
            values = self.table[column]
            listed = values.dtype == pl.List(pl.String)
            some = bool((values.list.len() > 0).any()) if listed else values.null_count() < len(values)
            self._labelled[column] = some
        return self._labelled[column]

    @cached_property
    def _labelled(self) -> dict[str, bool]:
        return {}

    @cached_property
    def categories(self) -> list[list[str]]:
        """Categories by internal id."""
        return self.table["categories"].to_list()

    @cached_property
    def years(self) -> list[int | None]:
        """Years by internal id."""
        return self.table["year"].to_list()

    def axis(self, column: str = "categories") -> Axis:
        """The axis that a column defines; see :func:`retrieval.axes.make_axis`.

        Made once per column and kept: every request asks for it.

        Raises:
            NotFoundError: There is no such column.
        """
        if column not in self._axes:
            self._axes[column] = make_axis(self.table, column)
        return self._axes[column]

    @cached_property
    def _axes(self) -> dict[str, Axis]:
        return {}


@dataclass(frozen=True, slots=True)
class Histories:
    """Ragged batch of histories: what each of B users has liked.

    Attributes:
        indptr: ``(B+1,)`` row b is ``items[indptr[b]:indptr[b+1]]``, oldest first where time is known.
        items: ``(nnz,)`` internal ids, no repeats within a row.
        weights: ``(nnz,)`` positive weights (1 unless the caller weights by recency or by a request).
    """

    indptr: Int64
    items: Int32
    weights: Float32

    @classmethod
    def of(
        cls,
        rows: Sequence[Sequence[int] | Int32],
        weights: Sequence[Sequence[float] | Float32] | None = None,
    ) -> Histories:
        """Build from lists; a repeated item keeps its first place and its largest weight."""
        indptr = np.zeros(len(rows) + 1, np.int64)
        items: list[Int32] = []
        kept: list[Float32] = []
        for b, row in enumerate(rows):
            ids = np.asarray(row, np.int32)
            value = np.ones(len(ids), np.float32) if weights is None else np.asarray(weights[b], np.float32)
            unique, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
            largest = np.zeros(len(unique), np.float32)
            np.maximum.at(largest, inverse, value)
            order = np.argsort(first)
            items.append(unique[order])
            kept.append(largest[order])
            indptr[b + 1] = indptr[b] + len(unique)
        empty_items, empty_weights = np.empty(0, np.int32), np.empty(0, np.float32)
        return cls(indptr, np.concatenate([empty_items, *items]), np.concatenate([empty_weights, *kept]))

    @classmethod
    def of_matrix(cls, rows: Csr) -> Histories:
        """The rows of a ``(B, n_items)`` matrix of weights, the reverse of :meth:`matrix`."""
        return cls(rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.data.astype(np.float32))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def row(self, b: int) -> Int32:
        """Items of user b."""
        return self.items[self.indptr[b] : self.indptr[b + 1]]

    def slice(self, start: int, stop: int) -> Histories:
        """Users ``start`` to ``stop`` as a batch of their own."""
        low, high = self.indptr[start], self.indptr[stop]
        indptr = self.indptr[start : stop + 1] - low
        return Histories(indptr, self.items[low:high], self.weights[low:high])

    def take(self, users: Int64) -> Histories:
        """Users in the order given, as a batch of their own."""
        lengths = self.lengths[users]
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        at = np.repeat(self.indptr[users] - indptr[:-1], lengths) + np.arange(indptr[-1])
        return Histories(indptr, self.items[at], self.weights[at])

    @property
    def lengths(self) -> Int64:
        """``(B,)`` number of items in each history."""
        return np.diff(self.indptr)

    @property
    def owner(self) -> Int32:
        """``(nnz,)`` the user of each entry."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.lengths)

    def matrix(self, n_items: int) -> Csr:
        """``(B, n_items)`` sparse matrix of the weights."""
        shape = (len(self), n_items)
        return sparse.csr_matrix((self.weights, self.items.astype(np.int64), self.indptr), shape=shape)


@dataclass(frozen=True, slots=True)
class Interactions:
    """Who did what, as parallel arrays sorted by user, then time, then source order.

    Attributes:
        user_ids: External ids of the users; a position in it is the internal user id.
        users: ``(nnz,)`` internal user ids.
        items: ``(nnz,)`` internal item ids.
        values: ``(nnz,)`` ratings or counts; 1 where the source has none.
        times: ``(nnz,)`` seconds or any increasing order; None where the source has none.
        rows: ``(nnz,)`` row of the source that each came from, which published splits draw by; None
            where the source had them in this very order.
    """

    user_ids: tuple[str, ...]
    users: Int32
    items: Int32
    values: Float32
    times: Int64 | None = field(default=None)
    rows: Int64 | None = field(default=None)

    def __len__(self) -> int:
        return len(self.users)

    @property
    def source_rows(self) -> Int64:
        """``(nnz,)`` :attr:`rows`, counted where they are not stated."""
        return np.arange(len(self), dtype=np.int64) if self.rows is None else self.rows

    def where(self, keep: Bool) -> Interactions:
        """The rows for which ``keep`` (``(nnz,)``) holds; users stay numbered as they were."""
        if keep.all():
            return self
        return self._take(np.flatnonzero(keep))

    def distinct(self) -> Interactions:
        """One row per user and item, so that a count of rows is a count of people.

        A repeated pair keeps its largest value, its last time and its first row of the source.
        """
        if not self._has_repeats():
            return self
        pair = self.users.astype(np.int64) << 32 | self.items
        order = np.argsort(pair, kind="stable")
        begins = np.flatnonzero(np.diff(pair[order], prepend=-1))
        times = None if self.times is None else np.maximum.reduceat(self.times[order], begins)
        merged = Interactions(
            self.user_ids,
            self.users[order][begins],
            self.items[order][begins],
            np.maximum.reduceat(self.values[order], begins),
            times,
            np.minimum.reduceat(self.source_rows[order], begins),
        )
        moments = merged.source_rows if times is None else times
        return merged._take(np.lexsort((merged.source_rows, moments, merged.users)))

    def _has_repeats(self) -> bool:
        """Whether any user and item stand together twice, by users in turn: rows are sorted by user, and copies of all are large."""
        start = 0
        while start < len(self):
            stop = min(start + _ROWS, len(self))
            if stop < len(self):  # to the end of a user
                stop = int(np.searchsorted(self.users, self.users[stop - 1], side="right"))
            pair = np.sort(self.users[start:stop].astype(np.int64) << 32 | self.items[start:stop])
            if bool((pair[1:] == pair[:-1]).any()):
                return True
            start = stop
        return False

    def histories(self) -> Histories:
        """One history per user, in the order of ``user_ids``, weights 1; repeats are merged."""
        once = self.distinct()
        indptr = np.searchsorted(once.users, np.arange(len(self.user_ids) + 1)).astype(np.int64)
        return Histories(indptr, once.items, np.ones(len(once), np.float32))

    def _take(self, at: Int64) -> Interactions:
        times = None if self.times is None else self.times[at]
        return Interactions(self.user_ids, self.users[at], self.items[at], self.values[at], times, self.source_rows[at])


@dataclass(frozen=True, slots=True)
class Personas:
    """What the encoder makes of B histories: each user as K tastes.

    Attributes:
        vectors: ``(B, K, d)`` in the space of the item vectors: inner products are scores.
        themes: ``(B, K, t)`` unit vectors in the space of the item themes: what a persona is about, which
            decides how strongly it attends to an item.
        weights: ``(B, K)`` share of the history that each persona holds; rows sum to one.
        membership: ``(nnz, K)`` aligned with ``Histories.items``: how much each liked item belongs
            to each persona; rows sum to one.
    """

    vectors: Float32
    themes: Float32
    weights: Float32
    membership: Float32


@dataclass(frozen=True, slots=True)
class Candidates:
    """What retrieval hands to a reranker, best first.

    Attributes:
        items: ``(B, n)`` internal ids, distinct within a row; :data:`NO_ITEM` pads short rows.
        scores: ``(B, n)`` relevance on the retriever's scale; ``-inf`` in the padding.
        persona: ``(B, n, K)`` share of each persona in the item's score: who brought it, and how
            strongly. Rows of real items sum to one.
    """

    items: Int32
    scores: Float32
    persona: Float32
