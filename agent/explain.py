"""Why each item is there, from facts only: the taste it serves, and the item of the user's own that it is closest to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.profile import Profile
from prompts.summaries import PersonaSummary
from retrieval.arrays import Float32, Int32
from retrieval.candidates import Retrieved
from retrieval.schema import Catalog

_UNTOUCHED = "liked by nobody yet"


@dataclass(frozen=True, slots=True)
class Why:
    """Provenance of one item of a slate.

    Attributes:
        persona: The taste it serves most among those that were put into words, or None.
        share: How much of the user's attention to the item is this taste's, 0 to 1.
        evidence: The fact behind it.
    """

    persona: PersonaSummary | None
    share: float
    evidence: str

    @property
    def reason(self) -> str:
        """A sentence: the taste, and the fact."""
        if self.persona is None:
            return self.evidence
        return f"taste {self.persona.number} ({self.persona.name}): {self.evidence}"


def explain(
    catalog: Catalog,
    vectors: Float32,
    profile: Profile,
    retrieved: Retrieved,
    summaries: Sequence[PersonaSummary],
    positions: Int32,
) -> list[Why]:
    """Explain the candidates at some positions of one user's pool.

    Args:
        catalog: Titles and popularity.
        vectors: ``(n_items, d)`` item vectors, for closeness.
        profile: The user.
        retrieved: The first stage's answer for a batch of one.
        summaries: The user's tastes in words.
        positions: ``(m,)`` positions in the pool.
    """
    items = retrieved.candidates.items[0, positions]
    if not summaries:
        return [Why(None, 0.0, _renown(int(catalog.counts[item]))) for item in items]
    shares = retrieved.candidates.persona[0, positions][:, [p.index for p in summaries]]
    owner = shares.argmax(axis=1)
    mine = profile.history.items
    close = _unit(vectors[items]) @ _unit(vectors[mine]).T
    # The fact is one of the taste's own items; an item belongs to the taste that has most of it.
    belongs = retrieved.personas.membership.argmax(axis=1)
    out: list[Why] = []
    for row, best in enumerate(owner):
        persona = summaries[int(best)]
        own = belongs == persona.index
        nearest = int(mine[np.argmax(np.where(own, close[row], -np.inf) if own.any() else close[row])])
        link = "close to your" if nearest in profile.own else "like"
        new = "" if catalog.counts[items[row]] else f"{_UNTOUCHED}, by its words "
        out.append(Why(persona, float(shares[row, best]), f"{new}{link} {catalog.titles[nearest]}"))
    return out


def _renown(count: int) -> str:
    return f"popular: liked by {count:,} people" if count else f"{_UNTOUCHED}, found by its words"


def _unit(rows: Float32) -> Float32:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
