"""Which columns of numbers hold what a request counts: pages, minutes, euros, players.

A column is told by its name ("pages", ``runtime_min``), by the words that ``vocabulary.yaml`` lists for a unit, or by another
unit of the same kind: who asks for kilograms means a column of grams.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

import polars as pl

from agent.chat.measures import SCALES, like_units, same_unit
from agent.chat.qualities import qualities_of, quality
from agent.chat.words import is_function_word, is_kind, singular_words, units
from retrieval.arrays import Int32
from retrieval.facts import OWN, Within
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog

LENGTH, PRICE, DISTANCE, AGE, PEOPLE, STARS, SHARE = "length", "price", "distance", "age", "people", "star", "percent"
"""Units that stand for a kind of quantity."""

UNTOLD = {
    LENGTH: "nothing here tells how long it is",
    PRICE: "nothing here has a price",
    DISTANCE: "nothing here tells how far it is",
    PEOPLE: "nothing here tells for how many it is",
}
"""What is said where no column holds what is asked for."""

_SIGNS = {"$": "dollar", "\u20ac": "euro", "\u00a3": "pound", "\u00a5": "yen", "\u20b9": "rupee"}
_GROUP = "group"
_PLACES = 6
_ORDINAL = frozenset(
    ("number", "no", "top", "first", "last", "item", "part", "year")
)  # of a place and not of a quantity
_FEW_VALUES = 30  # different numbers of doors or strings
BIG = frozenset(("big", "large"))
"""Words that compare items by how big they are."""

_SIZES = (
    "size",
    "area",
    "volume",
    "capacity",
    "height",
    "width",
    "tall",
    "wide",
)  # columns that tell how big a thing is, the plainest first
_TOO_MANY_MINUTES = 900  # a column that does not say what it counts, of more than this, counts seconds
_MINUTES, _SECONDS = 60.0, 1.0
_RATED = frozenset(("rating", "score", "review"))
_LEAST, _MOST = ("min", "minimum"), ("max", "maximum")


class Quantities:
    """The columns of numbers of one catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog, self._table = catalog, catalog.table
        parts = {
            name: singular_words(re.sub(r"(?<=[a-z])(?=[A-Z])|[_\W]", " ", name))
            for name, dtype in catalog.table.schema.items()
            if dtype.is_numeric() and name not in OWN
        }
        self._parts = {name: words for name, words in parts.items() if "id" not in words}
        self.qualities = qualities_of(self._parts)
        """Columns by the adjectives that their names are made of: sweet, of ``sweetness``."""

    def __bool__(self) -> bool:
        return bool(self._parts)

    def of(self, unit: str) -> list[str]:
        """Columns that count in a unit, or hold what a word names: those called like it first."""
        word = _plain(_SIGNS.get(unit, unit))
        if not word:
            return []
        if unit in _SIGNS and (prices := self.of(PRICE)):  # whatever it is called: a sign of pounds weighs nothing
            return sorted(prices, key=lambda c: not any(_counts(name, self._parts[c]) for name in _currency(word)))
        if word in self.qualities:
            return [self.qualities[word]]
        if word in BIG:
            return [c for size in _SIZES for c, parts in self._parts.items() if size in parts and "group" not in parts][
                :1
            ]
        listed = [name for other in (word, *like_units(word)) for name in (other, *_listed().get(other, ()))]
        own = [c for c, parts in self._parts.items() if any(_counts(name, parts) for name in (word, *same_unit(word)))]
        return own or list(
            dict.fromkeys(c for name in listed for c, parts in self._parts.items() if _counts(name, parts))
        )

    def named(self, phrase: str) -> list[str]:
        """Columns whose names have every word of a phrase that names something: "guest rating", "distance to the centre"."""
        words = {word for word in singular_words(phrase) if not is_function_word(word)}
        return [c for c, parts in self._parts.items() if words and words <= set(parts)]

    def named_so(self, word: str) -> list[str]:
        """The one column whose whole name is a word, without what it is measured in: ``spf``, ``rating``."""
        if word in _ORDINAL or is_kind(word) or is_function_word(word):
            return []
        return [c for c, parts in self._parts.items() if [p for p in parts if not _is_unit(p)] == [_plain(word)]][:1]

    def called(self, word: str) -> list[str]:
        """Columns that a word before a bound names: "rating above 4", "alcohol under 13". Kinds of items name none."""
        return [] if is_kind(word) else self.of(word)

    def counting(self, unit: str) -> list[str]:
        """Columns in which so many of a unit can be: ``bottle_ml`` holds millilitres, not bottles."""
        word = _plain(unit)
        measured = any(word in scale for scale in SCALES)
        told = (
            measured or word in _listed() or word in self.qualities
        )  # "160 wide" is so many of whatever the width is in
        return [c for c in self.of(unit) if told or not self._measures(c)]

    def met(self, facts: Sequence[Within]) -> bool:
        """Whether some bounds are there, and an item is within them."""
        return bool(facts) and bool(ItemFilter(facts=tuple(facts)).mask(self._catalog).any())

    def reaches(self, facts: Sequence[Within]) -> bool:
        """Whether bounds lie where the values of their columns do: 110 is no number of stars."""
        within = [Within(f.column, high=b) for f in facts for b in (f.low, f.high) if b is not None]
        above = [Within(f.column, low=b) for f in facts for b in (f.low, f.high) if b is not None]
        return bool(facts) and all(self.met([one]) for one in (*within, *above))

    def timed(self, unit: str) -> bool:
        """Whether a unit is one of time, or a word for length."""
        return _plain(unit) in SCALES[0] or _plain(unit) == LENGTH

    def peopled(self, unit: str) -> bool:
        """Whether a unit is one of people."""
        return _plain(unit) == PEOPLE or _plain(unit) in _listed().get(PEOPLE, ())

    def is_price(self, unit: str) -> bool:
        """Whether a unit is one of money."""
        return _plain(unit) == PRICE or PRICE in _listed().get(_plain(unit), ())

    def pair(self, columns: Sequence[str]) -> tuple[str, str] | None:
        """Columns of a least and a most of the same, such as ``min_players`` and ``max_players``."""
        for least in columns:
            for most in columns:
                rest = _but(self._parts[least], _LEAST)
                if rest is not None and rest == _but(self._parts[most], _MOST):
                    return least, most
        return None

    def bounded(self, unit: str, columns: Sequence[str], low: float | None, high: float | None) -> tuple[Within, ...]:
        """Bounds in a column's own unit. Where there is a least and a most, all in between must do."""
        if pair := self.pair(columns):
            least, most = pair
            if (
                _GROUP in self._parts[most]
            ):  # "groups of at most 10" have no more; a game for at most 4 can be played by 4
                least, most = most, least
            facts = [Within(most, low=low)] if low is not None else []
            return (*facts, *([Within(least, high=high)] if high is not None else []))
        for column in columns[:1]:
            factor = self._factor(unit, column)
            return (Within(column, _times(low, factor), _times(high, factor)),)
        return ()

    def whole(self, facts: tuple[Within, ...], value: float | None = None) -> tuple[Within, ...]:
        """Ranges of columns of whole numbers without the fractions at their ends: 5 doors, not 4.5 to 5.5.

        Args:
            facts: Ranges.
            value: What was said; of what is counted and not measured, "12 strings", it is meant exactly.
        """
        out: list[Within] = []
        for f in facts:
            values = self._table[f.column]
            if f.low is None or f.high is None or not values.dtype.is_integer():
                out.append(f)
            elif value is not None and not self._measures(f.column) and self._counted(values, value):
                out.append(Within(f.column, value, value))
            else:
                out.append(Within(f.column, math.ceil(f.low), math.floor(f.high)))
        return tuple(out)

    def _counted(self, values: pl.Series, value: float) -> bool:
        return values.n_unique() <= _FEW_VALUES and bool((values == value).any())

    def serving(self, columns: Sequence[str], value: float) -> tuple[Within, ...]:
        """What does for so many people: enough for them, and not made for more."""
        if pair := self.pair(columns):
            return (Within(pair[0], high=value), Within(pair[1], low=value))
        room = [c for c in columns if c in self.of(PEOPLE)][:1]
        return tuple(Within(c, high=value) if _LEAST[0] in self._parts[c] else Within(c, low=value) for c in room)

    def suiting(self, youngest: float, oldest: float) -> tuple[Within, ...]:
        """What suits everybody between two ages."""
        least = [c for c in self.of(AGE) if not set(_MOST) & set(self._parts[c])][:1]
        most = [c for c in self.of(AGE) if set(_MOST) & set(self._parts[c])][:1]
        return (*(Within(c, high=youngest) for c in least), *(Within(c, low=oldest) for c in most))

    def older(self, age: float) -> tuple[Within, ...]:
        """What is made for those who are older than an age."""
        return tuple(Within(c, low=age + 1) for c in self.of(AGE) if not set(_MOST) & set(self._parts[c]))[:1]

    def part(self, unit: str, share: float, *, most: bool) -> tuple[Within, ...]:
        """The items that have the least, or the most, of something, up to a quantile of the catalogue."""
        for column in self.of(unit):
            bound = self._table[column].quantile(share)
            if bound is not None:
                return (Within(column, high=bound) if most else Within(column, low=bound),)
        return ()

    def quality(self, adjective: str, *, much: bool) -> tuple[Within, ...]:
        """The items that are, or are not, what an adjective of :attr:`qualities` says."""
        return quality(self._table[self.qualities[adjective]], much=much)

    def beyond(self, than: Int32, way: int, unit: str) -> Within | None:
        """More (1) or less (-1) of something than the middle of some items; None where no column holds it."""
        for column in self.named(unit) or self.of(unit):
            middle = self._table[column].gather(than).median()
            if isinstance(middle, int | float):
                return Within(column, low=middle + 1e-9) if way > 0 else Within(column, high=middle - 1e-9)
        return None

    def _factor(self, unit: str, column: str) -> float:
        """From a unit into what a column counts, as its name says it; a time of which it says nothing is in minutes."""
        word = _plain(unit)
        for scale in SCALES:
            if word in scale:
                own = [scale[part] for part in reversed(self._parts[column]) if part in scale]
                return scale[word] / (own[0] if own else self._untold(column) if scale is SCALES[0] else scale[word])
        return 1.0

    def _measures(self, column: str) -> bool:
        return any(part in scale for scale in SCALES for part in self._parts[column] if part not in _LEAST)

    def _untold(self, column: str) -> float:
        usual = self._table[column].median()
        return _SECONDS if isinstance(usual, int | float) and usual > _TOO_MANY_MINUTES else _MINUTES


