"""What a catalogue's further columns say of an item: the numbers and names that a card of it shows."""

from __future__ import annotations

import math
import re
from typing import Any

import polars as pl

from agent.chat.name_columns import name_columns
from agent.chat.quantities import PRICE, Quantities
from retrieval.datasets.quantities import CODES
from retrieval.facts import OWN, names_in
from retrieval.schema import Catalog

Shown = dict[str, int | float | str]
"""By column."""

_MOST = 8
_MOST_NAMES = 5
_DECIMALS = 4  # what is stored in single precision says no more


class ShownFacts:
    """Chooses columns of numbers and of names once, the first eight of the table and prices at any rate; says what they hold of an item.

    Codes, tags, truth values and long texts are not for showing.
    """

    def __init__(self, catalog: Catalog) -> None:
        table = catalog.table
        names = {column.name for column in name_columns(table)}
        told = [c for c, dtype in table.schema.items() if c in names or (dtype.is_numeric() and _counts(c))]
        prices = Quantities(catalog).of(PRICE)
        first = set(sorted(told, key=lambda c: c not in prices)[:_MOST])
        columns = [c for c in told if c in first]
        held = [names_in(table, c).list.head(_MOST_NAMES).list.join(", ") if c in names else pl.col(c) for c in columns]
        self._table = table.select(e.alias(c) for c, e in zip(columns, held, strict=True))

    def of(self, item: int) -> Shown:
        """Facts of an item by its internal id, gaps left out, at most five names a column."""
        if not self._table.width:
            return {}
        row = self._table.row(item, named=True)
        return {column: _rounded(value) for column, value in row.items() if not _is_gap(value)}


def _counts(column: str) -> bool:
    parts = re.split(r"[\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column).lower())
    return column not in OWN and CODES.isdisjoint(parts)


def _rounded(value: Any) -> int | float | str:
    return round(value, _DECIMALS) if isinstance(value, float) else value


def _is_gap(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and not math.isfinite(value))
