"""What the catalogue says of an item, in answer to a question about it: its own columns and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from agent.chat.asked_columns import AskedColumns
from agent.chat.quantities import PRICE
from agent.chat.questions import Question
from agent.chat.reading import Reading, RequestReader
from agent.chat.wording import in_words
from agent.chat.words import singular_words
from agent.outright import without_gloss
from retrieval.facts import Says, columns_of, names_in, passes
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog

_DOING = ("mak", "made", "direct", "writ", "wrote", "publish", "design", "develop", "produc")
_ABOUT = re.compile(
    r"^(?:(?:opened|released|published|built|founded|launched|introduced|written|recorded|made)(?= (?:before|after|in|since|between|from)\b)|(?:made|built) (?:of|from|in)|contains?|have|has|come with|comes with|need|needs|like|likes|want|wants|work (?:for|in|with)|suit|tolerate|stand|do well in|grow in|(?:good|suitable|ok(?:ay)?|right|meant|made|fit) for|(?:available|comes?|set) in|for|from|in|of) "
)  # what is asked of begins behind it
_NEEDS = re.compile(r"(?:contains?|need|needs|like|likes|want|wants|work|suit|tolerate|stand|do well|grow)\b")
_FIRST_YEAR, _LAST_YEAR = 1500, 2100
_LONGEST = 300  # characters of a text that are shown


class Answers:
    """Answers questions of fact from one catalogue.

    Args:
        catalog: The items.
        reader: Reads what a question of yes or no is about.
    """

    def __init__(self, catalog: Catalog, reader: RequestReader) -> None:
        self._catalog = catalog
        self._reader = reader
        self._asked = AskedColumns(catalog, reader)
        self.columns = self._asked.of
        """The columns that some words ask for."""
        self._parts = self._asked.parts
        self._years = frozenset(column for column in self._parts if _of_years(catalog.table[column]))

    def __call__(self, question: Question, listed: Sequence[str]) -> str:
        """The answer, a line for each item and question.

        Args:
            question: What is asked.
            listed: External ids of the last list, in its order.
        """
        lines = [line for one in (question, *question.also) for line in self._lines(one, listed)]
        return "\n\n".join(dict.fromkeys(lines))

    def called(self, item: str, listed: Sequence[str]) -> str:
        """An item, by its external id, as answers call it: "Golden Temple (number 1)"."""
        number = f" (number {listed.index(item) + 1})" if item in listed else ""
        return f"{self._catalog.titles[int(self._catalog.positions([item])[0])]}{number}"

    def _lines(self, question: Question, listed: Sequence[str]) -> list[str]:
        if question.pointed.unclear:
            return ["I cannot tell which one you mean; say its number."]
        lines = not_there(question.pointed.beyond, listed)
        for item in question.pointed.items:
            at, called = int(self._catalog.positions([item])[0]), self.called(item, listed)
            lines.append(
                self._whether(at, called, question.what) if question.whether else self._fact(at, called, question.what)
            )
        return lines

    def how_many(self, meeting: ItemFilter) -> str:
        """How many items there are, and how many of them meet what is asked for."""
        count, all_of_them = int(meeting.mask(self._catalog).sum()), len(self._catalog)
        return f"There are {all_of_them:,} in the catalogue" + (
            f"; {count:,} of them meet what you asked for." if count < all_of_them else "."
        )

    def how_many_of(self, reading: Reading, among: ItemFilter) -> str:
        """How many items of those that meet a filter meet what some words ask; where they ask what nothing can count, that is said."""
        if reading.filter == ItemFilter():
            return f"I can count by categories, years and columns, and not \u201c{reading.text}\u201d."
        own = among.mask(self._catalog)
        count = int((reading.filter.mask(self._catalog) & own).sum())
        counted = replace(reading, about=(), unknown=(), untold=(), unsure=(), k=None)
        asked = "; ".join(in_words(counted.understood(self._catalog)))
        left = [*reading.about, *reading.unknown, *reading.untold, *reading.unsure]
        among_what = (
            f"{len(self._catalog):,} in the catalogue"
            if among.empty
            else f"the {int(own.sum()):,} that meet what you asked for"
        )
        rest = f" I did not count by \u201c{'; '.join(left)}\u201d." if left else ""
        return f"There {'is' if count == 1 else 'are'} {count:,} of that ({asked}), of {among_what}.{rest}"

    def about(self, at: int) -> str:
        """All that is known of an item, by its internal id, after a dash; empty if nothing is."""
        said = self.told(at, self.all_columns)
        return f" \u2013 {said}" if said else ""

    def _fact(self, at: int, called: str, what: str) -> str:
        done = self._asked.done(what)
        columns = done if done is not None else self.columns(what) if what else self.all_columns
        if said := self.told(at, columns):
            return f"{called}: {said}."
        if what == "by":
            return f"The catalogue does not tell who {called} is by."
        if what.startswith(_DOING):
            return f"The catalogue does not tell who {what} {called}."
        asked = "that" if done is not None else f"\u201c{what}\u201d" if what else "anything more"
        return f"The catalogue does not tell {asked} of {called}."

    def _whether(self, at: int, called: str, what: str) -> str:
        """Yes or no where the words are a condition and the item has what it is about; else what is known of the item."""
        reading = self._reader.read(what)
        needs = _NEEDS.match(what) is not None  # what likes shade may bear the sun
        if reading.filter == ItemFilter() or reading.about:
            reading = self._reader.read(_ABOUT.sub("", what))
        condition = reading.filter
        compares = not {"too", "than", "enough"}.isdisjoint(what.lower().split())  # with what nobody knows here
        told = condition != ItemFilter() and not (
            compares or reading.about or reading.silent or reading.unknown or reading.seeds
        )
        facts = [*condition.facts, *condition.unwanted_facts]
        columns = [c for fact in facts for c in columns_of(fact)]
        columns += ["categories"] if condition.wanted or condition.unwanted else []
        columns += ["year"] if condition.years or condition.unwanted_years else []
        if told and all(self._value(at, column) for column in columns):
            said = self.told(at, columns)
            if condition.mask(self._catalog)[at]:
                return f"Yes: {called} \u2013 {said}." if said else f"Yes: {called}."
            if not needs and self._excluded(at, condition, what):
                return f"No: {called} \u2013 {said}." if said else f"No: {called}."
            return f"{called}: {said}."
        return self._said(at, called, reading) or self._known(at, called, what, compares=compares)

    def _known(self, at: int, called: str, what: str, *, compares: bool) -> str:
        """What the columns that a question names hold, else all that is known."""
        asked = [] if compares else self._asked.named(what)
        if named := self.told(at, asked):
            return f"{called}: {named}."
        if asked:
            return f"The catalogue does not tell the {asked[0].replace('_', ' ')} of {called}."
        known = self.told(at, self.all_columns) or "nothing"
        return f"What the catalogue says of {called} does not answer \u201c{what}\u201d: {known}."

    def _excluded(self, at: int, condition: ItemFilter, what: str) -> bool:
        """Whether what an item has rules out what is asked: a list of uses that lacks one does not, nor "partial shade" a shade."""
        for fact in condition.facts:
            for column in columns_of(fact):
                value = self._catalog.table[column][at]
                names = names_in(self._catalog.table, column) if isinstance(value, str) else None
                lists = names is not None and self._catalog.table.select(names.list.len().max()).item() > 1
                words = set(singular_words(str(value))) if isinstance(value, str) else set[str]()
                if lists or words & set(singular_words(what)) or not isinstance(value, str | bool | int | float):
                    return False
        return True

    def _said(self, at: int, called: str, reading: Reading) -> str:
        """What an item says of words that are all that a question is about; empty where no item says them. It is no yes or no."""
        alone = replace(reading, about=(), vague=())
        if len(reading.about) != 1 or alone != Reading(reading.text, (), (), ItemFilter(), reading.k):
            return ""
        phrase = without_gloss(reading.about[0])
        texts = [c for c in self.all_columns if self._catalog.table.schema[c] in (pl.String, pl.List(pl.String))]
        tables = {c: self._catalog.table.select(c) for c in texts}
        saying = {c: text.select(passes(text, Says(phrase))).to_series() for c, text in tables.items()}
        own = [c for c, mask in saying.items() if mask[at]]
        if own:
            return f"{called} says so: {self.told(at, own)}."
        others = [c for c, mask in saying.items() if mask.any()]
        if not others:
            return ""
        told = self.told(at, others)
        return f"The catalogue does not say \u201c{phrase}\u201d of {called}" + (f": {told}." if told else ".")

    @property
    def all_columns(self) -> list[str]:
        """Every column that says something to people."""
        return ["categories", "year", *self._parts]

    def told(self, at: int, columns: Sequence[str]) -> str:
        """What an item, by its internal id, has in some columns, each with its name; gaps are left out."""
        values = {column.replace("_", " "): self._value(at, column) for column in dict.fromkeys(columns)}
        return "; ".join(f"{name} {value}" for name, value in values.items() if value)

    def _value(self, at: int, column: str) -> str:
        """What an item has in a column, in words; empty if nothing."""
        value: Any = self._catalog.table[column][at]
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if column != "year" and column not in self._years and isinstance(value, int | float):
            cents = value % 1 and column in self._reader.facts.columns(PRICE)
            return f"{value:,.2f}" if cents else f"{round(value, 2):,}".removesuffix(".0")
        text = str(value) if isinstance(value, str | int) else ", ".join(map(str, value))
        return text.rstrip(".") if len(text) <= _LONGEST else f"{text[:_LONGEST].rstrip()}\u2026"


def _of_years(values: pl.Series) -> bool:
    """Whether a column holds years, which are written without a comma: "first run 2026"."""
    low, high = (values.min(), values.max()) if values.dtype.is_integer() else (None, None)
    return isinstance(low, int) and isinstance(high, int) and low >= _FIRST_YEAR and high <= _LAST_YEAR


def not_there(beyond: Sequence[int], listed: Sequence[str]) -> list[str]:
    """That the last list has no such places, a sentence for each."""
    none = "The last list has no number" if listed else "There is no list yet with a number"
    return [f"{none} {place}." for place in beyond]
