"""What a "no" denies only as a whole: "no 80s horror" leaves both the eighties and horror, and takes out what is both."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.chat.grammar import Token, tokens_of
from agent.chat.words import is_kind
from agent.chat.years import EARLIEST, LATEST
from retrieval.facts import AllOf, OneOf, Within, columns_of
from retrieval.filters import ItemFilter

_NEGATIVE = frozenset(("negative", "reject"))
_WITHIN = frozenset(("word", "filler"))
_OF_ITEMS = frozenset(("from", "of", "by", "the"))
"""What may part the words of one denial: "no horror from the 80s". Of "no pool in Paris" Paris is where the pool is not wanted."""
_LEADING = frozenset(("to", "like", "on", "about"))  # "I don't want to see", "I don't like"
_RANGE = frozenset(("to", "until", "till", "through"))
_JOINED = re.compile(r"\b(?:or|nor|and)\b")
_MOST = 4  # stretches that are listed after one "no"
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
        if token.kind in _NEGATIVE:
            attached = token.text == "without" or (i > 0 and tokens[i - 1].text == "with")
            parts = _parts(tokens, i, attached=attached)
            found += _together([(start, end, read(start, end)) for start, end in parts], text, read)
    return found


def _parts(tokens: Sequence[Token], i: int, *, attached: bool) -> list[tuple[int, int]]:
    """Stretches that a "no" reaches, as far as "or", "and" or a comma parts them."""
    start = end = tokens[i].start + len(tokens[i].text)
    parts: list[tuple[int, int]] = []
    for n, word in enumerate(tokens[i + 1 :]):
        joins = word.text in _OF_ITEMS and not (attached and word.text != "the")
        joins |= word.text == "in" and is_kind(tokens[i + n].text)  # "no hotels in Paris over 150"
        ahead = tokens[i + 2 + n].text if i + 2 + n < len(tokens) else ""
        if ahead[:1].isdigit() and (
            word.text in _RANGE or (word.text == "and" and tokens[i + n - 1].text == "between")
        ):
            end = word.start + len(word.text)  # "from 2015 to 2017", "between 2015 and 2017"
        elif word.kind in ("join", "comma") and end > start:
            parts.append((start, end))
            start = end = word.start + len(word.text)
        elif word.kind in _WITHIN or joins or (n <= 1 and word.text in _LEADING):
            end = word.start + len(word.text)
        elif word.text in _RANGE and end > start:
            return []  # half of "from 2015 to 2017" is not what is denied
        else:
            break
    return [*parts, (start, end)] if end > start else parts


def _together(
    parts: Sequence[tuple[int, int, ItemFilter]], text: str, read: Callable[[int, int], ItemFilter]
) -> Iterator[Denial]:
    """The first whole of what a "no" reaches, and what is listed with it: "no horror from the 80s or 90s", "no organic reds or whites"."""
    whole: AllOf | None = None
    for n, (start, end, asked) in enumerate(parts[:_MOST]):
        before = parts[n - 1] if n else None
        joined = before is not None and _JOINED.search(text[before[1] : start]) is not None
        first = _parts_of(before[2]) if before and n == 1 else []
        listed = before is None or (n == 1 and (_only_years(before[2]) or (joined and len(first) <= 1)))
        if whole is None and listed and (whole := whole_of(asked)) is not None:
            yield Denial(start, end, whole)
            if before is not None and first:
                yield from _before(before, first[0], whole, text, _leading(text, start, end, read))
        elif whole is not None and before and (_only_years(asked) or joined):
            another, own = whole_of(asked), _parts_of(asked)
            if another is None and len(own) != 1:
                return
            yield Denial(start, end, another or _exchanged(whole, *own))
        elif n:
            return


def _before(
    before: tuple[int, int, ItemFilter], first: OneOf | Within, whole: AllOf, text: str, leading: OneOf | Within | None
) -> Iterator[Denial]:
    """What stands before a whole: of "no horror or comedies from the 80s" both are of the 80s, of "no horror or 80s comedies" one is."""
    start, end, asked = before
    if _only_years(asked):
        if not any(map(is_kind, text[start:end].split())):
            yield Denial(start, end, _exchanged(whole, first))  # "no 80s or 90s horror"
        return
    alike = leading is not None and columns_of(leading) == columns_of(first)
    yield Denial(start, end, _exchanged(whole, first) if alike else AllOf((first,)))


def _leading(text: str, start: int, end: int, read: Callable[[int, int], ItemFilter]) -> OneOf | Within | None:
    """The condition that a stretch names first."""
    ends = (start + word.end() for word in re.finditer(r"\S+", text[start:end]))
    return next((parts[0] for at in ends if (parts := _parts_of(read(start, at)))), None)


def _only_years(asked: ItemFilter) -> bool:
    return len(asked.years) == 1 and asked == ItemFilter(years=asked.years)


def _exchanged(whole: AllOf, part: OneOf | Within) -> AllOf:
    """A whole with another value where it has one of the same column, and with years where it has none; else that value alone."""
    columns = columns_of(part)
    others = tuple(p for p in whole.parts if columns_of(p) != columns)
    gone = len(whole.parts) - len(others)
    return AllOf((*others, part)) if gone == 1 or (not gone and columns == ("year",)) else AllOf((part,))


def _parts_of(asked: ItemFilter) -> list[OneOf | Within]:
    """Every condition of a filter, in the order in which people say them."""
    facts = [fact for fact in asked.facts if isinstance(fact, OneOf | Within)]
    categories = [OneOf(("categories",), (name,)) for group in asked.wanted for name in sorted(group)]
    return [*categories, *map(_within, asked.years), *facts]


def _within(span: tuple[int, int]) -> Within:
    low, high = span
    return Within("year", None if low == EARLIEST else low, None if high == LATEST else high)


def whole_of(asked: ItemFilter, least: int = _KINDS) -> AllOf | None:
    """The conditions of a filter as one, if they are of so many kinds and each can be denied; else None."""
    if len(asked.wanted) > 1 or len(asked.years) > 1:
        return None
    parts = _parts_of(asked)
    kinds = len(parts) - max(sum(map(len, asked.wanted)) - 1, 0)  # the categories are one kind
    return AllOf(tuple(parts)) if kinds >= least and not asked.unwanted and not asked.unwanted_facts else None
