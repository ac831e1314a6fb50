"""A column of times as seconds: numbers as they are, dates only where they can be read in one way."""

from __future__ import annotations

import re

import polars as pl

from retrieval.datasets.table import Origin, numbers, stripped
from retrieval.errors import DataError

_CLOCK = (
    r"(?:[T ]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?)?$"
)
_YEAR_FIRST = r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})" + _CLOCK
_YEAR_LAST = r"^(?P<one>\d{1,2})[-/. ](?P<two>\d{1,2})[-/., ]+(?P<year>\d{4})" + _CLOCK
_OF_SOMETHING_ELSE = re.compile(r"birth|born|dob|release|publish")
FEW = 50
"""First rows of a table that tell whether a column is worth reading for dates."""
_REMEDY = "write dates as 2024-05-31 or 2024-05-31T13:45:00, or times as seconds"


def moments(table: pl.DataFrame, column: str, origin: Origin) -> tuple[pl.Series, str]:
    """One column as whole seconds (or any numbers that grow with time), keeping nulls.

    Returns:
        The times, and a note where the order of day and month had to be told from other rows.

    Raises:
        DataError: A value is neither a number nor a date, or nothing tells days from months; the
            message names file, row and column.
    """
    values = table[column]
    if isinstance(values.dtype, pl.Date | pl.Datetime):
        return values.cast(pl.Datetime("us")).dt.epoch("s"), ""
    if values.dtype != pl.String:
        return numbers(table, column, origin, pl.Int64), ""
    text = stripped(values)
    numeric = text.cast(pl.Float64, strict=False)
    if numeric.is_not_null().sum() * 2 >= text.is_not_null().sum():
        return numbers(table, column, origin, pl.Int64), ""
    year_first = _seconds(text.str.extract_groups(_YEAR_FIRST).struct.unnest())
    parts = text.str.extract_groups(_YEAR_LAST).struct.unnest()
    month, day, note = _told_apart(parts, text, column, origin)
    year_last = _seconds(parts.rename({month: "month", day: "day"}))
    seconds = pl.select(pl.coalesce(year_first, year_last)).to_series()
    bad = seconds.is_null() & text.is_not_null()
    if bad.any():
        row = bad.arg_max() or 0
        raise DataError(f"{origin.place(row, column)}: {text[row]!r} is neither a number nor a date", _REMEDY)
    return seconds, note


def dated(table: pl.DataFrame, origin: Origin) -> list[str]:
    """Columns that hold a date in every row, whatever they are called, unless it is one of the person or of the item.

    Args:
        table: The columns that play no role.
        origin: Where they stand.
    """
    asked = [column for column in table.columns if not _OF_SOMETHING_ELSE.search(column.lower())]
    return [column for column in asked if _is_dated(table, column, origin)]


def maybe_dated(head: pl.DataFrame) -> list[str]:
    """Columns that :func:`dated` may name, by the first rows of the table: what is left out, it would not."""
    named = [column for column in head.columns if not _OF_SOMETHING_ELSE.search(column.lower())]
    return [column for column in named if _begins_dated(head[column])]


def _begins_dated(values: pl.Series) -> bool:
    if isinstance(values.dtype, pl.Date | pl.Datetime):
        return True
    return values.dtype == pl.String and _looks_dated(stripped(values.head(FEW)))


def _is_dated(table: pl.DataFrame, column: str, origin: Origin) -> bool:
    values = table[column]
    if isinstance(values.dtype, pl.Date | pl.Datetime):
        return values.null_count() == 0
    if not _begins_dated(values):
        return False
    try:
        return moments(table, column, origin)[0].null_count() == 0
    except DataError:
        return False  # one value that is no date, or dates that can be read in two ways


def _looks_dated(text: pl.Series) -> bool:
    return len(text) > 0 and bool(
        (text.str.contains(_YEAR_FIRST) | text.str.contains(_YEAR_LAST)).fill_null(value=False).all()
    )


def _told_apart(parts: pl.DataFrame, text: pl.Series, column: str, origin: Origin) -> tuple[str, str, str]:
    """Which of the two numbers before the year is the month, which the day, and the row that says so."""
    one, two = parts["one"].cast(pl.Int32), parts["two"].cast(pl.Int32)
    if not (one != two).any():
        return "two", "one", ""
    days_first, months_first = (one > 12).fill_null(value=False), (two > 12).fill_null(value=False)
    if days_first.any() == months_first.any():
        row = (one != two).fill_null(value=False).arg_max() or 0
        why = "some rows have the day first, others the month" if days_first.any() else "no row tells day from month"
        raise DataError(f"{origin.place(row, column)}: {text[row]!r} can be read in two ways ({why})", _REMEDY)
    row = (days_first | months_first).arg_max() or 0
    order = "day/month/year" if days_first.any() else "month/day/year"
    note = f"{origin.path.name}: {column!r} is read as {order}, since there is {text[row]!r}"
    return ("two", "one", note) if days_first.any() else ("one", "two", note)


def _seconds(parts: pl.DataFrame) -> pl.Series:
    """Seconds since 1970 of dates taken apart; null where there is no such date or time of day."""
    date = pl.concat_str(["year", pl.col("month").str.zfill(2), pl.col("day").str.zfill(2)], separator="-")
    hour, minute, second = (pl.col(part).cast(pl.Int64).fill_null(0) for part in ("hour", "minute", "second"))
    half = pl.col("half").str.to_lowercase()
    clock = pl.when(half.is_null()).then(hour).otherwise(hour % 12 + pl.when(half == "pm").then(12).otherwise(0))
    digits = pl.col("zone").str.replace_all("[^0-9]", "").str.zfill(4)
    east = digits.str.slice(0, 2).cast(pl.Int64) * 3600 + digits.str.slice(2, 2).cast(pl.Int64) * 60
    shift = pl.when(pl.col("zone").str.starts_with("-")).then(-east).otherwise(east).fill_null(0)
    day = date.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.epoch("s")
    valid = (clock < 24) & (minute < 60) & (second < 61)
    return parts.select(pl.when(valid).then(day + clock * 3600 + minute * 60 + second - shift)).to_series()
