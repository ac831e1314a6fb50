"""How much of the list is to be of a group: more or less of it than in the last list, or so many items."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agent.chat.move import Moves
from agent.chat.reading import RequestReader
from agent.chat.wish import MORE, Wish
from agent.chat.wording import fact_in_words
from agent.pools import PERSONAS
from agent.shift import found
from agent.slate import Slate
from retrieval.errors import PolytasteError
from retrieval.facts import columns_of
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog


class Shares:
    """Applies shares and counts to a wish.

    Args:
        catalog: The items.
        reader: Tells what words name a group.
    """

    def __init__(self, catalog: Catalog, reader: RequestReader) -> None:
        self._catalog = catalog
        self._reader = reader

    def __call__(
        self,
        wish: Wish,
        moves: Moves,
        last: Slate | None,
        groups: Mapping[str, str],
        changes: list[str],
        notes: list[str],
    ) -> Wish:
        """A wish with the shares and the counts of a message.

        More or less of a group shifts its share, and it must not have fewer, or more, items than in the last list.

        Args:
            wish: Before it.
            moves: Of the message.
            last: The list before it.
            groups: Along which shares are kept, with the column of each.
            changes: What the message changed, which grows.
            notes: What could not be followed, which grows.
        """
        labels = list(groups)
        for factor, said, word in ((MORE, moves.more, "more"), (1.0 / MORE, moves.less, "less")):
            for words in said:
                if self._reader.measured(words):
                    continue  # of which an item has more or less, and the list no share
                named = self._reader.categories(words) or (words,)
                at = [found(labels, name) for name in named]
                meant = [labels[i] for i in at if i is not None]
                if not meant:
                    notes.append(f"I cannot tell what is {word} \u201c{words}\u201d here")
                    continue
                if factor > 1.0:  # "darker", but no horror; "more horror" wants it again
                    meant = [group for group in meant if group not in wish.unwanted] or meant
                    again = set(meant) & set(wish.unwanted)
                    wish = wish.model_copy(update={"unwanted": tuple(c for c in wish.unwanted if c not in again)})
                for group in meant:
                    members = self._members(last, groups[group], group)
                    wish = wish.more_of(group, factor, members)
                    there = self._there(wish, groups[group], group) if members and factor > 1.0 else None
                    if there is not None and there < wish.at_least.get(group, 0):
                        least = {name: n for name, n in {**wish.at_least, group: there}.items() if n > 0}
                        wish = wish.model_copy(update={"at_least": least})
                        notes.append(f"there is no more {group} that meets what you asked for")
                changes.append(f"{word} {', '.join(meant)}")
        return self._parts(wish, moves, groups, changes, notes)

    def counted(self, wish: Wish) -> dict[str, str]:
        """The columns of the groups that a wish counts beside those of the axes, as far as the catalogue still has them."""
        return {name: column for name, (column, value) in wish.counted.items() if value in self._labels(column)}

    def _unpromised(self, words: str) -> str:
        """That nobody can count what some words ask of items."""
        whole = "" if self._reader.read(words).filter == ItemFilter() else "; without the number all of them will be"
        return f"I cannot promise how many are \u201c{words}\u201d{whole}"

    def _parts(self, wish: Wish, moves: Moves, groups: Mapping[str, str], changes: list[str], notes: list[str]) -> Wish:
        for part in moves.parts:
            group, value = self._group(part.words, groups)
            if not group:
                notes.append(self._unpromised(part.words))
                continue
            if value is not None:
                wish = wish.model_copy(update={"counted": {**wish.counted, group: value}})
            wish = wish.of_group(group, part.least, part.most)
            bounds = (("least", part.least), ("most", part.most))
            changes += [f"at {side} {count} {group}" for side, count in bounds if count is not None]
        return wish

    def _group(self, words: str, groups: Mapping[str, str]) -> tuple[str, tuple[str, str] | None]:
        """The one group that is all that some words ask: of an axis, or a column and its value; "" if they ask anything else."""
        read = self._reader.read(words)
        asked, searched = read.filter, bool(read.about or read.silent or read.unknown or read.seeds)
        if asked.facts and asked == ItemFilter(facts=asked.facts[:1]) and not searched:
            value = self._value(asked)
            return ("", None) if value is None else (fact_in_words(asked.facts[0]), value)
        if asked != ItemFilter(wanted=asked.wanted) or (asked.wanted and searched):
            return "", None
        labels = list(groups)
        at = [found(labels, name) for name in self._reader.categories(words)]
        meant = [labels[i] for i in at if i is not None]
        return (meant[0] if len(meant) == 1 else ""), None

    def _value(self, asked: ItemFilter) -> tuple[str, str] | None:
        """The column and the value that exactly those items have that meet a condition; None if it is no single value."""
        meeting = asked.mask(self._catalog)
        for column in columns_of(asked.facts[0]):
            if labels := self._labels(column):
                held = self._catalog.axis(column).share
                inside, all_of_them = (np.asarray((rows > 0).sum(axis=0)).ravel() for rows in (held[meeting], held))
                same = np.flatnonzero((inside == all_of_them) & (inside == meeting.sum()))
                if len(same):
                    return column, labels[same[0]]
        return None

    def _labels(self, column: str) -> tuple[str, ...]:
        """The groups of a column; none where it is gone or has too many to count."""
        try:
            return self._catalog.axis(column).labels
        except PolytasteError:
            return ()

    def _members(self, last: Slate | None, column: str, group: str) -> tuple[int, int] | None:
        """How many items of the last list are of a group, and how long the list was; None where nothing can be counted."""
        if last is None or not last.items or column == PERSONAS:
            return None
        axis = self._catalog.axis(column)
        rows = axis.share[self._catalog.positions([i.item_id for i in last.items if self._catalog.has_item(i.item_id)])]
        return int((rows[:, [axis.labels.index(group)]].toarray() > 0).sum()), len(last.items)

    def _there(self, wish: Wish, column: str, group: str) -> int:
        """How many items of a group meet a wish."""
        axis = self._catalog.axis(column)
        meeting = axis.share[wish.reading(self._catalog).filter.mask(self._catalog)]
        return int((meeting[:, [axis.labels.index(group)]].toarray() > 0).sum())
