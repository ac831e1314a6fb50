"""Words that a catalogue's items say only where they have them as a value: "diesel", where nobody writes of diesel but in the fuel."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from cachetools import LRUCache

from retrieval.facts import OneOf, Says
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog

_STRAY = 0.05  # of the items that say a word may have it elsewhere
_MOST = 0.5  # of the items: what more than half of them have tells little, and is said of other things as well
_KEPT = 256


class OnlyWords:
    """Tells such words of one catalogue, each when it is first asked for."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: LRUCache[str, bool] = LRUCache(_KEPT)
        self._lock = threading.Lock()

    def __call__(self, word: str, held: Mapping[str, AbstractSet[str]]) -> bool:
        """Whether nearly all items that say a word have it as a value.

        Args:
            word: The word.
            held: By column, the values that are called so.
        """
        with self._lock:
            known = self._kept.get(word)
        if known is None:
            known = self._only(word, held)
            with self._lock:
                self._kept[word] = known
        return known

    def _only(self, word: str, held: Mapping[str, AbstractSet[str]]) -> bool:
        values = tuple(sorted({value for own in held.values() for value in own}))
        having = ItemFilter(facts=(OneOf(tuple(sorted(held)), values),)).mask(self._catalog)
        saying = ItemFilter(facts=(Says(word),)).mask(self._catalog)
        stray = int((saying & ~having).sum())
        return stray <= _STRAY * max(int(saying.sum()), 1) and int(having.sum()) <= _MOST * len(self._catalog)
