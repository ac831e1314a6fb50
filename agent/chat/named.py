"""The titles that a request names: what more of is wanted, and what is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from agent.chat.categories import CategoryWords
from agent.chat.negation import Scopes, Sense
from agent.chat.words import TITLE, filled, folded, is_function_word
from retrieval.titles import TitleIndex, another_follows

_QUOTED = re.compile(r"[\"\u201c]([^\"\u201d]{2,80})[\"\u201d]")
_ADVERBS = r"(?:(?:really|also|always|do|did|never|not|just|quite|particularly|especially|still|don't|dont|didn't|doesn't)\s+)*"
_CUES = {
    "wish": r"\b(?:would|\w+'d)\s+(?:(?:really|also|very much)\s+)?like\b",  # "I'd like a ..." names nothing
    "taste": rf"\b(?:i|we|you|they|who|people)\s+{_ADVERBS}(?:like|love|enjoy)\b|\b(?:loved|liked|enjoyed|fan of)\b|\bfavou?rites?(?: \w+)? (?:is|are|was|were)\b",
    "refusal": r"\b(?:(?<!not )unlike|hated?|disliked?|avoid|skip|detest|loathe|but not|except(?: for)?|other than|instead of|(?:tired|sick) of)\b",
    "denial": r"\b(?:no|not|without)\b",
    "likeness": r"\b(?:like|similar to|reminds? me of|as good as|in the (?:style|spirit|vein) of|more of)\b",
}
_CUE = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _CUES.items()))
_JOINED = re.compile(r"[!?]?\s*(?:,\s*(?:(?:and|or|nor|&)\s+)?|(?:and|or|nor|&)\s+)")
_YEAR_AFTER = re.compile(r"\s*\((?:18|19|20)\d\d\)")
_BY = re.compile(r",?\s+(?:by|from|of)\s+")
_BOUNDARY = re.compile(
    r"\s*(?:$|[^\w\s]|(?:and|or|but|nor|from|for|with|without|only|please|set|except|because|though|although|then)\b)"
)
_NAME = re.compile(r"[A-Z][\w'.-]*(?:\s+(?:[A-Z0-9][\w'.-]*|of|the|and|in|to))*")
_TRAILING = re.compile(r"(?:\s+(?:of|the|and|in|to))+$|[.,]+$")
_ADDED = re.compile(rf"(?:\band|&)\s+(?:{_CUES['likeness']})$")
_NUMBER = re.compile(r"\d{1,2}(?![\w.,-]*\w)")
_MOST_WORDS = 14
_TELLING = 4  # words of a title that is meant though it is written small after a "not": "not back to the future"
_MOST_TRIES = 3  # names of a request that are looked for in another spelling, which takes a look at every title
_NEAR = 200  # characters in which a title ends


NamesOf: TypeAlias = Callable[[int], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Named:
    """Titles of a request.

    Attributes:
        liked: Internal ids of titles that more of is wanted.
        rejected: Internal ids of titles that are not wanted.
        unknown: What seems to be a title but is none.
        rest: The folded request with the titles filled.
    """

    liked: tuple[int, ...]
    rejected: tuple[int, ...]
    unknown: tuple[str, ...]
    rest: str


class TitleReader:
    """Finds titles in quotes, after "like" and its kin, and after "I hated" and its kin.

    Args:
        titles: Of the catalogue.
        categories: Its words for categories.
        names: The names that an item's columns hold: who made it says which is meant, as in "like Blue by Joni Mitchell".
    """

    def __init__(self, titles: TitleIndex, categories: CategoryWords, names: NamesOf = lambda _: ()) -> None:
        self._titles = titles
        self._categories = categories
        self._names = names

    def read(self, text: str) -> Named:
        """Every title that a request names; where a "no" reaches it, it is rejected."""
        said: list[tuple[list[int], int]] = []  # with the place that tells how they are meant
        unknown: list[str] = []
        rest = folded(text)
        marked = rest if text.isupper() else text  # in a shouted request, capitals tell nothing
        for quoted in _QUOTED.finditer(text):
            rest = filled(rest, *quoted.span(), TITLE)
            if (item := self._titles.find(quoted.group(1))) is None:
                unknown.append(quoted.group(1))
            else:
                said.append(([item], quoted.start()))
        position, tries = 0, _MOST_TRIES
        while cue := _CUE.search(rest, position):
            position = cue.end()
            if cue.lastgroup == "wish":
                continue
            items, end, missing = self._row(marked, cue)
            unknown += missing
            if tries and cue.lastgroup != "denial" and (name := _NAME.match(marked, cue.end() + 1)):
                items, end, tries = *self._misspelt(name, items, end), tries - 1
            if items:
                said.append((items, cue.end() - 1))
                rest, position = filled(rest, cue.end() + 1, end, TITLE), end
            elif cue.lastgroup in ("taste", "likeness") and (name := _NAME.match(marked, cue.end() + 1)):
                unknown.extend(self._unknown(_TRAILING.sub("", name.group())))
        scopes = Scopes(rest)  # now that no "no" of a title can be taken for one of the request
        liked: dict[int, None] = {}
        rejected: dict[int, None] = {}
        for items, place in said:
            sense = _sense(rest, place, scopes)
            meant = {Sense.WANTED: liked, Sense.UNWANTED: rejected}.get(sense, {})
            meant.update(dict.fromkeys(items))
        return Named(tuple(liked), tuple(rejected), tuple(dict.fromkeys(unknown)), rest)

    def begins(self, text: str, position: int) -> bool:
        """Whether a title of several words begins at a place of a text."""
        return len(self._at(text, position)[1]) > 1

    def _misspelt(self, name: re.Match[str], items: list[int], end: int) -> tuple[list[int], int]:
        """What a row names, or the title that its first name is almost, if that is more of it: "Blade Runer", not "Blade"."""
        whole = _TRAILING.sub("", name.group().split(". ")[0])
        for said in dict.fromkeys((whole, whole.split(" and ")[0])):
            close = name.start() + len(said)
            if (close > end or not items) and (meant := self._titles.nearly(said)) is not None:
                return [meant], close
        return items, end

    def _row(self, text: str, cue: re.Match[str]) -> tuple[list[int], int, list[str]]:
        """Titles in a row after a cue, joined by commas or "and"; where the last ends; and what the catalogue lacks of a series."""
        found: list[int] = []
        before: list[str] = []
        end = position = cue.end() + 1
        kind = cue.lastgroup or ""
        if kind == "denial" and self._at(text, cue.start())[2] > cue.end():
            return found, end, []  # "No Country for Old Men" is a title with its "no"
        while True:
            items, words, close = self._at(text, position)
            if number := _NUMBER.match(text, position) if before and before[-1].isdigit() else None:
                words, close = [*before[:-1], number.group()], number.end()  # "Toy Story 2 and 3"
                items = [item] if (item := self._titles.find(" ".join(words))) is not None else []
            if not words or not self._is_meant(words, text[close : close + _NEAR], kind):
                return found, end, []
            if not items:
                return found, end, [" ".join(words)]
            found.extend(items)
            before = words
            end = m.end() if (m := _YEAR_AFTER.match(text, close)) else close
            end = self._made_by(text, end, items)
            joined = _JOINED.match(text, end)
            if joined is None:
                return found, end, []
            position = joined.end()

    def _made_by(self, text: str, end: int, items: list[int]) -> int:
        """Where the name of an item's maker ends, if it stands behind its title."""
        by = _BY.match(text, end)
        if by is None:
            return end
        low = text[by.end() :].lower()
        used = [
            len(name) for item in items for name in self._names(item) if re.match(rf"{re.escape(name.lower())}\b", low)
        ]
        return by.end() + max(used) if used else end

    def _at(self, text: str, position: int) -> tuple[list[int], list[str], int]:
        """The longest title that begins at a place of a text: its item, its words and where it ends; else nothing.

        Words without an item name another of a series, one that the catalogue lacks: "Kill Bill 5".
        """
        spans = [m.span() for m in re.finditer(r"\S+", text[position : position + _NEAR])][:_MOST_WORDS]
        words = [text[position + a : position + b] for a, b in spans]
        match = self._titles.longest_prefix(words)
        if match is None:
            return [], [], position
        item, used = match
        items = [item]
        if other := another_follows(words, used):
            items, used = [], other
        end = position + spans[used - 1][0] + len(words[used - 1].rstrip(",.;:!?)"))
        return items, [word for said in words[:used] if (word := said.strip(",.;:!?()"))], end

    def _is_meant(self, words: list[str], after: str, cue: str) -> bool:
        """Whether words that spell a title are meant as one.

        A capital or a digit says so, though not of a category that one likes or hates ("I like Jazz"). Written small, a
        category wins over a title, words that name nothing are none, and a single word is one only where nothing but a
        boundary follows: "like alien", not "like dark comedies"; with an article, moreover, only what is likened to it:
        "something like the matrix", not "I liked the game".
        """
        bounded = bool(_BOUNDARY.match(after.lower()))
        short = len("".join(words)) < 3 or all(word.isdigit() for word in words)
        if not bounded and (short or cue == "denial"):
            return False
        covered, category = self._categories.cover(words), self._categories.named_in(words)
        if any(word != "I" and (word[0].isupper() or any(c.isdigit() for c in word)) for word in words):
            return cue == "likeness" or not (covered and category)
        names = [word for word in words if not is_function_word(word)]
        if covered or (cue in ("refusal", "denial") and not (bounded and len(words) >= _TELLING and len(names) > 1)):
            return False
        if len(names) == 1 and len(words) > 1 and cue != "likeness":
            return False
        if len(names) == 1 or category:
            return bounded
        return not self._categories.follow(after.lower(), 0)

    def _unknown(self, name: str) -> list[str]:
        words = re.findall(r"[\w'-]+", name)
        return [] if self._categories.cover(words) else [name]


def _sense(rest: str, place: int, scopes: Scopes) -> Sense:
    sense = scopes.at(place)
    if sense is Sense.UNWANTED and _ADDED.search(rest[max(place - _NEAR, 0) : place + 1]):
        return Sense.UNSURE  # "without romance and similar to Alien"
    return sense
