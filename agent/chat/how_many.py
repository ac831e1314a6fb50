"""How many items a request asks for: "five comedies", "give me 3", not "90 min", "12 angry men" or "14.5 %"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from agent.chat.categories import CategoryWords
from agent.chat.words import READ, is_chatter, is_function_word, is_kind, singular_words, units

_NUMBERS = {
    w: n
    for n, w in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 1
    )
}
_COUNT = rf"(?<![\d.,$\u20ac\u00a3#-])(?P<count>\d{{1,3}}|{'|'.join(_NUMBERS)}|a dozen)\b"
_ASKED = re.compile(
    rf"\b(?:top|give me|show me|list|recommend|suggest|find|need|want|looking for|name|only|just|make (?:it|that)|(?:no|not) (?:more|less|fewer) than)\s+(?:me\s+)?(?:the\s+)?{_COUNT}"
)
_LEADING = re.compile(rf"^\s*(?:the\s+)?{_COUNT}")
_LISTED = re.compile(rf"\s+(?:and|plus|&)\s+{_COUNT}")
_NO_COUNT = re.compile(
    r"['\u2019%\u20ac$\u00a3+\u00b0-]|[.,]\d|\s*[%\u20ac$\u00a3\u00b0/]|\s*[-\u2013]\s*\d|\s+(?:or|and) (?:more|less|fewer|higher|lower|up|over|above)\b"
)
_ONE_OF = re.compile(
    r"one (?:is|was|are|of|that|which|who|has|for|with|in|from)\b"
)  # "one is a vegetarian and two are not"
_WORD = re.compile(r"[ ]([\w'-]+)")
_MEASURES = frozenset(
    ("million", "thousand", "hundred", "percent", "year", "day", "week", "month", "hour", "time", "x")
)
_MOST_BETWEEN = 3  # words between a number and what is counted: "five really good old films"


@dataclass(frozen=True)
class Counted:
    """What tells a number of items from other numbers.

    Attributes:
        categories: Names what can be counted.
        titled: Whether a title begins at a place: "12 Angry Men".
    """

    categories: CategoryWords
    titled: Callable[[int], bool]


def how_many(text: str, counted: Counted, most: int) -> int | None:
    """How many items a folded request asks for, what has been read filled; None if it does not say, or more than there can be.

    A number counts items where they are named, or where nothing is. After a verb of asking other words may be their name
    as well; where nothing asks, only a plural after a number that people say in a word ("six bottles").
    """
    for pattern in (_ASKED, _LEADING):
        found = pattern.search(text)
        if found is None or counted.titled(found.start("count")):
            continue
        if pattern is _LEADING and _ONE_OF.match(text, found.start("count")):
            continue
        number = _number(found["count"])
        if not _counts(text, found.end(), counted.categories, asked=pattern is _ASKED or number <= len(_NUMBERS)):
            continue
        position = found.end()
        while also := _LISTED.search(text, position):  # "two comedies and a few dramas" counts once
            if _counts(text, also.end(), counted.categories, asked=False):
                number += _number(also["count"])
            position = also.end()
        return number if 1 <= number <= most else None
    return None


def _number(said: str) -> int:
    return 12 if said == "a dozen" else _NUMBERS.get(said) or int(said)


def _counts(text: str, position: int, categories: CategoryWords, *, asked: bool) -> bool:
    """Whether a number that ends at a place counts items."""
    if _NO_COUNT.match(text, position):
        return False
    between = 0
    while between <= _MOST_BETWEEN:
        if categories.follow(text, position):
            return True
        word = _WORD.match(text, position)
        if word is None:
            return between == 0 or asked
        said, position = word[1], word.end()
        plain = "".join(singular_words(said))
        measured = plain in _MEASURES or plain in units() or any(plain in names for names in units().values())
        if measured or not said.strip(READ) or is_kind(said):
            return not measured
        if is_function_word(said):
            return between == 0 or asked
        between += not is_chatter(said)
        if asked and between and said.endswith("s") and not said.endswith("ss"):
            break
    return between <= _MOST_BETWEEN
