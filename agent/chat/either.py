"""Conditions of a request that an "or" joins as one choice: "organic, vegan or halal", "in Paris or under 100"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.chat.name_senses import choice_of
from agent.chat.words import says_nothing
from retrieval.facts import TRUE, AllOf, AnyOf, Fact, OneOf, Within

_OR = frozenset(("or", "and/or"))
_GAP = re.compile(r"[\w'/-]+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Said:
    """Conditions that one place of a request asks.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        facts: All of them are meant.
    """

    start: int
    end: int
    facts: tuple[OneOf | Within, ...]


def chosen(said: Sequence[Said], rest: str) -> tuple[Fact, ...]:
    """Conditions that are asked together, those that an "or" joins as one.

    Args:
        said: What is wanted, in the order in which it is to be told.
        rest: The folded request.
    """
    groups: list[list[Said]] = []
    for one in sorted(said, key=lambda s: s.start):
        if groups and _joined(groups[-1], one, rest):
            groups[-1].append(one)
        else:
            groups.append([one])
    groups = [part for group in groups for part in _settled(group, rest)]
    of = {id(one): group for group in groups for one in group}
    out: list[Fact] = []
    for one in said:
        group = of[id(one)]
        if len(group) == 1:
            out += one.facts
        elif one is group[0]:
            out.append(_choice(group))
    return tuple(dict.fromkeys(out))


def _joined(group: Sequence[Said], one: Said, rest: str) -> bool:
    """Whether a condition goes on with those before: after an "or", or as one more yes-no column after a comma."""
    gap = _GAP.findall(rest[group[-1].end : one.start])
    if gap == [","]:
        return _is_truth(group[-1]) and _is_truth(one)
    words = [word for word in gap if word != ","]
    silent = all(word in _OR or says_nothing(word) for word in words)
    return sum(word in _OR for word in words) == 1 and silent


def _settled(group: list[Said], rest: str) -> list[list[Said]]:
    """A group as it is, if an "or" joins its last two; a mere list of commas is no choice."""
    ored = len(group) > 1 and not _OR.isdisjoint(_GAP.findall(rest[group[-2].end : group[-1].start]))
    return [group] if ored else [[one] for one in group]


def _choice(group: Sequence[Said]) -> Fact:
    if all(map(_is_truth, group)):
        first, *others = [fact for one in group for fact in one.facts if isinstance(fact, OneOf)]
        for other in others:
            first = choice_of(first, other)
        return first
    return AnyOf(tuple(one.facts[0] if len(one.facts) == 1 else AllOf(one.facts) for one in group))


def _is_truth(one: Said) -> bool:
    """Whether a place asks that a column says yes."""
    return all(isinstance(f, OneOf) and TRUE.issuperset(v.strip().lower() for v in f.values) for f in one.facts)
