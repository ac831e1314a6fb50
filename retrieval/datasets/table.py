"""Reading a person's CSV or Parquet file, with errors that name file, row and column."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl
import polars.exceptions as plx
import polars.selectors as cs

from retrieval.errors import DataError

TABLE_SUFFIXES = (".parquet", ".csv", ".tsv", ".csv.gz")
GAPS = ("n/a", "na", "none", "null", "-")
"""What stands where nothing is known, in small letters."""

_TRUTH = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a table came from, so that an error names the place and a remedy its layout knows.

    Attributes:
        path: The file.
        remedy: What a person can do about a value that cannot be read.
        lines: The line of each row, for files without a header or with empty lines; None counts the rows
            from 1 in Parquet and from 2, below the header, in text.
        start: Rows before the first of the table.
    """

    path: Path
    remedy: str = "correct that value, or map another column: --column ROLE=NAME"
    lines: pl.Series | None = None
    start: int = 0

    def place(self, row: int, column: str) -> str:
        """How an error names one value."""
        first = 1 if self.path.suffix == ".parquet" else 2
        line = self.start + row + first if self.lines is None else self.lines[self.start + row]
        return f"{self.path}: row {line}, column {column!r}"


def read_table(path: Path) -> pl.DataFrame:
    """Read a table; CSV columns stay strings until :func:`numbers` or the caller casts them.

    Raises:
        DataError: The file is missing, empty, of an unknown kind, or a row does not fit the header.
    """
    with readable(path):
        return scan(path).collect()


def scan(path: Path) -> pl.LazyFrame:
    """The same, to be read within :func:`readable`, whole or in batches.

    Raises:
        DataError: The file is missing or of an unknown kind.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file", "check the path given as data, or the name in dataset.yaml")
    if path.suffix == ".parquet":
        return pl.scan_parquet(path).with_columns((cs.categorical() | cs.enum()).cast(pl.String))
    if not path.name.endswith(TABLE_SUFFIXES):
        raise DataError(f"{path}: unknown kind of table", f"use one of {', '.join(TABLE_SUFFIXES)}")
    return pl.scan_csv(path, separator=_separator(path), infer_schema=False)


@contextmanager
def readable(path: Path) -> Generator[None]:
    """Turn what goes wrong in reading a table into an error that names the place.

    Raises:
        DataError: The file is empty or damaged, or a row does not fit the header.
    """
    try:
        yield
    except plx.NoDataError as why:
        raise DataError(f"{path}: the file is empty", "it needs a header row and at least one row") from why
    except (plx.PolarsError, OSError) as why:
        if path.suffix == ".parquet":
            raise DataError(
                f"{path}: not a readable Parquet file ({_first_line(why)})", "write the file again"
            ) from why
        raise _explain(path, _separator(path), why) from why


def _separator(path: Path) -> str:
    return "\t" if path.suffix == ".tsv" else ","


def stripped(values: pl.Series) -> pl.Series:
    """Text without blanks around it; what is empty then is a gap."""
    text = values.cast(pl.String).str.strip_chars()
    return pl.select(pl.when(text != "").then(text)).to_series()


def without_gaps(values: pl.Series) -> pl.Series:
    """Text with nulls where a value alone only says that there is none; columns of another kind as they are."""
    if values.dtype != pl.String:
        return values
    return (
        pl.select(pl.when(~values.str.strip_chars().str.to_lowercase().is_in(GAPS)).then(values))
        .to_series()
        .alias(values.name)
    )


def numbers(table: pl.DataFrame, column: str, origin: Origin, dtype: type[pl.DataType]) -> pl.Series:
    """Cast one column to a number, keeping nulls; truth values, also in words, count as 0 and 1.

    Raises:
        DataError: A value is no number; the message names file, row and column.
    """
    values = table[column]
    if values.dtype == pl.String:
        text = stripped(values)
        words = text.str.to_lowercase().replace_strict(_TRUTH, default=None, return_dtype=pl.Float64)
        if text.len() > words.null_count() == text.null_count():
            return words.cast(dtype)
        parsed = text.cast(pl.Float64, strict=False)
        bad = (parsed.is_null() | parsed.is_nan() | parsed.is_infinite()) & text.is_not_null()
        if bad.any():
            row = bad.arg_max() or 0
            raise DataError(f"{origin.place(row, column)}: {text[row]!r} is not a number", origin.remedy)
        return parsed.cast(dtype, strict=False)
    if values.dtype.is_float():
        values = values.fill_nan(None)  # a gap, as Parquet writers of other libraries store it
    if not (values.dtype.is_numeric() or isinstance(values.dtype, pl.Boolean | pl.Null)):
        raise DataError(f"{origin.path}: column {column!r} holds {values.dtype}, not numbers", origin.remedy)
    return values.cast(dtype, strict=False)


def keys(table: pl.DataFrame, column: str, origin: Origin) -> pl.Series:
    """One column as ids (strings).

    Raises:
        DataError: An id is empty or cannot be one; the message names file, row and column.
    """
    if table[column].dtype.is_nested():
        raise DataError(f"{origin.path}: column {column!r} holds {table[column].dtype}, not ids", origin.remedy)
    values = stripped(table[column])
    if values.null_count():
        row = values.is_null().arg_max() or 0
        raise DataError(
            f"{origin.place(row, column)} is empty",
            "every row needs a user and an item; remove the row or fill it in",
        )
    return values


def _explain(path: Path, separator: str, why: Exception) -> DataError:
    """Find the row that a failed CSV read stumbled over (the fast reader does not say)."""
    number = 0
    remedy = "mend that row (unbalanced quotes and unquoted commas are the usual reasons)"
    try:
        with _text(path) as lines:
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
    except (OSError, EOFError, zlib.error) as broken:
        return DataError(
            f"{path}: cannot be read after row {number} ({_first_line(broken)})",
            "the file is cut off or damaged; copy or compress it again",
        )
    return DataError(f"{path}: cannot be read as CSV ({_first_line(why)})", remedy)


def _text(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(newline="", encoding="utf-8")


def _first_line(why: Exception) -> str:
    return str(why).splitlines()[0] if str(why) else type(why).__name__
