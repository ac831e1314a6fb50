"""Exact maximum inner product search over items with FAISS; what must not be found is left out inside the search.

Johnson, Douze, Jegou, "Billion-scale similarity search with GPUs", IEEE Trans. Big Data 2019.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from retrieval import threads as _threads  # noqa: F401  # pyright: ignore[reportUnusedImport]  (must be imported before FAISS loads OpenMP)
from retrieval.arrays import Bool, Float32, Int32
from retrieval.errors import DataError
from retrieval.schema import NO_ITEM, Histories

try:
    import faiss
except ModuleNotFoundError as _missing:  # the wheel is a choice of hardware, so it lives in the extras
    raise DataError("FAISS is not installed", "install the extra 'cpu' (faiss-cpu) or 'gpu' (faiss-gpu)") from _missing

# FAISS's stubs do not describe its Python layer; this module is the only one that touches it.
_faiss: Any = faiss


class ItemIndex:
    """Inner-product index of item vectors.

    Args:
        vectors: ``(m, d)`` vectors, in the order of ``items``.
        items: ``(m,)`` internal ids that can be found, ascending; items nobody touched stay out.
        n_items: Size of the catalogue.
    """

    def __init__(self, vectors: Float32, items: Int32, n_items: int) -> None:
        index = _faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, np.float32))
        self._adopt(index, items, n_items)

    def _adopt(self, index: Any, items: Int32, n_items: int) -> None:
        self._index = index
        self.items = items
        self._place = np.full(n_items, -1, np.int64)
        self._place[items] = np.arange(len(items))

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, queries: Float32, depth: int, *, seen: Histories | None = None, allowed: Bool | None = None
    ) -> tuple[Int32, Float32]:
        """The best items for each of a user's queries, best first.

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
        keep = np.ones(len(self), bool) if allowed is None else allowed[self.items]
        extra = 0
        if seen is not None and users == 1:  # one request: a selector of its own
            places = self._place[seen.items]
            keep[places[places >= 0]] = False
        elif seen is not None:  # a batch: one search for all, deep enough that nothing is missed, then a mask
            extra = int(seen.lengths.max(initial=0))
        reachable = int(keep.sum())
        fetch = min(depth + extra, reachable)
        found = np.full((users * heads, max(fetch, 0)), -1, np.int64)
        scores = np.full(found.shape, -np.inf, np.float32)
        if fetch:
            flat = np.ascontiguousarray(queries.reshape(users * heads, d), np.float32)
            selector = None if reachable == len(self) else _faiss.IDSelectorArray(np.flatnonzero(keep))
            parameters = None if selector is None else _faiss.SearchParameters(sel=selector)
            scores, found = self._index.search(flat, fetch, params=parameters)
        items = np.where(found >= 0, self.items[np.maximum(found, 0)], NO_ITEM).astype(np.int32)
        items, scores = items.reshape(users, heads, -1), scores.reshape(users, heads, -1)
        if extra and seen is not None:
            items, scores = self._drop_seen(items, scores, seen)
        return _pad(items[:, :, :depth], NO_ITEM, depth), _pad(scores[:, :, :depth], -np.inf, depth)

    def _drop_seen(self, items: Int32, scores: Float32, seen: Histories) -> tuple[Int32, Float32]:
        size = len(self._place)
        known = seen.owner.astype(np.int64) * size + seen.items
        found = np.arange(len(seen))[:, None, None] * size + items
        gone = np.isin(found, known) | (items < 0)
        order = np.argsort(gone, axis=-1, kind="stable")  # what is kept moves up, in its order
        gone = np.take_along_axis(gone, order, -1)
        items = np.take_along_axis(items, order, -1)
        scores = np.take_along_axis(scores, order, -1)
        return np.where(gone, NO_ITEM, items).astype(np.int32), np.where(gone, -np.inf, scores).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the FAISS index; ``items`` are the caller's to keep."""
        _faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path, items: Int32, n_items: int) -> ItemIndex:
        """Read an index that :meth:`save` wrote.

        Raises:
            DataError: The file is no FAISS index, or holds another number of items.
        """
        try:
            index = _faiss.read_index(str(path))
        except RuntimeError as why:
            raise DataError(f"{path}: not a FAISS index", "train again: polytaste train") from why
        if index.ntotal != len(items):
            raise DataError(f"{path}: {index.ntotal} vectors for {len(items)} items", "train again: polytaste train")
        made = cls.__new__(cls)
        made._adopt(index, items, n_items)  # noqa: SLF001  (our own class)
        return made


def _pad(values: np.ndarray, filler: float, depth: int) -> Any:
    missing = depth - values.shape[-1]
    if missing <= 0:
        return values
    return np.pad(values, ((0, 0), (0, 0), (0, missing)), constant_values=filler)
