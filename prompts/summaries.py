"""Personas and proportions in words, from facts only: what the prompt says and what a person reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from retrieval.axes import UNLABELLED
from retrieval.schema import Catalog, Histories, Personas

MIN_SHARE = 0.05
"""Personas that hold less of the history than this are not worth a sentence."""


@dataclass(frozen=True, slots=True)
class PersonaSummary:
    """One taste of one user, in words.

    Attributes:
        index: Position k of the persona.
        number: How it is called, from 1.
        share: Its weight.
        categories: Up to three categories that set it apart, by share times lift.
        exemplars: Titles of the user's own items that belong to it most.
        own: Its items of the history, each with its place in it, oldest first; every item is one taste's.
    """

    index: int
    number: int
    share: float
    categories: tuple[str, ...]
    exemplars: tuple[str, ...]
    own: tuple[tuple[int, int], ...] = ()

    @property
    def percent(self) -> int:
        """Its weight as a whole percentage."""
        return round(100 * self.share)

    @property
    def name(self) -> str:
        """A short name: its categories, or its first exemplar where items carry none."""
        if self.categories:
            return " & ".join(self.categories[:2])
        return f"like {self.exemplars[0]}" if self.exemplars else f"taste {self.number}"


@dataclass(frozen=True, slots=True)
class Slot:
    """How many places of a slate a group should get, and its share as a whole percentage."""

    label: str
    count: int
    percent: int = 0


def summarise(
    catalog: Catalog, history: Histories, personas: Personas, exemplars: int = 3
) -> tuple[PersonaSummary, ...]:
    """Put the personas of one user (a batch of one) into words, the largest first."""
    items = history.items
    if not len(items):
        return ()
    membership = personas.membership * history.weights[:, None]
    order = np.argsort(-personas.weights[0], kind="stable")
    axis = catalog.axis("categories") if catalog.has_labels() else None
    rows = axis.rows(items) if axis is not None else np.zeros((len(items), 0), np.float32)
    overall = rows.mean(axis=0) + 1e-6
    owner = personas.membership.argmax(axis=1)
    out: list[PersonaSummary] = []
    for k in order:
        share = float(personas.weights[0, k])
        if share < MIN_SHARE:
            continue
        mine = membership[:, k]
        inside = mine @ rows / max(float(mine.sum()), 1e-9)
        # Share alone names every persona after the commonest category; lift alone after the rarest.
        scored = np.argsort(-(inside * np.sqrt(inside / overall)), kind="stable")
        labels: tuple[str, ...] = axis.labels if axis is not None else ()
        named = [labels[int(g)] for g in scored[:4] if inside[g] > 0.08]
        named = [label for label in named if label != UNLABELLED][:3]
        belongs = np.flatnonzero(owner == k) if (owner == k).any() else np.arange(len(items))
        best = belongs[np.argsort(-mine[belongs], kind="stable")][:exemplars]
        titles = tuple(catalog.titles[items[i]] for i in best)
        out.append(PersonaSummary(int(k), len(out) + 1, share, tuple(named), titles))
    return tuple(
        replace(summary, own=tuple((int(at), int(items[at])) for at in mine))
        for summary, mine in zip(out, _owned(personas, out), strict=True)
    )


def _owned(personas: Personas, told: list[PersonaSummary]) -> list[np.ndarray]:
    """Places of the history by the taste they belong to most, of those that are told of."""
    if not told:
        return []
    owner = personas.membership[:, [summary.index for summary in told]].argmax(axis=1)
    return [np.flatnonzero(owner == at) for at in range(len(told))]


def slot_counts(labels: tuple[str, ...], target: np.ndarray, k: int) -> tuple[Slot, ...]:
    """Whole places per group, summing to k, by the largest remainder; groups without a place are left out.

    Args:
        labels: G names.
        target: ``(G,)`` shares; all zeros gives no slots.
        k: Length of the slate.
    """
    if not target.sum() > 0:
        return ()
    shares = target / target.sum()
    exact = shares * k
    counts = np.floor(exact).astype(int)
    missing = k - int(counts.sum())
    counts[np.argsort(-(exact - counts), kind="stable")[:missing]] += 1
    order = np.argsort(-counts, kind="stable")
    return tuple(Slot(labels[g], int(counts[g]), round(100 * float(shares[g]))) for g in order if counts[g] > 0)
