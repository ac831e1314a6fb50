"""Columns of words that stand in an order: easy, moderate, hard; beginner, intermediate, advanced.

"Easier", "the hardest" and "not so demanding" go by them as by numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from agent.chat.name_columns import name_columns
from agent.chat.words import singular_words
from retrieval.facts import OneOf
from retrieval.schema import Catalog

_GRADES = {
    "very easy": 0, "beginner": 1, "beginners": 1, "novice": 1, "basic": 1, "easy": 1, "simple": 1, "gentle": 1, "leisurely": 1, "light": 1,
    "moderate": 2, "medium": 2, "intermediate": 2, "average": 2, "normal": 2, "active": 2,
    "hard": 3, "difficult": 3, "challenging": 3, "advanced": 3, "demanding": 3, "tough": 3, "vigorous": 3,
    "very hard": 4, "strenuous": 4, "expert": 4, "extreme": 4, "professional": 4,
}  # fmt: skip
_EASY = frozenset(("easy", "simple", "gentle", "basic"))
_HARD = frozenset(("hard", "difficult", "challenging", "advanced", "demanding", "tough", "strenuous"))
_CALLED = frozenset(("difficulty", "level", "grade", "effort", "skill", "intensity"))
_KNOWN = 0.6  # of the different words of a column that must be grades; "all levels" may stand among them
_LEAST = 2  # different grades


class Grades:
    """The first such column of a catalogue.

    Attributes:
        column: Its name; empty if there is none.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._table = catalog.table
        self.column = next((c.name for c in name_columns(catalog.table) if c.shared and _graded(c.name, c.values)), "")

    def side(self, word: str) -> int:
        """-1 for a word for little of it, "easy" or "easiest"; 1 for one for much, or the column's name; 0 for any other, or without such a column."""
        stem = word.lower().removesuffix("est")
        forms = {word.lower(), *((stem, f"{stem}e", f"{stem[:-1]}y") if stem != word.lower() else ())}
        if not self.column or forms & _EASY:
            return -1 if self.column else 0
        return int(bool(forms & _HARD) or word.lower() == self.column.replace("_", " ").lower())

    def ranks(self) -> list[int | None]:
        """The grade of every item, None where it has none."""
        return [None if value is None else _GRADES.get(str(value).strip().lower()) for value in self._values()]

    def beyond(self, than: Sequence[int], way: int) -> OneOf | None:
        """Grades above (1) or below (-1) the middle of some items, by internal id, or the last on that side; None where none has one."""
        ranks = self.ranks() if self.column else []
        middle = pl.Series([ranks[i] for i in than], dtype=pl.Int64).median() if ranks else None
        if not isinstance(middle, int | float):
            return None
        values = {str(v): r for v, r in zip(self._values(), ranks, strict=True) if r is not None}
        end = max(values.values(), key=lambda r: r * way)
        own = [v for v, r in values.items() if (r - middle) * way > 0 or r == end]
        return OneOf((self.column,), tuple(sorted(own, key=lambda v: values[v])))

    def _values(self) -> Sequence[object]:
        return self._table[self.column].to_list()


def _graded(name: str, values: Sequence[str]) -> bool:
    """Whether a column holds grades: most of its words are, and an easy and a hard one are, or it is called so. A light roast is not easy."""
    said = {value.strip().lower() for value in values}
    known = said & _GRADES.keys()
    called = not _CALLED.isdisjoint(singular_words(name.replace("_", " ")))
    both = not known.isdisjoint(_EASY | {"beginner", "beginners", "very easy"}) and not known.isdisjoint(
        _HARD | {"expert"}
    )
    return (called or both) and len({_GRADES[v] for v in known}) >= _LEAST and len(known) >= _KNOWN * len(said)
