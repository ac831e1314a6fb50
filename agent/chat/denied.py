"""What a "no" denies only as a whole: "no 80s horror" leaves both the eighties and horror, and takes out what is both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.chat.grammar import tokens_of
from agent.chat.years import EARLIEST, LATEST
from retrieval.facts import AllOf, OneOf, Within
from retrieval.filters import ItemFilter

_NEGATIVE = frozenset(("negative", "reject"))
_WITHIN = frozenset(("word", "filler"))
_OF_ITEMS = frozenset(("from", "of", "by", "the"))
"""What may part the words of one denial: "no horror from the 80s". Of "no pool in Paris" Paris is where the pool is not wanted."""
_LEADING = frozenset(("to", "like", "on", "about"))  # "I don't want to see", "I don't like"
_KINDS = 2  # of conditions, at least, that make a whole


@dataclass(frozen=True, slots=True)
class Denial:
    """One place that denies several conditions together.

    Attributes:
        start: Where what is denied begins.
        end: Where it ends.
        fact: All of it.
    """

    start: int
    end: int
    fact: AllOf


def find_denials(text: str, read: Callable[[int, int], ItemFilter]) -> list[Denial]:
    """What every "no" of a folded text denies, where that is more than one condition.

    Args:
        text: The text.
        read: What a stretch of it asks, taken by itself.
    """
    tokens = tokens_of(text)
    found: list[Denial] = []
    for i, token in enumerate(tokens):
        if token.kind not in _NEGATIVE:
            continue
        attached = token.text == "without" or (i > 0 and tokens[i - 1].text == "with")
        end = start = token.start + len(token.text)
        for n, word in enumerate(tokens[i + 1 :]):
            joins = word.text in _OF_ITEMS and not (attached and word.text != "the")
            if word.kind not in _WITHIN and not joins and not (n <= 1 and word.text in _LEADING):
                break
            end = word.start + len(word.text)
        if end > start and (fact := whole_of(read(start, end))) is not None:
            found.append(Denial(start, end, fact))
    return found


def whole_of(asked: ItemFilter) -> AllOf | None:
    """The conditions of a filter as one, if they are of several kinds and each can be denied; else None."""
    if len(asked.wanted) > 1 or len(asked.years) > 1:
        return None
    parts: list[OneOf | Within] = [fact for fact in asked.facts if not isinstance(fact, AllOf)]
    categories = [OneOf(("categories",), (name,)) for group in asked.wanted for name in sorted(group)]
    years = [
        Within("year", None if low == EARLIEST else low, None if high == LATEST else high) for low, high in asked.years
    ]
    whole = len(parts) + bool(categories) + bool(years) >= _KINDS and not asked.unwanted and not asked.unwanted_facts
    return AllOf((*categories, *years, *parts)) if whole else None
