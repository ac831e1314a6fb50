"""A column of categories as lists of names, however the source writes a list into one cell."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from retrieval.datasets.table import Origin, stripped, without_gaps
from retrieval.errors import DataError

_REMEDY = "write ['first', 'second'], or first|second, or map another column: --column categories=NAME"


def name_lists(table: pl.DataFrame, column: str, separator: str | None, origin: Origin) -> tuple[pl.Series, str]:
    """Names per row, without repeats, and how they were told apart (empty for a column of lists).

    A cell may be a list already (Parquet), a list written out as Python, NumPy or JSON do, or names
    joined by a separator: the stated one, else the first of ``|``, ``;`` and the comma that occurs.

    Raises:
        DataError: A written list cannot be read; names file, row and column.
    """
    values = table[column]
    if values.dtype.is_nested():
        lists, how = [_names(cell) for cell in values.to_list()], ""
    else:
        text = without_gaps(stripped(values))
        plain = text.filter(~text.str.contains(r"^[\[{]")).drop_nulls()
        cut = separator or next((s for s in ("|", ";") if plain.str.contains(s, literal=True).any()), ",")
        read = {cell: _read(cell, cut) for cell in text.unique().drop_nulls().to_list()}
        lists = [[] if cell is None else read[cell] for cell in text.to_list()]
        how = f"split at {cut!r}" if len(plain) else "lists in brackets"
    if None in lists:
        row = lists.index(None)
        raise DataError(f"{origin.place(row, column)}: {values[row]!r} is no list of names", _REMEDY)
    return pl.Series(column, lists, pl.List(pl.String)), how


def _read(cell: str, cut: str) -> list[str] | None:
    """The names in one cell of text; None for what begins as a list and is none."""
    inner = cell[1:-1].strip()
    quoted = inner.startswith(("'", '"', "[", "{"))
    if cell[0] not in "[{" or not (quoted or cell.endswith(("]", "}"))):
        return _names(cell.split(cut))
    try:
        return _names(json.loads(cell))
    except ValueError:
        pass  # not JSON, then; Python and NumPy write lists in other ways
    if quoted and re.search(
        r"""['"]\s+['"]""", inner
    ):  # NumPy writes no commas, and Python joins 'a' 'b' into one name
        return _names(one or two for one, two in re.findall(r"""'([^']*)'|"([^"]*)\"""", inner))
    try:
        return _names(ast.literal_eval(cell))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None if quoted else _names(re.split(r"[|;,]", inner))


def _names(value: Any) -> list[str] | None:
    """Flatten what was read; a mapping stands for its ``name``, and None comes back where it has none."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return _names(value["name"]) if "name" in value else None
    if isinstance(value, str) or not isinstance(value, Iterable):
        name = str(value).strip()
        return [name] if name else []
    found: dict[str, None] = {}
    for part in value:
        names = _names(part)
        if names is None:
            return None
        found.update(dict.fromkeys(names))
    return list(found)
