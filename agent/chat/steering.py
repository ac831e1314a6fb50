"""From moves to a wish: what a message changes about the list that is wanted, and how to say that it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median_low

from agent.chat.facts import together
from agent.chat.joining import joined
from agent.chat.move import Moves
from agent.chat.quantities import DISTANCE, LENGTH, PRICE, UNTOLD
from agent.chat.reading import Reading, RequestReader
from agent.chat.references import GONE, Shown
from agent.chat.relative import among
from agent.chat.shares import Shares
from agent.chat.wish import Wish
from agent.chat.wording import fact_in_words, in_words
from agent.chat.years import EARLIEST, LATEST
from agent.memory.people import Kind
from agent.slate import Slate
from retrieval.facts import Within, columns_of
from retrieval.filters import ItemFilter, Popularity, has_years
from retrieval.schema import Catalog
from retrieval.titles import TitleIndex, another_follows

_WHICH = "I cannot tell which one you mean; say its number"
_NO_FURTHER = "nothing that you asked for goes further that way"


@dataclass(frozen=True)
class Steered:
    """A wish after a message.

    Attributes:
        wish: What is wanted now.
        changes: What the message changed, in words.
        notes: What it said that could not be followed, and why.
    """

    wish: Wish
    changes: tuple[str, ...]
    notes: tuple[str, ...]


class Steering:
    """Applies moves to a wish.

    Args:
        catalog: The items.
        titles: Its titles.
        reader: Reads what remains of a message.
        axis: Groups along which shares can be shifted.
    """

    def __init__(self, catalog: Catalog, titles: TitleIndex, reader: RequestReader) -> None:
        self._catalog = catalog
        self._titles = titles
        self._reader = reader
        self._shares = Shares(catalog, reader)

    def __call__(
        self, wish: Wish, moves: Moves, last: Slate | None, groups: Mapping[str, str], reading: Reading
    ) -> Steered:
        """The wish after a message.

        Args:
            wish: Before it.
            moves: Of the message.
            last: The list before it.
            groups: Along which shares are kept, with the column of each.
            reading: Of what is no move.
        """
        changes: list[str] = []
        none = "the last list has no number" if last is not None else "there is no list yet with a number"
        notes = [f"{none} {place}" for place in moves.beyond]
        if moves.unclear:
            notes.append(_WHICH)
        wish = _forgotten(wish, moves)
        new = joined(
            wish, reading, self._catalog, fresh=moves.fresh and not _only_how_many(reading), beside=moves.beside or bool(moves.more_like and wish.seeds and moves.beside),
            within=moves.within, instead=moves.instead, hated=self._hated(moves.hates, reading) if moves.hates else None,
        )  # fmt: skip
        new, reading = self._relative(new, reading)
        if moves.fresh and self._lost(wish, new):
            notes.append("what you asked for before no longer counts; \u201cundo\u201d brings it back")
        if moves.fresh and not moves.hates:
            changes += [f"still without {what}" for what in wish.hated.in_words() if what in new.denied()]
        notes += [self._unknown(name) for name in reading.unknown]
        notes += [said for said in reading.untold if said not in notes]
        notes += [
            f"I was not sure whether you want \u201c{words}\u201d; say \u201cwith ...\u201d or \u201cno ...\u201d"
            for words in reading.unsure
        ]
        new = self._pointed(new, moves, last, changes)
        new = self._shares(new, moves, last, groups, changes, notes)
        than = self._compared_with(new, moves, last, reading)
        if not reading.filter.years:  # "not too old, from the 2000s" says itself how old
            new = self._age(new, moves, than, changes, notes)
        said = ((way, word) for words, way in ((moves.more, 1), (moves.less, -1)) for word in words)
        qualities = [(way, word) for way, word in said if self._reader.measured(word)]
        for way, unit in ((moves.length, LENGTH), (moves.price, PRICE), (moves.distance, DISTANCE), *qualities):
            new = self._quantity(new, way, unit, than, changes, notes)
        if moves.popularity is not Popularity.ANY:
            new = new.model_copy(update={"popularity": moves.popularity})
            changes.append(f"only {moves.popularity.value}")
        if moves.order is not None:
            new = new.model_copy(update={"order": moves.order})
        changes += self._read(reading)
        return Steered(new, tuple(changes), tuple(notes))

    def _lost(self, before: Wish, new: Wish) -> bool:
        """Whether a message that asks anew drops conditions."""
        had, has = (
            w.model_copy(update={"k": None, "seeds": (), "shown": ()}).understood(self._catalog) for w in (before, new)
        )
        return any(value != has.get(key) for key, value in had.items())

    def _relative(self, wish: Wish, reading: Reading) -> tuple[Wish, Reading]:
        """A wish and a reading whose vague bounds are of the items that the wish means: cheap sofas, after "sofas"."""
        asked, vague = among(wish.reading(self._catalog).filter, reading.vague, self._catalog)
        anew = {one.fact: other.fact for one, other in zip(reading.vague, vague, strict=False)}
        if len(vague) != len(reading.vague) or asked.facts == wish.facts:
            return wish, reading
        own = tuple(anew.get(f, f) if isinstance(f, Within) else f for f in reading.filter.facts)
        return wish.model_copy(update={"facts": asked.facts}), replace(
            reading, filter=replace(reading.filter, facts=own)
        )

    def shown(self, slate: Slate | None) -> list[Shown]:
        """The last list, as messages point to it; what the catalogue no longer has keeps its place and cannot be meant."""
        items = [] if slate is None else slate.items
        return [Shown(i.item_id, i.title) if self._catalog.has_item(i.item_id) else GONE for i in items]

    def columns(self, wish: Wish, groups: Mapping[str, str]) -> dict[str, str]:
        """The column of every group that a wish can count."""
        return {**groups, **self._shares.counted(wish)}

    def title(self, words: list[str]) -> tuple[str, int] | None:
        """The longest title that some words begin with."""
        match = self._titles.longest_prefix(words)
        known = match is not None and not another_follows(words, match[1])
        return (self._catalog.item_ids[match[0]], match[1]) if match is not None and known else None

    def _hated(self, said: str, reading: Reading) -> Reading:
        """What is disliked for good: of words, those that the message denies after it was told which ones items say."""
        read = self._reader.read(said)
        return replace(read, silent=tuple(w for w in reading.silent if w in read.silent))

    def _title_of(self, item_id: str) -> str:
        return self._catalog.titles[int(self._catalog.positions([item_id])[0])]

    def _pointed(self, wish: Wish, moves: Moves, last: Slate | None, changes: list[str]) -> Wish:
        if moves.more_like:
            seeds = (*wish.seeds, *moves.more_like) if moves.beside else moves.more_like
            rejected = tuple(i for i in wish.rejected if i not in seeds)
            wish = wish.model_copy(update={"seeds": tuple(dict.fromkeys(seeds)), "rejected": rejected})
            changes.append("more like " + ", ".join(self._title_of(i) for i in moves.more_like))
        if moves.reject:
            rejected = tuple(dict.fromkeys([*wish.rejected, *moves.reject]))
            seeds = tuple(i for i in wish.seeds if i not in rejected)
            wish = wish.model_copy(update={"rejected": rejected, "seeds": seeds})
            changes.append("without " + ", ".join(self._title_of(i) for i in moves.reject))
        if moves.others and last is not None:
            shown = tuple(dict.fromkeys([*wish.shown, *(item.item_id for item in last.items)]))
            wish = wish.model_copy(update={"shown": shown})
            changes.append("others than those shown")
        return wish

    def _compared_with(self, wish: Wish, moves: Moves, last: Slate | None, reading: Reading) -> list[str]:
        """What "older" or "too long" compares with: the item spoken of or named, else the last list, or what was named before."""
        named = [self._catalog.item_ids[i] for i in reading.seeds]
        shown = [i.item_id for i in last.items if self._catalog.has_item(i.item_id)] if last is not None else []
        return [*moves.than] or [*moves.more_like] or named or shown or [*wish.seeds]

    def _age(self, wish: Wish, moves: Moves, than: list[str], changes: list[str], notes: list[str]) -> Wish:
        if not moves.age:
            return wish
        years = [y for i in self._catalog.positions(than) if (y := self._catalog.years[int(i)]) is not None]
        if not years or not has_years(self._catalog):
            notes.append("nothing here has a year" if than else "there is no list yet to be older or newer than")
            return wish
        middle = median_low(years)
        span = (EARLIEST, middle - 1) if moves.age < 0 else (middle + 1, LATEST)
        within = [(max(low, span[0]), min(high, span[1])) for low, high in wish.years] or [span]
        kept = tuple((low, high) for low, high in within if low <= high) or (span,)
        changes.append(f"before {middle}" if moves.age < 0 else f"after {middle}")
        return wish.model_copy(update={"years": kept})

    def _quantity(self, wish: Wish, way: int, unit: str, than: list[str], changes: list[str], notes: list[str]) -> Wish:
        """More or less of a quantity, such as length and price, than the last list has."""
        if not way:
            return wish
        fact = self._reader.facts.beyond(than, way, unit) if than or self._reader.facts.grades.side(unit) else None
        if fact is None:
            notes.append(
                "there is no list yet to compare with"
                if not than
                else "the catalogue does not tell that of what you compare with"
                if self._reader.facts.columns(unit)
                else UNTOLD.get(unit, f"nothing here tells how {unit} it is")
            )
            return wish
        others = [f for f in wish.facts if columns_of(f) != columns_of(fact)]
        # Who turns round drops the bound before.
        for facts in (together(wish.facts, (fact,), self._catalog), (*others, fact)):
            new = wish.model_copy(update={"facts": facts})
            if new.reading(self._catalog).filter.mask(self._catalog).any():
                changes.append(fact_in_words(fact))
                return new
        notes.append(_NO_FURTHER)
        return wish

    def _read(self, reading: Reading) -> list[str]:
        return in_words({key: said for key, said in reading.understood(self._catalog).items() if key != "k"})

    def _unknown(self, name: str) -> str:
        near = self._titles.suggest(name, limit=2)
        return f"I do not know {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else "")


def _only_how_many(reading: Reading) -> bool:
    """Whether a message says how many and nothing else: "show me 5" does not ask anew."""
    return bool(reading.k) and reading == Reading(reading.text, (), (), ItemFilter(), reading.k)


def _forgotten(wish: Wish, moves: Moves) -> Wish:
    """Without the items of which what was said is to be forgotten: as titles that were named they are no wish any more."""
    out = {item for item, kind in moves.feedback if kind is Kind.FORGET}
    stay = {field: tuple(i for i in getattr(wish, field) if i not in out) for field in ("seeds", "rejected")}
    return wish.model_copy(update=stay) if out else wish
