"""Reading a request in words, deterministically: titles, categories, years, popularity, how many.

No language model is asked, so it costs no time and cannot be talked into anything; what it does not
understand it leaves to the reranker, which sees the words themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.resources import files

import yaml

from agent.chat.years import read_years, span_in_words
from retrieval.arrays import Int32
from retrieval.axes import UNLABELLED
from retrieval.filters import ItemFilter, Popularity
from retrieval.schema import Catalog
from retrieval.titles import TitleIndex

MAX_K = 100
_NUMBERS = {
    w: n
    for n, w in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 1
    )
}
_COUNT = "|".join([r"\d{1,3}", *_NUMBERS, "a dozen"])
_HOW_MANY = (
    re.compile(rf"\b(?:top|give me|show me|list|recommend|suggest|find me|need|want|name)\s+(?:me\s+)?({_COUNT})\b(?!\s*(?:years?|minutes?|hours?)\b)"),
    re.compile(rf"^\s*({_COUNT})\b(?!\s*(?:years?|minutes?|hours?)\b)"),
)  # fmt: skip
_LIKE = re.compile(
    r"\b(?:(?<!would )(?<!'d )(?<!\u2019d )like|similar to|reminds? me of|as good as|in the (?:style|spirit|vein) of|loved|liked|enjoyed|fan of|more of)\s+"
)
_NOT_LIKE = re.compile(r"\b(?:not|never|nothing|no|don[\u2019']?t|didn[\u2019']?t|do(?:es)? not)\s+(?:\w+\s+){0,2}$")
_ALL_BUT = re.compile(r"\b(?:anything|everything|all)\s+but\b")
_NO_MORE_THAN = re.compile(r"\b(?:no|not)\s+(?:more|less|fewer)\s+than\b")
_NEGATION = frozenset(
    [
        "no",
        "not",
        "without",
        "except",
        "nothing",
        "avoid",
        "never",
        "dont",
        "hate",
        "skip",
        "exclude",
        "excluding",
        "minus",
    ]
)
_CLAUSE_END = frozenset((".", ";", "!", "?", "but", ",", ":"))
_JOINS = frozenset(("and", "or", "nor", "&", "/"))
_HIDDEN = re.compile(
    r"\b(?:hidden gems?|less(?:er)?[- ](?:popular|known|famous|obvious|mainstream)|not (?:so |too |very )?(?:popular|mainstream|famous)|"
    r"obscure|underrated|under the radar|off the beaten (?:path|track)|overlooked|niche|little[- ]known|unpopular)\b"
)
_WELL_KNOWN = re.compile(
    r"\b(?:popular|well[- ]known|famous|mainstream|blockbusters?|crowd[- ]pleasers?|best[- ]?sellers?|hits)\b"
)
_TOKEN = re.compile(r"[\w'-]+|[.;!?,:&/]")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood of a request.

    Attributes:
        text: The request, white space collapsed.
        seeds: Internal ids of titles that more of is wanted.
        unknown: Titles that seem to be meant but are not in the catalogue.
        filter: Hard conditions.
        k: How many, if said.
    """

    text: str
    seeds: tuple[int, ...]
    unknown: tuple[str, ...]
    filter: ItemFilter
    k: int | None

    def without(self, items: Int32) -> Reading:
        """The same with some items ruled out as well."""
        if len(items) == 0:
            return self
        out = tuple(dict.fromkeys([*self.filter.excluded, *(int(item) for item in items)]))
        return replace(self, filter=replace(self.filter, excluded=out))

    def understood(self, catalog: Catalog) -> dict[str, object]:
        """The reading in plain words, only what was said; for people and for JSON."""
        f = self.filter
        said: dict[str, object] = {
            "like": [catalog.titles[i] for i in self.seeds],
            "not_like": [catalog.titles[i] for i in f.excluded],
            "not_found": list(self.unknown),
            "wanted": [" + ".join(sorted(group)) for group in f.wanted],
            "unwanted": sorted(f.unwanted),
            "years": [span_in_words(span) for span in f.years],
            "popularity": "" if f.popularity is Popularity.ANY else f.popularity.value,
            "k": self.k,
        }
        return {key: value for key, value in said.items() if value}


