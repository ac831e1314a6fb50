"""What an item says in words: one sentence per item, from the columns of the catalogue that hold words.

Which columns count is decided by a rule, not by a list of names that would fit one domain. A column counts if it is text
or a list of texts and most of the values that are there hold at least one *word*: a run of two or more letters that stands by
itself, so that identifiers, codes, addresses and file names do not count. The sentence is the title, the year (unless
the title has it), the categories, and the other columns, the shortest first: what an encoder cuts off is the end of the
longest. A title that only repeats the item's id says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from retrieval.errors import NotFoundError
from retrieval.schema import Catalog

_WORD = r"""(?:^|[\s"'(])\p{L}{2,}(?:['’-]\p{L}+)*[,.;:!?"')]*(?:\s|$)"""
_LISTED = r"(\p{L})[|;,](\p{L})"
_MOST = 0.5
_OWN = ("item_id", "title", "year", "count", "categories")
_ARTICLE = r"(?i)^(.*), (the|a|an)(\s*\(.*)?$"


def word_columns(catalog: Catalog) -> tuple[str, ...]:
    """Names of the columns beside title, year and categories that hold words, the shortest on average first."""
    lengths: dict[str, float] = {}
    for name in catalog.table.columns:
        if name in _OWN:
            continue
        text = _text(catalog.table, name)
        if text is None:
            continue
        said = text.filter(text != "")
        if len(said) and said.str.contains(_WORD).sum() > _MOST * len(said):
            lengths[name] = float(said.str.len_chars().sum()) / len(said)
    return tuple(sorted(lengths, key=lambda name: (lengths[name], name)))


def sentences(catalog: Catalog, columns: Sequence[str] | None = None) -> list[str]:
    """``M`` sentences by internal id; an item of which nothing is said has an empty one.

    Args:
        catalog: The items.
        columns: Columns beside title, year and categories; :func:`word_columns` if None.

    Raises:
        NotFoundError: A column does not exist or holds no text.
    """
    table = catalog.table
    title = table["title"].to_frame().select(
        pl.when(table["title"] == table["item_id"]).then(pl.lit("")).otherwise(
            pl.col("title").str.replace(_ARTICLE, "$2 $1$3")
        ).alias("title")
    ).to_series()  # fmt: skip
    year = table["year"].cast(pl.String).fill_null("")
    parts = pl.DataFrame({"title": title, "year": year, "categories": _joined(table["categories"])})
    known = pl.col("title").str.contains(pl.col("year"), literal=True)
    parts = parts.with_columns(pl.when(known).then(pl.lit("")).otherwise("year").alias("year"))
    for name in word_columns(catalog) if columns is None else columns:
        text = _text(table, name) if name in table.columns else None
        if text is None:
            raise NotFoundError(
                f"the catalogue has no column of words {name!r}", f"choose among {', '.join(word_columns(catalog))}"
            )
        label = f"{name.replace('_', ' ')}: "
        parts = parts.with_columns(pl.when(text != "").then(label + text).otherwise(pl.lit("")).alias(f"words {name}"))
    spoken = pl.concat_list(pl.all()).list.eval(pl.element().filter(pl.element() != "")).list.join(". ")
    return parts.select(spoken).to_series().to_list()


def _text(table: pl.DataFrame, name: str) -> pl.Series | None:
    """A column as one text per item, empty where there is none; None if it holds no text."""
    values = table[name]
    if values.dtype == pl.String:
        listed = values.fill_null("").str.replace_all(_LISTED, "$1, $2")  # "loud,angry" is two words
        return listed.str.replace_all(r"\s+", " ").str.strip_chars()
    if values.dtype == pl.List(pl.String):
        return _joined(values)
    return None


def _joined(values: pl.Series) -> pl.Series:
    names = values.cast(pl.List(pl.String))  # a column without a single name may have no type of its own
    return names.list.eval(pl.element().drop_nulls()).list.join(", ").fill_null("")
