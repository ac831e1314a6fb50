"""Who asks: a history, weighted by what was asked for, and the proportions that follow from both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.chat.reading import Reading
from agent.rerank.targets import TargetConfig, targets, tempered
from retrieval.arrays import Bool, Float64, Int32
from retrieval.axes import Axis
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog, Histories

SEED_SHARE = 0.5
"""Titles named in a request ("like Alien") weigh together as much as this share of the whole history."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One user at the moment of one request.

    Attributes:
        liked: A batch of one: known likes and the seeds of the request, weighted.
        history: ``liked`` without items that have no vector: nobody liked them in training, and they say nothing.
        own: ``(n_own,)`` known likes; the rest are seeds.
        allowed: ``(n_items,)`` items that the request lets through; None if it sets no condition.
    """

    liked: Histories
    history: Histories
    own: Int32
    allowed: Bool | None

    @property
    def seeded(self) -> bool:
        """The request names titles that the list should be like."""
        return len(self.liked.items) > len(self.own)

    @property
    def cold(self) -> bool:
        """Nothing is known that the model could learn from: neither likes nor seeds."""
        return len(self.history.items) == 0


def make_profile(catalog: Catalog, own: Int32, reading: Reading, known: Bool, only: Bool | None = None) -> Profile:
    """Join what is known of a user with what a request says.

    Args:
        catalog: The items.
        own: Known likes.
        reading: The request.
        known: ``(n_items,)`` items that have a vector in a history.
        only: ``(n_items,)`` the candidates, where they are given.
    """
    seeds = np.array(reading.seeds, np.int32)
    total = float(len(own)) * SEED_SHARE / (1.0 - SEED_SHARE) if len(own) else float(len(seeds))
    weight = max(total / max(len(seeds), 1), 1.0)
    items = np.concatenate([own, seeds])
    weights = np.concatenate([np.ones(len(own)), np.full(len(seeds), weight)])
    allowed = None if reading.filter.empty else reading.filter.mask(catalog)
    if only is not None:
        allowed = only if allowed is None else allowed & only
    weights = weights.astype(np.float32)
    learned = known[items]
    liked, history = Histories.of([items], [weights]), Histories.of([items[learned]], [weights[learned]])
    return Profile(liked, history, own, allowed)


def category_target(
    catalog: Catalog, axis: Axis, profile: Profile, condition: ItemFilter, config: TargetConfig | None = None
) -> Float64:
    """``(1, G)`` proportions the slate should keep, from the history only (Steck 2018, eq. 2).

    Where the request wants categories, only the likes that have them speak for it, so that "comedies" asks for
    the user's own kind of comedy; if none does, and for a cold start, the likes of everyone for the items that
    are allowed do. Unwanted categories get nothing, but what else such a like stands for stays: "no horror" keeps the
    science fiction of Alien. If nothing at all is left the row is zeros.
    """
    config = config or TargetConfig()
    history = profile.liked
    weights = history.weights.astype(np.float64)
    if condition.wanted:
        weights = weights * ItemFilter(wanted=condition.wanted).mask(catalog)[history.items]
    everyone = everyones_shares(catalog, axis, profile.allowed)
    if weights.sum() > 0:
        chosen = Histories(history.indptr, history.items, weights.astype(np.float32))
        target = targets(chosen, axis.rows(history.items), everyone, config)
    else:
        target = tempered(everyone[None], config.gamma)
    unwanted = [g for g, label in enumerate(axis.labels) if label in condition.unwanted]
    target[:, unwanted] = 0.0
    mass = target.sum(axis=1, keepdims=True)
    return np.divide(target, mass, out=np.zeros_like(target), where=mass > 0)


def everyones_shares(catalog: Catalog, axis: Axis, allowed: Bool | None) -> Float64:
    """``(G,)`` shares of all likes for the items that are allowed; zeros if nobody liked any."""
    counts = catalog.counts.astype(np.float64)
    counts = counts if allowed is None else counts * allowed
    total = np.asarray(counts @ axis.share, np.float64).ravel()
    return total / max(total.sum(), 1e-12)
