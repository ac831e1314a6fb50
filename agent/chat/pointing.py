"""What a message does with places of the last list: takes one out, wants more like it, chooses it, finds it too long."""

from __future__ import annotations

import re

from agent.chat.intents import END
from agent.chat.references import Pointed, References
from agent.chat.remainder import Remainder

REJECT = re.compile(r"\b(?:(?:just |but |and )?not|no|without|drop|remove|skip|except|swap|replace|exchange)\s+")
MORE_LIKE = re.compile(
    r"\b(?:(?:some(?:thing)?|anything|give me|show me)\s+)?(?:(?:more|others?|stuff|things|something|similar)?\s*(?:in the (?:style|spirit|vein) of|like|similar to)|more of)\s+"
)
_CHOICE = re.compile(
    r"\s*(?:(?:ok(?:ay)?|yes|hm+|well|thanks|thank you|great|perfect|nice|alright),? )*(?:(?:i(?:|'ll| will|'d like to| want to| want|'m going (?:to|with))|let'?s)\s+)?(?:(?:take|pick|choose|go (?:with|for)|watch|read|play|try|buy|have|get)\s+)?"
)
_CHOSEN_END = re.compile(rf"(?:,? (?:please|then|it is))*{END}")
_OPINION = re.compile(
    r"(?:n't|not|never|\b(?:does|do|did|would|will|might|may|to|i|we|you|they|he|she|who|people|kids))\s*(?:really|ever)?\s*$"
)
_SUBJECT = re.compile(r"(?:^|[,.;]|\b(?:and|but|because|as|since)\b)\s*(?=\S)")
_THAN = re.compile(r"\b(?:[a-z]{2,}er|(?:more|less) [a-z]+)\s+(?P<than>than)\s+")
_TOO = re.compile(r"(?:'s|\u2019s| is| was| are)\s+(?:(?:a bit|a little|much|far|way|just)\s+)?(?:too|not)\b")
_TOO_BARE = re.compile(
    r"\s*[,;:\u2013-]\s*(?:(?:a bit|a little|much|far|way|just)\s+)?too\b"
)  # "not the first, too expensive"


def chosen(text: Remainder, references: References) -> Pointed | None:
    """A message that names places of the last list and says nothing more: "number 3", "the second one please"."""
    start = _CHOICE.match(text.low)
    row = references.row(text, start.end() if start else 0)
    named = bool(row.items or row.beyond) and row.by_place and not row.unclear
    return row if named and _CHOSEN_END.match(text.low, row.end) and row.end > 0 else None


def compared(
    text: Remainder, references: References, spoken: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The items that something is compared with, "not the first one, it's too expensive", "cheaper than number 2"; and places that are not there."""
    for cue in _THAN.finditer(text.low):
        row = references.row(text, cue.end())
        if row.items or row.beyond:
            text.take(cue.start("than"), row.end)
            return row.items, row.beyond
    begin = len(text.low) - len(text.low.lstrip())
    if spoken and (_TOO_BARE.match(text.low) or any(_TOO.match(text.low, at) for at in (begin, max(begin - 1, 0)))):
        return spoken[-1:], ()  # the "it" has been taken out with the items that are not wanted
    position = 0
    while _TOO.search(text.low, position) and (start := _SUBJECT.search(text.low, position)):
        row = references.row(text, start.end(), spoken=spoken)
        position = max(row.end, start.end(), position + 1)
        if row.items and row.by_place and len(row.items) < references.count() and _TOO.match(text.low, row.end):
            return row.items, ()
    return (), ()


def pointed(text: Remainder, references: References, cues: re.Pattern[str]) -> Pointed:
    """Items that are pointed to by their place after a cue; they are taken out with it."""
    items: list[str] = []
    beyond: list[int] = []
    unclear = False
    position = 0
    while cue := cues.search(text.low, position):
        row = references.row(text, cue.end())
        position = max(row.end, cue.end())
        if cues is MORE_LIKE and cue.group().strip() == "like" and _OPINION.search(text.low[: cue.start()]):
            continue
        if row.by_place and (row.items or row.beyond or row.unclear):
            items += row.items
            beyond += row.beyond
            unclear |= row.unclear
            text.take(cue.start(), row.end)
    return Pointed(tuple(dict.fromkeys(items)), 0, tuple(beyond), by_place=True, unclear=unclear)