def _is_unit(part: str) -> bool:
    return any(part in scale for scale in SCALES)


def _plain(word: str) -> str:
    return "".join(singular_words(word))


@lru_cache(maxsize=1)
def _listed() -> dict[str, list[str]]:
    """Words in the names of columns by unit, all in the singular."""
    return {_plain(unit): [_plain(name) for name in names] for unit, names in units().items()}


def _currency(word: str) -> set[str]:
    """A currency by its names: dollar, usd."""
    return {word, *_listed().get(word, ())} - {PRICE, "cost", "weight", "lb"}


def _counts(word: str, parts: Sequence[str]) -> bool:
    """Whether a column's name says that it counts something: ``duration_min`` counts minutes, ``min_players`` does not."""
    of_people = word in _listed().get(PEOPLE, ()) and not _RATED.isdisjoint(parts)  # "guest_rating" counts no guests
    return word in parts and not of_people and (word not in ("min", "minute") or parts[-1] == word)


def _but(parts: Sequence[str], words: Sequence[str]) -> tuple[str, ...] | None:
    left = tuple(part for part in parts if part not in words)
    return left if len(left) == len(parts) - 1 else None


def _times(value: float | None, factor: float) -> float | None:
    """A bound in another unit; what little it lies beside a number, since that itself is out, stays as little."""
    if value is None:
        return None
    plain = round(value, _PLACES)
    return plain * factor + (value - plain)
