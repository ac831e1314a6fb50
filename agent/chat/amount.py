"""One place of a request that bounds a number."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.facts import Within

TOUCH = 1e-9
"""By how much a number that is left out, as 20 of "under 20", lies beside a bound."""


@dataclass(frozen=True, slots=True)
class AmountMention:
    """One place that bounds a number.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        facts: What it asks; all of them.
        complaint: Whether it says what is too much, "too long", and asks for the contrary.
        vague: Whether it names no number.
        untold: What is to be said where no column holds what it bounds.
        denied: What it asks where it is denied; empty for the other side of its bounds.
        share: Of the items that lie below its bound, where that is a quantile of the catalogue.
    """

    start: int
    end: int
    facts: tuple[Within, ...]
    complaint: bool = False
    vague: bool = False
    untold: str = ""
    denied: tuple[Within, ...] = ()
    share: float | None = None


def complement(facts: tuple[Within, ...]) -> tuple[Within, ...]:
    """What "nothing over two hours" wants: the other side of a bound. A range has no other side."""
    out: list[Within] = []
    for fact in facts:
        if fact.high is None and fact.low is not None:
            out.append(Within(fact.column, high=fact.low - TOUCH))
        elif fact.low is None and fact.high is not None:
            out.append(Within(fact.column, low=fact.high + TOUCH))
    return tuple(out)


def clash(one: AmountMention, other: AmountMention) -> bool:
    """Whether two share their place, or bound one side of a column twice: "short, under 90 minutes" is bounded once."""
    if one.start < other.end and other.start < one.end:
        return True
    sides = [{(f.column, side) for f in m.facts for side in _sides(f, m.vague)} for m in (one, other)]
    return not sides[0].isdisjoint(sides[1])


def _sides(fact: Within, vague: bool) -> tuple[int, ...]:
    return (0, 1) if vague else tuple(i for i, bound in enumerate((fact.low, fact.high)) if bound is not None)
