"""What the names of a request are meant as: wanted or not, each alone, together or as a choice."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.chat.names import NameMention
from agent.chat.negation import Scopes, Sense
from retrieval.facts import Fact, OneOf
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog

_SHUT = re.compile(r"\b(?:closed|shut)(?: on)?\s+$")
_PLACED = re.compile(r"\b(?:in|at|near|around|within)\s+(?:the\s+)?$")


def senses_of(mentions: Sequence[NameMention], rest: str, scopes: Scopes) -> list[Sense]:
    """The sense of each name of a folded request.

    Of "without a pool in Paris" the "without" reaches the pool alone: where it is names what is asked for. Of "not in Paris"
    it reaches Paris. What is listed with a name is meant as that is.
    """
    senses: list[Sense] = []
    for mention in mentions:
        sense = scopes.at(mention.start)
        if _SHUT.search(rest[: mention.start]) and any("open" in c.lower() for c in mention.fact.columns):
            sense = Sense.UNWANTED if sense is Sense.WANTED else sense  # "closed on Monday"
        if mention.follows and senses and sense is Sense.UNWANTED:
            sense = senses[-1]
        elif sense is Sense.UNWANTED and not mention.fact.called and _PLACED.search(rest[: mention.start]):
            sense = scopes.of_place(mention.start)
        senses.append(sense)
    return senses


def names_asked(mentions: Sequence[NameMention], catalog: Catalog) -> list[tuple[int, int, OneOf]]:
    """Conditions of the names that are wanted, in their order, with where each begins and ends.

    Names joined by "or" are a choice. Others are meant together, unless no item has them all: who lists authors does not
    look for a book that all of them wrote.
    """
    asked: list[tuple[int, int, OneOf]] = []
    for mention in mentions:
        start, one = mention.start, mention.fact
        if asked and mention.follows and (mention.choice or not can_be(catalog, *(fact for *_, fact in asked), one)):
            start, _, before = asked.pop()
            one = choice_of(before, one)
        asked.append((start, mention.end, one))
    return asked


def can_be(catalog: Catalog, *facts: Fact) -> bool:
    """Whether an item meets all of some conditions."""
    return bool(ItemFilter(facts=facts).mask(catalog).any())


def choice_of(one: OneOf, other: OneOf) -> OneOf:
    """A condition that is met by either name."""
    columns, values = (*one.columns, *other.columns), (*one.values, *other.values)
    called = f"{one.called} or {other.called}" if one.called and other.called else ""
    return OneOf(tuple(dict.fromkeys(columns)), tuple(dict.fromkeys(values)), called)
