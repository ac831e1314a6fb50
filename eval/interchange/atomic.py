"""RecBole's atomic files as tables: columns apart by tabs, under a header that says each one's type, ``name:type``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from retrieval.errors import DataError

BREAKS = r"[\t\r\n]"
"""What no cell can hold."""

_TYPES = ("token", "token_seq", "float", "float_seq")


def read_table(path: Path, separator: str = " ") -> pl.DataFrame:
    """One atomic file as a table; ``_seq`` columns become lists, what is empty becomes null (or an empty list).

    A ``float`` column becomes one of whole numbers where all are written so, for times in nanoseconds are no floats.

    Raises:
        DataError: The header has no types, or a value is not of its column's.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as why:
        raise DataError(f"{path}: cannot be read ({why})", "save the file as UTF-8") from why
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    header = [name.rpartition(":") for name in lines[0].split("\t")]
    if not all(name and kind in _TYPES for name, _, kind in header):
        raise DataError(
            f"{path}: line 1 is no header of an atomic file", "columns are name:type, types are " + ", ".join(_TYPES)
        )
    cells: list[list[str]] = []
    for number, line in enumerate(lines[1:], start=2):
        row = line.split("\t")
        if line and len(row) != len(header):
            raise DataError(f"{path}: line {number} has {len(row)} values for {len(header)} columns", "mend that line")
        if line:
            cells.append(row)
    columns = zip(*cells, strict=True) if cells else ([] for _ in header)
    table: dict[str, pl.Series] = {}
    for (name, _, kind), values in zip(header, columns, strict=True):
        table[name] = _typed(list(values), kind, separator, f"{path}: column {name}")
    return pl.DataFrame(table)


def write_table(path: Path, columns: Mapping[str, pl.Series]) -> None:
    """Write one atomic file.

    Args:
        path: File.
        columns: ``name:type`` to its cells as text; null is written as nothing.

    Raises:
        DataError: A cell holds a tab or a line break.
    """
    for name, values in columns.items():
        bad = values.filter(values.str.contains(BREAKS))
        if len(bad):
            raise DataError(f"{path}: {name.partition(':')[0]} {bad[0]!r} holds a tab or a line break", "take it out")
    rows = zip(*(values.fill_null("").to_list() for values in columns.values()), strict=True)
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write("\t".join(columns) + "\n")
        out.writelines("\t".join(row) + "\n" for row in rows)


def _typed(values: Sequence[str], kind: str, separator: str, place: str) -> pl.Series:
    text = pl.Series(values, dtype=pl.String)
    if kind.endswith("_seq"):
        return text.str.split(separator).list.eval(pl.element().filter(pl.element() != ""))
    known = pl.select(pl.when(text != "").then(text)).to_series()
    if kind == "token":
        return known
    whole = known.cast(pl.Int64, strict=False)
    if whole.null_count() == known.null_count():
        return whole
    read = known.cast(pl.Float64, strict=False)
    bad = read.is_null() & known.is_not_null()
    if bad.any():
        at = bad.arg_max() or 0
        raise DataError(f"{place}: {text[at]!r} is no number", f"correct row {at + 2} of the file")
    return read
