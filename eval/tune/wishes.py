"""Requests made of what people liked: words from the columns that the data have, short histories, items that few have touched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from agent.llm.earned import SHORT
from eval.tune.config import Kind
from retrieval.arrays import Bool, Int32
from retrieval.schema import Catalog

_SAME = 3
"""Items that must say a thing before it is asked for: a number that only one item has is no wish."""

_COLD = 5
"""Likes in training up to which an item counts as touched by few."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One request of one user.

    Attributes:
        kind: Of the request.
        words: What is asked for, empty for nothing.
        likes: Internal ids that are known of the user, oldest first.
        truth: Internal ids that are to be found.
        whole: Internal ids of all that a teacher may know: the history without what is hidden.
    """

    kind: Kind
    words: str
    likes: Int32
    truth: Int32
    whole: Int32


class WishMaker:
    """Makes requests against one catalogue.

    Args:
        catalog: The items, with ``count`` as training saw them.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def make(self, kind: Kind, shown: Int32, hidden: Int32, draw: np.random.Generator) -> Wish | None:
        """A request of a kind, or None where this user cannot make one.

        Args:
            kind: What kind.
            shown: History of the user, oldest first.
            hidden: What the user liked beside it.
            draw: Source of all chance.
        """
        likes, truth, words = shown, hidden, ""
        if kind == "short" or (kind == "words" and draw.random() < 0.5):
            likes = shown[-int(draw.integers(1, SHORT + 1)) :]
            truth = np.concatenate([hidden, shown[: len(shown) - len(likes)]]).astype(np.int32)
        if kind == "words":
            words, truth = self._in_words(truth, draw)
        if not len(likes) or not len(truth) or (kind == "words" and not words):
            return None
        if kind == "cold" and not self.cold[truth].any():
            return None
        return Wish(kind, words, likes, truth, shown)

    @cached_property
    def cold(self) -> Bool:
        """``(n_items,)`` items that somebody liked in training, but few did."""
        counts = self._catalog.counts
        return (counts > 0) & (counts <= _COLD)

    @cached_property
    def _facts(self) -> list[list[tuple[str, str]]]:
        """What every item says, as pairs of column and value, as far as several items say it."""
        table = self._catalog.table
        columns = [
            name
            for name, kind in table.schema.items()
            if kind in {pl.String, pl.List(pl.String)} and name not in {"item_id", "title"}
        ]
        said: list[list[tuple[str, str]]] = [[] for _ in range(table.height)]
        for name in columns:
            for facts, value in zip(said, table[name].to_list(), strict=True):
                facts.extend((name, one) for one in ([value] if isinstance(value, str) else value or []))
        for facts, year in zip(said, self._catalog.years, strict=True):
            if year is not None:
                facts.append(("year", f"{year // 10 * 10}s"))
        pairs = pl.Series([f"{name}\0{value}" for facts in said for name, value in facts], dtype=pl.String)
        often = {text for text, n in pairs.value_counts().iter_rows() if n >= _SAME}
        return [[(c, v) for c, v in dict.fromkeys(facts) if f"{c}\0{v}" in often] for facts in said]

    def _in_words(self, truth: Int32, draw: np.random.Generator) -> tuple[str, Int32]:
        """One or two facts of something that is to be found, in words, and all that is to be found and has them."""
        described = [int(i) for i in truth if self._facts[i]]
        if not described:
            return "", truth[:0]
        facts = self._facts[int(draw.choice(described))]
        wanted = {facts[i] for i in draw.permutation(len(facts))[: int(draw.integers(1, 3))]}
        kept = np.array([i for i in truth if wanted <= set(self._facts[i])], np.int32)
        return _sentence(sorted(wanted)), kept


def _sentence(facts: list[tuple[str, str]]) -> str:
    said = "something"
    for column, value in facts:
        if column == "categories":
            said += f" {value}"
        elif column == "year":
            said += f" from the {value}"
        elif column == "tags":
            said += f" about {value}"
        else:
            said += f", {column.replace('_', ' ')} {value}"
    return said
