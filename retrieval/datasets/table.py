"""Reading a person's CSV or Parquet file, with errors that name file, row and column."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import polars.exceptions as plx

from retrieval.errors import DataError

TABLE_SUFFIXES = (".parquet", ".csv", ".tsv", ".csv.gz")


def read_table(path: Path) -> pl.DataFrame:
    """Read a table; CSV columns stay strings until :func:`numbers` or the caller casts them.

    Raises:
        DataError: The file is missing, empty, of an unknown kind, or a row does not fit the header.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file", "check the path given as data, or the name in dataset.yaml")
    if path.suffix == ".parquet":
        try:
            return pl.read_parquet(path)
        except (plx.PolarsError, OSError) as why:
            raise DataError(f"{path}: not a readable Parquet file ({_first_line(why)})") from why
    if not path.name.endswith(TABLE_SUFFIXES):
        raise DataError(f"{path}: unknown kind of table", f"use one of {', '.join(TABLE_SUFFIXES)}")
    separator = "\t" if path.suffix == ".tsv" else ","
    try:
        return pl.read_csv(path, separator=separator, infer_schema=False)
    except plx.NoDataError as why:
        raise DataError(f"{path}: the file is empty", "it needs a header row and at least one row") from why
    except (plx.PolarsError, OSError) as why:
        raise _explain(path, separator, why) from why


def numbers(table: pl.DataFrame, column: str, path: Path, dtype: type[pl.DataType]) -> pl.Series:
    """Cast one column to a number, keeping nulls.

    Booleans count as 0 and 1, dates as seconds.

    Raises:
        DataError: A value is no number; the message names file, row (the header is row 1) and column.
    """
    values = table[column]
    if values.dtype.is_temporal():
        return values.cast(pl.Datetime("us")).dt.epoch("s").cast(dtype)
    if values.dtype == pl.String:
        text = values.str.strip_chars()
        text = pl.select(pl.when(text == "").then(None).otherwise(text)).to_series()
        parsed = text.cast(pl.Float64, strict=False)
        if dtype == pl.Int64 and (bad := parsed.is_null() & text.is_not_null()).any():
            moments = _moments(text, column, path)
            parsed = pl.select(pl.when(bad).then(moments.dt.epoch("s").cast(pl.Float64)).otherwise(parsed)).to_series()
        bad = (parsed.is_null() | parsed.is_nan() | parsed.is_infinite()) & text.is_not_null()
        if bad.any():
            row = bad.arg_max() or 0
            raise DataError(
                f"{path}: row {row + 2}, column {column!r}: {text[row]!r} is not a number",
                "correct that value, or map another column with --column",
            )
        return parsed.cast(dtype, strict=False)
    if values.dtype.is_float():
        values = values.fill_nan(None)  # a gap, as Parquet writers of other libraries store it
    try:
        return values.cast(dtype)
    except pl.exceptions.PolarsError as why:
        raise DataError(
            f"{path}: column {column!r} does not hold numbers ({_first_line(why)})", "map another column with --column"
        ) from why


def _moments(text: pl.Series, column: str, path: Path) -> pl.Series:
    try:
        return text.str.to_datetime(strict=False)
    except pl.exceptions.PolarsError as why:
        raise DataError(
            f"{path}: column {column!r} holds neither numbers nor dates",
            "correct it, or map another column with --column",
        ) from why


def keys(table: pl.DataFrame, column: str, path: Path) -> pl.Series:
    """One column as ids (strings).

    Raises:
        DataError: An id is empty; the message names file, row and column.
    """
    values = table[column].cast(pl.String).str.strip_chars()
    empty = values.is_null() | (values == "")
    if empty.any():
        row = empty.arg_max() or 0
        raise DataError(
            f"{path}: row {row + 2}, column {column!r} is empty",
            "every row needs a user and an item; remove the row or fill it in",
        )
    return values


def _explain(path: Path, separator: str, why: Exception) -> DataError:
    """Find the row that a failed CSV read stumbled over (the fast reader does not say)."""
    number = 0
    remedy = "mend that row (unbalanced quotes and unquoted commas are the usual reasons)"
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = csv.reader(lines, delimiter=separator, strict=True)
            header = next(rows)
            for number, row in enumerate(rows, start=2):
                if len(row) > len(header):
                    extra = f"after column {header[-1]!r}"
                    return DataError(
                        f"{path}: row {number} has {len(row)} values for {len(header)} columns (extra {extra})",
                        remedy,
                    )
    except UnicodeDecodeError as encoding:
        return DataError(f"{path}: not UTF-8 text ({encoding})", "save the file as UTF-8")
    except csv.Error as broken:
        return DataError(f"{path}: {broken} after row {number}", remedy)
    return DataError(f"{path}: cannot be read as CSV ({_first_line(why)})", remedy)


def _first_line(why: Exception) -> str:
    return str(why).splitlines()[0] if str(why) else type(why).__name__
