"""What a request asks of a catalogue's other columns: who made it, for whom it is, how long, how dear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.chat.ages import find_age, find_children
from agent.chat.amount import complement
from agent.chat.amounts import AmountWords
from agent.chat.categories import CategoryWords
from agent.chat.either import Said, chosen
from agent.chat.grades import Grades
from agent.chat.name_senses import can_be, choice_of, names_asked, senses_of
from agent.chat.names import NameWords
from agent.chat.negation import Scopes, Sense
from agent.chat.quantities import BIG, Quantities
from agent.chat.relative import Vague
from agent.chat.truths import TruthWords
from agent.chat.words import filled
from retrieval.facts import AllOf, AnyOf, Fact, OneOf, Says, Within, columns_of
from retrieval.schema import Catalog

_CHILD = "children"
_NAMING = 4  # letters of a word that can name a column
_OF_AGE = 12  # up to here, who is recommended something is a child


@dataclass(frozen=True, slots=True)
class Facts:
    """Conditions on other columns.

    Attributes:
        wanted: An item must meet all of them.
        unwanted: It must meet none.
        categories: A category that an age stands for where no column knows ages.
        rest: The folded request with all of this filled.
        untold: What is asked of something that no column holds, as a sentence.
        vague: Of the conditions wanted, bounds that no number was said for.
    """

    wanted: tuple[Fact, ...]
    unwanted: tuple[Fact, ...]
    categories: tuple[str, ...]
    rest: str
    untold: tuple[str, ...] = ()
    vague: tuple[Vague, ...] = ()


class FactReader:
    """Reads names and numbers against one catalogue."""

    def __init__(self, catalog: Catalog, categories: CategoryWords) -> None:
        self._catalog = catalog
        self._categories = categories
        self._names = NameWords(catalog)
        self._quantities = Quantities(catalog)
        self._amounts = AmountWords(self._quantities, categories, self._names.follow)
        self._truths = TruthWords(catalog, categories)
        self.grades = Grades(catalog)
        """The column of grades, such as easy and hard."""

    def names(self, word: str) -> bool:
        """Whether a word is a value of a column, or a part of one."""
        return self._names.holds(word)

    def names_of(self, item: int) -> tuple[str, ...]:
        """The names that the columns hold of an item: who made it, where it is from."""
        held: list[str] = []
        for column in self._names.columns:
            value = self._catalog.table[column][item]
            held += [str(one) for one in ([] if value is None else [value] if isinstance(value, str) else value)]
        return tuple(held)

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
            suits = self._quantities.suiting(aged.youngest, aged.oldest)
            suited = self._categories.meant(_CHILD) if not suits and aged.youngest <= _OF_AGE else ()
            wanted += suits
            if suits or suited:
                rest = filled(rest, aged.start, aged.end)
        if (place := find_children(rest)) is not None and not self._categories.meant(_CHILD):
            denied = Scopes(rest).at(place[0]) is Sense.UNWANTED
            suits = self._quantities.older(_OF_AGE) if denied else self._quantities.suiting(_OF_AGE, 0)[:1]
            wanted += suits
            rest = filled(rest, *place) if suits else rest
        sizes = self._names.sizes(rest)
        for size in sizes:
            rest = filled(rest, size.start, size.end)
        amounts = self._amounts.find(rest)
        for amount in amounts:
            rest = filled(rest, amount.start, amount.end)
        names = self._names.find(rest, marked, [(start, end) for start, end, _ in self._categories.spans(rest)])
        for name in names:
            rest = filled(rest, name.start, name.end)
        names = sorted([*sizes, *names], key=lambda name: name.start)
        truths = self._truths.find(rest)
        for truth in truths:
            rest = filled(rest, truth.start, truth.end)
        scopes = Scopes(rest)
        said: list[Said] = []
        for truth in truths:
            sense = scopes.at(truth.start)
            if sense is Sense.UNSURE:
                continue
            if truth.denied is (sense is Sense.UNWANTED):
                said.append(Said(truth.start, truth.end, (truth.fact,)))
            else:
                unwanted.append(truth.fact)
        for amount in amounts:
            if amount.complaint or scopes.at(amount.start) is Sense.UNWANTED:
                wanted += amount.denied or complement(amount.facts)
            elif amount.facts:
                said.append(Said(amount.start, amount.end, amount.facts))
        senses = list(zip(names, senses_of(names, rest, scopes), strict=True))
        for start, end, fact in names_asked([n for n, sense in senses if sense is Sense.WANTED], self._catalog):
            said.append(Said(start, end, (fact,)))
        wanted += chosen(said, rest)
        unwanted += [name.fact for name, sense in senses if sense is Sense.UNWANTED]
        untold = tuple(dict.fromkeys(amount.untold for amount in amounts if amount.untold))
        vague = tuple(Vague(fact, a.share) for a in amounts if a.share is not None for fact in a.facts)
        return Facts(tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(unwanted)), suited, rest, untold, vague)

    def own_words(self) -> frozenset[str]:
        """Words that ask for a value that many items share, for a column that says yes, or for a quality."""
        return self._names.shared_words() | self._truths.words | frozenset(self._quantities.qualities)

    def follow(self, rest: str, end: int) -> bool:
        """Whether the word after a place says what kind of item is meant: "red", "Italian"."""
        return self._names.follow(rest, end)

    def quality(self, word: str) -> bool:
        """Whether a word is an adjective that a column of numbers is made of: sweet, where there is a ``sweetness``."""
        return word in self._quantities.qualities

    def sized(self, word: str) -> bool:
        """Whether a word asks how big items are, and a column tells it."""
        return word in BIG and bool(self._quantities.of(word))

    def compared(self, word: str) -> bool:
        """Whether a word says by itself what items have more or less of: a grade, a quality, how big they are."""
        return bool(self.grades.side(word)) or self.quality(word) or self.sized(word)

    def measured(self, word: str) -> bool:
        """Whether there can be more or less of what a word names: what it compares by itself, or what a column of numbers holds."""
        return self.compared(word) or (
            len(word) >= _NAMING and bool(self._quantities.named(word) or self._quantities.of(word))
        )

    def columns(self, word: str) -> list[str]:
        """Columns of numbers that count in a unit, or hold what a word names."""
        return self._quantities.of(word)

    def column(self, word: str, *, most: bool) -> str | None:
        """The column by which items are ordered in what a word names; of a least and a most, the one that is asked for."""
        word = word.split(" per ", maxsplit=1)[0]
        if self.grades.side(word):
            return self.grades.column
        columns = self._quantities.named(word) or self._quantities.of(word)
        pair = self._quantities.pair(columns)
        return pair[int(most)] if pair is not None else next(iter(columns), None)

    def beyond(self, than: Sequence[str], way: int, unit: str) -> OneOf | Within | None:
        """More (1) or less (-1) of a quantity than the middle of some items, by external id; None where no column holds it."""
        if side := self.grades.side(unit):
            at = self._catalog.positions(list(than)).tolist() or range(len(self._catalog))  # easier than most
            return self.grades.beyond(at, way * side)
        return self._quantities.beyond(self._catalog.positions(list(than)), way, unit)


def together(
    before: Sequence[Fact],
    new: Sequence[Fact],
    catalog: Catalog,
    *,
    beside: bool = False,
    within: bool = False,
    either: bool = False,
) -> tuple[Fact, ...]:
    """Conditions with new ones.

    A choice of columns goes where another is made of them, or where it cannot be met any longer. A number bounded anew replaces the bound of that side before, and any bound that it rules out. Names replace those of
    the same columns, unless they come beside them or narrow them: then both are meant. Where no item has both, what comes
    beside is a choice ("by King", "and Anne Rice"), and what narrows replaces ("in German", "only French").

    Args:
        before: What was asked.
        new: What is asked now.
        catalog: Tells what items can have.
        beside: The new names come beside those before.
        within: They narrow those before.
        either: What comes beside is a choice, whether or not an item has both.
    """
    out = list(before)
    for fact in new:
        out = [old for old in out if not (isinstance(old, AnyOf) and _ruled_out(old, fact, catalog))]
        if isinstance(fact, AnyOf):
            bound = set.intersection(*(set(columns_of(choice)) for choice in fact.choices))  # by all that it leaves
            out = [*(old for old in out if isinstance(old, AnyOf | Says) or not set(columns_of(old)) <= bound), fact]
        elif isinstance(fact, AllOf | Says):
            out.append(fact)
        elif isinstance(fact, Within):
            out = [*(old for old in out if not (isinstance(old, Within) and _outdated(old, fact))), fact]
        else:
            out = _with_name(out, fact, catalog, beside=beside, within=within, either=either)
    return tuple(dict.fromkeys(out))


def _ruled_out(old: AnyOf, new: Fact, catalog: Catalog) -> bool:
    """Whether a new condition on a column of a choice takes its place."""
    asked, anew = set(columns_of(old)), set(columns_of(new))
    replaced = isinstance(new, AnyOf) and (asked <= anew or anew <= asked)
    return replaced or (not asked.isdisjoint(anew) and not can_be(catalog, old, new))


def _outdated(old: Within, new: Within) -> bool:
    """Whether a new bound takes the place of an old one."""
    if old.column != new.column:
        return False
    low, high = new.low is not None, new.high is not None
    replaced = (low and high) or (low and old.low is not None) or (high and old.low is None)
    above = new.low is not None and old.high is not None and old.high < new.low
    below = new.high is not None and old.low is not None and old.low > new.high
    return replaced or above or below


def _with_name(
    before: list[Fact], fact: OneOf, catalog: Catalog, *, beside: bool, within: bool, either: bool
) -> list[Fact]:
    out: list[Fact] = []
    for old in before:
        if not isinstance(old, OneOf) or set(old.columns).isdisjoint(fact.columns):
            out.append(old)
            continue
        choice = either or not set(old.values).isdisjoint(fact.values)
        if (beside or within) and not choice and can_be(catalog, old, fact):
            out.append(old)
        elif beside:
            fact = choice_of(old, fact)
    return [*out, fact]
