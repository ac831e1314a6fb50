"""Questions of what there is: "do you have Catan?", "how many comedies are there?", "how many of those are on sale?"."""

from __future__ import annotations

import re

from agent.chat.questions import ASIDE, ENDING, MOST
from agent.chat.words import is_kind

_WORD = r"[a-z]+"
_MANY = re.compile(
    rf"{ASIDE}how many (?:different )?(?P<kind>[^?]+?) (?:do you (?:have|know|sell|offer)|have you got|are there)(?: in (?:total|all|stock|the catalogu?e|your catalogu?e))?(?P<tail> [^?]+?)??{ENDING}"
)
_MANY_OF = re.compile(
    rf"{ASIDE}how many (?:of (?:them|these|those|(?:your|the) [a-z]+) )?(?P<kind>(?:(?:are |is |do you have |have you |have you got )?(?:have|has|on|not|with|without|allow|offer|include|cost|come|from|in|under|over)\b|are(?! (?:there|they|left)\b)) [^?]+?){ENDING}"
)
_MANY_THAT = re.compile(
    rf"{ASIDE}how many (?:different )?(?P<what>[a-z]+) (?P<tail>(?:are(?! there\b)|have(?! you\b)|has|cost|come|allow|offer|include|were|need|take)\b [^?]+?){ENDING}"
)
_MANY_OF_THEM = re.compile(
    rf"{ASIDE}how many (?:of (?:them|these|those|that)|such(?: ones)?|are there|(?:do you|have you) (?:have|got))(?: (?:do you have|have you(?: got)?|are there|(?:do )?you(?:'ve)? (?:have|got|sell)|is that))?(?: (?:in total|in all|left))?{ENDING}"
)
_OF_THOSE = re.compile(r"\bhow many of (?:them|these|those)\b")
_HAVE = re.compile(
    rf"{ASIDE}(?:do you (?:happen to )?(?:have|sell|stock|carry|offer|know)|have you got|got|is there) (?:the (?:game|film|movie|book|album|song) |(?:an?|the|any) {_WORD} (?:called|named|titled) )?(?P<what>(?!(?:any|some|more|another|other|others|it|this|that|these|those|them)\b|any(?:thing|one)\b|something\b)\S.*?)"
    rf"(?: (?:in stock|available|as well|too|here|there))*{ENDING}",
    re.IGNORECASE,
)


def asked_for(said: str) -> str:
    """What a whole message asks the catalogue to have: "Catan", of "do you have Catan?"; empty if it asks no such thing."""
    found = _HAVE.fullmatch(said) if len(said) <= MOST else None
    return found["what"].strip("\"'\u201c\u201d ") if found else ""


def asks_how_many(low: str) -> str | None:
    """Of what a folded message asks how many there are: "comedies from the 80s"; empty for items of any kind, None if it does not."""
    if _MANY_OF_THEM.fullmatch(low):
        return ""
    if found := _MANY_THAT.fullmatch(low):
        return f"{'' if is_kind(found['what']) else found['what']} {found['tail']}".strip()
    if found := _MANY_OF.fullmatch(low):
        return found["kind"]
    found = _MANY.fullmatch(low)
    if found is None:
        return None
    return "" if is_kind(found["kind"]) and not found["tail"] else f"{found['kind']}{found['tail'] or ''}"


def of_what_is_asked(low: str) -> bool:
    """Whether a folded question of how many is of what is asked for already: "how many of those are on sale?"."""
    return bool(_OF_THOSE.search(low))
