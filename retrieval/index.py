"""Maximum inner product search over items: exact or approximate behind one interface, changed without rebuilding.

An index never changes: :meth:`ItemIndex.add` and :meth:`ItemIndex.remove` give a new one, and searches on the old one go on.
A removed item keeps its place and is left out inside the search, for graphs and cells cannot forget; when more than
``rebuild_share`` of the items came or went, the structure is learned again and its recall measured again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from retrieval.arrays import Bool, Float32, Int32
from retrieval.errors import DataError, NotFoundError
from retrieval.index_build import Progress, build_engine, silent
from retrieval.index_checks import checked, distinct
from retrieval.index_config import IndexCard, IndexConfig
from retrieval.index_faiss import Engine
from retrieval.index_route import compact, filtered
from retrieval.schema import NO_ITEM, Histories

_EXACT = IndexConfig(kind="flat")
_RETRAIN = "train again: polytaste train --out FOLDER"


class ItemIndex:
    """Inner-product index of item vectors, searched exactly; :func:`build_index` makes approximate ones.

    Args:
        vectors: ``(m, d)`` vectors, in the order of ``items``.
        items: ``(m,)`` internal ids that can be found; items nobody touched stay out.
        n_items: Size of the catalogue.

    Attributes:
        card: Kind, parameters and measured recall.
        places: ``(p,)`` the item at each place of the structure, :data:`NO_ITEM` where it was removed.
        queries: ``(G, d)`` queries as they are asked, which recall is measured on.
        n_items: Size of the catalogue.

    Raises:
        DataError: Vectors and items do not fit together, a vector is not finite, an item stands twice or is not in
            the catalogue.
    """

    def __init__(self, vectors: Float32, items: Int32, n_items: int) -> None:
        data = checked(vectors, items, n_items)
        engine, card = build_engine(data, data[:0], _EXACT)
        self._adopt(engine, card, items, n_items, data[:0])

    def _adopt(self, engine: Engine, card: IndexCard, places: Int32, n_items: int, queries: Float32) -> None:
        self._engine = engine
        self.card = card
        self.places = np.asarray(places, np.int32)
        self.queries = queries
        self.n_items = n_items
        self._live = self.places != NO_ITEM
        self._whole = bool(self._live.all())

    @classmethod
    def over(cls, engine: Engine, card: IndexCard, places: Int32, n_items: int, queries: Float32) -> ItemIndex:
        """The index of an engine that was built or read already; the attributes say what the arguments are."""
        made = cls.__new__(cls)
        made._adopt(engine, card, places, n_items, queries)  # noqa: SLF001  (our own class)
        return made

    @property
    def items(self) -> Int32:
        """``(m,)`` items that can be found, ascending."""
        return np.sort(self.places[self._live])

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._engine.dimension

    @property
    def exact(self) -> bool:
        """Whether nothing better than what is found can exist."""
        return self.card.kind == "flat"

    def __len__(self) -> int:
        return int(self._live.sum())

    def search(
        self, queries: Float32, depth: int, *, seen: Histories | None = None, allowed: Bool | None = None
    ) -> tuple[Int32, Float32]:
        """The best items for each of a user's queries, best first; all queries of all users in one search.

        Args:
            queries: ``(B, K, d)`` K queries per user.
            depth: Items per query.
            seen: B histories whose items are left out for their own user.
            allowed: ``(n_items,)`` items that may be found at all; None allows every one.

        Returns:
            Items ``(B, K, depth)`` padded with -1, and their inner products, ``-inf`` in the padding.

        Raises:
            ValueError: The queries have another dimension than the index, or are not finite.
        """
        users, heads, d = queries.shape
        if d != self.dimension:
            raise ValueError(f"queries have dimension {d}, the index has {self.dimension}")
        if not np.isfinite(queries).all():
            raise ValueError("queries must be finite")  # FAISS would answer -1 everywhere without a word
        keep = None if self._whole else self._live
        if allowed is not None:
            keep = allowed[self.places] & self._live
        extra = 0 if seen is None else int(seen.lengths.max(initial=0))  # deep enough that nothing is missed
        config = self.card.config
        scores, found = filtered(
            self._engine, queries.reshape(users * heads, d), min(depth + extra, len(self.places)), keep,
            depth=config.depth, exact_rows=config.exact_rows,
        )  # fmt: skip
        items = np.where(found >= 0, self.places[found], NO_ITEM).astype(np.int64)
        gone = items == NO_ITEM
        if extra and seen is not None:
            known = seen.owner.astype(np.int64) * self.n_items + seen.items
            gone |= np.isin(np.repeat(np.arange(users), heads)[:, None] * self.n_items + items, known)
        scores, items = compact(scores, items, ~gone)
        return (
            _shaped(items.astype(np.int32), (users, heads, depth), NO_ITEM),
            _shaped(scores, (users, heads, depth), -np.inf),
        )

    def add(self, vectors: Float32, items: Int32, n_items: int | None = None) -> ItemIndex:
        """A new index with these items too.

        Args:
            vectors: ``(a, d)``.
            items: ``(a,)`` ids that the index does not hold yet; a removed one may come back.
            n_items: Size of the catalogue, if it grew.

        Raises:
            DataError: As for the class; an item is in the index already; the catalogue would shrink.
        """
        size = self.n_items if n_items is None else n_items
        if size < self.n_items:
            raise DataError(f"a catalogue of {self.n_items} items cannot shrink to {size}", "remove items by their ids")
        fresh = checked(vectors, items, size, self.dimension)
        if (twice := np.intersect1d(items, self.places)).size:
            raise DataError(f"item {twice[0]} is in the index already", "remove it first, or leave it out")
        places = np.concatenate([self.places, np.asarray(items, np.int32)])
        card = replace(self.card, changed=self.card.changed + len(items))
        if card.stale:
            return self._rebuilt(np.concatenate([self._vectors(), fresh]), places[places != NO_ITEM], size)
        return ItemIndex.over(self._engine.extended(fresh), card, places, size, self.queries)

    def remove(self, items: Int32 | Sequence[int]) -> ItemIndex:
        """A new index without these items.

        Raises:
            NotFoundError: An item is not in the index.
            DataError: An item stands twice.
        """
        gone = np.asarray(items, np.int32)
        distinct(gone)
        if (unknown := np.setdiff1d(gone, self.places[self._live])).size:
            raise NotFoundError(f"item {unknown[0]} is not in the index", "only items that can be found can be removed")
        places = np.where(np.isin(self.places, gone), NO_ITEM, self.places).astype(np.int32)
        card = replace(self.card, changed=self.card.changed + len(gone))
        made = ItemIndex.over(self._engine, card, places, self.n_items, self.queries)
        return made._rebuilt(made._vectors(), places[places != NO_ITEM], self.n_items) if card.stale else made  # noqa: SLF001  (our own class)

    def _vectors(self) -> Float32:
        return self._engine.vectors(np.flatnonzero(self._live))

    def _rebuilt(self, vectors: Float32, items: Int32, n_items: int) -> ItemIndex:
        return build_index(vectors, items, n_items, self.card.config, queries=self.queries)

    def save(self, path: Path) -> None:
        """Write the FAISS index; ``card``, ``places`` and ``queries`` are the caller's to keep."""
        self._engine.write(path)

    @classmethod
    def load(
        cls, path: Path, items: Int32, n_items: int, *, card: IndexCard | None = None, queries: Float32 | None = None
    ) -> ItemIndex:
        """Read an index that :meth:`save` wrote.

        Args:
            path: The FAISS index.
            items: ``(p,)`` the item at each place.
            n_items: Size of the catalogue.
            card: Its card; an exact index needs none.
            queries: What its recall was measured on.

        Raises:
            DataError: The file is no FAISS index, or not the one that the items and the card describe.
        """
        engine = Engine.read(path)
        if len(engine) != len(items):
            raise DataError(f"{path}: {len(engine)} vectors for {len(items)} items", _RETRAIN)
        if card is None and engine.kind == "flat":
            card = IndexCard("flat", engine.dimension, len(items), _EXACT, {}, 1.0, 1.0, 0, 0.0)
        if card is None or (engine.kind, engine.dimension) != (card.kind, card.dimension):
            described = "nothing" if card is None else f"{card.kind} of dimension {card.dimension}"
            raise DataError(
                f"{path}: {engine.kind} of dimension {engine.dimension}, its card describes {described}", _RETRAIN
            )
        engine.adopt(card.parameters)
        if engine.parameters() != card.parameters:
            raise DataError(f"{path}: {engine.parameters()}, its card says {card.parameters}", _RETRAIN)
        empty = np.empty((0, engine.dimension), np.float32)
        return cls.over(engine, card, items, n_items, empty if queries is None else queries)


