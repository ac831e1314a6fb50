"""Which items say a word: for conditions such as "no zombies", where to be near in meaning is not enough."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import polars as pl

from retrieval.arrays import Bool
from retrieval.schema import Catalog
from retrieval.text_words import sentences

_SHORT = 4  # letters below which a word must stand as it is: "car" is not "care"


_MOST = 0.5
_ENOUGH = 20  # items of which it can be told what most say


def said_by_most(catalog: Catalog) -> frozenset[str]:
    """Words that more than half of the items say, in lower case: they tell none from another. Empty for a handful of items."""
    if len(catalog) < _ENOUGH:
        return frozenset()
    words = pl.DataFrame(
        {"word": pl.Series(sentences(catalog), dtype=pl.String).str.to_lowercase().str.extract_all(r"\p{L}+")}
    )
    counts = words.select(pl.col("word").list.unique()).explode("word").group_by("word").len()
    return frozenset(counts.filter(pl.col("len") > _MOST * len(catalog))["word"].drop_nulls().to_list())


class SaidWords:
    """The words of a catalogue's sentences.

    Args:
        catalog: The items; their sentences are made when the first word is looked for.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @cached_property
    def _sentences(self) -> pl.Series:
        return pl.Series(sentences(self._catalog), dtype=pl.String).str.to_lowercase()

    def mask(self, words: Sequence[str]) -> Bool:
        """``(n_items,)`` which items say one of some words, in the singular or the plural.

        Args:
            words: In lower case.
        """
        found = np.zeros(len(self._catalog), bool)
        for word in words:
            stem = word[:-1] if len(word) > _SHORT and word.endswith("s") and not word.endswith("ss") else word
            end = r"(?:s|es)?\b" if len(stem) <= _SHORT else ""
            found |= self._sentences.str.contains(rf"\b{re.escape(stem)}{end}").to_numpy()
        return found
