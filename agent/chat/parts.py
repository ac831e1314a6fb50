"""How many items of the list are to be of a group: "at least three documentaries", "only one horror", "5 comedies and 5 dramas".

"Three of them should be French" is a part of the list as well, and says nothing of its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.chat.degrees import Named
from agent.chat.numerals import NUMBER, number
from agent.chat.remainder import Remainder
from agent.chat.words import is_chatter, is_function_word, is_kind, singular_words, units

_WORDS = r"[a-z][\w'-]*(?:[ -][a-z][\w'-]*)?"
_LEAST = r"(?P<least>at least|(?:no|not) (?:less|fewer) than|(?:a )?minimum(?: of)?)"
_MOST = r"at most|(?:no|not) more than|(?:a )?max(?:imum)?(?: of)?"
_BOUNDS = rf"{_LEAST}|(?P<most>{_MOST}|only|just)"
_SO_MANY = rf"(?P<number>{NUMBER})"
_RANGE = rf"(?:(?P<low>{NUMBER}) (?:or|to) |between (?P<from>{NUMBER}) and )?"
_THEM = r"of (?:them|these|those|which|the [a-z]+)"
_BOUND = re.compile(rf"\b(?:{_BOUNDS}) {_SO_MANY}(?: {_THEM})? (?P<what>{_WORDS})")
_EACH = re.compile(rf"\b(?P<number>{NUMBER}) (?P<what>{_WORDS}?)(?=\s*(?:,|\band\b|\bplus\b|&|$|[.!?]|\bplease\b))")
_NEXT = re.compile(r"\s*(?:, and|,|and|plus|&)\s+")

_WHAT = (
    r"(?:an? )?(?P<what>(?!(?:please|more|is|are|was|were|too|already|again|now|instead)\b)[^,.;!?\u2013]+?)"
    rf"(?=\s*(?:[,.;!?\u2013]|$|\bplease\b|\b(?:and|but|plus) (?:[a-z]+ ){{0,2}}{NUMBER}\b))"
)
_SHOULD = r"(?:should|must|shall|ought to|ha(?:s|ve) to|needs? to)(?: all)?(?P<denied>n't| not)? (?:be |(?=have ))"
_OF_THEM = re.compile(
    rf"\b(?:(?:{_BOUNDS}|(?P<exactly>exactly)|can|could|should|shall|must|let) |(?<!first )(?<!last )(?<!number )(?!one (?!of))){_RANGE}{_SO_MANY}"
    rf"(?:(?: {_THEM}| (?P<kind>[a-z]+))? {_SHOULD}| {_THEM} (?:to )?be ){_WHAT}"
)
_MADE = re.compile(
    rf"(?:\b(?:{_LEAST}|(?P<most>{_MOST})|(?P<exactly>exactly)|make|with)|(?<=,)) {_SO_MANY} {_THEM} (?:being )?{_WHAT}"
)
_OF_WHAT = re.compile(
    rf"\b(?:(?:{_BOUNDS}|maybe) )+{_SO_MANY}(?: {_THEM}| ones?)? (?P<what>(?:from|before|after|since|with|without|by|under|over|made in|in) [^,.;!?]+)"
)
_ALSO = re.compile(rf"\s*(?:,|,? and) (?:{_BOUNDS} )?{_SO_MANY}(?: {_THEM})? (?:{_SHOULD})?{_WHAT}")
_ONES = re.compile(rf"\b(?:{_LEAST}|(?P<most>{_MOST})) {_SO_MANY} (?P<words>[a-z][\w'-]*(?: [a-z][\w'-]*){{1,3}})")
_TOTAL = re.compile(rf"\b(?P<total>{NUMBER}) (?P<kind>[a-z]+)(?:,|:| with| including|, with|, including)(?= {NUMBER} )")
_PIECE = re.compile(
    rf"(?:,? and|,|) (?P<number>{NUMBER}) (?P<what>(?!of\b)[^,.;!?]+?)(?=\s*(?:[,.;!?]|$|\bplease\b|\band {NUMBER}\b))"
)
_ENDS = re.compile(r" (?:ones?|items?)$")
_SEVERAL = 2  # groups that are a list of parts
_OTHERS = frozenset(("one", "ones"))


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
    parts = [*_of_total(text), *_of_them(text, listed=listed)]
    for found in list(_BOUND.finditer(text.low)):
        words = _naming(found["what"], named)
        if words and (found["least"] or listed):
            parts.append(_part(found, words))
            text.take(found.start(), found.start("what") + len(words))
    each: list[Part] = []
    end = -1
    for found in _EACH.finditer(text.low):
        words = _naming(found["what"], named)
        if words and (not each or _NEXT.fullmatch(text.low, end, found.start())):
            each.append(Part(words, least=int(number(found["number"]))))
            end = found.end()
    for found in list(_ONES.finditer(text.low)):
        if (words := _before_noun(found["words"], listed=listed)) and (found["least"] or listed):
            parts.append(_part(found, words))
            text.take(found.start(), found.start("words") + len(words) + 1)
    return (*parts, *(each if len(each) > 1 else ()))


def _of_total(text: Remainder) -> list[Part]:
    """Counts behind one of all items, of which they are parts: "ten films, three dramas and two westerns"; they are taken out."""
    total = _TOTAL.search(text.low)
    if total is None or not is_kind(total["kind"]):
        return []
    found: list[re.Match[str]] = []
    position = total.end()
    while piece := _PIECE.match(text.low, position):
        found.append(piece)
        position = piece.end()
    counts = sum(int(number(piece["number"])) for piece in found)
    if len(found) < _SEVERAL or counts > int(number(total["total"])) or any(_is_measured(p["what"]) for p in found):
        return []
    parts = [Part(_ENDS.sub("", text.said[slice(*p.span("what"))]), least=int(number(p["number"]))) for p in found]
    text.take(total.end(), position)
    return parts


def _of_them(text: Remainder, *, listed: bool) -> list[Part]:
    """Counts that say of what they are a part: "three of them should be French and two Greek"; they are taken out."""
    parts: list[Part] = []
    for pattern in (_OF_THEM, _MADE, _OF_WHAT):
        position = 0
        while found := pattern.search(text.low, position):
            position = found.end()
            kind = found.groupdict().get("kind")
            whole = (
                pattern is _OF_WHAT and found["most"] and not listed
            )  # "only three with a pool" says how many are wanted
            if whole or not (kind is None or kind in _OTHERS or is_kind(kind)):
                continue
            also: re.Match[str] | None = found
            while also is not None and (also is found or not _is_measured(also["what"])):
                parts.append(_part(also, text.said[slice(*also.span("what"))].strip()))
                text.take(*also.span())
                also = _ALSO.match(text.low, also.end())
    return parts


def _part(found: re.Match[str], words: str) -> Part:
    """The count that a pattern has found, of what some words name."""
    count, said = int(number(found["number"])), found.groupdict()
    words = f"not {words}" if said.get("denied") else words
    low = said.get("low") or said.get("from")
    least = int(number(low)) if low else count
    both = low or said.get("exactly")
    return Part(words, least=None if said["most"] else least, most=count if said["most"] or both else None)


def _before_noun(said: str, *, listed: bool) -> str:
    """What stands before "ones", or before another word for items of any kind, if it can name a group: "Greek", of "Greek ones please"."""
    words = said.split(" ")
    at = next((i for i, word in enumerate(words) if word in _OTHERS or (listed and is_kind(word))), 0)
    own = words[:at]
    nothing = all(is_function_word(word) or is_chatter(word) for word in own)
    return "" if nothing or _is_measured(" ".join(own)) else " ".join(own)


def _is_measured(words: str) -> bool:
    """Whether some words after a number say what it measures: "minutes long", "year old", "star"."""
    plain = {"".join(singular_words(word)) for word in words.split()}
    return not plain.isdisjoint({"year", "star", *units(), *(name for names in units().values() for name in names)})


def _naming(what: str, named: Named) -> str:
    """As few of the words as name what all of them do; empty if they name nothing."""
    first = re.split(r"[ -]", what)[0]
    meant = named(what)
    return first if named(first) and (not meant or named(first) == meant) else what if meant else ""