def build_index(
    vectors: Float32,
    items: Int32,
    n_items: int,
    config: IndexConfig | None = None,
    *,
    queries: Float32 | None = None,
    progress: Progress = silent,
) -> ItemIndex:
    """An index of the kind that the size asks for, searching as hard as the target recall needs.

    Args:
        vectors: ``(m, d)`` vectors, in the order of ``items``.
        items: ``(m,)`` internal ids that can be found.
        n_items: Size of the catalogue.
        config: Kind, target and parameters; None: the defaults.
        queries: ``(G, d)`` queries as they will be asked, to measure recall on beside the items themselves.
        progress: Told the stage, how many are done, and how many there are.

    Raises:
        DataError: As for :class:`ItemIndex`.
    """
    config = config or IndexConfig()
    data = checked(vectors, items, n_items)
    given = data[:0] if queries is None else np.ascontiguousarray(queries[: config.sample], np.float32)
    engine, card = build_engine(data, given, config, progress)
    return ItemIndex.over(engine, card, items, n_items, given)


def _shaped(values: np.ndarray, shape: tuple[int, int, int], filler: float) -> np.ndarray:
    depth = shape[2]
    missing = max(0, depth - values.shape[1])
    return np.pad(values[:, :depth], ((0, 0), (0, missing)), constant_values=filler).reshape(shape)
