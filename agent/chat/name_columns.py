"""Which columns of a catalogue hold names, and what kind of names: people, or values that many items share.

A column of names has short texts that are neither addresses nor codes. Free words that few items carry, such as tags, are
no names: an item without a tag may be what the tag says all the same, so they are searched for by their meaning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from agent.chat.words import singular_words
from retrieval.facts import OWN, TRUTH, names_in

_TOKEN = re.compile(r"[^\W_]+")
CODES = frozenset({"id", "ids", "uid", "url", "uri", "link", "image", "poster", "thumbnail", "path", "hash", "isbn", "asin", "ean"})  # fmt: skip
"""Words in the names of columns that say nothing to people."""

_FREE = frozenset({"tag", "keyword"})
_MOST_WORDS = 5  # of a name; columns that mostly have more are texts
_PEOPLE = 0.6  # a column whose names have so often two to four words, none a number, has surnames
_SMALL = 0.5  # a column most of whose names begin with a small letter has no proper names
_EXAMINED = 2000


@dataclass(frozen=True, slots=True)
class NameColumn:
    """One column of names.

    Attributes:
        name: Of the column.
        values: Its different names, as they are written.
        words: The words of each, without accents and case.
        people: Whether the last word of a name is a surname.
        shared: Whether its names are few, each of many items: languages, formats, regions.
    """

    name: str
    values: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    people: bool
    shared: bool


def name_columns(table: pl.DataFrame) -> Iterator[NameColumn]:
    """The columns of names of a catalogue's table."""
    for name, dtype in table.schema.items():
        parts = set(singular_words(name.replace("_", " ")))
        if name in OWN or dtype not in (pl.String, pl.List(pl.String)) or parts & CODES:
            continue
        if not _short(_distinct(table.head(_EXAMINED), name)):
            continue
        values = _distinct(table, name)
        words = tuple(map(words_of, values))
        held = table.select(names_in(table, name).alias("names")).filter(pl.col("names").list.len() > 0)
        pairs = int(held["names"].list.len().sum())
        people = sum(map(_like_a_person, words)) >= _PEOPLE * len(words)
        shared = not people and len(values) * max(2.0, table.height / 100) <= pairs
        small = sum(value[:1].islower() for value in values) > _SMALL * len(values)
        if not shared and pairs > len(held) and (small or parts & _FREE):
            continue
        yield NameColumn(name, values, words, people, shared)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a name without accents and case."""
    decomposed = unicodedata.normalize("NFKD", text.lower().replace("'", " ").replace("\u2019", " "))
    return tuple(_TOKEN.findall("".join(c for c in decomposed if not unicodedata.combining(c))))


def _short(values: tuple[str, ...]) -> bool:
    """Whether texts can be names: short, not all coded, not truth values."""
    wordy = sum(len(value.split()) > _MOST_WORDS for value in values) > len(values) / 4
    coded = sum(any(c.isdigit() for c in v) for v in values) > len(values) / 2 and len(values) > 50
    return bool(values) and not wordy and not coded and not TRUTH.issuperset(v.lower() for v in values)


def _distinct(table: pl.DataFrame, column: str) -> tuple[str, ...]:
    names = table.select(names_in(table, column).alias("name")).explode("name").drop_nulls()
    return tuple(str(value) for value in names["name"].unique(maintain_order=True).to_list() if value)


def _like_a_person(words: tuple[str, ...]) -> bool:
    return 1 < len(words) <= _MOST_WORDS and all(w.isalpha() for w in words)
