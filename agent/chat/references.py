"""What a message points to: places of the last list ("the second", "number 3", "this"), or titles."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from retrieval.titles import spelled

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NOUN = r"(?:\s+(?:one|item|title|pick|choice|suggestion|entry|film|movie|book|game|song|album|place|show|result)s?\b)?"
_PLACE = re.compile(
    rf"(?:the\s+)?(?:(?P<ordinal>{'|'.join(_ORDINALS)}|last)(?:\s+(?P<count>two|three|four|five))?{_NOUN}"
    rf"|(?:numbers?|no\.|nr\.?|items?|#)\s*(?P<number>\d{{1,3}}|(?:{'|'.join(_NUMBERS)})\b)"
    rf"|\#?(?P<bare>\d{{1,3}})(?=\s*(?:$|[.,;!?)]|and\b|or\b|&))"
    rf"|(?P<all>all\s+of\s+(?:them|these|those)|(?:these|those|them)(?:\s+all)?)\b"
    rf"|(?P<this>this|that|it)\b{_NOUN})",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s*(?:,\s*(?:(?:and|or|nor|&)\s+)?|(?:and|or|nor|&)\s+)(?:(?:about|like|with)\s+)?")
_SPACE = re.compile(r"[\s\"\u201c]*")
_CLOSING = re.compile(r"\s*\((?:18|19|20)\d\d\)|[\"\u201d]")
_MOST_WORDS = 14


@dataclass(frozen=True, slots=True)
class Shown:
    """One item of the last list."""

    item_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Pointed:
    """Items that a row of references means.

    Attributes:
        items: External ids, in the order in which they are named.
        end: Where the row ends.
        beyond: Places that the last list does not have.
        by_place: Whether all are meant by their place in the list.
    """

    items: tuple[str, ...]
    end: int
    beyond: tuple[int, ...]
    by_place: bool


class References:
    """Reads rows of references against the last list, then against the catalogue.

    Args:
        shown: The last list, in its order.
        title: The longest title of the catalogue that some words begin with: item id and words used, or None.
    """

    def __init__(self, shown: Sequence[Shown], title: Callable[[list[str]], tuple[str, int] | None]) -> None:
        self._shown = shown
        self._title = title

    def row(self, text: str, position: int) -> Pointed:
        """The references, joined by commas or "and", that begin at a place of a text."""
        items: dict[str, None] = {}
        beyond: list[int] = []
        end, by_place = position, True
        while True:
            start = _SPACE.match(text, position)
            position = start.end() if start else position
            place = _PLACE.match(text, position)
            title = self._named(text, position)
            if title is not None and (place is None or title[1] > place.end()):
                items[title[0]] = None
                end, by_place = title[1], False
            elif place is not None and self._shown:
                for at in self._places(place):
                    if 0 <= at < len(self._shown):
                        items[self._shown[at].item_id] = None
                    else:
                        beyond.append(at + 1)
                end = place.end()
            else:
                break
            between = _BETWEEN.match(text, end)
            if between is None:
                break
            position = between.end()
        return Pointed(tuple(items), end, tuple(beyond), by_place)

    def _places(self, found: re.Match[str]) -> list[int]:
        if found["all"]:
            return list(range(len(self._shown)))
        if found["this"]:
            return [0]
        if (word := found["ordinal"]) is not None:
            many = 2 + ("two", "three", "four", "five").index(found["count"].lower()) if found["count"] else 1
            if word.lower() == "last":
                return list(range(len(self._shown) - many, len(self._shown)))
            first = _ORDINALS.index(word.lower())
            return list(range(first, first + many))
        said = (found["number"] or found["bare"]).lower()
        return [_NUMBERS.index(said) if said in _NUMBERS else int(said) - 1]

    def _named(self, text: str, position: int) -> tuple[str, int] | None:
        """An item by its title, first of the last list, then of the catalogue; and where the title ends."""
        spans = [m.span() for m in re.finditer(r"\S+", text[position : position + 200])][:_MOST_WORDS]
        words = [text[position + a : position + b].strip('"\u201c\u201d') for a, b in spans]
        best: tuple[str, int] | None = None
        for used in range(len(words), 0, -1):
            said = spelled(" ".join(words[:used]))
            own = next((s.item_id for s in self._shown if said and said in _callings(s.title)), None)
            if own is not None:
                best = own, used
                break
        if best is None:
            best = self._title(words)
            if best is not None and not any(c.isupper() or c.isdigit() for c in " ".join(words[: best[1]])):
                best = None  # written small it may be any word
        if best is None:
            return None
        end = position + spans[best[1] - 1][0] + len(words[best[1] - 1].rstrip(",.;:!?"))
        while closing := _CLOSING.match(text, end):
            end = closing.end()
        return best[0], end


def _callings(title: str) -> set[str]:
    bare = re.sub(r"\s*\(\d{4}\)\s*$", "", title)
    main = bare.split(":")[0]
    names = {spelled(title), spelled(bare), spelled(re.sub(r"\s*\([^()]*\)", "", bare)), spelled(main)}
    return names | {name.removeprefix("the ") for name in names}
