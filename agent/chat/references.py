"""What a message points to: places of the last list ("the second", "number 3", "this"), or titles."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from agent.chat.remainder import Remainder
from retrieval.titles import spelled

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NOUN = r"(?:\s+(?:one|item|title|pick|choice|suggestion|entry|kind|sort|type|film|movie|book|game|song|album|place|show|result)s?\b)?"
# What may follow a place that no noun follows: "more like 3 but older". "I like those with dogs" and "I love it when ..." point
# to nothing.
_AFTER_IT = r"(?=\s*(?:$|[.,;:!?)&\u2019']|(?:and|or|but|nor|please|is|are|was|were|look|looks|sound|sounds|again|too|either|already|before|yesterday|once|twice)\b))"
_AFTER_NUMBER = (
    rf"(?:{_AFTER_IT}|(?=\s+(?:from|with|without|only|instead|except|though|although|because|then|for|than|in)\b))"
)
_EXPLICIT = (
    rf"(?:the\s+)?(?:(?P<ordinal>{'|'.join(_ORDINALS)}|last|top(?= (?:one|item|pick|choice|result)\b)|(?:1st|2nd|3rd|\d{{1,2}}th))(?:\s+(?P<count>two|three|four|five))?{_NOUN}(?:{_AFTER_NUMBER}|(?=\s+[-\u2013\u2014]\s))"
    rf"|(?:numbers?|no\.|nr\.?|items?|#)\s*(?P<number>\d{{1,3}}|(?:{'|'.join(_NUMBERS)})\b)"
)
_PLACE = re.compile(
    rf"{_EXPLICIT}|\#?(?P<bare>\d{{1,3}}){_AFTER_NUMBER}"
    rf"|(?P<all>all\s+of\s+(?:them|these|those)\b|(?:these|those|them|they)\b(?:\s+all\b)?{_NOUN}{_AFTER_IT})"
    rf"|(?P<this>this|that|it)\b{_NOUN}{_AFTER_IT})",
    re.IGNORECASE,
)
_SAID_BEFORE = re.compile(rf"\b{_EXPLICIT})", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:,\s*(?:(?:and|or|nor|&)\s+)?|(?:and|or|nor|&)\s+)(?:(?:about|like|with)\s+)?")
_SPACE = re.compile(r"[\s\"\u201c]*")
_CLOSING = re.compile(r"\s*\((?:18|19|20)\d\d\)|[\"\u201d]")
_MOST_WORDS = 14
_MOST_NAMED = 100  # in a row: as many as a list can have


@dataclass(frozen=True, slots=True)
class Shown:
    """One item of the last list."""

    item_id: str
    title: str


GONE = Shown("", "")
"""Stands for an item of the last list that the catalogue has no longer."""


@dataclass(frozen=True, slots=True)
class Pointed:
    """Items that a row of references means.

    Attributes:
        items: External ids, in the order in which they are named.
        end: Where the row ends.
        beyond: Places that the last list does not have.
        by_place: Whether all are meant by their place in the list.
        unclear: It says "it" where nobody can tell which.
    """

    items: tuple[str, ...]
    end: int
    beyond: tuple[int, ...]
    by_place: bool
    unclear: bool = False


class References:
    """Reads rows of references against the last list, then against the catalogue.

    Args:
        shown: The last list, in its order.
        title: The longest title of the catalogue that some words begin with: item id and words used, or None.
        spoken: Items that were spoken of last.
        earlier: The lists before it, newest first.
        known: Items of which something has been said for good.
    """

    def __init__(
        self,
        shown: Sequence[Shown],
        title: Callable[[list[str]], tuple[str, int] | None],
        *,
        spoken: Sequence[str] = (),
        earlier: Sequence[Sequence[Shown]] = (),
        known: Collection[str] = (),
    ) -> None:
        self._shown = shown
        self._called = [_callings(item.title) for item in shown]
        self._title = title
        self._spoken = spoken
        self._lists = [shown, *earlier]
        self._known = known

    def row(self, text: Remainder, position: int, *, spoken: Sequence[str] = (), of_old: bool = False) -> Pointed:
        """The references, joined by commas or "and", that begin at a place of a message.

        Args:
            text: The message.
            position: The place.
            spoken: What "it" means; else what the message pointed to before, or was spoken of last.
            of_old: Whether a place is that of the last list on which something had been said of the item there.
        """
        items: dict[str, None] = {}
        beyond: list[int] = []
        end, by_place, unclear = position, True, False
        for _ in range(_MOST_NAMED):
            start = _SPACE.match(text.rest, position)
            position = start.end() if start else position
            place = _PLACE.match(text.rest, position)
            title = self._named(text.rest, position)
            if title is not None and (place is None or title[1] > place.end()):
                items[title[0]] = None
                end, by_place = title[1], False
            elif place is not None and place["this"]:
                if items:
                    break  # "number 1, it was boring": what is said of it begins
                meant = list(spoken)[-1:] or self._it(text.said[:position])
                unclear |= not meant and len(self._shown) > 1
                items.update(dict.fromkeys(meant))
                end = place.end()
            elif place is not None and place["all"] and len(spoken) > 1:
                items.update(dict.fromkeys(spoken))
                end = place.end()
            elif place is not None and not self._shown and (place["number"] or place["ordinal"] or place["bare"]):
                beyond += [at + 1 for at in self._places(place) if at >= 0]
                end = place.end()
            elif place is not None and self._shown:
                unclear &= bool(items) or "," not in text.rest[end:position]  # "not that one, the third"
                for at in self._places(place):
                    if self._has(at):
                        items[self._at(at, of_old)] = None
                    else:
                        beyond.append(at + 1)
                end = place.end()
            else:
                break
            between = _BETWEEN.match(text.rest, end)
            if between is None:
                break
            position = between.end()
        return Pointed(tuple(items), end, tuple(beyond), by_place, unclear)

    def speaking_of(self, spoken: Sequence[str]) -> References:
        """The same, where some items were spoken of last."""
        return References(self._shown, self._title, spoken=spoken, earlier=self._lists[1:], known=self._known)

    def count(self) -> int:
        """How long the last list is."""
        return len(self._shown)

    def placed(self, said: str) -> bool:
        """Whether some words speak of a place of the last list."""
        places = [at for found in _SAID_BEFORE.finditer(said) for at in self._places(found)]
        return any(self._has(at) for at in places)

    def _has(self, place: int) -> bool:
        return 0 <= place < len(self._shown) and self._shown[place] is not GONE

    def _at(self, place: int, of_old: bool) -> str:
        own = [shown[place].item_id for shown in self._lists if place < len(shown)]
        return next((item for item in own if item in self._known), own[0]) if of_old else own[0]

    def _it(self, before: str) -> list[str]:
        """What "it" means after some words: the place they named last, what was spoken of before, or a list of one."""
        named = list(_SAID_BEFORE.finditer(before))[-1:]
        at = self._places(named[0])[-1] if named else -1
        if named:  # and nothing else, where the list has no such place
            return [self._shown[at].item_id] if self._has(at) else []
        if len(self._spoken) == 1:
            return list(self._spoken)
        return [self._shown[0].item_id] if len(self._shown) == 1 else []

    def _places(self, found: re.Match[str]) -> list[int]:
        said = found.groupdict()
        if said.get("all"):
            return list(range(len(self._shown)))
        if (word := said["ordinal"]) is not None:
            many = 2 + ("two", "three", "four", "five").index(said["count"].lower()) if said["count"] else 1
            if word.lower() == "last":
                return list(range(len(self._shown) - many, len(self._shown)))
            named = "first" if word.lower() == "top" else word.lower()
            first = int(word[:-2]) - 1 if word[0].isdigit() else _ORDINALS.index(named)
            return list(range(first, first + many))
        number = (said["number"] or said["bare"]).lower()
        return [_NUMBERS.index(number) if number in _NUMBERS else int(number) - 1]

    def _named(self, text: str, position: int) -> tuple[str, int] | None:
        """An item by its title, first of the last list, then of the catalogue; and where the title ends."""
        spans = [m.span() for m in re.finditer(r"\S+", text[position : position + 200])][:_MOST_WORDS]
        words = [text[position + a : position + b].strip('"\u201c\u201d') for a, b in spans]
        best: tuple[str, int] | None = None
        for used in range(len(words), 0, -1):
            said = spelled(" ".join(words[:used]))
            own = next(
                (s.item_id for s, names in zip(self._shown, self._called, strict=True) if said and said in names), None
            )
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
