"""The categories of a catalogue in a request's words."""

from __future__ import annotations

import re

from agent.chat.negation import Scopes, Sense
from agent.chat.words import READ, is_audience, is_function_word, is_kind, moods, singular_words, synonyms
from retrieval.axes import UNLABELLED
from retrieval.facts import AllOf, of_categories
from retrieval.schema import Catalog

_DENYING = frozenset(("no", "not", "without", "nor", "or", "and", ",", "any", "never", "except"))
_PARTED = re.compile(r"\s*(?:\band\b|[&/,+])\s*")  # "food and wine" holds both
_TOKEN = re.compile(r"[\w'-]+|[.;!?,:&/()]")
_MARK = re.compile(r"[^\w\s'-]")
_SUBJECT = "about"
_YOUNG = frozenset(("little", "small", "young", "younger", "whole", "older"))
_FEW_BETWEEN = 3
_NOES = frozenset(("no", "nope", "nah", "never", "no thanks", "no way"))
_ANSWER = re.compile(
    r"(?P<what>[\w'-]+(?: [\w'-]+){0,2})\?\s*(?P<answer>no thanks|no way|nope|nah|never|no)\b(?! [\w'-]+)[.!,;]?",
    re.IGNORECASE,
)
_PREFERENCE = re.compile(
    r"(?P<verb>\bprefer(?:red)?) (?P<this>[\w' -]{2,60}?) (?:to|over) (?P<that>[\w' -]{2,60})", re.IGNORECASE
)
_NAMED_SOON = 3  # words after "to" in which the other side is named, if it is one
_NEAR = 80  # characters in which a neighbour is looked for


class CategoryWords:
    """Finds the categories of one catalogue, by their names and by other words for them."""

    def __init__(self, catalog: Catalog) -> None:
        self._phrases, self._parts = _phrases(catalog)
        self._longest = max((len(p) for p in self._phrases), default=0)

    def read(self, text: str, scopes: Scopes) -> tuple[tuple[frozenset[str], ...], frozenset[str], tuple[AllOf, ...]]:
        """Categories wanted and not wanted in a folded text, and those not wanted together: of "no romantic comedies" neither is.

        Words next to each other are meant together, listed ones as a choice; for whom it is ("for kids") narrows all of them.
        """
        found = list(_TOKEN.finditer(text))
        tokens = [m.group() for m in found]
        runs: list[tuple[Sense, list[str]]] = []
        audience: dict[str, None] = {}
        adjacent, subject, i = False, False, 0
        while i < len(tokens):
            category, used = self._at(tokens, i)
            if category:
                sense = scopes.at(found[i].start())
                words = tuple(w for token in tokens[i : i + used] for w in singular_words(token))
                if words in self._parts and sense is Sense.UNWANTED and i and tokens[i - 1] not in _DENYING:
                    i += used  # "not white wine" denies no "food and wine"
                    continue
                if is_audience(tokens[i + used - 1]) and (told := _for_whom(tokens, i)):
                    denied = sense is Sense.UNWANTED and not any(
                        self._at(tokens, j)[1] for j in range(max(told - 2, 0), told)
                    )
                    if not denied and sense is not Sense.UNSURE:
                        audience[category] = None
                        i += used
                        continue
                if not (adjacent and runs[-1][0] is sense):
                    runs.append((sense, [category]))
                elif subject:  # of "documentaries about war", war sets them apart as in "war documentaries"
                    runs[-1][1].insert(0, category)
                else:
                    runs[-1][1].append(category)
            if tokens[i].strip(READ):  # what has been read already does not part its neighbours
                subject = adjacent and tokens[i] == _SUBJECT
                adjacent = bool(category) or subject
            i += max(used, 1)
        denied = [frozenset(run) for sense, run in runs if sense is Sense.UNWANTED]
        unwanted = frozenset(c for run in denied if len(run) == 1 for c in run)
        together = tuple(of_categories(run) for run in denied if len(run) > 1)
        groups = (frozenset(run) - unwanted for sense, run in runs if sense is Sense.WANTED)
        suits = frozenset(audience) - unwanted
        wanted = tuple(dict.fromkeys(group | suits for group in groups if group))
        return wanted or ((suits,) if suits else ()), unwanted, tuple(dict.fromkeys(together))

    def spans(self, text: str) -> list[tuple[int, int, bool]]:
        """Where a folded text names categories, and whether by their own names."""
        found = list(_TOKEN.finditer(text))
        tokens = [m.group() for m in found]
        spans: list[tuple[int, int, bool]] = []
        i = 0
        while i < len(tokens):
            category, used = self._at(tokens, i)
            if used:
                start, end = found[i].start(), found[i + used - 1].end()
                spans.append((start, end, singular_words(text[start:end]) == singular_words(category)))
            i += max(used, 1)
        return spans

    def plain(self, text: str) -> str:
        """A text in which two turns of phrase that hide a "no" say it: "horror? no." and "I prefer comedies to horror"."""

        def answered(m: re.Match[str]) -> str:
            no = m["answer"].lower() in _NOES
            return f"no {m['what']}." if no and self.named_in(m["what"].split()) else m.group()

        def preferred(m: re.Match[str]) -> str:
            both = self.named_in(m["this"].split()) and self.named_in(m["that"].split()[:_NAMED_SOON])
            return f"{m['verb']} {m['this']}, less {m['that']}" if both else m.group()

        return _PREFERENCE.sub(preferred, _ANSWER.sub(answered, text))

    def own_words(self) -> frozenset[str]:
        """Words that are the whole name of a category."""
        return frozenset(
            word for name in self._phrases.values() for word in singular_words(name) if len(name.split()) == 1
        )

    def cover(self, words: list[str]) -> bool:
        """Whether words name categories, or nothing at all, from the first to the last."""
        i = 0
        while i < len(words):
            _, used = self._at(words, i)
            if not used and not is_kind(words[i]) and not is_function_word(words[i]):
                return False
            i += max(used, 1)
        return True

    def named_in(self, words: list[str]) -> bool:
        """Whether some of the words name a category."""
        return any(self._at(words, i)[1] for i in range(len(words)))

    def called(self, words: list[str]) -> bool:
        """Whether all of some words are one name of a category."""
        return bool(words) and self._at(words, 0)[1] == len(words)

    def hold(self, word: str) -> bool:
        """Whether a word, in the singular, is a part of what a category is called: "table", of "dining table"."""
        return any(word in phrase for phrase in self._phrases)

    def meant(self, words: str) -> tuple[str, ...]:
        """Categories that words name; else those that are in the mood they name, as far as the catalogue has them."""
        tokens = words.split()
        named = [name for i in range(len(tokens)) if (name := self._at(tokens, i)[0])]
        if not named:
            in_mood = [category for token in tokens for category in moods().get("".join(singular_words(token)), ())]
            own = (self._phrases.get(tuple(singular_words(category))) for category in in_mood)
            named = [name for name in own if name is not None]
        return tuple(dict.fromkeys(named))

    def follow(self, text: str, position: int) -> bool:
        """Whether a category begins right after a position of a folded text."""
        return bool(self._at(_words_after(text, position), 0)[1])

    def beside(self, text: str, start: int, end: int) -> bool:
        """Whether a category, or a word for items of any kind, stands right before or after a stretch of a folded text."""
        after, before = _words_after(text, end), _words_before(text, start)
        near = any(self._at(before, i)[1] == len(before) - i for i in range(len(before)))
        return near or self.follow(text, end) or any(is_kind(word) for word in [*after[:1], *before[-1:]])

    def _at(self, tokens: list[str], i: int) -> tuple[str, int]:
        """The category whose name begins at a token, and how many tokens it takes: ("", 0) if none does."""
        for length in range(min(self._longest, len(tokens) - i), 0, -1):
            words = [singular_words(token) for token in tokens[i : i + length]]
            if not all(words):
                continue  # a comma or a full stop is a boundary, never part of a name
            if (name := self._phrases.get(tuple(w for several in words for w in several))) is not None:
                return name, length
        return "", 0


