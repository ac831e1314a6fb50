"""Tags that people gave to items, as one more column of words."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import polars as pl

from retrieval.datasets.table import read_table
from retrieval.errors import DataError
from retrieval.schema import Catalog

_ITEM = ("item_id", "movieId", "itemId")


def read_tags(path: Path, catalog: Catalog) -> list[set[str]]:
    """The tags of each item by internal id, in lower case; items the catalogue lacks are left out.

    Args:
        path: Table with a column of item ids and a column ``tag``, one row per time a tag was given.
        catalog: The items.

    Raises:
        DataError: There is no such file, or it lacks the columns.
    """
    table = read_table(path)
    item = next((name for name in _ITEM if name in table.columns), None)
    if item is None or "tag" not in table.columns:
        raise DataError(f"{path}: needs the columns item_id and tag, has {', '.join(table.columns)}", "rename them")
    place = {item_id: i for i, item_id in enumerate(catalog.item_ids)}
    tags: list[set[str]] = [set() for _ in place]
    rows = table.select(pl.col(item).cast(pl.String), pl.col("tag").cast(pl.String)).drop_nulls()
    for item_id, tag in rows.iter_rows():
        if item_id in place:
            tags[place[item_id]].add(" ".join(tag.lower().split()))
    return tags


def tagged(catalog: Catalog, tags: Sequence[AbstractSet[str]]) -> Catalog:
    """The catalogue with a column ``tags``, sorted within an item."""
    column = pl.Series("tags", [sorted(own) for own in tags], pl.List(pl.String))
    return Catalog(catalog.table.with_columns(column))
