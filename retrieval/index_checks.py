"""What an index refuses: vectors and ids that do not fit together, each with the item that is wrong."""

from __future__ import annotations

import numpy as np

from retrieval.arrays import Float32, Int32
from retrieval.errors import DataError


def checked(vectors: Float32, items: Int32, n_items: int, dimension: int | None = None) -> Float32:
    """The vectors, contiguous, once they and their items fit together.

    Args:
        vectors: ``(m, d)``.
        items: ``(m,)`` internal ids.
        n_items: Size of the catalogue.
        dimension: What d must be; None: anything.

    Raises:
        DataError: They do not.
    """
    remedy = "give one finite vector per item of the catalogue"
    if vectors.ndim != 2 or len(vectors) != len(items):
        raise DataError(f"vectors of shape {vectors.shape} for {len(items)} items", remedy)
    if dimension is not None and vectors.shape[1] != dimension:
        raise DataError(f"vectors of dimension {vectors.shape[1]}, the index has {dimension}", remedy)
    if not np.isfinite(vectors).all():
        raise DataError(f"the vector of item {items[~np.isfinite(vectors).all(axis=1)][0]} is not finite", remedy)
    in_catalogue(items, n_items)
    distinct(items)
    return np.ascontiguousarray(vectors, np.float32)


def in_catalogue(items: Int32, n_items: int) -> None:
    """Refuse ids that no catalogue of ``n_items`` has.

    Raises:
        DataError: One is negative or too large.
    """
    if (wrong := items[(items < 0) | (items >= n_items)]).size:
        raise DataError(f"item {wrong[0]} is not in a catalogue of {n_items}", "name items by their positions in it")


def distinct(items: Int32) -> None:
    """Refuse ids that stand twice.

    Raises:
        DataError: One does.
    """
    values, counts = np.unique(items, return_counts=True)
    if (counts > 1).any():
        raise DataError(f"item {values[counts > 1][0]} stands twice", "give every item once")
