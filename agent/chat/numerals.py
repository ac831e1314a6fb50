"""Numbers as people write them: "1,200", "4.5", "20k", "fifteen", "two hundred and fifty", "an hour and a half"."""

from __future__ import annotations

import re

_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUES = {
    **{word: float(n) for n, word in enumerate(_ONES, 1)},
    **{word: 10.0 * n for n, word in enumerate(_TENS, 2)},
}
_SCALES = {"dozen": 12.0, "hundred": 100.0, "thousand": 1e3, "million": 1e6, "k": 1e3, "grand": 1e3}
_LARGE = "hundred|thousand|million|grand"
_WORD = rf"(?:{'|'.join(sorted(_VALUES, key=len, reverse=True))}|dozen|{_LARGE})"
_SPOKEN = rf"(?:an? (?=dozen|{_LARGE}))?\b{_WORD}(?:(?:[ -]|(?<=hundred) and |(?<=thousand) and ){_WORD})*\b"
_DIGITS = rf"\d+(?:[.,]\d+)*(?:\s?k\b| (?:{_LARGE})\b)?"

NUMBER = rf"(?>half an?(?= hour)|(?:an? )?hour and a half|(?:\d+|{_WORD}) and a half|{_DIGITS}|{_SPOKEN}|an?(?= hour| minute| week| fortnight| month))"
"""Pattern of a number in a folded text, without groups that count; it takes "twenty-five" whole or not at all."""


def number(said: str) -> float:
    """The value of what :data:`NUMBER` matches. A comma or a point before three digits parts thousands."""
    if "hour and a half" in said:
        return 1.5
    if said.startswith("half"):
        return 0.5
    whole, half, _ = said.partition(" and a half")
    return _whole(whole) + (0.5 if half else 0.0)


def _whole(said: str) -> float:
    if said in ("a", "an"):
        return 1.0
    if digits := re.match(r"\d+(?:[.,]\d+)*", said):
        return _digits(digits.group()) * _SCALES.get(said[digits.end() :].strip(), 1.0)
    total, part = 0.0, 0.0
    for word in re.findall(r"[a-z]+", said):
        if word in ("hundred", "dozen"):
            part = max(part, 1.0) * _SCALES[word]
        elif word in _SCALES:
            total, part = total + max(part, 1.0) * _SCALES[word], 0.0
        else:
            part += _VALUES.get(word, 0.0)
    return total + part


def _digits(said: str) -> float:
    parts = re.split(r"[.,]", said)
    if len(parts) > 1 and all(len(part) == 3 for part in parts[1:]):
        return float("".join(parts))
    return float(f"{''.join(parts[:-1])}.{parts[-1]}" if len(parts) > 1 else said)
