"""Numbers that a request bounds: "under two hours", "300 to 500 pages", "for 4 players", "at most $20", "ages 8 and up".

A number is read only where the catalogue has a column for it, which is told by the column's name and by the words that
``vocabulary.yaml`` lists for units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from agent.chat.categories import CategoryWords
from agent.chat.words import filled, is_chatter, is_compound, is_function_word, is_kind, singular_words, units
from retrieval.arrays import Int32
from retrieval.facts import OWN, Within
from retrieval.schema import Catalog

_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_N = rf"(?P<{{}}>\d+(?:[.,]\d+)*|{'|'.join(_WORDS)}|an?(?= hour)|(?:an? )?hour and a half)"
_UNIT = r"(?:[ -]?(?P<unit>[a-z]+))?"
_MONEY = r"(?P<money>[$\u20ac\u00a3]\s?)?"
_AT_MOST = r"(?P<most>under|below|less than|fewer than|shorter than|cheaper than|at most|up to|(?:no|not) (?:more|longer) than|max(?:imum)?(?: of)?|within)"
_AT_LEAST = (
    r"(?P<least>over|above|more than|longer than|at least|(?:no|not) (?:less|fewer|shorter) than|min(?:imum)?(?: of)?)"
)
_RANGE = re.compile(rf"\b(?:between |from )?{_MONEY}{_N.format('a')}\s*(?:-|\u2013|to|and|or)\s*{_MONEY.replace('money', 'money2')}{_N.format('b')}{_UNIT}")  # fmt: skip
_BOUND = re.compile(rf"\b(?:{_AT_MOST}|{_AT_LEAST})\s+{_MONEY}{_N.format('n')}{_UNIT}")
_OPEN = re.compile(rf"\b{_N.format('n')}{_UNIT}\s*(?:(?P<least>\+|(?:and|or) (?:more|longer|up|over|above|older))|(?P<most>or (?:less|fewer|shorter|under)))")  # fmt: skip
_PLUS = re.compile(rf"\b{_N.format('n')}(?P<least>\+){_UNIT}")
_FOR = re.compile(rf"\bfor {_N.format('n')}[ -](?P<unit>[a-z]+)")
_AGE = re.compile(rf"\b(?:(?:for|my|our|an?|aged?|ages) )+{_N.format('n')}(?:[ -]?years?[ -]?olds?\b|\+| and (?:up|older|over|above)\b)|\b(?:aged?|ages) {_N.format('m')}\b")  # fmt: skip
_LENGTH = re.compile(
    r"\b(?P<not>not (?:too|so|very|that) |nothing too )?(?P<way>short|long|brief|lengthy)\b(?=\s+(?P<next>[a-z-]+)|)"
)
_STRICT = frozenset(("under", "below", "less than", "fewer than", "shorter than", "cheaper than"))
_TERCILE = 1 / 3
_TOO_MANY_MINUTES = 900  # a column that does not say what it counts, of more than this, counts seconds


@dataclass(frozen=True, slots=True)
class AmountMention:
    """One place that bounds a number.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        facts: What it asks; all of them.
    """

    start: int
    end: int
    facts: tuple[Within, ...]


class AmountWords:
    """Finds bounds on the columns of numbers of one catalogue."""

    def __init__(self, catalog: Catalog, categories: CategoryWords) -> None:
        self._categories = categories
        table = catalog.table
        self._parts = {
            name: singular_words(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name))
            for name, dtype in table.schema.items()
            if dtype.is_numeric() and name not in OWN
        }
        self._parts = {name: parts for name, parts in self._parts.items() if "id" not in parts}
        self._table = table

    def find(self, rest: str) -> list[AmountMention]:
        """Every bound in a folded request, in its order."""
        if not self._parts:
            return []
        found: list[AmountMention] = []
        for mention in self._each(rest):
            if mention.facts and not any(_same(m, mention) for m in found):
                found.append(mention)
                rest = filled(rest, mention.start, mention.end)
        return sorted(found, key=lambda m: m.start)

    def longer(self, than: Int32, way: int) -> Within | None:
        """Longer (1) or shorter (-1) than the middle of some items; None where nothing says how long they are."""
        for column in self._columns_of("length"):
            middle = self._table[column].gather(than).median()
            if isinstance(middle, int | float):
                return Within(column, low=middle + 1e-9) if way > 0 else Within(column, high=middle - 1e-9)
        return None

    def age(self, years: int) -> tuple[Within, ...]:
        """What suits somebody of an age."""
        return tuple(Within(c, high=float(years)) for c in self._columns_of("age") if "max" not in self._parts[c])[:1]

    def _each(self, rest: str) -> Iterator[AmountMention]:
        for m in _RANGE.finditer(rest):
            low, high = sorted((_number(m["a"]), _number(m["b"])))
            money = bool(m["money"] or m["money2"])
            yield AmountMention(*m.span(), self._bounded(_unit(m, money), low, high))
        for m in _BOUND.finditer(rest):
            value = _number(m["n"])
            strict = 1e-9 if (m["most"] or m["least"]) in _STRICT | {"over", "above", "more than", "longer than"} else 0
            low, high = (None, value - strict) if m["most"] else (value + strict, None)
            yield AmountMention(*m.span(), self._bounded(_unit(m, bool(m["money"])), low, high))
        for m in chain(_PLUS.finditer(rest), _OPEN.finditer(rest)):
            value = _number(m["n"])
            low, high = (value, None) if m["least"] else (None, value)
            yield AmountMention(*m.span(), self._bounded(m["unit"] or "", low, high))
        for m in _FOR.finditer(rest):
            yield AmountMention(*m.span(), self._for(m["unit"], _number(m["n"])))
        for m in _LENGTH.finditer(rest):
            if fact := self._length(m):
                yield AmountMention(*m.span(), fact)

    def _bounded(self, unit: str, low: float | None, high: float | None) -> tuple[Within, ...]:
        """Bounds in the columns' own unit. Where there is a least and a most ("players"), all in between must do."""
        columns = self._columns_of(unit)
        if pair := self._pair(columns):
            least, most = pair
            facts: list[Within] = [Within(most, low=low)] if low is not None else []
            return tuple(facts + ([Within(least, high=high)] if high is not None else []))
        for column in columns:
            factor = self._factor(unit, column)
            return (Within(column, _times(low, factor), _times(high, factor)),)
        return ()

    def _for(self, unit: str, value: float) -> tuple[Within, ...]:
        pair = self._pair(self._columns_of(unit))
        return (Within(pair[0], high=value), Within(pair[1], low=value)) if pair else ()

    def _length(self, m: re.Match[str]) -> tuple[Within, ...]:
        word = m["next"] or ""
        says = not (is_function_word(word) or is_chatter(word)) or is_compound(word)
        whole = not word or not says or is_kind(word) or self._categories.follow(m.string, m.end())
        if not whole or self._categories.named_in([m["way"]]):
            return ()
        short, denied = m["way"] in ("short", "brief"), bool(m["not"])
        at_most = short is not denied
        for column in self._columns_of("length"):
            bound = self._table[column].quantile(_TERCILE if short else 1 - _TERCILE)
            if bound is not None:
                return (Within(column, high=bound) if at_most else Within(column, low=bound),)
        return ()

    def _columns_of(self, unit: str) -> list[str]:
        """Columns that count in a unit: those named like it, then those named like what is measured in it."""
        word = "".join(singular_words(unit))
        if not word:
            return []
        own = [c for c, parts in self._parts.items() if _counts(word, parts)]
        listed = units().get(word, [])
        return own or [c for name in listed for c, parts in self._parts.items() if _counts(name, parts)]

    def _pair(self, columns: list[str]) -> tuple[str, str] | None:
        for least in columns:
            for most in columns:
                both = self._parts[least], self._parts[most]
                if _but(both[0], "min", "minimum") is not None and _but(both[0], "min", "minimum") == _but(both[1], "max", "maximum"):  # fmt: skip
                    return least, most
        return None

    def _factor(self, unit: str, column: str) -> float:
        """Of hours, minutes or seconds into what a column counts."""
        seconds = {"hour": 3600.0, "minute": 60.0, "min": 60.0, "second": 1.0}
        word = "".join(singular_words(unit))
        if word not in seconds:
            return 1.0
        parts = self._parts[column]
        for names, size in ((("ms", "msec", "millisecond"), 1e-3), (("sec", "second"), 1.0), (("min", "minute"), 60.0), (("hour",), 3600.0)):  # fmt: skip
            if any(name in parts for name in names):
                return seconds[word] / size
        usual = self._table[column].median()
        untold = isinstance(usual, int | float) and usual > _TOO_MANY_MINUTES
        return seconds[word] / (1.0 if untold else 60.0)


