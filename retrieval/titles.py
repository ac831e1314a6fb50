"""Finding items by the titles people type: articles, case, accents and the year do not matter."""

from __future__ import annotations

import re
import unicodedata

from rapidfuzz import fuzz, process

from retrieval.errors import NotFoundError
from retrieval.schema import Catalog

_YEAR = re.compile(r"\s*\((\d{4})(?:[-\u2013]\d{0,4})?\)\s*$")
_BRACKETS = re.compile(r"\s*\(([^()]*)\)")
_TRAILING_ARTICLE = re.compile(
    r"^(.*), (the|a|an|la|le|les|el|los|las|il|lo|der|die|das|l'|un|une|det|den)$", re.IGNORECASE
)
_LEADING_ARTICLE = re.compile(r"^(?:the|a|an) (?=\w)")
_NEEDED_SIMILARITY = 60.0


def plain(text: str) -> str:
    """A title without case, accents, punctuation and English article: what two spellings share."""
    text = text.strip().replace("a.k.a.", "aka")
    text = _TRAILING_ARTICLE.sub(r"\2 \1", text)
    text = unicodedata.normalize("NFKD", text).casefold()
    text = "".join(c for c in text if not unicodedata.combining(c)).replace("&", " and ").replace("'", "")
    words = re.sub(r"[^\w]+", " ", text).strip()
    return _LEADING_ARTICLE.sub("", words)


class TitleIndex:
    """Titles of a catalogue, by what two spellings share.

    Where several items have one title, the most popular is meant unless a year says otherwise.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._by_name = self._names()  # now, so that no request waits for it

    def _names(self) -> dict[str, int]:
        """Plain title, with and without its year, to the internal id."""
        counts = self._catalog.counts
        names: dict[str, int] = {}
        for i in sorted(range(len(self._catalog)), key=lambda i: (-counts[i], i)):
            title = self._catalog.titles[i]
            year = m.group(1) if (m := _YEAR.search(title)) else ""
            bare = _YEAR.sub("", title)
            main = _BRACKETS.sub("", bare)
            # What stands before a colon names the first of a series to most people.
            variants = (bare, main, *_BRACKETS.findall(bare), main.split(":")[0])
            for variant in variants:
                if name := plain(variant).removeprefix("aka "):
                    names.setdefault(name, i)
                    if year:
                        names.setdefault(f"{name} {year}", i)
            if name := plain(title):
                names.setdefault(name, i)
        return names

    def find(self, title: str) -> int | None:
        """Internal id of a title, or None."""
        year = m.group(1) if (m := _YEAR.search(title)) else ""
        name = plain(_YEAR.sub("", title))
        found = self._by_name.get(f"{name} {year}") if year else None
        return found if found is not None else (None if year else self._by_name.get(name))

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

    def longest_prefix(self, words: list[str]) -> tuple[int, int] | None:
        """The longest title that a list of words begins with: (internal id, words used), or None.

        A lone word counts only if it is longer than two letters, so that "like a ..." names nothing.
        """
        for length in range(min(len(words), 12), 0, -1):
            name = plain(" ".join(words[:length]))
            if len(name) > 2 and (found := self._by_name.get(name)) is not None:
                return found, length
        return None
