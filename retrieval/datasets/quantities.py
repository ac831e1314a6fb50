"""Columns of items that hold numbers, whatever the file made of them.

A CSV file holds text alone, prices come with the sign of a currency, and libraries write a gap as NaN. A column of text is
one of numbers if nearly all that stands in it is a number, unless it holds codes: its name says so, a number begins with a
zero, or long numbers never repeat. What else stands in such a column ("n/a") is a gap; "free" is 0.
"""

from __future__ import annotations

import re

import polars as pl
import polars.selectors as cs

from retrieval.datasets.table import GAPS, stripped

_MOST = 0.95
_GAPS = (*GAPS, "nan", "nil", "unknown", "tbd", "?", "--")
CODES = frozenset({"id", "ids", "uid", "uuid", "isbn", "asin", "ean", "gtin", "upc", "sku", "code", "zip", "postcode", "phone", "hash"})  # fmt: skip
"""Words in the name of a column of codes."""

_SIGNS = r"^[$\u20ac\u00a3\u00a5\u20b9]\s*|\s*[$\u20ac\u00a3\u00a5\u20b9%]$"
_NUMBER = r"^[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?$|^[+-]?\.\d+$"
_DECIMAL_COMMA = r",(?:\d{1,2}|\d{4,})$"  # 12,50 and 1.299,00; but 1,299 has a thousand
_LONG = 8


def with_numbers(table: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """A table whose columns of numbers are such, without NaN, and the names of those that were text.

    Args:
        table: Of items, without the columns that have a role.
    """
    table = table.with_columns(cs.decimal().cast(pl.Float64)).with_columns(cs.float().fill_nan(None))
    read = {c: values for c in table.columns if (values := _numbers(table[c])) is not None}
    return table.with_columns(**read), tuple(read)


def _numbers(values: pl.Series) -> pl.Series | None:
    """A column of text as numbers, whole ones where all are; None if it is none."""
    named = re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", values.name).lower())
    if values.dtype != pl.String or not CODES.isdisjoint(named):
        return None
    text = stripped(values).str.to_lowercase()
    text = pl.select(pl.when(~text.is_in(_GAPS)).then(text)).to_series()
    known = len(text) - text.null_count()
    bare = text.str.replace_all(_SIGNS, "")
    if bare.str.contains(_DECIMAL_COMMA).any():
        bare = bare.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    numeral = bare.str.contains(_NUMBER)
    free = text == "free"
    if not numeral.any() or (numeral | free).sum() < _MOST * known or _are_codes(bare.filter(numeral)):
        return None
    plain = pl.when(numeral).then(bare.str.replace_all(",", "", literal=True)).when(free).then(pl.lit("0"))
    read = pl.select(plain).to_series().cast(pl.Float64, strict=False)
    whole = bool((read.drop_nulls() % 1 == 0).all())
    return (read.cast(pl.Int64, strict=False) if whole else read).alias(values.name)


def _are_codes(numerals: pl.Series) -> bool:
    long = numerals.str.contains(rf"^\d{{{_LONG},}}$")
    return bool(numerals.str.contains(r"^[+-]?0\d").any()) or bool(long.all() and numerals.is_unique().all())
