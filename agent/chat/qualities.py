"""Adjectives that the columns of numbers are named after: sweet, where there is a ``sweetness``; difficult, of ``difficulty``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from retrieval.facts import Within

_ENDINGS = {"iness": ("y",), "ness": ("",), "culty": ("cult",), "ity": ("", "e", "ic")}  # of nouns made of adjectives
_OF = {"height": "tall", "weight": "heavy", "width": "wide", "depth": "deep", "strength": "strong", "speed": "fast"}
_STEM = 3  # letters of an adjective before its ending
_TERCILE, _TOUCH = 1 / 3, 1e-9


def qualities_of(columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Columns by the adjectives and superlatives that the words in their names are made of.

    Args:
        columns: The words of each column's name.
    """
    return {said: name for name, words in columns.items() for word in words for said in _adjectives(word)}


def quality(values: pl.Series, *, much: bool) -> tuple[Within, ...]:
    """The items that are what an adjective says: the upper half of the column's range, at most a third of the items; or the rest.

    Args:
        values: The column.
        much: Whether they are to be so, or not to be.
    """
    known = values.drop_nulls().to_numpy().astype(np.float64)
    if not len(known) or known.min() == known.max():
        return ()
    middle, third = float(known.min() + known.max()) / 2, float(np.quantile(known, 1 - _TERCILE))
    return (Within(values.name, low=max(middle, third)) if much else Within(values.name, high=middle - _TOUCH),)


def _adjectives(noun: str) -> list[str]:
    if noun in _OF:
        return [_OF[noun], _superlative(_OF[noun])]
    for ending, others in _ENDINGS.items():
        if noun.endswith(ending) and len(noun) - len(ending) >= _STEM:
            own = [noun.removesuffix(ending) + other for other in others]
            return [*own, *map(_superlative, own)]
    return [f"{noun}ful"] if len(noun) > _STEM else []


def _superlative(adjective: str) -> str:
    return f"{adjective[:-1]}iest" if adjective.endswith("y") else f"{adjective.removesuffix('e')}est"
