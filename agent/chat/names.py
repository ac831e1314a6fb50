"""Names that a catalogue holds beside its titles: people, publishers, platforms, languages, certificates.

Every column of names counts, whatever it is called: "by Ursula Le Guin" finds her in ``author`` as in ``writer``, and
"directed by" prefers a column that reads like it. A name of several words is meant wherever it stands; one of a single
word, or a surname alone, only where something says that it is a name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from agent.chat.name_columns import name_columns, words_of
from agent.chat.name_patterns import (
    ABOUT,
    ALONE,
    BY,
    FEW,
    LAST,
    LISTED,
    NEXT,
    OF_READ,
    OR_NEXT,
    OTHERS,
    OWNED,
    READ_NEXT,
    STEM,
    STRONG,
    WEAK,
)
from agent.chat.words import READ, filled, is_chatter, is_function_word, is_kind, origins, places, singular_words
from retrieval.facts import OneOf
from retrieval.schema import Catalog

_TOKEN = re.compile(r"[^\W_]+")
_SPOKEN = frozenset(("language", "subtitle", "spoken"))  # columns of tongues: "a trip to Germany" is not in German


@dataclass(frozen=True, slots=True)
class NameMention:
    """One place that names something.

    Attributes:
        start: Where the name begins.
        end: Where it ends.
        fact: What it asks.
        follows: Whether it is listed right after the name before.
        choice: Whether an "or" ties it to that.
    """

    start: int
    end: int
    fact: OneOf
    follows: bool
    choice: bool


class NameWords:
    """Finds the names of one catalogue in requests."""

    def __init__(self, catalog: Catalog) -> None:
        columns = tuple(name_columns(catalog.table))
        self.columns = tuple(column.name for column in columns)
        self._shared = frozenset(column.name for column in columns if column.shared)
        self._whole: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._surname: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for column in columns:
            for value, said in zip(column.values, column.words, strict=True):
                if said and not all(w.isdigit() for w in said):
                    tongue = not _SPOKEN.isdisjoint(singular_words(column.name.replace("_", " ")))
                    alike = (*origins().get(" ".join(said), ()), *(() if tongue else places().get(" ".join(said), ())))
                    for called in (said, *map(words_of, alike)):
                        self._whole[called][column.name].add(value)
                    if column.shared:
                        self._whole[(*said[:-1], f"{said[-1]}s")][column.name].add(value)  # "no paperbacks"
                    if column.people and len(said) > 1 and len(said[-1]) > 2:
                        self._surname[said[-1]][column.name].add(value)
        self._longest = max(map(len, self._whole), default=0)
        self._origins = frozenset(
            word for others in origins().values() for word in others
        )  # say what a thing is: "french music"

    def find(self, rest: str, marked: str, taken: Iterable[tuple[int, int]] = ()) -> list[NameMention]:
        """Every name in a request, in its order.

        Args:
            rest: The folded request, what has been read filled.
            marked: The same as it was written, for its capitals.
            taken: Stretches that name categories: those are conditions of their own.
        """
        if not self.columns:
            return []
        own = [m.span() for m in _TOKEN.finditer(rest)]
        for start, end in taken:
            if not self._within_name(rest, own, start, end):
                rest = filled(rest, start, end)
        tokens = list(_TOKEN.finditer(rest))
        small = marked == marked.lower() or marked.isupper()
        found: list[NameMention] = []
        i = 0
        while i < len(tokens):
            mention, used = self._at(rest, marked, tokens, i, found, small)
            if mention is not None:
                found.append(mention)
            i += max(used, 1)
        return found

    def _within_name(self, rest: str, words: Sequence[tuple[int, int]], start: int, end: int) -> bool:
        """Whether a stretch is a part of a longer name: "Blue" of "Blue Door" is no category of its own."""
        first = next((i for i, (a, _) in enumerate(words) if a >= start), len(words))
        last = next((i for i, (_, b) in enumerate(words) if b >= end), len(words) - 1)
        spans = (
            (i, j)
            for i in range(max(first - self._longest, 0), first + 1)
            for j in range(last, min(first + self._longest, len(words)))
        )
        return any(j - i > last - first and words_of(rest[words[i][0] : words[j][1]]) in self._whole for i, j in spans)

    def _at(
        self, rest: str, marked: str, tokens: Sequence[re.Match[str]], i: int, found: Sequence[NameMention], small: bool
    ) -> tuple[NameMention | None, int]:
        for length in range(min(self._longest, len(tokens) - i), 0, -1):
            start, end = tokens[i].start(), tokens[i + length - 1].end()
            said = words_of(rest[start:end])
            if len(said) != length:
                continue  # something that has been read stands between
            held = self._whole.get(said) or (self._surname.get(said[0]) if length == 1 else None)
            before = found[-1] if found and LISTED.fullmatch(rest, found[-1].end, start) else None
            if held is None or not (length > 1 or self._is_meant(rest, marked, start, end, before, small)):
                continue
            if all(is_function_word(w) or is_kind(w) or (is_chatter(w) and not w.endswith("ing")) for w in said):
                continue  # but a subject may be called Cooking
            cue = STRONG.search(rest[:start])
            columns = self._preferred(held, (cue["verb"] or cue["noun"] or cue[0]) if cue else "")
            if not columns and before is not None:
                columns = tuple(c for c in before.fact.columns if c in held)
            columns = columns or tuple(sorted(held))
            values = tuple(sorted({value for c in columns for value in held[c]}))
            choice = before is not None and "or" in rest[before.end : start].split()
            if cue and (cue["verb"] or self._reads_like(cue["noun"] or "") or cue[0].strip() in OTHERS):
                start = cue.start() + (not rest[cue.start()].isalnum())
            if after := OWNED.match(rest, end) or self._column_after(rest, end, held):
                end = after.end()
            return NameMention(start, end, OneOf(columns, values), before is not None, choice), length
        return None, 0

    def _is_meant(self, rest: str, marked: str, start: int, end: int, before: NameMention | None, small: bool) -> bool:
        """Whether a single word is a name: something says so, and a capital where the request has any."""
        word = rest[start:end]
        if is_function_word(word) or is_kind(word) or self._inside_another(rest, marked, start, end):
            return False
        cue = STRONG.search(rest[:start])
        column = cue is not None and bool(cue["noun"] or cue["verb"]) and self._reads_like(cue["noun"] or cue["verb"])
        capital = marked[start].isupper() or marked[start].isdigit()
        if column or (BY.search(rest[:start]) and (small or capital)) or self._stands_for_itself(rest, start, end):
            return True
        if self._column_after(rest, end, self._whole.get((word,), ())) is not None:
            return True
        if before is not None and self._goes_on(rest, start, word, before, capital):
            return True
        owned = OWNED.match(rest, end)
        if small or not capital:
            return owned is not None and owned.group().endswith("rated")
        follows = _TOKEN.search(rest, owned.end() if owned else end)
        kind = follows is not None and is_kind(follows.group()) and follows.start() - end <= len(" 's ")
        return before is not None or kind or owned is not None or bool(WEAK.search(rest[:start]))

    def _column_after(self, rest: str, end: int, held: Iterable[str]) -> re.Match[str] | None:
        """The name of a column that holds a name, right after it: "medium difficulty", "thai cuisine"."""
        after = NEXT.match(rest, end)
        return after if after is not None and self._preferred(held, after[1]) else None

    def _goes_on(self, rest: str, start: int, word: str, before: NameMention, capital: bool) -> bool:
        """Whether a word is listed with a name of the same kind: "by ridge or gaja"; past a comma it needs its capital."""
        held = self._whole.get((word,)) or self._surname.get(word, {})
        return (capital or "," not in rest[before.end : start]) and not held.keys().isdisjoint(before.fact.columns)

    def _stands_for_itself(self, rest: str, start: int, end: int) -> bool:
        """Whether a word, capital or not, is a value that many items share and is used as one: "german books", "from rioja".

        A name that is all that is said is meant as well.
        """
        if rest.strip(" .!?") == rest[start:end]:
            return True
        after, before = NEXT.match(rest, end), LAST.search(rest[:start])
        follows, precedes = (found[1].removesuffix("'s") if found else "" for found in (after, before))
        read = OF_READ.match(rest, end) is not None  # "reds of the 2010s"
        closed = read or not follows or (follows != "of" and (_says_nothing(follows) or self._is_shared(follows)))
        if not self._is_shared(rest[start:end]):
            return closed and precedes == "from" and (rest[start:end],) in self._whole
        placed = precedes == "the" and re.search(r"\b(?:from|in|outside) the $", rest[:start]) is not None
        alone = placed or not precedes or precedes in ALONE or is_chatter(precedes) or self._is_shared(precedes)
        if follows == "free":
            return False  # "egg free cakes"
        no_subject = ABOUT.search(rest[:start]) is None
        said_of = follows != "of" and no_subject and not is_function_word(follows)
        heads = READ_NEXT.match(rest, end) is not None and precedes not in (
            "of",
            "about",
        )  # of a category: "black boots"
        origin = rest[start:end] in self._origins and said_of
        listed = OR_NEXT.match(rest, end)  # "a roomy hybrid or petrol SUV"
        choice = listed is not None and no_subject and self._same_column(rest[start:end], listed[1])
        ends = said_of and not follows and not is_function_word(precedes)  # "gluten free cooking", of a subject
        soon = alone and said_of and _kind_soon(rest, end)  # "intermediate guitar courses"
        return choice or is_kind(follows) or (closed and (alone or ends)) or heads or origin or soon

    def _same_column(self, one: str, other: str) -> bool:
        """Whether two words are values of one column that many items share."""
        held = self._whole.get((one,), {}).keys() & self._whole.get((other,), {}).keys()
        return not self._shared.isdisjoint(held)

    def _inside_another(self, rest: str, marked: str, start: int, end: int) -> bool:
        """Whether capitals beside a word make it a part of another name: "Light" of "Friday Night Lights"."""
        if not marked[start].isupper() or marked.isupper():
            return False
        beside = [m for m in (LAST.search(rest[:start]), NEXT.match(rest, end)) if m is not None and m.start(1) > 0]
        plain = (m for m in beside if not (is_function_word(m[1]) or is_kind(m[1]) or self._is_shared(m[1])))
        return any(marked[m.start(1)].isupper() for m in plain)

    def shared_words(self) -> frozenset[str]:
        """Values of one word that many items share."""
        held = (
            (said, value) for said, columns in self._whole.items() for values in columns.values() for value in values
        )
        return frozenset(
            said[0] for said, value in held if said == words_of(value) and len(said) == 1 and self._is_shared(said[0])
        )

    def follow(self, rest: str, end: int) -> bool:
        """Whether the word after a place is a value that many items share, or says where they are from."""
        after = NEXT.match(rest, end)
        return after is not None and (
            self._is_shared(after[1]) or ((after[1],) in self._whole and after[1] in self._origins)
        )

    def _is_shared(self, word: str) -> bool:
        return not self._shared.isdisjoint(self._whole.get((word,), ()))

    def _reads_like(self, word: str) -> bool:
        return bool(self._preferred(self.columns, word))

    def _preferred(self, held: Iterable[str], cue: str) -> tuple[str, ...]:
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


def _kind_soon(rest: str, end: int) -> bool:
    """Whether a word for items of any kind, or a category, stands behind one more word."""
    words = [word.group() for word in islice(_TOKEN.finditer(rest, end), FEW)]
    return len(words) == FEW and (is_kind(words[1]) or not words[1].strip(READ))


def _says_nothing(word: str) -> bool:
    return is_function_word(word) or is_chatter(word)
