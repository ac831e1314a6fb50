"""For whom something is: an age, a span of ages, children."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.chat.numerals import NUMBER, number

_SPAN = re.compile(
    rf"\b(?:for )?(?:ages?|aged|(?:kids|children) (?:aged|of|from)) (?:between |from )?(?P<a>{NUMBER})\s*(?:-|\u2013|to|and|or)\s*(?P<b>{NUMBER})(?: years?(?: olds?)?\b)?(?! (?:up|over|above|older)\b)"
)
_KIN = r"\b(?:son|daughter|boy|girl|kid|child|niece|nephew|grand(?:son|daughter|child)|godchild|brother|sister|he|she)"
_AGE = re.compile(
    rf"(?<!about )\b(?:(?:for|my|our|an?|aged?|ages) )+(?P<n>{NUMBER})(?:[ -]?years?[ -]?olds?\b|\+| and (?:up|older|over|above)\b)|\b(?:aged?|ages|(?:(?:is|who's|who is|just) )*(?:turning|turns|turned)) (?P<m>{NUMBER})\b|{_KIN} (?:who's|who is|is) (?P<k>{NUMBER})(?=\s*(?:$|[.,;!?]|and\b))"
)
_CHILDREN = re.compile(r"\bfor (?:(?:my|our|the|your|small|little|young|younger|all) )*(?:kids?|child(?:ren)?)\b")


@dataclass(frozen=True, slots=True)
class AgeMention:
    """One place that says how old those are who something is for.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        youngest: Years.
        oldest: Years.
    """

    start: int
    end: int
    youngest: float
    oldest: float


def find_age(rest: str) -> AgeMention | None:
    """The age that a folded request speaks of."""
    if found := _SPAN.search(rest):
        return AgeMention(*found.span(), *sorted((number(found["a"]), number(found["b"]))))
    if found := _AGE.search(rest):
        years = number(found["n"] or found["m"] or found["k"])
        return AgeMention(*found.span(), years, years)
    return None


def find_children(rest: str) -> tuple[int, int] | None:
    """Where a folded request says that something is, or is not, for children."""
    found = _CHILDREN.search(rest)
    return None if found is None else found.span()
