"""The pattern of a word that an item may say: in the singular or the plural, as the beginning of a longer one if it is no short one."""

from __future__ import annotations

import re

_SHORT = 4  # letters below which a word must stand as it is: "car" is not "care"
_SHORTEST = 3
_ENDINGS = {
    "ies": ("y", "ie"),
    "ves": ("f", "fe", "ve"),
    "es": ("", "e"),
    "s": ("",),
}  # of plurals, and what they are of


def said_pattern(phrase: str) -> str:
    """A phrase whose last word may stand in the singular or the plural, or begin a longer word if it is no short one."""
    *before, last = phrase.split() or [phrase]
    ends = (
        rf"{re.escape(form)}" + ("" if len(form) > _SHORT else r"(?:s|es)?\b") for form in (last, *_other_numbers(last))
    )
    return r"\b" + "".join(rf"{re.escape(word)}\W+" for word in before) + f"(?:{'|'.join(ends)})"


def denied_pattern(phrase: str) -> str:
    """A phrase that is denied: "no equipment", "without any nuts", "nut-free"."""
    pattern = said_pattern(phrase)
    return rf"\b(?:no|not|non|without|never|lacks?|free (?:of|from))\W+(?:(?:a|an|any|the|special|extra|added|much|other)\W+)?{pattern}|{pattern}\w*[ -]free(?:[^\w:]|$)"


def _other_numbers(word: str) -> list[str]:
    """Singulars of what may be a plural, and plurals that are no mere "s" longer: "superhero" of superheroes, "wolves" of wolf."""
    for plural, singulars in _ENDINGS.items():
        if word.endswith(plural) and not word.endswith("ss"):
            forms = [word.removesuffix(plural) + singular for singular in singulars]
            return [form for form in forms if len(form) >= _SHORTEST]
    return [word.removesuffix(own) + end for end, own in (("ies", "y"), ("ves", "f")) if word.endswith(own)]