def _for_whom(tokens: list[str], i: int) -> int:
    """The place of a "for" of which only words like "my" part a token; 0 if there is none."""
    at = i - 1
    while (
        at > 0
        and i - at <= _FEW_BETWEEN
        and (is_function_word(tokens[at]) or tokens[at] in _YOUNG)
        and tokens[at] != "for"
    ):
        at -= 1
    return at if at >= 0 and tokens[at] == "for" else 0


def _words_after(text: str, position: int) -> list[str]:
    near = text[position : position + _NEAR].lstrip(" -")
    return _MARK.split(near)[0].split()


def _words_before(text: str, position: int) -> list[str]:
    near = text[max(position - _NEAR, 0) : position].rstrip(" -")
    return _MARK.split(near)[-1].split()


def _phrases(catalog: Catalog) -> tuple[dict[tuple[str, ...], str], frozenset[tuple[str, ...]]]:
    """Every phrase that names a category, as singular words; and those that are a part of its name."""
    if not catalog.has_labels():
        return {}, frozenset()
    names = [label for label in catalog.axis("categories").labels if label != UNLABELLED]
    own = {tuple(singular_words(name)): name for name in names}
    phrases: dict[tuple[str, ...], str] = {}
    for key, others in synonyms().items():
        if (name := own.get(tuple(singular_words(key)))) is not None:
            for other in others:
                phrases.setdefault(tuple(singular_words(other)), name)
    parted = ((part, name) for name in names if _PARTED.search(name) for part in _PARTED.split(name))
    parts = {said: name for part, name in parted if (said := tuple(singular_words(part))) and said not in own}
    return {**parts, **phrases, **own}, frozenset(parts.keys() - phrases.keys())
