"""Values that stand for all that lies between two ends: sizes "36-41" and "S-XL", months "May to July"."""

from __future__ import annotations

import re

_DASH = r"\s*(?:-|\u2013|\u2014|/|\bto\b)\s*"
_NUMBERS = re.compile(rf"(\d{{1,4}}){_DASH}(\d{{1,4}})")
_WORDS = re.compile(rf"([a-z]+){_DASH}([a-z]+)")
_LONGEST = 60  # numbers that a span may hold: more of them are no sizes
_LETTERS = ("xxxs", "xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl", "xxxxl")
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = 3  # letters of a month's short form


def within(value: str) -> tuple[str, ...]:
    """What lies between the ends of a span, and its ends, in lower case; nothing if a value is no span."""
    said = value.strip().lower()
    if found := _NUMBERS.fullmatch(said):
        low, high = int(found[1]), int(found[2])
        return tuple(map(str, range(low, high + 1))) if low < high < low + _LONGEST else ()
    if (found := _WORDS.fullmatch(said)) is None:
        return ()
    first, last = found.groups()
    if first in _LETTERS and last in _LETTERS:
        return _LETTERS[_LETTERS.index(first) : _LETTERS.index(last) + 1]
    start, end = _month(first), _month(last)
    if start is None or end is None:
        return ()
    return tuple(_MONTHS[i % 12] for i in range(start, (end if end >= start else end + 12) + 1))


def is_size(word: str) -> bool:
    """Whether a word in lower case is a size of letters: "m", "xl"."""
    return word in _LETTERS


def is_month(word: str) -> bool:
    """Whether a word in lower case is the name of a month."""
    return word in _MONTHS


def forms(month: str) -> tuple[str, ...]:
    """A month's name and its short forms."""
    return (month, month[:_SHORT], "sept") if month == "september" else (month, month[:_SHORT])


def _month(word: str) -> int | None:
    """The month, from 0, that a word or its first letters name: "sept", "Jul"."""
    return next((i for i, name in enumerate(_MONTHS) if len(word) >= _SHORT and name.startswith(word)), None)


def day_forms(word: str) -> tuple[str, ...]:
    """How the day of the week is called that a word in lower case, or its first letters, names; nothing for other words."""
    full = next((day for day in _DAYS if len(word) >= _SHORT and day.startswith(word)), "")
    return (full, f"{full}s", full[:_SHORT]) if full else ()