def find_age(rest: str) -> tuple[int, int, int] | None:
    """An age that a folded request speaks of: its place and the years."""
    if (found := _AGE.search(rest)) is None:
        return None
    return *found.span(), int(_number(found["n"] or found["m"]))


def complement(facts: tuple[Within, ...]) -> tuple[Within, ...]:
    """What "nothing over two hours" wants: the other side of a bound. A range has no other side."""
    out: list[Within] = []
    for fact in facts:
        if fact.high is None and fact.low is not None:
            out.append(Within(fact.column, high=fact.low))
        elif fact.low is None and fact.high is not None:
            out.append(Within(fact.column, low=fact.high))
    return tuple(out)


def _number(said: str) -> float:
    if "half" in said:
        return 1.5
    if said in _WORDS:
        return float(_WORDS.index(said) + 1)
    if said in ("a", "an"):
        return 1.0
    parts = re.split(r"[.,]", said)
    grouped = len(parts) > 1 and all(len(part) == 3 for part in parts[1:])
    return float("".join(parts)) if grouped else float(f"{parts[0]}.{''.join(parts[1:]) or '0'}")


def _unit(m: re.Match[str], money: bool) -> str:
    return "dollar" if money else m["unit"] or ("hour" if "hour" in m.group() else "")


def _counts(word: str, parts: list[str]) -> bool:
    """Whether a column's name says that it counts something: ``duration_min`` counts minutes, ``min_players`` does not."""
    return word in parts and (word not in ("min", "minute") or parts[-1] == word)


def _same(one: AmountMention, other: AmountMention) -> bool:
    """Whether two bounds share their place or their column: "short, under 90 minutes" is bounded once."""
    beside = one.end <= other.start or other.end <= one.start
    return not beside or bool({f.column for f in one.facts} & {f.column for f in other.facts})


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _but(parts: list[str], *words: str) -> tuple[str, ...] | None:
    left = tuple(part for part in parts if part not in words)
    return left if len(left) == len(parts) - 1 else None
