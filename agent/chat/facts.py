"""What a request asks of a catalogue's other columns: who made it, for whom it is, how long, how dear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.chat.amounts import AmountWords, complement, find_age
from agent.chat.categories import CategoryWords
from agent.chat.names import NameWords, names_asked
from agent.chat.negation import Scopes, Sense
from agent.chat.words import filled
from retrieval.facts import Fact, OneOf, Within
from retrieval.schema import Catalog

_CHILD = "children"
_OF_AGE = 12  # up to here, who is recommended something is a child
_MOST_NAMES = 3  # that are spelled out


@dataclass(frozen=True, slots=True)
class Facts:
    """Conditions on other columns.

    Attributes:
        wanted: An item must meet all of them.
        unwanted: It must meet none.
        categories: A category that an age stands for where no column knows ages.
        rest: The folded request with all of this filled.
    """

    wanted: tuple[Fact, ...]
    unwanted: tuple[Fact, ...]
    categories: tuple[str, ...]
    rest: str


class FactReader:
    """Reads names and numbers against one catalogue."""

    def __init__(self, catalog: Catalog, categories: CategoryWords) -> None:
        self._catalog = catalog
        self._categories = categories
        self._names = NameWords(catalog)
        self._amounts = AmountWords(catalog, categories)

    def read(self, rest: str, marked: str) -> Facts:
        """The conditions of a folded request, of which titles and years have been filled.

        Args:
            rest: The request.
            marked: As it was written, every character at the same place.
        """
        wanted: list[Fact] = []
        unwanted: list[Fact] = []
        suited: tuple[str, ...] = ()
        if (aged := find_age(rest)) is not None:
            start, end, years = aged
            suits = self._amounts.age(years)
            suited = self._categories.meant(_CHILD) if not suits and years <= _OF_AGE else ()
            wanted += suits
            if suits or suited:
                rest = filled(rest, start, end)
        amounts = self._amounts.find(rest)
        for amount in amounts:
            rest = filled(rest, amount.start, amount.end)
        names = self._names.find(rest, marked, [(start, end) for start, end, _ in self._categories.spans(rest)])
        for name in names:
            rest = filled(rest, name.start, name.end)
        scopes = Scopes(rest)
        for amount in amounts:
            wanted += amount.facts if scopes.at(amount.start) is not Sense.UNWANTED else complement(amount.facts)
        senses = [(name, scopes.at(name.start)) for name in names]
        wanted += names_asked([name for name, sense in senses if sense is Sense.WANTED], self._catalog)
        unwanted += [name.fact for name, sense in senses if sense is Sense.UNWANTED]
        return Facts(tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(unwanted)), suited, rest)

    def longer(self, than: Sequence[str], way: int) -> Within | None:
        """Longer (1) or shorter (-1) than the middle of some items, by external id; None where nothing tells their length."""
        return self._amounts.longer(self._catalog.positions(list(than)), way)


def together(before: Sequence[Fact], new: Sequence[Fact], *, beside: bool) -> tuple[Fact, ...]:
    """Conditions with new ones: a number bounded anew replaces the bound before, as do names unless they come beside."""
    numbers = {(fact.column, fact.low is None) for fact in new if isinstance(fact, Within)}
    names = any(isinstance(fact, OneOf) for fact in new)
    stay = [
        fact
        for fact in before
        if (beside or not names if isinstance(fact, OneOf) else (fact.column, fact.low is None) not in numbers)
    ]
    return tuple(dict.fromkeys([*stay, *new]))


def fact_in_words(fact: Fact) -> str:
    """A condition as a person writes it: "director: Ann Lee", "pages: up to 300"."""
    if isinstance(fact, OneOf):
        shown = [*fact.values[:_MOST_NAMES], *(["\u2026"] if len(fact.values) > _MOST_NAMES else [])]
        return f"{' / '.join(_plain(c) for c in fact.columns)}: {' or '.join(shown)}"
    low, high = (None if bound is None else f"{round(bound, 2):,g}" for bound in (fact.low, fact.high))
    if low is None:
        span = f"up to {high}"
    else:
        span = f"{low} or more" if high is None else f"{low} to {high}" if low != high else low
    return f"{_plain(fact.column)}: {span}"


def _plain(column: str) -> str:
    return column.replace("_", " ")
