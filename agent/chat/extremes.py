"""What speaks of the least or the most of something without a number: "a short one", "not too expensive", "low sugar", "best rated".

It means a third of the catalogue: the items below, or above, a tercile of the column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

from agent.chat.amount import AmountMention
from agent.chat.categories import CategoryWords
from agent.chat.quantities import LENGTH, PRICE, UNTOLD, Quantities
from agent.chat.words import READ, is_chatter, is_compound, is_function_word, is_kind, says_nothing
from retrieval.facts import Within

_VAGUE = re.compile(
    r"\b(?P<not>not (?:too|so|very|that|overly) |nothing too )?(?P<too>a (?:bit|little) (?:too )?|too )?"
    r"(?:(?P<little>(?P<short>short(?:est)?|brief|quick)|cheap(?:est)?|inexpensive|affordable)|(?P<much>(?P<long>long(?:est)?|lengthy)|expensive|pricey|costly))\b"
    r"(?=\s+(?P<next>[a-z-]+)|)"
)
_LEVEL = re.compile(
    r"\b(?:(?P<low>low)|high)(?:[ -]in)?[ -](?P<of>[a-z]+)|\b(?:high|highly|top|best|well)[ -](?P<rated>rated)\b"
)
_FREE = re.compile(
    r"(?<![\w-])(?:(?:completely |totally |for )?free(?: of charge)?\b(?!-| (?:of|from|time|shipping|delivery|range|will|to)\b)|(?:(?:that )?costs? |for )nothing\b)"
)
_WORD = re.compile(r"[\w'-]+")
_FEW = 2  # words behind "free" one of which may be of any item: "free guitar courses"
_TOLD = re.compile(r"\b(?:as|so|was|were|been)\s+(?:\w+\s+)?$")  # "it was too long" tells of something
_SOMETHING = re.compile(r"\b(?:some|any)thing\s+$")
_TELLS = frozenset(("as", "ago", "is", "was", "are", "were", "has", "had", "have", "did", "does", "it", "he", "she", "they", "enough"))  # fmt: skip
_TERCILE = 1 / 3


def find_extremes(
    rest: str, quantities: Quantities, categories: CategoryWords, named: Callable[[str, int], bool]
) -> Iterator[AmountMention]:
    """Every place of a folded request that asks for little or much of a quantity.

    Args:
        rest: The request.
        quantities: The columns of numbers.
        categories: Name kinds of items.
        named: Whether a value that many items share stands right after a place.
    """
    for m in _VAGUE.finditer(rest):
        if _TOLD.search(rest[: m.start()]):
            continue
        lengthy = bool(m["short"] or m["long"])
        if categories.named_in([m["little"] or m["much"]]) or (
            lengthy and not (_ends_there(m, categories) or named(rest, m.end()))
        ):
            continue
        few = bool(m["little"])
        share, denied = _TERCILE if few else 1 - _TERCILE, bool(m["not"])
        facts = quantities.part(LENGTH if lengthy else PRICE, share, most=few is not denied)
        of_items = (
            denied
            or m["too"]
            or is_kind(m["next"] or "")
            or m["next"] in ("one", "ones")
            or _SOMETHING.search(rest[: m.start()])
        )
        untold = UNTOLD[LENGTH if lengthy else PRICE] if not facts and of_items else ""
        complaint = bool(m["too"]) and not denied
        yield AmountMention(*m.span(), facts, complaint=complaint, vague=True, untold=untold, share=share)
    for m in _qualities(quantities).finditer(rest) if quantities.qualities else ():
        if _TOLD.search(rest[: m.start()]) or categories.named_in([m["what"]]):
            continue
        much, rest_of = quantities.quality(m["what"], much=True), quantities.quality(m["what"], much=False)
        complaint = bool(m["too"]) and not m["not"]
        yield AmountMention(*m.span(), rest_of if m["not"] else much, complaint, vague=True, denied=rest_of)
    for m in _FREE.finditer(rest):
        before = rest[: m.start()].split()[-1:]
        noun = bool(before) and not _is_empty(before[0])
        facts = tuple(Within(column, high=0) for column in quantities.of(PRICE)[:1])
        words = [word.group() for word in islice(_WORD.finditer(rest, m.end()), _FEW)]
        closed = (
            not words
            or _is_empty(words[0])
            or any(map(is_kind, words))
            or categories.follow(rest, m.end())
            or named(rest, m.end())
        )
        if (
            not noun
            and closed
            and quantities.met(facts)
            and not any(a <= m.start() < b for a, b, _ in categories.spans(rest))
        ):
            yield AmountMention(*m.span(), facts)
    for m in _LEVEL.finditer(rest):
        share, of = (_TERCILE if m["low"] else 1 - _TERCILE), m["rated"] or m["of"]
        facts = quantities.part(of, share, most=bool(m["low"])) if quantities.called(of) else ()
        yield AmountMention(*m.span(), facts, vague=True, share=share)


def _is_empty(word: str) -> bool:
    return says_nothing(word) or not word.strip(READ)


def _qualities(quantities: Quantities) -> re.Pattern[str]:
    words = "|".join(sorted(map(re.escape, quantities.qualities), key=len, reverse=True))
    return re.compile(
        rf"\b(?P<not>not (?:too |so |very |that |overly |really ))?(?P<too>(?:a (?:bit|little) )?too )?(?:(?:very|quite|really|extremely) )?(?P<what>{words})\b"
    )


def _ends_there(m: re.Match[str], categories: CategoryWords) -> bool:
    """Whether a word is said of the items themselves: "a short book" is one, "a short temper" is not."""
    word = m["next"] or ""
    says = word in _TELLS or not (is_function_word(word) or is_chatter(word)) or is_compound(word)
    return not word or not says or is_kind(word) or categories.follow(m.string, m.end())
