"""Columns of yes and no in a request: "vegan ones", "not organic", "in stock", "with breakfast", "pets welcome"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from agent.chat.categories import CategoryWords
from agent.chat.name_columns import CODES
from agent.chat.words import is_function_word, is_kind, singular_words
from retrieval.facts import OWN, TRUE, TRUTH, OneOf, Within
from retrieval.schema import Catalog

_VERBS = frozenset(("is", "has", "are", "can"))
_SAYS_YES = frozenset(("included", "include", "allowed", "allow", "available", "friendly", "permitted", "accepted", "welcome", "provided", "offered", "possible", "needed", "required", "necessary"))  # fmt: skip
_YES = rf"(?:{'|'.join(sorted(_SAYS_YES))}|ok(?:ay)?|free of charge)"
_HAVING = r"(?:with|without|no|any|have|has|having|got|get|need|want|and|or|nor|plus|&)"
_DOING = r"(?:includ(?:e|es|ed|ing)|allow(?:s|ed|ing)?|accept(?:s|ed|ing)?|offer(?:s|ed|ing)?|serv(?:e|es|ed|ing)|bring(?:ing)?|tak(?:e|ing)|welcomes?)"
_BY_ONESELF = ["self", "assembly"]
_PAIR = 2
_SAME = {"award": ("prize",), "prize": ("award",)}
_DOER = re.compile(r"([a-z]{3,})(?:er|or)")  # "winner", "owner"
_ARTICLE = r"(?:(?:a|an|the|any|free|my|our) )*"
_ALSO = {"pet": ("dog", "cat", "animal"), "pool": ("swimming pool",), "wifi": ("wi-fi", "internet"), "kid": ("child", "children"), "child": ("kid", "children")}  # fmt: skip

_STOCK = frozenset(
    ("stock", "available", "availability", "inventory")
)  # a column of numbers called so counts what is there
_IN_STOCK = re.compile(
    r"(?<![\w-])(?:(?P<non>(?:out of|not in) )stock|(?:in|on) stock|available(?: (?:now|right now|today))?)(?![\w'-])"
)


@dataclass(frozen=True, slots=True)
class TruthMention:
    """One place that names such a column.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        fact: What it asks where nothing denies it.
        denied: Whether the word itself does: "non-alcoholic".
    """

    start: int
    end: int
    fact: OneOf | Within
    denied: bool


class TruthWords:
    """Finds the columns of one catalogue that hold yes and no by their names."""

    def __init__(self, catalog: Catalog, categories: CategoryWords) -> None:
        self.words: frozenset[str] = frozenset()
        """Words of one-word columns of yes and no."""
        self._asked: list[tuple[re.Pattern[str], OneOf | Within]] = []
        for name in catalog.table.columns:
            words = singular_words(re.sub(r"(?<=[a-z])(?=[A-Z])|[_\W]", " ", name))
            said = words[1:] if words[:1] and words[0] in _VERBS else words
            values = catalog.table[name]
            fact = None if name in OWN or CODES & set(words) else _fact(values)
            if values.dtype.is_numeric() and name not in OWN and _STOCK & set(words):
                self._asked.append((_IN_STOCK, Within(name, low=1)))
            nameless = all(is_function_word(w) or is_kind(w) for w in said) or categories.named_in(said)
            if fact is not None and not nameless:
                self._asked.append((re.compile(_pattern(said)), fact))
                if len(said) == _PAIR and said[1] == "free":  # "no fragrance" is fragrance free
                    self._asked.append(
                        (
                            re.compile(
                                rf"(?<![\w-])(?:no|without|not any|free (?:of|from))(?: any| added)? {_form(said[0])}(?![\w'-])"
                            ),
                            fact,
                        )
                    )
                self.words |= frozenset(said[:1] if len(said) == 1 else ())

    def find(self, rest: str) -> list[TruthMention]:
        """Every place of a folded request that names a column of yes and no."""
        mentions: list[TruthMention] = []
        for pattern, fact in self._asked:
            for found in pattern.finditer(rest):
                group = next((g for g in ("own", "had", "done") if found.groupdict().get(g)), 0)
                mentions.append(TruthMention(*found.span(group), fact, denied=found.groupdict().get("non") is not None))
        return sorted(mentions, key=lambda mention: mention.start)


def _pattern(said: list[str]) -> str:
    """The name of a column as a phrase. Where a part of it only says yes, the rest does beside words that say so too."""
    whole = r"(?P<non>non[- ])?" + _phrase(said)
    bare = said[1:] if said == _BY_ONESELF else said  # furniture: "no assembly needed"
    core = [word for word in bare if word not in _SAYS_YES]
    if not core or len(core) == len(said) or all(is_function_word(word) for word in core):
        return rf"(?<![\w-])(?:{whole})(?![\w'-])"
    others = [
        _phrase(core),
        *(_phrase(other.split()) for word in core[:1] if len(core) == 1 for other in _ALSO.get(word, ())),
    ]
    names = "|".join(others)
    had = rf"{_HAVING} {_ARTICLE}(?P<had>(?:{names})(?:[ -](?:{_YES}))?)|(?P<done>{_DOING} {_ARTICLE}(?:{names}))"
    own = rf"(?P<own>(?:(?:my|our|the) )?(?:{names})(?:[ -]| (?:is|are) )(?:{_YES}|comes? along|coming along))"
    return rf"(?<![\w-])(?:{whole}|{own}|{had})(?![\w'-])"


def _phrase(words: Sequence[str]) -> str:
    return r"[ -]?".join(map(_form, words))


def _form(word: str) -> str:
    """A word in what it may become beside another: "copies" of ``signed_copy``, "winning" and "prize" of ``award_winner``."""
    if doing := _DOER.fullmatch(word):
        return rf"{re.escape(doing[1])}(?:ers?|ors?|ing|ed)"
    if word.endswith("y"):
        return rf"{re.escape(word[:-1])}(?:ys?|ies)"
    return "|".join(rf"(?:{re.escape(one)})s?" for one in (word, *_SAME.get(word, ()))).join(("(?:", ")"))


def _fact(values: pl.Series) -> OneOf | Within | None:
    """That a column says yes; None if it does not hold yes and no, or one of them alone."""
    known = values.drop_nulls().unique()
    if values.dtype.is_integer():
        return Within(values.name, low=1, high=1) if set(known.to_list()) == {0, 1} else None
    if not isinstance(values.dtype, pl.Boolean | pl.String):
        return None
    said = [str(value) for value in known.cast(pl.String).to_list() if str(value).strip()]
    yes = tuple(sorted(value for value in said if value.strip().lower() in TRUE))
    both = 0 < len(yes) < len(said) and TRUTH.issuperset(value.strip().lower() for value in said)
    return OneOf((values.name,), yes) if both else None
