"""Finding items by the titles people type: articles, case, accents and the year do not matter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from rapidfuzz import fuzz, process

from retrieval.errors import NotFoundError
from retrieval.schema import Catalog

_YEAR = re.compile(r"\s*\((\d{4})(?:[-\u2013]\d{0,4})?\)\s*$")
_BRACKETS = re.compile(r"\s*\(([^()]*)\)")
_AT_THE_END = re.compile(r"(?:\s*\([^()]*\))*$")  # "You Are (Not) Alone" is not also called "Not"
_TRAILING_ARTICLE = re.compile(
    r"^(.*), (the|a|an|la|le|les|el|los|las|il|lo|der|die|das|l'|un|une|det|den)$", re.IGNORECASE
)
_LEADING_ARTICLE = re.compile(r"^(?:the|a|an) (?=\w)")
_NEEDED_SIMILARITY = 60.0
_ALMOST = 88.0  # "blade runer", "the godfater"
_MUCH_MORE = 10
_NUMERAL = re.compile(r"\d+")
_LETTER = re.compile(r"[B-HJ-Z]\b")
_NEXT_OF_SERIES = re.compile(r"\d{1,2}|[IVX]{1,4}")
_PARTS = frozenset(("part", "pt", "vol", "volume", "episode", "chapter", "number", "no", "season", "book"))
_NUMBERS = {
    **{
        roman: str(n)
        for n, roman in enumerate(["ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii"], 2)
    },
    **{
        word: str(n)
        for n, word in enumerate(
            ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"], 2
        )
    },
}
_SHORTEST_NEARLY = 6  # letters; among shorter ones every other is almost alike


def spelled(text: str) -> str:
    """A title without case, accents and punctuation, an article at its end put in front."""
    text = text.strip().replace("a.k.a.", "aka")
    text = _TRAILING_ARTICLE.sub(r"\2 \1", text)
    text = unicodedata.normalize("NFKD", text).casefold()
    text = "".join(c for c in text if not unicodedata.combining(c)).replace("&", " and ").replace("'", "")
    return re.sub(r"[^\w]+", " ", text).strip()


def plain(text: str) -> str:
    """A title as :func:`spelled`, without its English article: what two spellings share."""
    return _LEADING_ARTICLE.sub("", spelled(text))


class TitleIndex:
    """Titles of a catalogue, by what two spellings share.

    What an item is called wins over what it is also called, however popular: "Mad Max" is the film of that name, not
    "Mad Max: Fury Road". Where several items have one title, the most popular is meant unless an article or a year says
    otherwise. Of what is not quite a title, such as "lord of the rings" or "ocean's 11", the item that is ten times as popular is meant.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._by_name = self._names()  # now, so that no request waits for it
        self._in_talk = {**self._by_name, **self._better_known()}

    def _names(self) -> dict[str, int]:
        """Names, with and without the year, to the internal id."""
        counts = self._catalog.counts
        ranks: tuple[dict[str, int], ...] = ({}, {}, {}, {}, {})
        for i in sorted(range(len(self._catalog)), key=lambda i: (-counts[i], i)):
            title = self._catalog.titles[i]
            year = m.group(1) if (m := _YEAR.search(title)) else ""
            for names, called in zip(ranks, _callings(title), strict=True):
                for name in filter(None, called):
                    names.setdefault(name, i)
                    if year:
                        names.setdefault(f"{name} {year}", i)
        exact, *others = ranks
        meant: dict[str, int] = {}
        for names in others:
            for name, i in names.items():
                if name not in meant or counts[i] >= _MUCH_MORE * max(counts[meant[name]], 1):
                    meant[name] = i
        return {**meant, **exact}

    def _better_known(self) -> dict[str, int]:
        """What people mean by names that are also the title of an item, said without its year, and head those of a far better known series."""
        counts, better = self._catalog.counts, dict[str, int]()
        for i in sorted(range(len(self._catalog)), key=lambda i: (-counts[i], i)):
            head, colon, _ = _TRAILING_ARTICLE.sub(r"\2 \1", _YEAR.sub("", self._catalog.titles[i])).partition(":")
            name = spelled(head)
            other = self._by_name.get(name) if colon else None
            if other is None or not _YEAR.search(self._catalog.titles[other]):
                continue
            if counts[i] >= _MUCH_MORE * max(counts[other], 1):
                better.setdefault(name, i)
        return better

    def find(self, title: str) -> int | None:
        """Internal id of a title, or None."""
        year = f" {m.group(1)}" if (m := _YEAR.search(title)) else ""
        name = _YEAR.sub("", title)
        forms = (spelled(name), plain(name), _numbered(plain(name)))
        return next((self._by_name[form + year] for form in forms if form + year in self._by_name), None)

    def resolve(self, title: str) -> int:
        """Internal id of a title.

        Raises:
            NotFoundError: No item has it; carries the closest titles.
        """
        found = self.find(title)
        if found is not None:
            return found
        near = self.suggest(title)
        remedy = f"did you mean {' or '.join(repr(t) for t in near)}?" if near else "check the spelling"
        raise NotFoundError(f"no item is called {title!r}", remedy, near)

    def suggest(self, title: str, limit: int = 3) -> tuple[str, ...]:
        """The closest titles of the catalogue, best first; empty if nothing is close."""
        names, wanted = list(self._by_name), plain(_YEAR.sub("", title))
        matches = process.extract(wanted, names, scorer=fuzz.ratio, limit=4 * limit, score_cutoff=_NEEDED_SIMILARITY)
        if not matches:  # half a title, or its words in another order
            loose = process.extract(wanted, names, scorer=fuzz.token_set_ratio, limit=40 * limit, score_cutoff=80)
            matches = [m for m in loose if 2 * len(m[0]) >= len(wanted)]
        counts = self._catalog.counts
        ids = {self._by_name[name]: score for name, score, _ in reversed(matches)}
        best = sorted(ids, key=lambda i: (-round(ids[i] / 5), -counts[i], i))[:limit]
        return tuple(self._catalog.titles[i] for i in best)

    def nearly(self, title: str) -> int | None:
        """Internal id of the title that is spelled almost like this one; None if none is, or if several are."""
        wanted = plain(_YEAR.sub("", title))
        if len(wanted) < _SHORTEST_NEARLY:
            return None
        found = process.extract(wanted, list(self._by_name), scorer=fuzz.ratio, limit=4, score_cutoff=_ALMOST)
        same = [
            f for f in found if _NUMERAL.findall(_numbered(f[0])) == _NUMERAL.findall(_numbered(wanted))
        ]  # "Ocean's 8" is not "Oceans"
        meant = {self._by_name[name] for name, score, _ in same if score > found[0][1] - 1.0}
        return meant.pop() if len(meant) == 1 else None

    def longest_prefix(self, words: list[str]) -> tuple[int, int] | None:
        """The longest title that a list of words begins with: (internal id, words used), or None.

        Of a series that is ten times as popular as the item of that very title, its first is meant: "the lord of the rings" is the
        film of 2001. A lone letter counts only as a capital that is no word, so that "like a ..." names nothing.
        """
        for length in range(min(len(words), 12), 0, -1):
            typed = " ".join(words[:length])
            for name in (spelled(typed), plain(typed), _numbered(plain(typed))):
                if (len(name) > 1 or _LETTER.match(typed)) and (found := self._in_talk.get(name)) is not None:
                    return found, length
        return None