class RequestReader:
    """Reads requests against one catalogue."""

    def __init__(self, catalog: Catalog, titles: TitleIndex) -> None:
        self._titles = titles
        self._phrases = _category_phrases(catalog)
        self._longest = max((len(p) for p in self._phrases), default=0)

    def read(self, text: str) -> Reading:
        """Understand a request as far as rules go."""
        text = " ".join(text.split())
        seeds, rejected, unknown, rest = self._seeds(text)
        lowered = rest.lower().replace("\u2019", "'")
        lowered = _ALL_BUT.sub(" no ", _NO_MORE_THAN.sub(" ", lowered))
        years, lowered = read_years(lowered)
        popularity = Popularity.ANY
        if _HIDDEN.search(lowered):
            popularity = Popularity.HIDDEN
        elif _WELL_KNOWN.search(lowered):
            popularity = Popularity.WELL_KNOWN
        lowered = _WELL_KNOWN.sub(" ", _HIDDEN.sub(" ", lowered))
        wanted, unwanted = self._categories(lowered)
        condition = ItemFilter(wanted, unwanted, years, popularity, rejected)
        return Reading(text, seeds, unknown, condition, _how_many(lowered))

    def _seeds(self, text: str) -> tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...], str]:
        """Titles after "like" and the like, and titles in quotes; those after "not like"; and the text without them."""
        seeds: list[int] = []
        rejected: list[int] = []
        unknown: list[str] = []
        rest = text
        for quoted in re.findall(r"[\"\u201c]([^\"\u201d]{2,80})[\"\u201d]", text):
            found = self._titles.find(quoted)
            if found is None:
                unknown.append(quoted)
            else:
                seeds.append(found)
            rest = re.sub(rf"[\"\u201c]{re.escape(quoted)}[\"\u201d]", " ", rest)
        cue = _LIKE.search(rest.lower())
        while cue is not None:
            head, tail = rest[: cue.start()], rest[cue.end() :]
            found_ids, tail = self._titles_at(tail)
            if not found_ids and (
                name := re.match(r"(?:[A-Z][\w'.-]*)(?:\s+(?:[A-Z0-9][\w'.-]*|of|the|and|in|to))*", tail)
            ):
                unknown.append(name.group())
            (rejected if _NOT_LIKE.search(head.lower()) else seeds).extend(found_ids)
            rest, start = f"{head} {tail}", len(head) + 1
            cue = _LIKE.search(rest.lower(), start)
        return tuple(dict.fromkeys(seeds)), tuple(dict.fromkeys(rejected)), tuple(dict.fromkeys(unknown)), rest

    def _titles_at(self, tail: str) -> tuple[list[int], str]:
        """Titles in a row at the beginning of a text, joined by commas or "and"; and what follows them."""
        found: list[int] = []
        while True:
            spans = [m.span() for m in re.finditer(r"\S+", tail)][:14]
            words = [tail[a:b] for a, b in spans]
            match = self._titles.longest_prefix(words)
            if match is None or not _is_named(words[: match[1]], tail):
                return found, tail
            item, used = match
            found.append(item)
            end = spans[used - 1][1]
            comma = tail[:end].endswith(",")
            following = re.match(r"\s*(?:\((?:18|19|20)\d\d\))?\s*(,?\s*(?:and|or|&)\s+|,\s*)?", tail[end:])
            joined = comma or bool(following and following.group(1))
            tail = tail[end + (following.end() if following else 0) :]
            if not joined:
                return found, tail

    def _categories(self, text: str) -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
        """Categories wanted and not wanted: words next to each other are meant together, listed ones as a choice."""
        tokens = _TOKEN.findall(text.replace("don't", "dont").replace("do not", "dont"))
        groups: list[set[str]] = []
        unwanted: set[str] = set()
        negated, adjacent, i = False, False, 0
        while i < len(tokens):
            token = tokens[i]
            category, used = self._category_at(tokens, i)
            if category and negated:
                unwanted.add(category)
            elif category and adjacent:
                groups[-1].add(category)
            elif category:
                groups.append({category})
            adjacent = bool(category) and not negated
            if token in _NEGATION:
                negated = True
            elif token in _CLAUSE_END:
                negated = False
            elif not category and not negated and token not in _JOINS:
                adjacent = False
            i += max(used, 1)
        wanted = tuple(dict.fromkeys(frozenset(g - unwanted) for g in groups if g - unwanted))
        return wanted, frozenset(unwanted)

    def _category_at(self, tokens: list[str], i: int) -> tuple[str, int]:
        for length in range(min(self._longest, len(tokens) - i), 0, -1):
            if not all(_words(token) for token in tokens[i : i + length]):
                continue  # a comma or a full stop is a boundary, never part of a name
            phrase = tuple(word for token in tokens[i : i + length] for word in _words(token))
            if phrase in self._phrases:
                return self._phrases[phrase], length
        return "", 0


def _is_named(words: list[str], tail: str) -> bool:
    """A lone lower-case word is a title only if nothing but a boundary follows ("like alien", not "like dark comedies")."""
    if len(words) > 1 or words[0][0].isupper() or words[0][0].isdigit():
        return True
    after = tail[len(words[0]) :].lstrip()
    return (
        not after
        or bool(re.match(r"[,.;!?]|(?:and|or|but|from|with|without|only|please|set)\b", after))
        or words[0][-1] in ",.;!?"
    )


def _how_many(text: str) -> int | None:
    for pattern in _HOW_MANY:
        if found := pattern.search(text):
            word = found.group(1)
            number = 12 if word == "a dozen" else _NUMBERS.get(word) or int(word)
            return number if 1 <= number <= MAX_K else None
    return None


def _words(phrase: str) -> list[str]:
    """A phrase as singular lower-case words."""
    return [_singular(w) for w in re.findall(r"\w+", phrase.lower().replace("'", ""))]


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _category_phrases(catalog: Catalog) -> dict[tuple[str, ...], str]:
    """Every phrase that names a category, as singular words."""
    if not catalog.has_labels():
        return {}
    names = [label for label in catalog.axis("categories").labels if label != UNLABELLED]
    own = {tuple(_words(name)): name for name in names}
    text = (files("agent.chat") / "vocabulary.yaml").read_text(encoding="utf-8")
    others: dict[str, list[str]] = yaml.safe_load(text)
    phrases: dict[tuple[str, ...], str] = {}
    for key, synonyms in others.items():
        if (name := own.get(tuple(_words(key)))) is not None:
            for synonym in synonyms:
                phrases.setdefault(tuple(_words(synonym)), name)
    return {**phrases, **own}
