"""Names that a catalogue holds beside its titles: people, publishers, platforms, languages, certificates, sizes.

Every column of names counts, whatever it is called: "by Ursula Le Guin" finds her in ``author`` as in ``writer``, and
"directed by" prefers a column that reads like it. A name of several words is meant wherever it stands; one of a single
word, or a surname alone, only where something says that it is a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.chat.name_columns import words_of
from agent.chat.name_meant import MeantWords
from agent.chat.name_patterns import CLOSED, IN_SIZE, LISTED, OTHERS, OWNED, STRONG, TOKEN
from agent.chat.name_table import NameTable
from agent.chat.words import filled, is_chatter, is_function_word, is_kind
from retrieval.facts import OneOf
from retrieval.schema import Catalog

_LISTED = re.compile(r"\s*(?:,\s*(?:(?:and|or|to)\s+)?|(?:and|or|to)\s+)")


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
        self._table = NameTable(catalog)
        self._is_meant = MeantWords(self._table, catalog)
        self.columns = self._table.columns
        """Columns that hold names."""
        self.shared_words, self.follow, self.holds = self._table.shared_words, self._table.follow, self._table.holds

    def sizes(self, rest: str) -> list[NameMention]:
        """Every size in a folded request, which is a name and no number: "size 38 or 39"."""
        found: list[NameMention] = []
        for token in TOKEN.finditer(rest) if self._table.sizes else ():
            if (mention := self._sized(rest, *token.span(), found)) is not None:
                found.append(mention)
        return found

    def find(self, rest: str, marked: str, taken: Iterable[tuple[int, int]] = ()) -> list[NameMention]:
        """Every name in a request, in its order.

        Args:
            rest: The folded request, what has been read filled.
            marked: The same as it was written, for its capitals.
            taken: Stretches that name categories: those are conditions of their own.
        """
        if not self.columns:
            return []
        own = [m.span() for m in TOKEN.finditer(rest)]
        for start, end in taken:
            if not self._within_name(rest, own, start, end):
                rest = filled(rest, start, end)
        tokens = list(TOKEN.finditer(rest))
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
            for i in range(max(first - self._table.longest, 0), first + 1)
            for j in range(last, min(first + self._table.longest, len(words)))
        )
        return any(
            j - i > last - first and words_of(rest[words[i][0] : words[j][1]]) in self._table.whole for i, j in spans
        )

    def _at(
        self, rest: str, marked: str, tokens: Sequence[re.Match[str]], i: int, found: Sequence[NameMention], small: bool
    ) -> tuple[NameMention | None, int]:
        for length in range(min(self._table.longest, len(tokens) - i), 0, -1):
            start, end = tokens[i].start(), tokens[i + length - 1].end()
            said = words_of(rest[start:end])
            if len(said) != length:
                continue  # something that has been read stands between
            held = self._table.whole.get(said) or (self._table.surname.get(said[0]) if length == 1 else None)
            heads = self._table.heads.get(said[0]) if held is None and length == 1 else None
            if heads and self._is_meant.column_after(rest, end, heads):  # "hydraulic brakes", of hydraulic disc
                held = heads
            before = found[-1] if found and LISTED.fullmatch(rest, found[-1].end, start) else None
            listed = None if before is None else (before.end, before.fact)
            if held is None or not (
                length > 1 or held is heads or self._is_meant(rest, marked, start, end, listed, small)
            ):
                continue
            beside = self._is_meant.column_after(rest, end, held) is not None  # "good condition"
            if (
                said[0] not in self._table.months
                and not beside
                and all(is_function_word(w) or is_kind(w) or (is_chatter(w) and not w.endswith("ing")) for w in said)
            ):
                continue  # but a subject may be called Cooking
            cue = STRONG.search(rest[:start])
            columns = self._table.preferred(held, (cue["verb"] or cue["noun"] or cue[0]) if cue else "")
            if not columns and before is not None:
                columns = tuple(c for c in before.fact.columns if c in held)
            columns = columns or tuple(sorted(held))
            values = tuple(sorted({value for c in columns for value in held[c]}))
            choice = before is not None and "or" in rest[before.end : start].split()
            if cue and (cue["verb"] or self._table.reads_like(cue["noun"] or "") or cue[0].strip() in OTHERS):
                start = cue.start() + (not rest[cue.start()].isalnum())
            if after := OWNED.match(rest, end) or self._is_meant.column_after(rest, end, held):
                end = after.end()
            return NameMention(
                start,
                end,
                OneOf(columns, values, self._table.months.get(said[0], "") if length == 1 else ""),
                before is not None,
                choice,
            ), length
        return None, 0

    def _sized(self, rest: str, start: int, end: int, found: Sequence[NameMention]) -> NameMention | None:
        """A size with the name of its column beside it, after an "in" that ends a request, or listed with one: "size 38 or 39", "boots in 42"."""
        at, held = start, self._table.sizes.get(rest[start:end])
        if held is None or rest[:start].endswith(("'", "\u2019")):  # "I'm", "what's"
            return None
        before = (
            found[-1] if found and found[-1].fact.called and _LISTED.fullmatch(rest, found[-1].end, start) else None
        )
        cue = STRONG.search(rest[:start])
        columns = self._table.preferred(held, (cue["noun"] or "") if cue else "")
        if cue is not None and columns:
            start = cue.start() + (not rest[cue.start()].isalnum())
        elif before is not None:
            columns = tuple(sorted(set(held).intersection(before.fact.columns)))
        elif IN_SIZE.search(rest[:start]) and CLOSED.match(rest, end):
            columns = tuple(sorted(held))
        values = tuple(sorted({value for c in columns for value in held[c]}))
        fact = OneOf(columns, values, called=rest[at:end].upper())
        return NameMention(start, end, fact, before is not None, before is not None) if columns else None
