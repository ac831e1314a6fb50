"""What a message says of items: "I've seen number 1", "I just watched Heat and loved it", "2 was boring", "forget that I liked it"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.chat.numerals import NUMBER
from agent.chat.references import References
from agent.chat.remainder import Remainder
from agent.memory.people import Kind

_WE = r"\b(?:i|we)(?:'ve| have|'d| had)? (?:really |already |also |just |absolutely |never )*"
_IT = r"(?=(?:it|them|that|both)\b)"
_AND = r"(?:,|\band\b|\bbut\b)\s+(?:i |we )?(?:really |absolutely |quite )?"
_PAST = {
    "like": r"(?:loved|liked|enjoyed|adored)",
    "dislike": r"(?:hated|disliked|(?:did)(?:n't| not) (?:like|enjoy))",
    "seen": r"(?:seen|saw|watched|read|played|heard|know|own|bought|purchased|visited|been to|tried|finished)",
}
_CUE = re.compile(
    rf"(?P<forget>\bforget (?:about |that |what )?(?:i|we)(?:'ve| have)? (?:ever |really )?(?:said (?:that )?(?:i|we) )?"
    rf"(?:like|love|hate|dislike|enjoy|{_PAST['like']}|{_PAST['dislike']}|{_PAST['seen']})\s+)"
    rf"|(?P<seen>{_WE}{_PAST['seen']}\s+|\balready {_PAST['seen']}\s+|^\s*(?:just )?(?:seen|watched|played|visited)\s+"
    rf"|(?:[,.;]|\b(?:because|since|as)\b)\s*(?:already |just )?{_PAST['seen']}\s+{_IT}|\b(?:i|we) already (?:have|got|have got)\s+)"
    rf"|(?P<dislike>\b(?:i |we )?(?:really )?(?:(?:did|do)(?:n't| not) (?:like|enjoy|care for)|hated?|disliked?|can't stand)\s+|{_AND}{_PAST['dislike']}\s+{_IT})"
    rf"|(?P<like>{_WE}(?:loved?|liked?|enjoyed?|adored?)\s+|\bthumbs up (?:for|to)\s+|{_AND}{_PAST['like']}\s+{_IT})"
)
_BARE = re.compile(rf"^\s*(?:already )?{_PAST['seen']}[\s.!]*$")
_START = re.compile(
    r"(?:^|[,.;!?]|\b(?:and|but|while)\b)\s*(?=(?:the|number|no\.|#|\d|it|this|that|these|those|they)\b|#)"
)
_WHEN = re.compile(
    rf"(?:\s+(?:(?:like )?(?:a |about |at least )*(?:{NUMBER}|few|couple(?: of)?|many|several|so many|too many)(?: {NUMBER})? times|once|twice|often|last (?:year|month|week|night|summer|winter|time)"
    rf"|yesterday|recently|before|already|long ago|(?:a |{NUMBER} )?(?:few )?(?:years?|months?|weeks?|days?) ago|this (?:year|month|week)|as a (?:kid|child)|when i was \w+))+(?=\s*(?:$|[.,;!?]|\b(?:and|but)\b))"
)
_ALSO = re.compile(r"\s*[.,;!]?\s+(?:and|also|plus)\s+(?:also )?")
_CLOSED = re.compile(r"\s*(?:too|as well|also)?\s*(?=$|[.,;!?])")
_VERDICT = re.compile(
    r"\s*(?:(?P<past>was|were)|is|are|'s|\u2019s|looks?|sounds?|seems?)\s+(?P<not>not\b\s*)?"
    r"(?:(?:really|very|so|just|quite|pretty|absolutely|a bit|all) )*"
    r"(?:(?P<good>good|great|excellent|amazing|awesome|perfect|nice|fantastic|wonderful|brilliant|lovely|interesting|fun)"
    r"|(?P<bad>bad|terrible|awful|horrible|boring|dull|poor|rubbish|lame|crap|stupid|disappointing|no good)|(?P<alone>(?=\s*(?:$|[.,;!?]))))"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opinions:
    """What is said of items.

    Attributes:
        said: For good, in the order in which it is said.
        reject: Items that are not wanted now.
        all_bad: The last list is no good.
        spoken: Items that it speaks of.
        beyond: Places that the last list does not have.
        unclear: It says "it", and nobody can tell which is meant.
    """

    said: tuple[tuple[str, Kind], ...] = ()
    reject: tuple[str, ...] = ()
    all_bad: bool = False
    spoken: tuple[str, ...] = ()
    beyond: tuple[int, ...] = ()
    unclear: bool = False

    @property
    def pointing(self) -> bool:
        """Whether it speaks of items and says nothing of them that is kept: "2 sounds good"."""
        return bool(self.spoken) and self == Opinions(spoken=self.spoken)


def find_opinions(text: Remainder, references: References) -> Opinions:
    """What a message says of items. Those meant by their place are taken out of it, titles are left for the reading as well."""
    said: list[tuple[str, Kind]] = []
    beyond: list[int] = []
    spoken: tuple[str, ...] = ()
    unclear = bool(_BARE.match(text.low))
    position = 0
    while cue := _CUE.search(text.low, position):
        kind = Kind(cue.lastgroup or "")
        row = references.row(text, cue.end(), spoken=spoken, of_old=kind is Kind.FORGET)
        position = max(row.end, cue.end())
        said += [(item, kind) for item in row.items]
        beyond += row.beyond
        unclear |= row.unclear
        spoken = row.items or spoken
        if (row.items and (row.by_place or kind in {Kind.SEEN, Kind.FORGET})) or row.unclear or row.beyond:
            end = _end_of(text.low, row.end)
            if row.items and (also := _ALSO.match(text.low, end)):  # "I've seen Heat twice. And number 2 too"
                more = references.row(text, also.end())
                if more.by_place and (closed := _CLOSED.match(text.low, more.end)):
                    said += [(item, kind) for item in more.items]
                    beyond += more.beyond
                    end = closed.end()
            position = max(position, end)
            text.take(cue.start(), end)
    verdicts = _verdicts(text, references, spoken)
    unclear &= not beyond  # a place that is not there is named, and "it" means nothing else
    return Opinions(
        (*said, *verdicts.said), verdicts.reject, verdicts.all_bad, verdicts.spoken or spoken, (*beyond, *verdicts.beyond), unclear
    )  # fmt: skip


def _end_of(low: str, position: int) -> int:
    """Where what tells how often or when somebody knew an item ends: "I've seen it a hundred times", "bought 3 last year"."""
    tail = _WHEN.match(low, position)
    return tail.end() if tail is not None else position


def _verdicts(text: Remainder, references: References, before: tuple[str, ...]) -> Opinions:
    """Verdicts by place: "number 3 was great" is kept for good, "number 1 is boring" is not wanted now, "2 sounds good" is only spoken of.

    "It" is what the message spoke of before.
    """
    said: list[tuple[str, Kind]] = []
    reject: list[str] = []
    beyond: list[int] = []
    spoken: tuple[str, ...] = ()
    all_bad = False
    position, good = 0, True
    while start := _START.search(text.low, position):
        position = start.end() + 1
        row = references.row(text, start.end(), spoken=before)
        position = max(position, row.end)
        verdict = _VERDICT.match(text.low, row.end) if row.by_place and row.end > start.end() else None
        if verdict is None or not (verdict["good"] or verdict["bad"] or verdict["not"]):
            continue
        good = (not good) if verdict.group("alone") is not None else bool(verdict["good"]) is not bool(verdict["not"])
        position = verdict.end()
        text.take(start.end(), verdict.end())
        beyond += row.beyond
        spoken = row.items
        if row.unclear or (len(row.items) == references.count() > 1):
            all_bad |= not good
        elif verdict["past"]:
            said += [(item, Kind.LIKE if good else Kind.DISLIKE) for item in row.items]
        elif not good:
            reject += row.items
    return Opinions(tuple(said), tuple(reject), all_bad, spoken, tuple(beyond))
