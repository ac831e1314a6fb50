"""Items that say outright what is asked for stand first: "with Tom Hanks", "dry sherry"; what is only near in meaning follows.

To say nothing is no condition: an item that lacks the words may be what they mean all the same, so the others are still found
by meaning. Of a phrase of several words those that say most of it come first; a long one is searched for by its meaning alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retrieval.arrays import Bool, Float64, Int32
from retrieval.candidates import Retrieved
from retrieval.schema import Catalog
from retrieval.text_said import SaidWords

_MOST_WORDS = 8
_LEAST = 2  # words of a phrase that count as a part of it, if they are half of it
_MOST = 100  # items that are put first, the most liked of all
_GLOSS = " ("


class Outright:
    """Which items say a phrase with its own words.

    Args:
        catalog: The items.
        said: What they say.
    """

    def __init__(self, catalog: Catalog, said: SaidWords) -> None:
        self._counts = catalog.counts
        self._said = said

    def mask(self, phrase: str) -> Bool | None:
        """``(n_items,)`` which items say a phrase; None for one that is too long to be said."""
        masks = [self._said.mask([one]) for one in alternatives(phrase) if len(one.split()) <= _MOST_WORDS]
        return np.logical_or.reduce(masks) if masks else None

    def _share(self, phrase: str) -> Float64 | None:
        """``(n_items,)`` how much of a phrase the items say: 1 for all of it, nothing for too little."""
        whole = self.mask(phrase)
        if whole is None:
            return None
        parts = [np.where(whole, 1.0, 0.0)]
        for one in alternatives(phrase):
            words = one.split()
            said = np.sum([self._said.mask([word]) for word in words], axis=0)
            parts.append(np.where((said >= _LEAST) & (2 * said >= len(words)), said / (len(words) + 1), 0.0))
        return np.max(parts, axis=0)

    def first(self, phrases: Sequence[str], *, allowed: Bool | None, gone: Int32) -> Int32:
        """Items that say as much of some phrases as any item does, the most liked first.

        Args:
            phrases: What is asked for.
            allowed: ``(n_items,)`` items that may be there; None allows every one.
            gone: Items that may not.
        """
        parts = [part for phrase in phrases if (part := self._share(phrase)) is not None]
        if not parts:
            return np.empty(0, np.int32)
        saying = np.sum(parts, axis=0)
        saying[gone] = 0
        if allowed is not None:
            saying[~allowed] = 0
        most = saying.max()
        own = np.flatnonzero(saying >= most) if most > 0 else np.empty(0, np.int64)
        return own[np.argsort(-self._counts[own], kind="stable")][:_MOST].astype(np.int32)


def alternatives(phrase: str) -> list[str]:
    """What a phrase leaves to choose, in lower case: bread, sushi, of "bread or sushi"."""
    return [one for one in without_gloss(phrase).lower().split(" or ") if one]


def without_gloss(phrase: str) -> str:
    """What is searched for, without the categories in whose mood it is: sad, of "sad (Drama)"."""
    return phrase.split(_GLOSS, maxsplit=1)[0]


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
