"""The names of one catalogue, by the words that call them: whole names, surnames, what comes from a place, sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from agent.chat.name_columns import NameColumn, name_columns, words_of
from agent.chat.name_patterns import NEXT, OTHERS, STEM
from agent.chat.name_spans import day_forms, forms, is_month, is_size, within
from agent.chat.words import origins, places, singular_words
from retrieval.schema import Catalog

_WEEKLY = 2  # different days that a column of them has more than
_SPOKEN = frozenset(("language", "subtitle", "spoken"))  # columns of tongues: "a trip to Germany" is not in German


class NameTable:
    """Values by column, for every way to call them.

    Attributes:
        columns: That hold names.
        whole: By the words of a name.
        surname: By the last word of a person's.
        months: Names of months and days by words for them, where a column has them: "May-July", "Mon".
        sizes: By numbers and letters that are meant beside the name of their column only: "size 38".
        heads: By the first of several words, which stand for it beside the name of the column: "hydraulic brakes".
        longest: Words of the longest name.
        origins: Words that say where a thing is from, and so what it is: "french music".
    """

    def __init__(self, catalog: Catalog) -> None:
        columns = tuple(name_columns(catalog.table))
        self.columns = tuple(column.name for column in columns)
        self._shared = frozenset(column.name for column in columns if column.shared)
        self.whole: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.surname: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.months: dict[str, str] = {}
        self.heads: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.sizes: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for column in columns:
            for value, said in zip(column.values, column.words, strict=True):
                alone = said[0] if len(said) == 1 else ""
                self._add_moments(column, value, alone)
                self._add_sizes(column, value, alone)
                if said and not is_size(alone) and not all(w.isdigit() for w in said):
                    self._add_names(column, value, said)
        self.longest = max(map(len, self.whole), default=0)
        self.origins = frozenset(word for others in origins().values() for word in others)

    def _add_moments(self, column: NameColumn, value: str, alone: str) -> None:
        """Months, also those of a span, and days of a column that has several."""
        months = [one for one in within(value) if is_month(one)] or [alone] * is_month(alone)
        called = {form: month.capitalize() for month in months for form in forms(month)}
        if sum(bool(day_forms(day.strip().lower())) for day in column.values) > _WEEKLY:
            called |= {form: day_forms(alone)[0].capitalize() for form in day_forms(alone)}
        for form in called:
            self.whole[(form,)][column.name].add(value)
        self.months |= called

    def _add_sizes(self, column: NameColumn, value: str, alone: str) -> None:
        """Numbers of columns of sizes and spans, and letters of any."""
        sized = "size" in singular_words(column.name.replace("_", " ")) or _spans(column.values)
        held = within(value) or (alone,) * alone.isdigit() if sized else ()
        for one in (*held, *(alone,) * is_size(alone)):
            if not is_month(one):
                self.sizes[one][column.name].add(value)

    def _add_names(self, column: NameColumn, value: str, said: Sequence[str]) -> None:
        tongue = not _SPOKEN.isdisjoint(singular_words(column.name.replace("_", " ")))
        alike = (*origins().get(" ".join(said), ()), *(() if tongue else places().get(" ".join(said), ())))
        for called in (tuple(said), *map(words_of, alike)):
            self.whole[called][column.name].add(value)
        if column.shared:
            self.whole[(*said[:-1], f"{said[-1]}s")][column.name].add(value)  # "no paperbacks"
            if len(said) > 1:
                self.heads[said[0]][column.name].add(value)
        if column.people and len(said) > 1 and len(said[-1]) > 2:
            self.surname[said[-1]][column.name].add(value)

    def holds(self, word: str) -> bool:
        """Whether a word in the singular is a part of a name."""
        return any(word in name or f"{word}s" in name for name in self.whole)

    def is_shared(self, word: str) -> bool:
        """Whether a word is a value that many items share."""
        return word in self.months or not self._shared.isdisjoint(self.whole.get((word,), ()))

    def same_column(self, one: str, other: str) -> bool:
        """Whether two words are values of one column that many items share."""
        held = self.whole.get((one,), {}).keys() & self.whole.get((other,), {}).keys()
        return not self._shared.isdisjoint(held)

    def preferred(self, held: Iterable[str], cue: str) -> tuple[str, ...]:
        """Columns whose names read like a cue: "directed", "author", "language"."""
        word = cue.strip(" .,:").split(" ")[0]
        if len(word) < 3:
            return ()
        others = OTHERS.get(word, ())
        return tuple(
            sorted(
                c
                for c in held
                if any(part[:STEM] == word[:STEM] or part in others for part in singular_words(c.replace("_", " ")))
            )
        )

    def reads_like(self, word: str) -> bool:
        """Whether a word reads like the name of a column of names."""
        return bool(self.preferred(self.columns, word))

    def shared_words(self) -> frozenset[str]:
        """Values of one word that many items share."""
        held = (
            (said, value) for said, columns in self.whole.items() for values in columns.values() for value in values
        )
        return frozenset(
            said[0] for said, value in held if said == words_of(value) and len(said) == 1 and self.is_shared(said[0])
        )

    def follow(self, rest: str, end: int) -> bool:
        """Whether the word after a place is a value that many items share, or says where they are from."""
        after = NEXT.match(rest, end)
        return after is not None and (
            self.is_shared(after[1]) or ((after[1],) in self.whole and after[1] in self.origins)
        )


def _spans(values: Sequence[str]) -> bool:
    """Whether most of a column's values are spans."""
    return sum(bool(within(value)) for value in values) * 2 > len(values)