def another_follows(words: Sequence[str], used: int) -> int:
    """How many of some words name another item of the series that the first of them name: 3 of "Kill Bill 5"; 0 if none do."""
    rest = (
        words[used].strip(",.;:!?") if used < len(words) and not words[used - 1].endswith((",", ".", ";", ":")) else ""
    )
    return used + 1 if _NEXT_OF_SERIES.fullmatch(rest) and rest != "I" else 0


def _numbered(name: str) -> str:
    """A spelled title with the numbers of a series as digits, and without the words for its parts: "kill bill 2"."""
    words = [_NUMBERS.get(word, word) for word in name.split()]
    return " ".join(word for word, after in pairwise([*words, ""]) if not (word in _PARTS and after.isdigit()))


def _callings(title: str) -> tuple[list[str], ...]:
    """What an item is called, best first: its title; without an article; what stands in brackets; before a colon; in digits.

    What stands before a colon names the first of a series to most people.
    """
    bare = _YEAR.sub("", title)
    main = _BRACKETS.sub("", bare)
    own = [spelled(title), spelled(bare), spelled(main)]
    others = [plain(other).removeprefix("aka ") for other in _BRACKETS.findall(_AT_THE_END.findall(bare)[0])]
    no_article = [_LEADING_ARTICLE.sub("", name) for name in own]
    heads = [plain(main.split(":")[0])]
    return own, no_article, others, heads, [_numbered(name) for name in (*no_article, *heads) if name]
