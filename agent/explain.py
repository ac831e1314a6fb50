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


@dataclass(frozen=True, slots=True)
class Why:
    """Provenance of one item of a slate.

    Attributes:
        persona: The taste it serves most among those that were put into words, or None.
        share: How much of the user's attention to the item is this taste's, 0 to 1.
        reason: A sentence.
    """

    persona: PersonaSummary | None
    share: float
    reason: str


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
        return [Why(None, 0.0, f"popular: liked by {catalog.counts[item]:,} people") for item in items]
    shares = retrieved.candidates.persona[0, positions][:, [p.index for p in summaries]]
    owner = shares.argmax(axis=1)
    mine = profile.history.items
    close = _unit(vectors[items]) @ _unit(vectors[mine]).T
    out: list[Why] = []
    for row, best in enumerate(owner):
        persona = summaries[int(best)]
        nearest = int(mine[np.argmax(close[row] * retrieved.personas.membership[:, persona.index])])
        link = "close to your" if nearest in profile.own else "like"
        reason = f"taste {persona.number} ({persona.name}): {link} {catalog.titles[nearest]}"
        out.append(Why(persona, float(shares[row, best]), reason))
    return out


def _unit(rows: Float32) -> Float32:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
