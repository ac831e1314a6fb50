"""Whether one word is meant as a name: a capital, a phrase or a column beside it says so, or it can be nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from agent.chat.name_only import OnlyWords
from agent.chat.name_patterns import (
    ABOUT,
    ALONE,
    BY,
    CLOSED,
    FEW,
    IN_MONTH,
    LAST,
    NEXT,
    OF_READ,
    OR_NEXT,
    OWNED,
    READ_NEXT,
    STRONG,
    TOKEN,
    WEAK,
)  # fmt: skip
from agent.chat.name_table import NameTable
from agent.chat.words import READ, is_chatter, is_function_word, is_kind
from retrieval.facts import OneOf
from retrieval.schema import Catalog

_AMBIGUOUS = frozenset(("sun", "wed", "sat", "mar", "dec", "jan"))


class MeantWords:
    """Tells names of one word from other words.

    Args:
        table: The names.
        catalog: What its items say besides.
    """

    def __init__(self, table: NameTable, catalog: Catalog) -> None:
        self._table = table
        self._only = OnlyWords(catalog)

    def __call__(
        self, rest: str, marked: str, start: int, end: int, before: tuple[int, OneOf] | None, small: bool
    ) -> bool:
        """Whether a single word is a name: something says so, and a capital where the request has any."""
        word = rest[start:end]
        month = word in self._table.months and (
            marked[start:end].istitle() or IN_MONTH.search(rest[:start]) is not None
        )
        short = (
            word in _AMBIGUOUS and word in self._table.months and not marked[start:end].istitle()
        )  # "full sun", "when we wed"
        if (
            short
            or (is_function_word(word) and not month)
            or is_kind(word)
            or self._inside_another(rest, marked, start, end)
        ):
            return False
        cue = STRONG.search(rest[:start])
        column = (
            cue is not None and bool(cue["noun"] or cue["verb"]) and self._table.reads_like(cue["noun"] or cue["verb"])
        )
        capital = marked[start].isupper() or marked[start].isdigit()
        if column or (BY.search(rest[:start]) and (small or capital)) or self._stands_for_itself(rest, start, end):
            return True
        if self.column_after(rest, end, self._table.whole.get((word,), ())) is not None:
            return True
        if before is not None and self._goes_on(rest, start, word, before, capital):
            return True
        owned = OWNED.match(rest, end)
        if small or not capital:
            return owned is not None and owned.group().endswith("rated")
        follows = TOKEN.search(rest, owned.end() if owned else end)
        kind = follows is not None and is_kind(follows.group()) and follows.start() - end <= len(" 's ")
        return before is not None or kind or owned is not None or bool(WEAK.search(rest[:start]))

    def column_after(self, rest: str, end: int, held: Iterable[str]) -> re.Match[str] | None:
        """The name of a column that holds a name, right after it: "medium difficulty", "thai cuisine"."""
        after = NEXT.match(rest, end)
        return after if after is not None and self._table.preferred(held, after[1]) else None

    def _goes_on(self, rest: str, start: int, word: str, before: tuple[int, OneOf], capital: bool) -> bool:
        """Whether a word is listed with a name of the same kind: "by ridge or gaja"; past a comma it needs its capital."""
        held = self._table.whole.get((word,)) or self._table.surname.get(word, {})
        return (capital or "," not in rest[before[0] : start]) and not held.keys().isdisjoint(before[1].columns)

    def _stands_for_itself(self, rest: str, start: int, end: int) -> bool:
        """Whether a word, capital or not, is a value that many items share and is used as one: "german books", "from rioja".

        A name that is all that is said is meant as well.
        """
        if rest.strip(" .!?") == rest[start:end]:
            return True
        after, before = NEXT.match(rest, end), LAST.search(rest[:start])
        follows, precedes = (found[1].removesuffix("'s") if found else "" for found in (after, before))
        read = OF_READ.match(rest, end) is not None  # "reds of the 2010s"
        closed = read or not follows or (follows != "of" and (_says_nothing(follows) or self._table.is_shared(follows)))
        if not self._table.is_shared(rest[start:end]):
            return closed and precedes == "from" and (rest[start:end],) in self._table.whole
        placed = precedes == "the" and re.search(r"\b(?:from|in|outside) the $", rest[:start]) is not None
        alone = placed or not precedes or precedes in ALONE or is_chatter(precedes) or self._table.is_shared(precedes)
        if follows == "free":
            return False  # "egg free cakes"
        no_subject = ABOUT.search(rest[:start]) is None
        said_of = follows != "of" and no_subject and not is_function_word(follows)
        heads = READ_NEXT.match(rest, end) is not None and precedes not in (
            "of",
            "about",
        )  # of a category: "black boots"
        origin = rest[start:end] in self._table.origins and said_of
        listed = OR_NEXT.match(rest, end)  # "a roomy hybrid or petrol SUV"
        choice = listed is not None and no_subject and self._table.same_column(rest[start:end], listed[1])
        ends = said_of and not follows and not is_function_word(precedes)  # "gluten free cooking", of a subject
        soon = alone and said_of and _kind_soon(rest, end)  # "intermediate guitar courses"
        last = said_of and _ends_soon(rest, end)
        soon |= precedes in ("a", "an", "some") and last  # "an easy curry"
        if choice or is_kind(follows) or (closed and (alone or ends)) or heads or origin or soon:
            return True
        return no_subject and (closed or last) and self._only(rest[start:end], self._table.whole[(rest[start:end],)])

    def _inside_another(self, rest: str, marked: str, start: int, end: int) -> bool:
        """Whether capitals beside a word make it a part of another name: "Light" of "Friday Night Lights"."""
        if not marked[start].isupper() or marked.isupper():
            return False
        beside = [m for m in (LAST.search(rest[:start]), NEXT.match(rest, end)) if m is not None and m.start(1) > 0]
        plain = (m for m in beside if not (is_function_word(m[1]) or is_kind(m[1]) or self._table.is_shared(m[1])))
        return any(marked[m.start(1)].isupper() for m in plain)


def _kind_soon(rest: str, end: int) -> bool:
    """Whether a word for items of any kind, or a category, stands behind one more word."""
    words = [word.group() for word in islice(TOKEN.finditer(rest, end), FEW)]
    return len(words) == FEW and (is_kind(words[1]) or not words[1].strip(READ))


def _ends_soon(rest: str, end: int) -> bool:
    """Whether one more word is all that follows: "curry", of "an easy curry, please"."""
    after = NEXT.match(rest, end)
    return after is not None and CLOSED.match(rest, after.end()) is not None


def _says_nothing(word: str) -> bool:
    return is_function_word(word) or is_chatter(word)
