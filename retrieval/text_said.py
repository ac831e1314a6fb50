"""Which items say a word: for conditions such as "no zombies", where to be near in meaning is not enough."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import polars as pl
from cachetools import LRUCache

from retrieval.arrays import Bool
from retrieval.schema import Catalog
from retrieval.text_pattern import denied_pattern, said_pattern
from retrieval.text_words import sentences

_KEPT = 256  # patterns whose items are remembered
_MOST = 0.5
_ENOUGH = 20  # items of which it can be told what most say


def words_said(catalog: Catalog) -> tuple[frozenset[str], frozenset[str]]:
    """Words that the items say, in lower case; and those that more than half of them say, which tell none from another.

    Of a handful of items the second is empty.
    """
    words = pl.DataFrame(
        {"word": pl.Series(sentences(catalog), dtype=pl.String).str.to_lowercase().str.extract_all(r"\p{L}+")}
    )
    counts = words.select(pl.col("word").list.unique()).explode("word").drop_nulls().group_by("word").len()
    most = counts.filter((pl.col("len") > _MOST * len(catalog)) & (len(catalog) >= _ENOUGH))
    return frozenset(counts["word"].to_list()), frozenset(most["word"].to_list())


class SaidWords:
    """The words of a catalogue's sentences.

    Args:
        catalog: The items; their sentences are made when the first word is looked for.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: LRUCache[str, Bool] = LRUCache(_KEPT)
        self._lock = threading.Lock()

    @cached_property
    def _sentences(self) -> pl.Series:
        return pl.Series(sentences(self._catalog), dtype=pl.String).str.to_lowercase()

    def mask(self, words: Sequence[str]) -> Bool:
        """``(n_items,)`` which items say one of some words, in the singular or the plural.

        Of several words in one phrase an item must say all: one after the other, if any item does so, as of a name. Who says
        "without perfume" does not say perfume.

        Args:
            words: Words or phrases in lower case.
        """
        found = np.zeros(len(self._catalog), bool)
        for phrase in words:
            own = self._saying(said_pattern(phrase)) & ~self._saying(denied_pattern(phrase))
            if not own.any() and len(parts := phrase.split()) > 1:
                own = np.logical_and.reduce([self._saying(said_pattern(part)) for part in parts])
            found |= own
        return found

    def _saying(self, pattern: str) -> Bool:
        with self._lock:
            kept = self._kept.get(pattern)
        if kept is None:
            kept = self._sentences.str.contains(pattern).to_numpy()
            with self._lock:
                self._kept[pattern] = kept
        return kept
