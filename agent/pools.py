"""The pool of one request: candidates for every taste, along the axes of calibration, with the target and the limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.profile import Profile, category_target
from agent.rerank.limits import CountRule, make_limits
from agent.rerank.protocol import Pool
from agent.rerank.targets import TargetConfig, targets
from prompts.summaries import PersonaSummary
from retrieval.arrays import Bool, Float32, Int32
from retrieval.artifacts import Model
from retrieval.axes import joined, joined_labels, parse_axes
from retrieval.candidates import Retrieved
from retrieval.filters import ItemFilter
from retrieval.schema import NO_ITEM, Candidates, Histories

PERSONAS = "personas"
_SPARE = 5
"""Candidates beyond what "at least" asks for, so that there is a choice."""


class PoolMaker:
    """Makes pools along one axis or several.

    Args:
        model: Trained artefact.
        axis: ``auto`` (categories where there are any, else personas), a name, or names with weights; see
            :func:`retrieval.axes.parse_axes`.
        candidates: Size of a pool.
        target: How shares of a history become a target.

    Raises:
        NotFoundError: The catalogue has no such column.
        ConfigError: The axis cannot be read.
    """

    def __init__(self, model: Model, axis: str, candidates: int, target: TargetConfig) -> None:
        self.model = model
        self.candidates = candidates
        self.target = target
        if axis == "auto":
            axis = "categories" if model.catalog.has_labels() else PERSONAS
        self.axes = parse_axes(axis)
        self.name = axis
        for name in self.axes:
            if name != PERSONAS:
                model.catalog.axis(name)  # an unknown one is said at once

    def retrieve(
        self, profile: Profile, seen: Int32, k: int, rules: Sequence[CountRule] = (), include: Int32 | None = None
    ) -> Retrieved:
        """Candidates of one user, with those that the limits cannot do without."""
        n = max(self.candidates, k)
        capped = [self._carriers(rule) for rule in rules if rule.at_most is not None and rule.value is not None]
        banned = [self._carriers(rule) for rule in rules if rule.at_most == 0 and rule.value is not None]
        allowed = profile.allowed
        for carriers in banned:
            allowed = ~carriers if allowed is None else allowed & ~carriers
        retrieved = self._search(profile, seen, n, allowed)
        extra = [] if include is None else [include]
        if capped:  # enough that no cap touches, however long the slate
            free = ~np.logical_or.reduce(capped)
            extra.append(
                self._search(profile, seen, k, free if allowed is None else free & allowed).candidates.items[0]
            )
        for rule in rules:
            if rule.at_least:
                mask = self._carriers(rule)
                mask = mask if allowed is None else mask & allowed
                extra.append(self._search(profile, seen, rule.at_least + _SPARE, mask).candidates.items[0])
        return retrieved if not extra else self._extended(profile, retrieved, np.concatenate(extra))

    def pool(
        self,
        profile: Profile,
        retrieved: Retrieved,
        summaries: Sequence[PersonaSummary],
        condition: ItemFilter,
        rules: Sequence[CountRule] = (),
        include: Int32 | None = None,
    ) -> tuple[tuple[str, ...], Pool]:
        """Candidates along the axes, and the names of the groups."""
        catalog, candidates = self.model.catalog, retrieved.candidates
        names: list[tuple[str, tuple[str, ...]]] = []
        groups: list[Float32] = []
        target: list[np.ndarray] = []
        for name in self.axes:
            if name == PERSONAS:
                called = {p.index: f"taste {p.number}: {p.name}" for p in summaries}
                heads = candidates.persona.shape[2]
                names.append((name, tuple(called.get(i, f"(other taste {i + 1})") for i in range(heads))))
                groups.append(candidates.persona)
                even = np.zeros(heads) if profile.cold else np.full(heads, 1.0 / heads)
                target.append(targets(profile.history, retrieved.personas.membership, even, self.target))
            else:
                axis = catalog.axis(name)
                names.append((name, axis.labels))
                groups.append(axis.rows(candidates.items))
                target.append(category_target(catalog, axis, profile, condition, self.target))
        weights = list(self.axes.values())
        limits = make_limits(catalog, candidates.items, rules, np.empty(0, np.int32) if include is None else include)
        rows = np.asarray(joined(groups, weights), np.float32)
        return joined_labels(names), Pool(candidates.scores, rows, joined(target, weights), limits=limits)

    def _search(self, profile: Profile, seen: Int32, n: int, allowed: Bool | None) -> Retrieved:
        gone = np.concatenate([profile.liked.items, seen]).astype(np.int32)
        retrieved = self.model.retriever(profile.history, n, allowed=allowed, seen=Histories.of([gone]))
        if not profile.cold:
            return retrieved
        # Without a history the personas are blank; what most people like is the best guess there is.
        popular = popular_candidates(self.model, allowed, gone, n)
        return Retrieved(retrieved.personas, popular, np.ones(1, bool))

    def _carriers(self, rule: CountRule) -> Bool:
        axis = self.model.catalog.axis(rule.column)
        at = [axis.labels.index(group) for group in rule.groups(self.model.catalog)]
        return np.asarray(axis.share[:, at].sum(axis=1)).ravel() > 0

    def _extended(self, profile: Profile, retrieved: Retrieved, extra: Int32) -> Retrieved:
        known = retrieved.candidates
        fresh = np.unique(extra[(extra != NO_ITEM) & ~np.isin(extra, known.items[0])]).astype(np.int32)
        if len(fresh) == 0:
            return retrieved
        if profile.cold:
            scores, share = _popularity(self.model, fresh[None])
        else:
            scores, share = self.model.encoder.attend(retrieved.personas, fresh[None])
        items = np.concatenate([known.items, fresh[None]], axis=1)
        both = np.concatenate([known.scores, scores.astype(np.float32)], axis=1)
        persona = np.concatenate([known.persona, share.astype(np.float32)], axis=1)
        order = np.lexsort((items, -both), axis=1)
        candidates = Candidates(
            np.take_along_axis(items, order, axis=1),
            np.take_along_axis(both, order, axis=1),
            np.take_along_axis(persona, order[:, :, None], axis=1),
        )
        return Retrieved(retrieved.personas, candidates, retrieved.certified)


def popular_candidates(model: Model, allowed: Bool | None, seen: Int32, n: int) -> Candidates:
    """The n most liked items that are allowed and not seen, as a batch of one; scores are log counts."""
    counts = model.catalog.counts * (1 if allowed is None else allowed)
    counts[seen] = 0
    order = np.argsort(-counts, kind="stable")[:n].astype(np.int32)
    order = np.where(counts[order] > 0, order, NO_ITEM)[None].astype(np.int32)
    scores, share = _popularity(model, order)
    return Candidates(order, scores, share)


def _popularity(model: Model, items: Int32) -> tuple[Float32, Float32]:
    """Scores and persona shares of items for somebody of whom nothing is known."""
    held = items != NO_ITEM
    scores = np.where(held, np.log1p(model.catalog.counts[np.maximum(items, 0)]), -np.inf).astype(np.float32)
    heads = model.encoder.config.personas
    share = np.where(held[:, :, None], 1.0 / heads, 0.0) * np.ones(heads)
    return scores, share.astype(np.float32)
