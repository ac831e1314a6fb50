"""How many items of the list are to be of a group: "at least three documentaries", "only one horror", "5 comedies and 5 dramas"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.chat.degrees import Named
from agent.chat.numerals import NUMBER, number
from agent.chat.remainder import Remainder

_WORDS = r"[a-z][\w'-]*(?:[ -][a-z][\w'-]*)?"
_BOUND = re.compile(
    rf"\b(?:(?P<least>at least|(?:no|not) (?:less|fewer) than|(?:a )?minimum(?: of)?)"
    rf"|(?P<most>at most|(?:no|not) more than|(?:a )?max(?:imum)?(?: of)?|only|just)) (?P<number>{NUMBER}) (?P<what>{_WORDS})"
)
_EACH = re.compile(rf"\b(?P<number>{NUMBER}) (?P<what>{_WORDS}?)(?=\s*(?:,|\band\b|\bplus\b|&|$|[.!?]|\bplease\b))")
_NEXT = re.compile(r"\s*(?:, and|,|and|plus|&)\s+")


_OF_WHAT = re.compile(
    rf"\b(?:(?:at least|at most|(?:no|not) (?:more|less|fewer) than|only|just|maybe) )+(?:{NUMBER})(?: of (?:them|these|those)| ones?)? (?P<what>(?:from|before|after|since|with|without|by|under|over|made in|in) [^,.;!?]+)"
)


@dataclass(frozen=True, slots=True)
class Part:
    """A count of one group.

    Attributes:
        words: What names the group.
        least: How many there must be.
        most: How many there may be.
    """

    words: str
    least: int | None = None
    most: int | None = None


def find_parts(text: Remainder, named: Named, *, listed: bool) -> tuple[Part, ...]:
    """The counts of a message.

    Bounds are taken out of it. Counts of several groups are left, since they say how many items there are in all as well.

    Args:
        text: The message.
        named: Categories that some words name.
        listed: Whether there is a list of which "only one" can be a part; else it says how many items are wanted.
    """
    parts: list[Part] = []
    for found in list(_BOUND.finditer(text.low)):
        words = _naming(found["what"], named)
        if words and (found["least"] or listed):
            count = int(number(found["number"]))
            parts.append(Part(words, least=count) if found["least"] else Part(words, most=count))
            text.take(found.start(), found.start("what") + len(words))
    each: list[Part] = []
    end = -1
    for found in _EACH.finditer(text.low):
        words = _naming(found["what"], named)
        if words and (not each or _NEXT.fullmatch(text.low, end, found.start())):
            each.append(Part(words, least=int(number(found["number"]))))
            end = found.end()
    return (*parts, *(each if len(each) > 1 else ()))


def uncounted(text: Remainder) -> str:
    """What a message wants so many of that are no group: "from the 90s", of "at least two from the 90s"; it is taken out."""
    found = text.taken(_OF_WHAT)
    return text.said[slice(*found.span("what"))].strip() if found else ""


def _naming(what: str, named: Named) -> str:
    """As few of the words as name what all of them do; empty if they name nothing."""
    first = re.split(r"[ -]", what)[0]
    meant = named(what)
    return first if named(first) and (not meant or named(first) == meant) else what if meant else ""
