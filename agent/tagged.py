"""Items that carry a name among their tags stand first where that name is asked for: "with Tom Hanks".

Tags are no condition: an item without one may be what it says all the same. So those that carry it are put before the
others, which are still found by meaning.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from agent.chat.name_columns import CODES, name_columns
from agent.chat.negation import Scopes, Sense
from agent.chat.words import is_kind, singular_words
from retrieval.arrays import Bool, Int32
from retrieval.candidates import Retrieved
from retrieval.facts import OWN
from retrieval.schema import Catalog

_CUE = re.compile(r"(?:\b(?:with|starring|featuring|feat\.?|by|from|of|and|or)|,)\s+$")
_WORD = re.compile(r"[^\W_][\w'.-]*")
_LEAST, _MOST = 2, 4  # words of a name; one alone may be any word


class Tagged:
    """The names of several words among the tags of one catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        named = {column.name for column in name_columns(catalog.table)} | OWN
        self._carriers: dict[str, list[int]] = defaultdict(list)
        for column, dtype in catalog.table.schema.items():
            if dtype != pl.List(pl.String) or column in named or CODES & set(singular_words(column.replace("_", " "))):
                continue
            for item, tags in enumerate(catalog.table[column].to_list()):
                for tag in {str(tag).casefold().strip() for tag in tags or ()}:
                    if _LEAST <= len(tag.split()) <= _MOST:
                        self._carriers[tag].append(item)
        self._counts = catalog.counts

    def find(self, text: str) -> tuple[str, ...]:
        """Names that a request wants: after "with", "by" and the like, or before a word for items of any kind."""
        low = text.casefold()
        words, found, i = list(_WORD.finditer(low)), dict[str, None](), 0
        scopes = Scopes(low) if self._carriers else None
        while scopes is not None and i < len(words):
            used = next(
                (
                    n
                    for n in range(_MOST, _LEAST - 1, -1)
                    if self._meant(low, words[i : i + n], n, words[i + n : i + n + 1])
                ),
                0,
            )
            if used and scopes.at(words[i].start()) is Sense.WANTED:
                found[low[words[i].start() : words[i + used - 1].end()]] = None
            i += max(used, 1)
        return tuple(found)

    def first(self, names: Sequence[str], n: int, *, allowed: Bool | None, gone: Int32) -> Int32:
        """At most n items that carry one of some names, those with more of them and the most liked first.

        Args:
            names: As :meth:`find` gives them.
            n: Of the list.
            allowed: ``(n_items,)`` items that may be there; None allows every one.
            gone: Items that may not.
        """
        carried = [item for name in names for item in self._carriers.get(name, ())]
        out = set(gone.tolist())
        own = [i for i in dict.fromkeys(carried) if i not in out and (allowed is None or allowed[i])]
        own.sort(key=lambda i: (-carried.count(i), -self._counts[i], i))
        return np.array(own[:n], np.int32)

    def _meant(self, low: str, words: Sequence[re.Match[str]], n: int, after: Sequence[re.Match[str]]) -> bool:
        if len(words) < n or low[words[0].start() : words[-1].end()] not in self._carriers:
            return False
        return bool(_CUE.search(low[: words[0].start()])) or any(is_kind(word.group()) for word in after)


def put_first(retrieved: Retrieved, first: Int32) -> Retrieved:
    """Candidates of one user with some of them scored above all others, in the order among themselves that they had."""
    candidates = retrieved.candidates
    own = np.isin(candidates.items[0], first)
    if not own.any() or own.all():
        return retrieved
    scores = candidates.scores.copy()
    valid = np.isfinite(scores[0])
    lift = float(scores[0, valid].max() - scores[0, valid & own].min()) + float(np.ptp(scores[0, valid]))
    scores[0, own] += lift + 1e-3
    order = np.argsort(-scores[0], kind="stable")
    return replace(
        retrieved,
        candidates=replace(
            candidates,
            items=candidates.items[:, order],
            scores=scores[:, order],
            persona=candidates.persona[:, order],
        ),
    )
