"""Words of a request as its readers see them: folded, singular, and told apart by what they can mean."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import TypedDict

import yaml

READ = "_"
"""Fills the place of a condition that has been read, so that what is around it keeps its position."""

TITLE = "\u01c1"
"""Fills the place of a title that has been read: a letter that requests are not written with."""


class _Vocabulary(TypedDict):
    categories: dict[str, list[str]]
    moods: dict[str, list[str]]
    units: dict[str, list[str]]
    origins: dict[str, list[str]]
    kinds: list[str]
    goods: dict[str, list[str]]
    shops: dict[str, str]
    audiences: list[str]
    function_words: list[str]
    light_words: list[str]
    chatter: list[str]
    compounds: list[str]
    explaining: list[str]


def folded(text: str) -> str:
    """A text in lower case with straight apostrophes, every character where it was."""
    lowered = (c.lower() if len(c.lower()) == 1 else c for c in text)
    return "".join(lowered).replace("\u2019", "'")


def filled(text: str, start: int, end: int, filler: str = READ) -> str:
    """A text with one stretch filled, as long as before."""
    return text[:start] + filler * (end - start) + text[end:]


def singular_words(phrase: str) -> list[str]:
    """A phrase as singular lower-case words."""
    return [_singular(w) for w in re.findall(r"\w+", phrase.lower().replace("'", ""))]


def synonyms() -> dict[str, list[str]]:
    """Other words for categories, by the name of the category."""
    return _vocabulary()["categories"]


def moods() -> dict[str, list[str]]:
    """Categories that are in a mood, by the word for it."""
    return _vocabulary()["moods"]


def units() -> dict[str, list[str]]:
    """Words in the names of columns that hold what a unit counts, by the unit."""
    return _vocabulary()["units"]


def origins() -> dict[str, list[str]]:
    """Words for what comes from a place, by its name: French, of France."""
    return _vocabulary()["origins"]


@lru_cache(maxsize=1)
def places() -> dict[str, list[str]]:
    """Names of places by the words for what comes from there, Thailand by Thai; and by other names of the same, Britain by UK."""
    found: dict[str, list[str]] = {}
    for place, words in origins().items():
        for word in words:
            found.setdefault(word, []).append(place)
    for place, words in origins().items():
        found[place] = list(dict.fromkeys(other for word in words for other in found[word] if other != place))
    return found


def goods() -> dict[str, list[str]]:
    """Other words for what data are called after, by the noun for it."""
    return _vocabulary()["goods"]


def shops() -> dict[str, str]:
    """What is sold in a shop, by a word for the shop."""
    return _vocabulary()["shops"]


def is_kind(word: str) -> bool:
    """Whether a word stands for items of any kind: "novels", "songs"."""
    return _plain(word) in _kinds()


def is_audience(word: str) -> bool:
    """Whether a word says for whom something is: "kids", "women", "beginners"."""
    return _plain(word) in _audiences()


def is_function_word(word: str) -> bool:
    """Whether a word names nothing by itself."""
    return not {word.lower(), _plain(word)}.isdisjoint(_function_words())


def is_light(word: str) -> bool:
    """Whether a word may stand between a "no" and what it denies without being denied itself."""
    return not word.strip(READ) or word in _light_words() or is_kind(word)


def is_chatter(word: str) -> bool:
    """Whether a word belongs to asking and not to what is asked for: "recommend", "mood", "tonight"."""
    return not {word.lower(), _plain(word)}.isdisjoint(_chatter())


def says_nothing(word: str) -> bool:
    """Whether a word tells no item from another: it names nothing, stands for items of any kind, or belongs to asking."""
    return is_function_word(word) or is_kind(word) or is_chatter(word)


def is_compound(word: str) -> bool:
    """Whether a word that says nothing by itself does before another: "time travel"."""
    return word.lower() in _vocabulary()["compounds"]


def _plain(word: str) -> str:
    return "".join(singular_words(word))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith(("ies", "ie")):  # "movies" and "movie" as well as "comedies" and "comedy"
        return word.removesuffix("s")[:-2] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


@lru_cache(maxsize=1)
def _vocabulary() -> _Vocabulary:
    return yaml.safe_load((files("agent.chat") / "vocabulary.yaml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _kinds() -> frozenset[str]:
    return frozenset(_plain(word) for word in _vocabulary()["kinds"])


@lru_cache(maxsize=1)
def _audiences() -> frozenset[str]:
    return frozenset(_plain(word) for word in _vocabulary()["audiences"])


@lru_cache(maxsize=1)
def _function_words() -> frozenset[str]:
    return frozenset(_vocabulary()["function_words"])


@lru_cache(maxsize=1)
def _light_words() -> frozenset[str]:
    return frozenset(_vocabulary()["light_words"])


@lru_cache(maxsize=1)
def _chatter() -> frozenset[str]:
    return frozenset(_vocabulary()["chatter"])


@lru_cache(maxsize=1)
def explaining() -> frozenset[str]:
    """Words that an explanation may use beside those of its facts."""
    return frozenset(_plain(word) for word in _vocabulary()["explaining"])
