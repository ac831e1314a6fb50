"""How much of the list is to be of a group: more or less of it than in the last list, or so many items."""

from __future__ import annotations

from collections.abc import Mapping

from agent.chat.moves import Moves
from agent.chat.reading import RequestReader
from agent.chat.wish import MORE, Wish
from agent.pools import PERSONAS
from agent.shift import found
from agent.slate import Slate
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
                if self._reader.facts.quality(words):
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

    def _parts(self, wish: Wish, moves: Moves, groups: Mapping[str, str], changes: list[str], notes: list[str]) -> Wish:
        for part in moves.parts:
            at = [found(list(groups), name) for name in self._reader.categories(part.words)]
            meant = [list(groups)[i] for i in at if i is not None]
            if not meant:
                notes.append(f"I cannot count \u201c{part.words}\u201d here")
            for group in meant:
                wish = wish.of_group(group, part.least, part.most)
                changes.append(
                    f"at least {part.least} {group}" if part.most is None else f"at most {part.most} {group}"
                )
        return wish

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
