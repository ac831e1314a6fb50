"""The noun for whatever a catalogue sells, "hotel" in a shop of hotels: it tells no item from another.

It is told by the name of the data, else by the word that most titles carry. Where a message says it, the reading sees a word
for items of any kind instead, so that "the cheapest hotel" and "no hotels in Paris" are read as of items.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from agent.chat.categories import CategoryWords
from agent.chat.words import goods, is_chatter, is_function_word, is_kind, shops, singular_words
from retrieval.schema import Catalog

_WORD = re.compile(r"[^\W\d_]+")
_GENERIC = frozenset(["data", "dataset", "shop", "store", "catalog", "catalogue", "small", "latest", "booking", "order", "purchase", "event", "interaction", "rating", "sale"])  # fmt: skip
_PLACE = re.compile(
    r"(?<=\w{3})(?:shop|store|market|data|dataset|catalogu?e|collection|reviews?|ratings?|sales)s?$"
)  # "wineshop"
_SHARE = 0.15  # of the titles that carry it
_ENOUGH = 20  # titles of which it can be told
_BEFORE, _NEAR = 2, 40  # words of a category's name on either side, and characters in which they stand
_SHORTEST = 3


class OwnNoun:
    """Writes one catalogue's own nouns as words for items of any kind.

    Args:
        catalog: The items.
        called: What the data are called: "my hotels".
        categories: What is a category here says something, and so does in titles what a category is called with.
        telling: Whether a word is a value of a column: "flat", of homes.

    Attributes:
        words: The nouns, in the singular.
    """

    def __init__(
        self, catalog: Catalog, called: str, categories: CategoryWords, telling: Callable[[str], bool]
    ) -> None:
        named = _named(called) or [word for word in _in_titles(catalog) if not categories.hold(word)]
        sold = [shops()[word] for word in named if word in shops()]
        alike = [other for word in (*named, *sold) for other in (word, *goods().get(word, ()))]
        own = (word for word in (*named, *alike) if not categories.named_in([word]))
        self.words = frozenset(word for word in own if word in named or not telling(word))
        nouns = "|".join(re.escape(noun) for noun in self.words if not is_kind(noun))
        self._categories = categories
        self._said = re.compile(rf"(?<![\w'-])(?:{nouns})(?P<many>s|es)?(?![\w-])", re.IGNORECASE) if nouns else None

    def plain(self, text: str) -> str:
        """A text with the nouns replaced, except in what is written as a name: "Hotel Astoria", "Grand Hotel"."""
        return (
            text
            if self._said is None
            else self._said.sub(lambda m: m.group() if self._of_category(m, text) else _kind(m, text), text)
        )

    def _of_category(self, m: re.Match[str], text: str) -> bool:
        """Whether a noun stands in the name of a category: "musical toys"."""
        before = [word.lower() for word in _WORD.findall(text[: m.start()])[-_BEFORE:]]
        after = [word.lower() for word in _WORD.findall(text[m.end() : m.end() + _NEAR])[:_BEFORE]]
        words = [*before, m.group().lower(), *after]
        at = len(before)
        spans = ((i, j) for i in range(at + 1) for j in range(at + 1, len(words) + 1) if j - i > 1)
        return any(self._categories.called(words[i:j]) for i, j in spans)


def _kind(m: re.Match[str], text: str) -> str:
    if m.group()[0].isupper() and not text.isupper():
        beside = (re.match(r"\s+(\w)", text[m.end() :]), re.search(r"(\w)[\w'-]*\s+$", text[: m.start()]))
        if any(b is not None and b[1].isupper() for b in beside):
            return m.group()
    return "items" if m["many"] else "item"


def _named(called: str) -> list[str]:
    """Nouns in a name of data: a name of one word, or the plurals of several."""
    words = [_PLACE.sub("", word.lower()) for word in _WORD.findall(called)]
    nouns = [("".join(singular_words(word)), word) for word in words if len(word) >= _SHORTEST]
    return [one for one, word in nouns if (len(words) == 1 or word != one) and not _says_nothing(one)]


def _in_titles(catalog: Catalog) -> list[str]:
    """The word that most titles carry, if so many do that it tells none from another."""
    if len(catalog) < _ENOUGH:
        return []
    held = ({"".join(singular_words(word)) for word in _WORD.findall(title)} for title in catalog.titles)
    counts = Counter(word for words in held for word in words if len(word) >= _SHORTEST and not _says_nothing(word))
    return [word for word, count in counts.most_common(1) if count >= _SHARE * len(catalog)]


def _says_nothing(word: str) -> bool:
    return word in _GENERIC or is_function_word(word) or is_chatter(word)
