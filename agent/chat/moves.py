"""What a message does in a conversation: asks, steers, points, takes back, or wants to know.

Deterministic, and spoken against the last list. What is a move is taken out of the message; the rest is read as a request
by :mod:`agent.chat.reading`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.chat.model_reading import ModelReading
from agent.chat.references import References
from agent.chat.words import folded
from agent.memory.people import Kind
from retrieval.filters import Popularity


class Intent(StrEnum):
    """What a message is for."""

    RECOMMEND = "recommend"
    UNDO = "undo"
    RESET = "reset"
    FORGET = "forget"
    WHY = "why"
    TASTES = "tastes"
    GREETING = "greeting"


@dataclass(frozen=True)
class Moves:
    """A message taken apart.

    Attributes:
        intent: What it is for.
        feedback: What it says of items, for good.
        reject: Items that are not wanted now.
        more_like: Items that more of is wanted.
        more: Words for what there should be more of.
        less: Words for what there should be less of.
        age: -1 for older, 1 for newer than the last list.
        length: -1 for shorter, 1 for longer than the last list.
        popularity: A part of the popularity curve, relative to the last list.
        others: Whether what has been shown is not to come again.
        about: Items that it asks about.
        beyond: Places that it points to and that the last list does not have.
        rest: What remains to be read as a request.
        fresh: It asks anew.
        beside: What it names comes beside what was named before.
        within: What it names narrows what was named before.
    """

    intent: Intent = Intent.RECOMMEND
    feedback: tuple[tuple[str, Kind], ...] = ()
    reject: tuple[str, ...] = ()
    more_like: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    age: int = 0
    length: int = 0
    popularity: Popularity = Popularity.ANY
    others: bool = False
    about: tuple[str, ...] = ()
    beyond: tuple[int, ...] = ()
    rest: str = ""
    fresh: bool = False
    beside: bool = False
    within: bool = False

    def beyond_rules(self, read: ModelReading) -> Moves:
        """With what a model read of the message as well; where the two disagree, the rules are right."""
        more = tuple(g for g in read.more if g not in self.less)
        less = tuple(g for g in read.less if g not in self.more)
        return replace(
            self, more=tuple(dict.fromkeys([*self.more, *more])), less=tuple(dict.fromkeys([*self.less, *less]))
        )


_END = r"[\s.!?]*$"
_WHOLE: tuple[tuple[Intent, str], ...] = (
    (Intent.UNDO, rf"(?:please )?(?:undo|go back|back|revert|take (?:that|it) back|never ?mind(?: that)?|(?:the )?previous list|as before)(?: please)?{_END}"),
    (Intent.RESET, rf"(?:please )?(?:start over|start again|reset|new search|from scratch|clear (?:all|everything)|forget (?:everything|all(?: of (?:that|it))?))(?: please)?{_END}"),
    (Intent.TASTES, r"(?:what|which|who|how|tell me|show me|describe)\b.*\b(?:(?:you )?(?:think|know|believe).*\b(?:i|me|my)\b|my (?:tastes?|personas?|profile|preferences)|i like\b|am i\b)"),
    (Intent.TASTES, rf"(?:show |list )?my (?:tastes?|personas?|profile){_END}"),
    (Intent.GREETING, rf"(?:hi|hello|hey|good (?:morning|evening|afternoon)|thanks?(?: you)?|thank you(?: very much| so much)?|cheers|great|perfect|ok(?:ay)?|cool|nice)(?: there)?{_END}"),
)  # fmt: skip
_WHOLE_COMPILED = tuple((intent, re.compile(pattern)) for intent, pattern in _WHOLE)
_FORGET = re.compile(
    r"(?:please )?(?:forget|drop|remove|ignore|lift)(?: about)? (?:the |that )?(?P<what>.+?)(?: (?:condition|thing|part|filter))?[.!?]*$"
)
_WHY = re.compile(
    r"(?:but )?(?:why\b(?! (?:not|don't))(?: (?:is|are|was|were|did you (?:pick|choose|suggest|recommend|show)|do you (?:suggest|recommend)|would i like|should i (?:watch|read|play)))?|explain|how come)\s*"
)
_SAID: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.SEEN, re.compile(r"\b(?:i(?:'ve| have)? ?(?:already |just )?|already |we(?:'ve| have)? ?(?:already )?)(?:seen|saw|watched|read|played|heard|know|own|visited|been to|tried|finished)\s+")),
    (Kind.DISLIKE, re.compile(r"\b(?:i |we )?(?:really )?(?:(?:did|do)(?:n't| not) (?:like|enjoy|care for)|hated?|disliked?|can't stand)\s+")),
    (Kind.LIKE, re.compile(r"\b(?:i |we )(?:really |already |also )*(?:loved?|liked?|enjoyed?|adored?)\s+|\bthumbs up (?:for|to)\s+")),
    (Kind.FORGET, re.compile(r"\bforget (?:that )?(?:i |we )(?:like|liked|love|loved|saw|have seen|disliked?|hated?)\s+")),
)  # fmt: skip
_REJECT = re.compile(r"\b(?:(?:just |but |and )?not|no|without|drop|remove|skip|except)\s+")
_MORE_LIKE = re.compile(
    r"\b(?:(?:some(?:thing)?|anything|give me|show me)\s+)?(?:more|others?|stuff|things|something|similar)?\s*(?:(?:in the (?:style|spirit|vein) of|like|similar to)|of)\s+"
)
_OTHERS = re.compile(
    rf"\b(?:(?:show|give) me (?:some )?(?:more|others?)|(?:any(?:thing)?|something|what) else|(?:some )?(?:others|different ones)|(?:the )?next(?: ones| page)?|more(?: (?:please|of (?:these|them)))?|another (?:one|list|batch)|not these){_END}"
)
_SURPRISE = re.compile(
    r"\bsurprise me\b|\bsomething (?:unexpected|surprising|different|new to me|off the beaten path)\b"
)
_AGE = re.compile(
    r"\b(?:(?:some(?:thing|what)?|a bit|much|make (?:it|them)|even) )?(?:(?P<older>older|earlier|more (?:classic|vintage))|(?P<newer>newer|more (?:recent|modern|current)|fresher|later))(?! than)\b(?: (?:ones|stuff|things|please))?"
)
_LENGTH = re.compile(
    r"\b(?:(?:some(?:thing|what)?|a bit|much|make (?:it|them)|even) )?(?:(?P<shorter>shorter|quicker|not (?:so|that) long)|(?P<longer>longer))(?! than)\b(?: (?:ones|stuff|things|please))?"
)
_RENOWN = re.compile(
    r"\b(?:(?P<less>less (?:well[- ])?(?:popular|known|famous|obvious|mainstream)|more (?:obscure|niche|unknown|unusual))|(?P<more>more (?:well[- ])?(?:popular|known|famous|mainstream)|less (?:obscure|niche)))\b"
)
_DEGREE = re.compile(
    r"\b(?P<way>less|fewer|more|not so(?: much)?|not (?:as|too)(?: much)?|too (?:much|many)?|lots? more|a bit more|a bit less)\s+(?:of\s+)?(?P<what>[a-z][\w'-]*(?:[ -][\w'-]+)?)"
)
_NO_OBJECT = frozenset(
    ("like", "than", "of", "recent", "to", "about", "please", "the", "a", "that", "this", "from", "in")
)
_FRESH = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|now|so|please|can you|could you|would you)[, ]+)*(?:recommend|suggest|find(?: me)?|give me|show me|i (?:want|need|am looking for|feel like)|i'm (?:looking for|in the mood for)|i'd like|looking for|what (?:should|can|could) i|any (?:good|recommendations?|ideas?))\b"
)
_ADDITIVE = re.compile(r"\b(?:also|too|as well|in addition|or)\b|^and\b")
_NARROWING = re.compile(
    r"\bones\b|^(?:but|make (?:it|them)|only|just|with)\b|\b(?:of (?:those|them|these)|that (?:is|are)|which (?:is|are))\b"
)
_INSTEAD = re.compile(r"\b(?:instead|rather|switch to|how about|what about)\b")


class _Text:
    """A message, from which moves are taken out: what is taken is blanked, so that places stay."""

    def __init__(self, said: str) -> None:
        self.said = said
        self.rest = said
        self.low = folded(said)

    def take(self, start: int, end: int) -> None:
        """Blank a stretch."""
        blank = " " * (end - start)
        self.rest = self.rest[:start] + blank + self.rest[end:]
        self.low = self.low[:start] + blank + self.low[end:]


def moves_of(message: str, references: References) -> Moves:
    """Take a message apart."""
    text = _Text(" ".join(message.split()))
    low = text.low
    for intent, pattern in _WHOLE_COMPILED:
        if pattern.match(low):
            return Moves(intent)
    feedback, beyond = _feedback(text, references)
    if why := _WHY.match(text.low):
        row = references.row(text.rest, why.end())
        if row.items or row.beyond or not text.low[why.end() :].strip(" ?.!"):
            return Moves(Intent.WHY, tuple(feedback), about=row.items, beyond=(*beyond, *row.beyond))
    reject, missing = _pointed(text, references, _REJECT)
    if not reject and not feedback and (forget := _FORGET.match(low)):
        return Moves(Intent.FORGET, rest=text.said[forget.start("what") : forget.end("what")])
    more_like, absent = _pointed(text, references, _MORE_LIKE)
    length = _length(text)
    age, popularity, more, less = _degrees(text)
    others = _take(text, _OTHERS)
    surprise = _take(text, _SURPRISE)
    rest = re.sub(r"^[\s,.;!?]*(?:and|but|please)?[\s,.;!?]*$", "", " ".join(text.rest.split()))
    low = folded(rest)
    steered = bool(
        reject or more_like or age or length or popularity is not Popularity.ANY or more or less or others or surprise
    )
    beside = bool(_ADDITIVE.search(low)) and not _INSTEAD.search(low)
    return Moves(
        feedback=tuple(feedback),
        reject=reject,
        more_like=more_like,
        more=more,
        less=less,
        age=age,
        length=length,
        popularity=Popularity.HIDDEN if surprise else popularity,
        others=others or surprise,
        beyond=(*beyond, *missing, *absent),
        rest=rest,
        fresh=bool(_FRESH.search(low)) and not steered and not beside,
        beside=beside,
        within=bool(_NARROWING.search(low)) and not _INSTEAD.search(low),
    )


def _feedback(text: _Text, references: References) -> tuple[list[tuple[str, Kind]], tuple[int, ...]]:
    """What is said of items; those meant by their place are taken out, titles are left for the reading as well."""
    feedback: list[tuple[str, Kind]] = []
    beyond: list[int] = []
    for kind, pattern in _SAID:
        position = 0
        while cue := pattern.search(text.low, position):
            row = references.row(text.rest, cue.end())
            position = max(row.end, cue.end())
            feedback += [(item, kind) for item in row.items]
            beyond += row.beyond
            if row.items and (row.by_place or kind in {Kind.SEEN, Kind.FORGET}):
                text.take(cue.start(), row.end)
    return feedback, tuple(beyond)


def _pointed(text: _Text, references: References, cues: re.Pattern[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Items that are pointed to by their place after a cue; they are taken out with it."""
    items: list[str] = []
    beyond: list[int] = []
    position = 0
    while cue := cues.search(text.low, position):
        row = references.row(text.rest, cue.end())
        position = max(row.end, cue.end())
        if row.by_place and (row.items or row.beyond):
            items += row.items
            beyond += row.beyond
            text.take(cue.start(), row.end)
    return tuple(dict.fromkeys(items)), tuple(beyond)


def _degrees(text: _Text) -> tuple[int, Popularity, tuple[str, ...], tuple[str, ...]]:
    """Comparisons with the last list: age, popularity, and more or less of something."""
    age, popularity = 0, Popularity.ANY
    if found := _RENOWN.search(text.low):
        popularity = Popularity.HIDDEN if found["less"] else Popularity.WELL_KNOWN
        text.take(*found.span())
    if found := _AGE.search(text.low):
        age = -1 if found["older"] else 1
        text.take(*found.span())
    more: list[str] = []
    less: list[str] = []
    position = 0
    while found := _DEGREE.search(text.low, position):
        position = found.end()
        if found["what"].split()[0] in _NO_OBJECT:
            continue
        (more if "more" in found["way"] else less).append(found["what"])
        text.take(*found.span())
    return age, popularity, tuple(more), tuple(less)


def _length(text: _Text) -> int:
    if (found := _LENGTH.search(text.low)) is None:
        return 0
    text.take(*found.span())
    return -1 if found["shorter"] else 1


def _take(text: _Text, pattern: re.Pattern[str]) -> bool:
    found = pattern.search(text.low)
    if found:
        text.take(*found.span())
    return bool(found)
