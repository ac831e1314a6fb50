"""Years and decades in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.chat.negation import Sense
from agent.chat.words import filled

EARLIEST, LATEST = -99_999, 99_999

_DECADES = {
    name: 1900 + 10 * n
    for n, name in enumerate(
        ["twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties", "noughties"], start=2
    )
}  # fmt: skip
_YEAR = r"(?:1[5-9]|20)\d\d"
# "people in their 30s" are no decade.
_DECADE = rf"(?<!my )(?<!his )(?<!her )(?<!our )(?<!your )(?<!their )(?:(?:1[5-9]|20)\d0s|'?\d0s|{'|'.join(_DECADES)})"
_PERIOD = rf"(?:the\s+)?(?:(?:early|mid|late)[\s-]+)?(?<!\w)({_DECADE}|{_YEAR})(?!\w)"
_ON = r"(?:onwards?|forwards?|on(?=\s*(?:$|[^\w\s]|(?:and|but|or|please|with|without|no|not)\b)))"
_LATER = r"(?:later|newer|after|up|above|beyond|younger|more recent|onwards?|on)\b"
_EARLIER = r"(?:earlier|older|before|below)\b"

Range = tuple[int, int]
_Meaning = Callable[[list[Range]], Range]


@dataclass(frozen=True, slots=True)
class YearMention:
    """One place that speaks of years.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        span: Inclusive range.
    """

    start: int
    end: int
    span: Range


def _period(word: str) -> Range:
    word = word.strip("'")
    if not word.endswith("s"):
        return int(word), int(word)
    low = _DECADES.get(word) or int(word[:-1])
    if low < 100:
        low += 1900 if low >= 30 else 2000
    return low, low + (99 if low < 1900 and low % 100 == 0 else 9)  # "the 1800s" are a century


def _between(ps: list[Range]) -> Range:
    return min(low for low, _ in ps), max(high for _, high in ps)


# Tried in this order; what one reads, the later ones no longer see.
_RULES: tuple[tuple[str, _Meaning], ...] = (
    (rf"(?:\b(?:between|from)\s+)?{_PERIOD}\s*(?:-|\u2013|\b(?:to|until|till|through|thru)\b)\s*{_PERIOD}", _between),
    (rf"\bbetween\s+{_PERIOD}\s+and\s+{_PERIOD}", _between),
    (rf"\b(?:before|pre-?|older than|earlier than|prior to)\s*{_PERIOD}", lambda ps: (EARLIEST, ps[0][0] - 1)),
    (rf"\b(?:after|post-?|newer than|later than|more recent than)\s*{_PERIOD}", lambda ps: (ps[0][1] + 1, LATEST)),
    (rf"\b(?:since|(?:starting|beginning)\s+(?:in|from|with))\s+{_PERIOD}(?:\s+{_ON})?", lambda ps: (ps[0][0], LATEST)),
    (rf"(?:\bfrom\s+)?{_PERIOD}(?:\+|\s+(?:and|or)\s+{_LATER}|\s+{_ON})", lambda ps: (ps[0][0], LATEST)),
    (rf"(?:\bfrom\s+)?{_PERIOD}\s+(?:and|or)\s+{_EARLIER}", lambda ps: (EARLIEST, ps[0][1])),
    (rf"\b(?:until|till|up to|up until)\s+{_PERIOD}", lambda ps: (EARLIEST, ps[0][1])),
    (rf"(?<!\w)({_DECADE})(?!\w)", lambda ps: ps[0]),
    (rf"(?:\b(?:from|in|of|year)\s+|(?<=\bno )|(?<=\bnot )|(?<=\bexcept )|(?<=\bwithout ))({_YEAR})\b", lambda ps: ps[0]),
)  # fmt: skip
_PATTERNS = [(re.compile(pattern), meaning) for pattern, meaning in _RULES]
_BARE = re.compile(rf"(?<![\w-])({_YEAR})(?![\w-])")
_ALSO = re.compile(r"\s*(?:,|\band\b|\bor\b)(?:\s*(?:and|or)\b)?\s*")


def find_years(text: str, named: Callable[[str, int, int], bool]) -> list[YearMention]:
    """Every place of a folded text that speaks of years, in its order.

    Args:
        text: The text.
        named: Whether a name of items stands beside a stretch of the text: a bare number is a year only there
            ("1995 comedies"), or in a list of years.
    """
    found: list[YearMention] = []
    for pattern, meaning in _PATTERNS:
        for match in pattern.finditer(text):
            found.append(YearMention(*match.span(), meaning([_period(word) for word in match.groups()])))
            text = filled(text, *match.span())
    for match in _BARE.finditer(text):
        start, end = match.span()
        if named(text, start, end) or any(m.end <= start and _ALSO.fullmatch(text, m.end, start) for m in found):
            found.append(YearMention(start, end, _period(match.group())))
            text = filled(text, start, end)
    return sorted(found, key=lambda mention: mention.start)


def years_asked(said: Iterable[tuple[Range, Sense]]) -> tuple[tuple[Range, ...], tuple[Range, ...]]:
    """Ranges of which one is wanted, and ranges that are unwanted.

    "Nothing before 1990" bounds what is wanted: its complement is one range. An "after" and a "before" that overlap
    are meant together, for as alternatives they would ask nothing.
    """
    wanted: list[Range] = []
    unwanted: list[Range] = []
    low, high = EARLIEST, LATEST
    for span, sense in said:
        if sense is Sense.WANTED:
            wanted.append(span)
        elif sense is Sense.UNWANTED and span[0] == EARLIEST:
            low = max(low, span[1] + 1)
        elif sense is Sense.UNWANTED and span[1] == LATEST:
            high = min(high, span[0] - 1)
        elif sense is Sense.UNWANTED:
            unwanted.append(span)
    wanted = _together(wanted)
    if (low, high) != (EARLIEST, LATEST):
        bounded = [(max(a, low), min(b, high)) for a, b in wanted or [(EARLIEST, LATEST)]]
        wanted = [(a, b) for a, b in bounded if a <= b]
    return tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(unwanted))


def _together(ranges: list[Range]) -> list[Range]:
    since = [a for a, b in ranges if b == LATEST]
    until = [b for a, b in ranges if a == EARLIEST]
    if not since or not until or max(since) > min(until):
        return ranges
    return [*(r for r in ranges if r[0] != EARLIEST and r[1] != LATEST), (max(since), min(until))]


def span_in_words(span: Range) -> str:
    """An inclusive range as a person writes it."""
    low, high = span
    if low == EARLIEST:
        return f"up to {high}"
    if high == LATEST:
        return f"{low} on"
    return str(low) if low == high else f"{low}-{high}"
