"""Conditions on whatever else a catalogue says of its items: people, publishers, platforms, length, price, ages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from retrieval.text_pattern import denied_pattern, said_pattern

OWN = frozenset({"item_id", "title", "categories", "year", "count"})
"""Columns that every catalogue has, which have conditions of their own."""

TRUE = frozenset({"yes", "true", "y"})
TRUTH = TRUE | {"no", "false", "n"}
"""Values of a column that says whether."""

_SEPARATORS = ("|", ";", ", ")
_SPLIT = 0.1
"""A column is one of lists if so many of its texts hold a separator."""
_EXAMINED = 2000


@dataclass(frozen=True, slots=True)
class OneOf:
    """An item needs one of some names in one of some columns.

    Attributes:
        columns: Of text, of lists of texts, or of yes and no.
        values: As the columns have them; "true" and "false" of truth values.
        called: What they are called together, where that is not their names: "38", of the sizes 36-41 and 35-40.
    """

    columns: tuple[str, ...]
    values: tuple[str, ...]
    called: str = ""


@dataclass(frozen=True, slots=True)
class Within:
    """A number must lie in an inclusive range; an item without one does not pass.

    Attributes:
        column: Of numbers.
        low: None for no bound.
        high: None for no bound.
    """

    column: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Says:
    """An item must say some words in one of its texts, its title and categories among them, in the singular or the plural, and deny them in none.

    Attributes:
        words: One phrase in lower case.
    """

    words: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Several conditions at once: what "no 80s horror" denies together, though neither alone.

    Attributes:
        parts: An item needs all of them; the categories and the year are columns as any other here.
    """

    parts: tuple[OneOf | Within | Says, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A choice of conditions on different columns: "organic or under 15", "a red from France or a white from Germany".

    Attributes:
        choices: An item needs one of them.
    """

    choices: tuple[OneOf | Within | Says | AllOf, ...]


Fact = OneOf | Within | Says | AllOf | AnyOf


def of_categories(names: Iterable[str]) -> AllOf:
    """That an item has all of some categories."""
    return AllOf(tuple(OneOf(("categories",), (name,)) for name in sorted(names)))


def columns_of(fact: Fact) -> tuple[str, ...]:
    """The columns that a condition asks of."""
    if isinstance(fact, AllOf | AnyOf):
        parts = fact.parts if isinstance(fact, AllOf) else fact.choices
        return tuple(dict.fromkeys(column for part in parts for column in columns_of(part)))
    if isinstance(fact, Says):
        return ()
    return fact.columns if isinstance(fact, OneOf) else (fact.column,)


def without_choices(fact: Fact, out: Callable[[OneOf | Within | Says | AllOf], bool]) -> tuple[Fact, ...]:
    """What is left of a condition when some of its choices go: one that stays alone is no choice, a whole that does is its parts.

    Args:
        fact: The condition; what is no choice stays.
        out: Whether a choice goes.
    """
    if not isinstance(fact, AnyOf):
        return (fact,)
    left = tuple(choice for choice in fact.choices if not out(choice))
    if len(left) > 1:
        return (fact if len(left) == len(fact.choices) else AnyOf(left),)
    return tuple(part for one in left for part in (one.parts if isinstance(one, AllOf) else (one,)))


def passes(table: pl.DataFrame, fact: Fact) -> pl.Expr:
    """Whether an item meets a condition. One on a column that the table has no longer asks nothing."""
    if isinstance(fact, AllOf):
        return pl.all_horizontal([passes(table, part) for part in fact.parts])
    if isinstance(fact, AnyOf):
        return pl.any_horizontal([passes(table, choice) for choice in fact.choices])
    if isinstance(fact, Says):
        return _says(table, fact.words)
    return _within(table, fact) if isinstance(fact, Within) else _one_of(table, fact)


def _within(table: pl.DataFrame, fact: Within) -> pl.Expr:
    if fact.column not in table.columns:
        return pl.lit(value=True)
    column = pl.col(fact.column)
    above = column.is_not_null() if fact.low is None else column >= fact.low
    below = column.is_not_null() if fact.high is None else column <= fact.high
    return (above & below).fill_null(value=False)


def _one_of(table: pl.DataFrame, fact: OneOf) -> pl.Expr:
    columns = [c for c in fact.columns if c in table.columns]
    if not columns:
        return pl.lit(value=True)
    wanted = pl.lit(pl.Series(list(fact.values), dtype=pl.String).implode())
    return pl.any_horizontal([names_in(table, c).list.set_intersection(wanted).list.len() > 0 for c in columns])


def _says(table: pl.DataFrame, words: str) -> pl.Expr:
    """Whether any column of texts but the id holds the words, and none denies them: "no equipment needed"."""
    pattern, denied = said_pattern(words), denied_pattern(words)
    told = [
        (
            pl.col(name) if dtype == pl.String else pl.col(name).list.join(" \u00b7 ", ignore_nulls=True)
        ).str.to_lowercase()
        for name, dtype in table.schema.items()
        if name != "item_id" and dtype in (pl.String, pl.List(pl.String))
    ]
    said, no = ([text.str.contains(p).fill_null(value=False) for text in told] for p in (pattern, denied))
    return pl.any_horizontal(said) & ~pl.any_horizontal(no)


def names_in(table: pl.DataFrame, column: str) -> pl.Expr:
    """A column of names as one of lists: texts such as "Ann Lee, Bob Roy" are taken apart."""
    dtype = table.schema[column]
    if dtype == pl.List(pl.String):
        return pl.col(column).fill_null([])
    if dtype == pl.Boolean:
        return pl.concat_list(pl.col(column).cast(pl.String)).list.drop_nulls()
    texts = pl.col(column).fill_null("")
    separator = _separator(table[column])
    lists = texts.str.split(separator) if separator else pl.concat_list(texts)
    return lists.list.eval(pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != ""))


def _separator(texts: pl.Series) -> str:
    some = texts.drop_nulls().head(_EXAMINED)
    for separator in _SEPARATORS:
        if len(some) and float(some.str.contains(separator, literal=True).mean() or 0.0) >= _SPLIT:  # type: ignore[arg-type]
            return separator
    return ""
