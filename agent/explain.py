"""Why each item is there, from facts only: an item of the user's own that it is close to, else a side of theirs, else how many like it.

Two items are close if they share a category (where both have any), and are closer than 95 of 100 that people like are to the
first, by the cosine of their vectors. On the bundled data pairs that are so have a free tag in common more than four times as often as any two,
those of the next twentieth below about twice as often, and those that share no category not more often (``pytest
tests/agent/test_explain.py``; no tag is seen in training).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.profile import Profile
from prompts.summaries import PersonaSummary
from retrieval.arrays import Bool, Float32, Int32, Int64
from retrieval.axes import UNLABELLED
from retrieval.candidates import Retrieved
from retrieval.schema import Catalog

CLOSE = 0.95
_SAMPLE = 2000  # likes that stand for all
_TIMES = 3  # that one fact is given in a list, while there is another
_SIDE = 0.05  # a smaller share of what somebody likes is no side of theirs
_UNTOUCHED = "liked by nobody yet"


@dataclass(frozen=True, slots=True)
class Why:
    """Provenance of one item of a slate.

    Attributes:
        persona: The taste it serves most among those that were put into words, or None.
        share: How much of the user's attention to the item is this taste's, 0 to 1.
        evidence: The fact behind it.
        linked: Whether the fact is an item of that taste.
    """

    persona: PersonaSummary | None
    share: float
    evidence: str
    linked: bool = False

    @property
    def reason(self) -> str:
        """A sentence: the fact, and the taste if it is one of the taste."""
        if self.persona is None or not self.linked:
            return self.evidence
        return f"taste {self.persona.number} ({self.persona.name}): {self.evidence}"


def explain(
    closeness: Closeness,
    profile: Profile,
    retrieved: Retrieved,
    summaries: Sequence[PersonaSummary],
    positions: Int32,
) -> list[Why]:
    """Explain the candidates at some positions of one user's pool; no fact is repeated often while another is true.

    Args:
        closeness: Of the items, with their catalogue.
        profile: The user.
        retrieved: The first stage's answer for a batch of one.
        summaries: The user's tastes in words.
        positions: ``(m,)`` positions in the pool.
    """
    catalog, items = closeness.catalog, retrieved.candidates.items[0, positions]
    if not summaries:
        many = _many(catalog.counts)
        facts = [("popular: " if count >= many else "") + _liked(count) for count in catalog.counts[items].tolist()]
        return [Why(None, 0.0, fact) for fact in facts]
    shares = retrieved.candidates.persona[0, positions][:, [p.index for p in summaries]]
    mine = profile.history.items
    cosine, near = closeness(items, mine)
    # The fact is one of the taste's own items; an item belongs to the taste that has most of it.
    belongs = retrieved.personas.membership.argmax(axis=1)
    sides = _sides(catalog, profile.own)
    given: Counter[str] = Counter()
    out: list[Why] = []
    for row, best in enumerate(shares.argmax(axis=1)):
        persona, count = summaries[int(best)], int(catalog.counts[items[row]])
        able = np.flatnonzero(near[row] & (belongs == persona.index))
        new = "" if count else f"{_UNTOUCHED}, by its words "
        links = [
            f"{new}{'close to your' if item in profile.own else 'like'} {catalog.titles[item]}"
            for item in mine[able[np.argsort(-cosine[row, able], kind="stable")]]
        ]
        kinds = sorted((name for name in catalog.categories[int(items[row])] if name in sides), key=lambda k: -sides[k])
        facts = [
            *links,
            *(f"for your {name} side, {sides[name]:.0%} of what you like" for name in kinds),
            _liked(count),
        ]
        fact = min(facts, key=lambda one: given[one] >= _TIMES)
        given[fact] += 1
        out.append(Why(persona, float(shares[row, best]), fact, linked=fact in links))
    return out


class Closeness:
    """Which items of a catalogue are close; see the head of this module. How near an item must be is worked out once for each item.

    Args:
        catalog: Categories and popularity.
        vectors: ``(n_items, d)``.
    """

    def __init__(self, catalog: Catalog, vectors: Float32) -> None:
        self.catalog = catalog
        self._vectors = vectors
        self._usual = _unit(vectors[_usual(catalog.counts)]).T
        self._least = np.full(len(vectors), np.nan)

    def __call__(self, items: Int32, others: Int32) -> tuple[Float32, Bool]:
        """Cosines of items with others, ``(m, n)``, and which of them are close.

        Args:
            items: ``(m,)``.
            others: ``(n,)``.
        """
        of = _unit(self._vectors[items])
        new = np.flatnonzero(np.isnan(self._least[items]))
        if len(new):
            self._least[items[new]] = np.quantile(of[new] @ self._usual, CLOSE, axis=1)
        cosine = of @ _unit(self._vectors[others]).T
        return cosine, (cosine > self._least[items, None]) & _of_a_kind(self.catalog, items, others)


def _of_a_kind(catalog: Catalog, items: Int32, others: Int32) -> Bool:
    """``(m, n)`` whether two items share a category, or one has none."""
    if not catalog.has_labels():
        return np.ones((len(items), len(others)), bool)
    axis = catalog.axis("categories")
    one, other = axis.rows(items), axis.rows(others)
    shared = one @ other.T > 0
    if UNLABELLED in axis.labels:
        bare = axis.labels.index(UNLABELLED)
        shared |= (one[:, [bare]] > 0) | (other[:, bare] > 0)
    return shared


def _sides(catalog: Catalog, own: Int32) -> dict[str, float]:
    """Categories that are a fair share of what somebody likes."""
    if not len(own) or not catalog.has_labels():
        return {}
    axis = catalog.axis("categories")
    shares = axis.rows(own).mean(axis=0)
    return {
        label: float(share)
        for label, share in zip(axis.labels, shares, strict=True)
        if share >= _SIDE and label != UNLABELLED
    }


def _usual(counts: Int64) -> Int32:
    """Items that stand for what people like: each as often as it is liked."""
    every = np.cumsum(counts)
    likes = np.linspace(0, every[-1], _SAMPLE, endpoint=False)
    return np.minimum(np.searchsorted(every, likes, side="right"), len(every) - 1).astype(np.int32)


def _many(counts: Int64) -> float:
    """From how many likes on an item is popular: as the items have that half of all likes go to, and above the mean.

    The mean is of items that anybody likes; where all are liked alike, none is popular.
    """
    liked = counts[counts > 0]
    if not len(liked):
        return np.inf
    return max(float(np.median(counts[_usual(counts)])), float(np.nextafter(liked.mean(), np.inf)))


def _liked(count: int) -> str:
    people = "person" if count == 1 else "people"
    return f"liked by {count:,} {people}" if count else f"{_UNTOUCHED}, found by its words"


def _unit(rows: Float32) -> Float32:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
