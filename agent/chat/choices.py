"""What an "or" leaves to choose, where that is no choice within one column: "organic or under 15", "a red from France or a white from Germany".

A list of yes-no columns is one choice, "organic, vegan or halal"; of other conditions an "or" joins the two beside it alone, so
that "a red, organic or under 15" stays red.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.chat.denied import whole_of
from agent.chat.grammar import Token, tokens_of
from agent.chat.name_senses import choice_of
from agent.chat.negation import Scopes, Sense
from agent.chat.words import is_chatter, is_function_word, is_kind
from retrieval.facts import TRUE, AllOf, AnyOf, Fact, OneOf, Within, columns_of
from retrieval.filters import ItemFilter

_OR = frozenset(("or", "and/or"))
_WITHIN = frozenset(("word", "filler"))
_OF_ITEMS = frozenset(("from", "of", "by", "the", "in", "with", "for", "on", "to"))
_MARKS = frozenset((",", "or", "and"))
_MOST = 8  # joins that are looked at
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


@dataclass(frozen=True, slots=True)
class Choice:
    """One place that leaves a choice of wholes."""

    start: int
    end: int
    fact: AnyOf


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
    silent = all(word in _OR or is_function_word(word) or is_kind(word) or is_chatter(word) for word in words)
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


def find_choices(text: str, read: Callable[[int, int], ItemFilter]) -> list[Choice]:
    """Wholes of the same columns beside an "or", an "and" or a comma: each is wanted, and nothing of one with the other's.

    Args:
        text: The folded request.
        read: What a stretch of it asks, taken by itself.
    """
    tokens = tokens_of(text)
    joins = [i for i, token in enumerate(tokens) if token.text in _MARKS and tokens[i - 1].text not in _MARKS][:_MOST]
    scopes = Scopes(text) if joins else None
    found: list[Choice] = []
    for i in joins:
        if scopes is None or scopes.at(tokens[i].start) is not Sense.WANTED:
            continue
        after = tokens[i + 1 + (tokens[i + 1 : i + 2] != [] and tokens[i + 1].text in _MARKS) :]  # ", or"
        left, right = _stretch(tokens[:i][::-1])[::-1], _stretch(after)
        wholes = [whole_of(read(*_span(part))) for part in (left, right) if len(part) > 1]
        parts = [whole for whole in wholes if whole is not None]
        if len(parts) > 1 and _differ(*parts):
            start = found.pop() if found and found[-1].end == _span(left)[1] else None
            choices = (*(start.fact.choices if start else parts[:1]), parts[1])
            found.append(Choice(start.start if start else _span(left)[0], _span(right)[1], AnyOf(choices)))
    return found


def _differ(one: AllOf, other: AllOf) -> bool:
    """Whether two wholes are of the same columns, or of one at least in which both name something else."""
    if set(columns_of(one)) == set(columns_of(other)):
        return True
    named = [
        (a.values, b.values)
        for a in one.parts
        for b in other.parts
        if isinstance(a, OneOf) and isinstance(b, OneOf) and a.columns == b.columns
    ]
    return any(set(a).isdisjoint(b) for a, b in named)


def _stretch(tokens: Sequence[Token]) -> list[Token]:
    """The tokens from the first on that can say what an item is."""
    end = next((n for n, t in enumerate(tokens) if t.kind not in _WITHIN and t.text not in _OF_ITEMS), len(tokens))
    return list(tokens[:end])


def _span(part: Sequence[Token]) -> tuple[int, int]:
    return part[0].start, part[-1].start + len(part[-1].text)
