"""Years and decades in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.chat.negation import Sense
from agent.chat.numerals import NUMBER
from agent.chat.numerals import number as number_in
from agent.chat.words import filled, is_audience
from retrieval.filters import has_years
from retrieval.schema import Catalog

EARLIEST, LATEST = -99_999, 99_999

_DECADES = {
    name: 1900 + 10 * n
    for n, name in enumerate(
        ["twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties", "noughties"], start=2
    )
}  # fmt: skip
_YEAR = r"(?:1[5-9]|20)\d\d"
_CENTURY = r"\d\d(?:st|nd|rd|th)[ -]century(?! fox)"
# "people in their 30s" are no decade.
_DECADE = (
    r"(?<!my )(?<!his )(?<!her )(?<!our )(?<!your )(?<!their )"
    rf"(?:(?:1[5-9]|20)\d0'?s|'?\d0'?s|{_CENTURY}|(?:nineteen[ -])?(?:{'|'.join(_DECADES)}))"
)
_PERIOD = rf"(?:the\s+)?(?:(?:years?|vintages?)\s+)?(?:(?:early|mid|late)[\s-]+)?(?<!\w)({_DECADE}|{_YEAR}|'\d\d)(?!\w)"
_NOW = r"(?:now|today|(?:the\s+)?present(?:\s+day)?|this year)\b"
_OLDEST = r"(?:older than|(?:more than|over|at least)(?=\s+\w+\s+years\s+old))"
_NEWEST = r"(?:newer than|younger than|(?:less than|under|at most)(?=\s+\w+\s+years\s+old))"
_HOW_LONG = rf"({NUMBER})\s+(years?|decades?)(?:\s+old)?\b"
# "Set in the 1920s" says what an item is about, not when it was made.
_SUBJECT = re.compile(
    r"\b(?:(?<!how )(?<!what )about|(?:set|takes? place|taking place|happening|happens) (?:in|during|around|between|before|after|from))\s+"
    r"(?:the\s+)?(?:years?\s+)?(?:(?:early|mid|late)[\s-]+)?$"
)
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


def _period(word: str, latest: int) -> Range:
    word = word.replace("'", "").removeprefix("nineteen").strip(" -")
    if word.endswith("century"):
        return 100 * (int(word[:2]) - 1), 100 * int(word[:2]) - 1
    low = _DECADES.get(word) or int(word.removesuffix("s"))
    if low < 100:  # of two centuries, the one that the catalogue reaches
        low += 2000 if low < 30 and 2000 + low <= latest else 1900
    if not word.endswith("s"):
        return low, low
    return low, low + (99 if low < 1900 and low % 100 == 0 else 9)  # "the 1800s" are a century


def _between(ps: list[Range]) -> Range:
    return min(low for low, _ in ps), max(high for _, high in ps)


# Tried in this order; what one reads, the later ones no longer see.
_RULES: tuple[tuple[str, _Meaning], ...] = (
    (rf"(?:\b(?:between|from|since)\s+)?{_PERIOD}\s*(?:-|\u2013|\b(?:up to|to|until|till|through|thru|and)\b)\s*{_NOW}", lambda ps: (ps[0][0], LATEST)),
    (rf"(?:\b(?:between|from)\s+)?{_PERIOD}\s*(?:-|\u2013|\b(?:to|until|till|through|thru)\b)\s*{_PERIOD}", _between),
    (rf"\bbetween\s+{_PERIOD}\s+and\s+{_PERIOD}", _between),
    (rf"\b(?:before|pre-?|older than|earlier than|prior to)\s*{_PERIOD}", lambda ps: (EARLIEST, ps[0][0] - 1)),
    (rf"\b(?:after|post-?|newer than|later than|more recent than)\s*{_PERIOD}", lambda ps: (ps[0][1] + 1, LATEST)),
    (rf"\b(?:since|(?:starting|beginning)\s+(?:in|from|with))\s+{_PERIOD}(?:\s+{_ON})?", lambda ps: (ps[0][0], LATEST)),
    (rf"(?:\bfrom\s+)?{_PERIOD}(?:\+|\s+(?:and|or)\s+{_LATER}|\s+{_ON})", lambda ps: (ps[0][0], LATEST)),
    (rf"(?:\bfrom\s+)?{_PERIOD}\s+(?:and|or)\s+{_EARLIER}", lambda ps: (EARLIEST, ps[0][1])),
    (rf"\b(?:until|till|up to|up until)\s+{_PERIOD}", lambda ps: (EARLIEST, ps[0][1])),
    (rf"(?<!\w)(?:(?:early|mid|late)[\s-]+)?({_DECADE})(?!\w)", lambda ps: ps[0]),
    (rf"(?:\b(?:from|in|of|year|vintage|edition|released|published|made)\s+(?:the\s+year\s+)?|(?<=\bno )|(?<=\bnot )|(?<=\bexcept )|(?<=\bwithout ))({_YEAR}|'\d\d)\b", lambda ps: ps[0]),
)  # fmt: skip
_PATTERNS = [(re.compile(pattern), meaning) for pattern, meaning in _RULES]
_AGES: tuple[tuple[re.Pattern[str], Callable[[int, int], Range]], ...] = (
    (re.compile(rf"\b(?:(?:in|from|of|within)\s+)?(?:the\s+)?(?:last|past)\s+{_HOW_LONG}"), lambda now, n: (now - n + 1, LATEST)),
    (re.compile(rf"\b{_OLDEST}\s+{_HOW_LONG}"), lambda now, n: (EARLIEST, now - n - 1)),
    (re.compile(rf"\b{_NEWEST}\s+{_HOW_LONG}"), lambda now, n: (now - n + 1, LATEST)),
)  # fmt: skip
_BARE = re.compile(rf"(?<![\w-])({_YEAR})(?![\w-])")
_CHOICE = re.compile(rf"(?<![\w-]){_YEAR}(?:\s*,\s*{_YEAR})*\s*,?\s+or\s+{_YEAR}(?![\w-])")
_VAGUE = re.compile(
    r"\b(?P<some>(?:some|any)thing )?(?:(?:really|very|quite|more) )?(?P<what>(?P<old>old)|recent|modern|contemporary)\b(?!-)"
)
_ONES = re.compile(r" ones?\b")
_TOLD = re.compile(
    r"\b(?:good|too|so|not|these|those|are|is|all)(?: all| so| too)? $"
)  # "good old", "not too old", "these are all so old"
_ALSO = re.compile(r"\s*(?:,|\band\b|\bor\b)(?:\s*(?:and|or)\b)?\s*")


def find_years(text: str, named: Callable[[str, int, int], bool], latest: int | None = None) -> list[YearMention]:
    """Every place of a folded text that speaks of years, in its order.

    Args:
        text: The text.
        named: Whether a name of items stands beside a stretch of the text: a bare number is a year only there
            ("1995 comedies"), or in a list of years.
        latest: The last year of the catalogue, from which "the last ten years" are counted; None if it has no years.
    """
    found: list[YearMention] = []

    def read(start: int, end: int, span: Range) -> None:
        nonlocal text
        found.append(YearMention(start, end, span))
        text = filled(text, start, end)

    for pattern, ago in _AGES if latest is not None else ():
        for match in pattern.finditer(text):
            if not _is_age_of_people(text, match.start()):
                read(*match.span(), ago(latest or 0, _years(match[1], match[2])))
    for pattern, meaning in _PATTERNS:
        for match in pattern.finditer(text):
            if not _SUBJECT.search(text[max(match.start(1) - 60, 0) : match.start(1)]):
                read(*match.span(), meaning([_period(word, latest or LATEST) for word in match.groups()]))
    for choice in _CHOICE.finditer(text):
        for match in _BARE.finditer(text, *choice.span()):
            read(*match.span(), _period(match.group(), LATEST))
    for match in _BARE.finditer(text):
        start, end = match.span()
        if (
            text.strip(" .!?") == match.group()
            or named(text, start, end)
            or any(m.end <= start and _ALSO.fullmatch(text, m.end, start) for m in found)
        ):
            read(start, end, _period(match.group(), LATEST))
    return sorted(found, key=lambda mention: mention.start)


def find_vague(text: str, beside: Callable[[str, int, int], bool], old: int, recent: int) -> list[YearMention]:
    """Where a folded text wants what is old or recent without a year: "recent ones", "old westerns".

    Args:
        text: The text, in which no year is read.
        beside: Whether a name of items stands beside a stretch of it.
        old: The last year of what is old in the catalogue.
        recent: The first of what is recent.
    """
    found: list[YearMention] = []
    for match in _VAGUE.finditer(text):
        said = (
            match["some"]
            or _ONES.match(text, match.end())
            or (beside(text, *match.span("what")) and text[match.end() :].strip(" .!?"))
        )
        if said and not _TOLD.search(text[: match.start()]):
            found.append(YearMention(*match.span(), (EARLIEST, old) if match["old"] else (recent, LATEST)))
    return found


def _years(number: str, unit: str) -> int:
    return int(number_in(number)) * (10 if unit.startswith("decade") else 1)


def _is_age_of_people(text: str, position: int) -> bool:
    """Whether a stretch speaks of how old somebody is: "children older than 8 years"."""
    before = text[max(position - 40, 0) : position].split()
    return bool(before) and (is_audience(before[-1]) or before[-1] in {"for", "anyone", "everyone"})


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


def terciles(catalog: Catalog) -> tuple[int, int] | None:
    """Up to which year a third of a catalogue's items is older, and from which on a third is newer; None if it has no years."""
    bounds = [catalog.table["year"].quantile(share) for share in (1 / 3, 2 / 3)] if has_years(catalog) else []
    old, recent = (int(bound) for bound in bounds if bound is not None) if bounds else (0, 0)
    return (old, recent) if old < recent else None


def latest_year(catalog: Catalog) -> int | None:
    """The last year of a catalogue; None if it has none."""
    latest = catalog.table["year"].max() if has_years(catalog) else None
    return latest if isinstance(latest, int) else None


def span_in_words(span: Range) -> str:
    """An inclusive range as a person writes it."""
    low, high = span
    if low == EARLIEST:
        return f"up to {high}"
    if high == LATEST:
        return f"{low} on"
    return str(low) if low == high else f"{low}-{high}"
