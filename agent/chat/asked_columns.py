"""Which columns of a catalogue the words of a question ask for: "price", "how long", "who teaches it", "when does it flower"."""

from __future__ import annotations

import re

from agent.chat.name_columns import CODES
from agent.chat.quantities import LENGTH, PRICE
from agent.chat.reading import RequestReader
from agent.chat.words import is_function_word, singular_words
from retrieval.facts import OWN
from retrieval.schema import Catalog

_MAKERS = ("maker", "producer", "brand", "developer", "publisher", "designer", "director", "author", "artist")
_CALLED: dict[str, tuple[str, ...]] = {
    "much": (PRICE,), "expensive": (PRICE,), "cheap": (PRICE,), "dear": (PRICE,),
    "long": (LENGTH,), "short": (LENGTH,), "time": (LENGTH,), "kid": ("age",), "children": ("age",),
    "when": ("year",), "vintage": ("year",), "edition": ("year",), "old": ("year",), "new": ("year",), "release": ("year",), "date": ("year",),
    "far": ("distance",), "heavy": ("weight",), "light": ("weight",), "tall": ("height",), "high": ("height",), "wide": ("width",), "big": ("size",),
    "large": ("size",), "strong": ("strength", "alcohol"), "fast": ("speed", "power"), "where": ("made", "country", "origin", "region", "city", "place", "location"),
    "genre": ("categories",), "category": ("categories",), "kind": ("categories",), "type": ("categories",),
    "by": _MAKERS, "make": _MAKERS, "made": _MAKERS,
    "direct": ("director",), "write": ("author", "writer"), "publish": ("publisher",), "design": ("designer",),
    "develop": ("developer",), "produce": ("producer", "brand"),
    "directed": ("director",), "wrote": ("author", "writer"), "published": ("publisher",),
    "designed": ("designer",), "developed": ("developer",), "produced": ("producer", "brand"),
}  # fmt: skip
_VERB = re.compile(
    r"(?P<asking>when|where|how (?P<how>[a-z]+)(?: (?P<many>[a-z]+))??|(?:in )?(?:what|which) (?P<what>[a-z]+)) (?P<verb>[a-z]+)"
)
_MADE = frozenset(("released", "release", "made", "published", "built", "written", "introduced", "launched", "founded", "recorded", "filmed", "came", "produced", "printed"))  # fmt: skip
_OF_VERBS: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {
    "much": (frozenset(("cost", "charge", "costs", "sell")), (PRICE,)),
    "long": (frozenset(("take", "last", "run", "play", "go", "taken")), (LENGTH,)),
}
"""What a quantity is asked of with a verb, and the unit of its column."""
_BECOMING = frozenset(("grow", "get", "become", "go", "run", "measure", "grown"))
_PLACED = frozenset(("go", "come", "take", "happen", "lead", "start", "end", "run", "originate", "grow", "grown", "made", "built", "produced", "located", "set", "based", "filmed", "from"))  # fmt: skip
_MOMENTS = frozenset(("month", "season", "date"))
_RECURRING = frozenset(("flower", "bloom", "fruit", "ripen", "harvest", "start", "begin", "run", "leave", "depart", "open", "happen", "take"))  # fmt: skip
_LIKE = {"flower": ("bloom", "flower"), "bloom": ("bloom", "flower"), "weigh": ("weight",), "depart": ("departure",)}
_DOES = frozenset(("win", "won", "get", "got", "need", "have", "has", "had", "come", "came", "be", "been", "get", "made", "take"))  # fmt: skip
_STEM = 4
_SHARED, _ENDING = 5, 4  # letters that two forms of a word begin with, and that each may end with


class AskedColumns:
    """Finds columns of one catalogue.

    Args:
        catalog: The items.
        reader: Knows its columns of numbers.

    Attributes:
        parts: The words of the name of every further column that says something to people.
    """

    def __init__(self, catalog: Catalog, reader: RequestReader) -> None:
        self._reader = reader
        self._texts = {c for c, dtype in catalog.table.schema.items() if not dtype.is_numeric()}
        self.parts = {
            name: parts
            for name in catalog.table.columns
            if name not in OWN and not (parts := set(singular_words(name.replace("_", " ")))) & CODES
        }

    def of(self, what: str) -> list[str]:
        """Columns that any of some words asks for."""
        columns: list[str] = []
        for word in singular_words(what):
            for name in (word, *_CALLED.get(word, ())):
                columns += [name] if name in {"year", "categories"} else self._reader.facts.columns(name)
                columns += [column for column, parts in self.parts.items() if name in parts]
            if len(word) >= _STEM and not columns:  # who teaches it: the teacher
                columns += self._akin(word)
        return list(dict.fromkeys(columns))

    def named(self, what: str) -> list[str]:
        """Columns whose names say all that some words do: signed copy, of "signed"; of "nut free", ``gluten_free`` does not."""
        words = [w for w in singular_words(what) if not (is_function_word(w) or w in _DOES) and w.isalpha()]
        return [c for c, parts in self.parts.items() if words and all(any(akin(p, w) for p in parts) for w in words)]

    def done(self, what: str) -> list[str] | None:
        """Columns that tell what a question with a verb asks, "when flower", "how much weigh"; None if some words are none."""
        found = _VERB.fullmatch(what)
        if found is None:
            return None
        verb, how = found["verb"], found["how"]
        if noun := found["what"] or (found["many"] if how == "many" else ""):
            return self.of(noun)
        if found["asking"] == "where":
            return [c for c in self.of("where") if c in self._texts] if verb in _PLACED else self._akin(verb)
        if found["asking"] == "when":
            moments = [c for c, parts in self.parts.items() if parts & _MOMENTS]
            years = ["year", *(c for c, parts in self.parts.items() if "year" in parts)]
            return years if verb in _MADE else (moments if verb in _RECURRING else []) or self._akin(verb)
        verbs, units = _OF_VERBS.get(how, (_BECOMING, (how, *_CALLED.get(how, ()))))
        if verb in verbs or how == "long":
            return [c for unit in units for c in self._reader.facts.columns(unit)]
        return self._akin(verb)

    def _akin(self, word: str) -> list[str]:
        words = _LIKE.get(word, (word,))
        return [c for c, parts in self.parts.items() if any(akin(part, w) for part in parts for w in words)]


def akin(part: str, word: str) -> bool:
    """Whether a word in a column's name is a form of another: teacher, of "teaches"; assembly, of "assembling"."""
    shared = next((n for n, (a, b) in enumerate(zip(part, word, strict=False)) if a != b), min(len(part), len(word)))
    longer = len(word) >= _STEM and part.startswith(word)
    return part == word or longer or (shared >= _SHARED and max(len(part), len(word)) - shared <= _ENDING)
