"""Years and decades in words."""

from __future__ import annotations

import re
from collections.abc import Callable

EARLIEST, LATEST = -99_999, 99_999

_DECADES = {
    name: 1900 + 10 * n
    for n, name in enumerate(
        ["twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties"], start=2
    )
}
_YEAR = r"((?:1[5-9]|20)\d\d)"
_DECADE = rf"(?:{_YEAR}s|'?(\d0)s|({'|'.join(_DECADES)}))"

Range = tuple[int, int]


def _decade(match: re.Match[str]) -> int:
    full, short, word = match.groups()[-3:]
    if full:
        return int(full)
    if word:
        return _DECADES[word]
    return (1900 if int(short) >= 30 else 2000) + int(short)


# Tried in this order; what one reads, the later ones no longer see.
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Range]], ...] = (
    (
        re.compile(rf"\b(?:between|from)?\s*{_YEAR}\s*(?:-|\u2013|to|and|until|till)\s*{_YEAR}\b"),
        lambda m: (min(int(m[1]), int(m[2])), max(int(m[1]), int(m[2]))),
    ),
    (re.compile(rf"\b(?:before|pre-?|older than|earlier than)\s*(?:the\s+)?{_DECADE}"), lambda m: (EARLIEST, _decade(m) - 1)),
    (re.compile(rf"\b(?:before|pre-?|older than|earlier than)\s*{_YEAR}\b"), lambda m: (EARLIEST, int(m[1]) - 1)),
    (re.compile(rf"\b(?:after|post-?|newer than|later than)\s*(?:the\s+)?{_DECADE}"), lambda m: (_decade(m) + 10, LATEST)),
    (re.compile(rf"\b(?:after|post-?|newer than|later than)\s*{_YEAR}\b"), lambda m: (int(m[1]) + 1, LATEST)),
    (re.compile(rf"\b(?:since|from)\s+{_YEAR}\s+(?:on|onwards?)\b|\bsince\s+{_YEAR}\b"), lambda m: (int(m[1] or m[2]), LATEST)),
    (re.compile(rf"\b(?:until|up to|till)\s+{_YEAR}\b"), lambda m: (EARLIEST, int(m[1]))),
    (re.compile(rf"(?<![\w]){_DECADE}(?![\w])"), lambda m: (_decade(m), _decade(m) + 9)),
    (re.compile(rf"\b(?:from|in|of|year)\s+{_YEAR}\b"), lambda m: (int(m[1]), int(m[1]))),
)  # fmt: skip


def read_years(text: str) -> tuple[tuple[Range, ...], str]:
    """Year ranges that a lower-case text asks for, and the text without them.

    Ranges are inclusive; several are alternatives.
    """
    ranges: list[Range] = []
    for pattern, to_range in _RULES:
        ranges.extend(to_range(match) for match in pattern.finditer(text))
        text = pattern.sub(" ", text)
    return tuple(dict.fromkeys(ranges)), text


def span_in_words(span: Range) -> str:
    """An inclusive range as a person writes it."""
    low, high = span
    if low == EARLIEST:
        return f"up to {high}"
    if high == LATEST:
        return f"{low} on"
    return str(low) if low == high else f"{low}-{high}"
