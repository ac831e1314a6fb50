"""Puts the list that is there in another order, or says which of it is first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from agent.chat.answers import Answers
from agent.chat.facts import FactReader
from agent.chat.orders import POPULARITY, TITLE, YEAR, Order
from agent.chat.quantities import BIG
from agent.chat.reading import Reading
from agent.chat.wording import in_words
from agent.slate import Slate
from retrieval.arrays import Bool
from retrieval.filters import ItemFilter, has_years
from retrieval.schema import Catalog

_PLACES = ("second", "third", "fourth", "fifth")
_SAME = 3  # items that are named where several share the first place


class Ordering:
    """Orders items of one catalogue by what it says of them.

    Args:
        catalog: The items.
        facts: Its columns of numbers.
        answers: Say what an item has in a column.
    """

    def __init__(self, catalog: Catalog, facts: FactReader, answers: Answers) -> None:
        self._catalog = catalog
        self._facts = facts
        self._answers = answers

    def means(self, order: Order, listed: int) -> bool:
        """Whether an order can be followed or, said by a superlative, refused: anything else it says may be a request."""
        there = listed > 0 or order.all_of_them or order.asks
        return not order.first or (there and (bool(order.called) or self._column(order) is not None))

    def tells(self, order: Order) -> bool:
        """Whether the catalogue has what an order goes by."""
        return self._column(order) is not None

    def sorted(self, slate: Slate, order: Order) -> tuple[Slate | None, str]:
        """The list in that order, what the catalogue does not tell last; None where it tells nothing. And in which way it stands, "by price, lowest first", or that nothing tells it."""
        items = [item for item in slate.items if self._catalog.has_item(item.item_id)]
        at = [int(i) for i in self._catalog.positions([item.item_id for item in items])]
        ranked, gaps = self._ranked(order, at)
        if not ranked:
            return None, self._untold(order)
        placed = [items[at.index(i)] for i in (*ranked, *gaps)]
        listed = [item.model_copy(update={"rank": n}) for n, item in enumerate(placed, start=1)]
        way = "A to Z" if order.by == TITLE else "highest first" if order.most else "lowest first"
        if self._facts.grades.side(order.by) < 0:
            way = "easy to hard" if order.most else "hard to easy"
        last = f"; {len(gaps)} of which it is not told stand last" if gaps else ""
        return slate.model_copy(update={"items": listed}), f"by {self._name(order)}, {way}{last}"

    def answer(
        self, order: Order, listed: Sequence[str], meeting: ItemFilter, of: Reading | None = None
    ) -> tuple[str, tuple[str, ...]]:
        """Which items are the first in that order, with what puts them there; and their external ids.

        Args:
            order: What is asked.
            listed: External ids of the last list, in its order.
            meeting: What the conversation asks for: without a list, or where it is asked of all, the items that meet it.
            of: Which items are meant instead: those of the list if some of them are so and it is not asked of all.
        """
        own = [item for item in listed if self._catalog.has_item(item)]
        if of is not None:
            meant = of.filter.mask(self._catalog)
            both = meant & meeting.mask(
                self._catalog
            )  # the conversation's conditions stand, unless none of those meets them
            meant = both if both.any() else meant
            shown = [] if order.all_of_them else [int(i) for i in self._catalog.positions(own) if meant[int(i)]]
            at = shown or np.flatnonzero(meant).tolist()
            called = "; ".join(in_words(replace(of, k=None).understood(self._catalog)))
            among = f"the {len(at):,} {'here' if shown else 'there are'} ({called})"
        elif own and not order.all_of_them:
            at, among = [int(i) for i in self._catalog.positions(own)], f"the {len(own)}"
        else:
            at = np.flatnonzero(meeting.mask(self._catalog)).tolist()
            among = f"all {len(at):,}" if meeting.empty else f"the {len(at):,} that meet what you asked for"
        if not at:
            return "Nothing here meets all that you asked for, so none of it is first.", ()
        ranked, gaps = self._ranked(order, at)
        if not ranked:
            return self._untold(order), ()
        first = ranked[order.nth - 1 : order.nth - 1 + order.first]
        if not first:
            return f"There are only {len(ranked)} of which it is told.", ()
        values = self._values(order)
        same = [i for i in ranked[order.nth - 1 + order.first :] if values[i] == values[first[-1]]]
        named = [*first, *same[: _SAME - 1]]
        what = order.called or (
            order.by if order.by.endswith("est") else f"{'most' if order.most else 'least'} {order.by}"
        )
        place = f"{_PLACES[order.nth - 2]} " if order.nth > 1 else ""
        lead = (
            f"The only one{among.removeprefix('the 1')}: "
            if among.startswith("the 1 ")
            else f"The {place}{what} of {among}: "
        )
        text = lead + "; ".join(self._called(i, order, own) for i in named)
        more = len(same) - len(named) + len(first)
        text += f"; and {more} more with the same" if more else ""
        text += f". Of {len(gaps):,} it is not told" if gaps else ""
        return f"{text}.", tuple(self._catalog.item_ids[i] for i in first)

    def first_of(self, order: Order, left: Bool, k: int) -> list[str]:
        """External ids of the first of some items in an order, those of which it is not told last; none where nothing tells it.

        Args:
            order: The order.
            left: ``(n_items,)`` which items.
            k: How many.
        """
        if not self.tells(order):
            return []
        ranked, gaps = self._ranked(order, np.flatnonzero(left).tolist())
        return [self._catalog.item_ids[i] for i in [*ranked, *gaps][:k]]

    def ranked(self, order: Order, items: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Some items in an order, by external id: those that share a place together, those of which it is not told left out."""
        ranked, _ = self._ranked(order, [int(i) for i in self._catalog.positions(list(items))])
        values = self._values(order)
        return tuple(tuple(self._catalog.item_ids[i] for i in same) for _, same in groupby(ranked, lambda i: values[i]))

    def called(self, item: str, order: Order, listed: Sequence[str]) -> str:
        """An item, by its external id, with what puts it where it is in an order."""
        return self._called(int(self._catalog.positions([item])[0]), order, listed)

    def _ranked(self, order: Order, at: Sequence[int]) -> tuple[list[int], list[int]]:
        """Items that have a value, in their order, ties as they were; and those that have none."""
        values = self._values(order)
        known = [i for i in at if values and values[i] is not None]
        gaps = [i for i in at if not values or values[i] is None]
        return sorted(known, key=lambda i: values[i], reverse=order.most), gaps

    def _values(self, order: Order) -> Sequence[Any]:
        if order.by == POPULARITY:
            return self._catalog.counts.tolist()
        if order.by == TITLE:
            return [title.casefold() for title in self._catalog.titles]
        if side := self._facts.grades.side(order.by):
            return [None if rank is None else rank * side for rank in self._facts.grades.ranks()]
        column = self._column(order)
        return self._catalog.table[column].to_list() if column is not None else []

    def _column(self, order: Order) -> str | None:
        if order.by in (POPULARITY, TITLE):
            return order.by
        if order.by == YEAR:
            return YEAR if has_years(self._catalog) else None
        return self._facts.column(order.by, most=order.most)

    def _name(self, order: Order) -> str:
        return (self._column(order) or ("size" if order.by in BIG else order.by)).replace("_", " ")

    def _called(self, at: int, order: Order, listed: Sequence[str]) -> str:
        if order.by == POPULARITY:
            said = f"liked by {int(self._catalog.counts[at]):,}"
        else:
            said = self._answers.told(at, [self._column(order) or YEAR])
        return f"{self._answers.called(self._catalog.item_ids[at], listed)} \u2013 {said}"

    def _untold(self, order: Order) -> str:
        return f"The catalogue does not tell the {self._name(order)} of any of these."
