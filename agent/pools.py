"""The pool of one request: candidates for every taste, along the axes of calibration, with the target and the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from agent.meaning import Meaning, Scorer
from agent.profile import Profile, category_target
from agent.rerank.limits import CountRule, make_limits
from agent.rerank.protocol import Pool
from agent.rerank.targets import TargetConfig, targets
from agent.shift import found, grown
from prompts.summaries import PersonaSummary
from retrieval.arrays import Bool, Float32, Float64, Int32
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
        meaning: Searches for what no rule reads.

    Raises:
        NotFoundError: The catalogue has no such column.
        ConfigError: The axis cannot be read.
    """

    def __init__(self, model: Model, axis: str, candidates: int, target: TargetConfig, meaning: Meaning) -> None:
        self.model = model
        self._meaning = meaning
        self.candidates = candidates
        self.target = target
        if axis == "auto":
            axis = "categories" if model.catalog.has_labels() else PERSONAS
        self.axes = parse_axes(axis)
        self.name = axis
        for name in self.axes:
            if name != PERSONAS:
                model.catalog.axis(name)  # an unknown one is said at once

    def groups(self) -> dict[str, str]:
        """The groups along which shares can be shifted, with the column of each; personas go by "taste 1" and so on."""
        heads = tuple(f"taste {i + 1}" for i in range(self.model.encoder.config.personas))
        return {
            label: name
            for name in self.axes
            for label in (heads if name == PERSONAS else self.model.catalog.axis(name).labels)
        }

    def retrieve(
        self,
        profile: Profile,
        seen: Int32,
        k: int,
        rules: Sequence[CountRule] = (),
        include: Int32 | None = None,
        shift: Mapping[str, float] | None = None,
        about: str = "",
    ) -> Retrieved:
        """Candidates of one user, with those that the words ask for, and that the limits, or shares that are to grow, cannot do without."""
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
        for group in grown(shift or {}):
            mask = self._in_group(group)
            if mask is not None:
                mask = mask if allowed is None else mask & allowed
                extra.append(self._search(profile, seen, k, mask).candidates.items[0])
        if extra:
            retrieved = self._extended(profile, retrieved, np.concatenate(extra))
        score = self._scorer(profile, retrieved)
        return self._meaning.join(
            retrieved, about, score, gone=_gone(profile, seen), allowed=allowed, whole=bool(extra)
        )

    def pool(
        self,
        profile: Profile,
        retrieved: Retrieved,
        summaries: Sequence[PersonaSummary],
        condition: ItemFilter,
        rules: Sequence[CountRule] = (),
        include: Int32 | None = None,
        k: int = 0,
    ) -> tuple[tuple[str, ...], Pool]:
        """Candidates along the axes, and the names of the groups; k is the length of the list that is asked for."""
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
        if retrieved.worded and k:
            target = [_bent(t, g, candidates.scores, k, retrieved.worded) for t, g in zip(target, groups, strict=True)]
        limits = make_limits(catalog, candidates.items, rules, np.empty(0, np.int32) if include is None else include)
        rows = np.asarray(joined(groups, weights), np.float32)
        return joined_labels(names), Pool(candidates.scores, rows, joined(target, weights), limits=limits)

    def _search(self, profile: Profile, seen: Int32, n: int, allowed: Bool | None) -> Retrieved:
        gone = _gone(profile, seen)
        # "Something like Alien" asks for what is like it, not for what most of those who like it like.
        search = self.model.alike if profile.seeded else self.model.retriever
        retrieved = search(profile.history, n, allowed=allowed, seen=Histories.of([gone]))
        if not profile.cold:
            return retrieved
        # Without a history the personas are blank; what most people like is the best guess there is.
        popular = popular_candidates(self.model, allowed, gone, n)
        return Retrieved(retrieved.personas, popular, np.ones(1, bool))

    def _in_group(self, group: str) -> Bool | None:
        """``(n_items,)`` items of a group of the axes; None along personas, which bring their own candidates."""
        for name in self.axes:
            if name != PERSONAS:
                axis = self.model.catalog.axis(name)
                if (at := found(axis.labels, group, name)) is not None:
                    return np.asarray(axis.share[:, [at]].sum(axis=1)).ravel() > 0
        return None

    def _carriers(self, rule: CountRule) -> Bool:
        axis = self.model.catalog.axis(rule.column)
        at = [axis.labels.index(group) for group in rule.groups(self.model.catalog)]
        return np.asarray(axis.share[:, at].sum(axis=1)).ravel() > 0

    def _scorer(self, profile: Profile, retrieved: Retrieved) -> Scorer:
        if profile.cold:
            return partial(_popularity, self.model)
        return partial(self.model.encoder.attend, retrieved.personas)

    def _extended(self, profile: Profile, retrieved: Retrieved, extra: Int32) -> Retrieved:
        known = retrieved.candidates
        fresh = np.unique(extra[(extra != NO_ITEM) & ~np.isin(extra, known.items[0])]).astype(np.int32)
        if len(fresh) == 0:
            return retrieved
        scores, share = self._scorer(profile, retrieved)(fresh[None])
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


def _gone(profile: Profile, seen: Int32) -> Int32:
    return np.concatenate([profile.liked.items, seen]).astype(np.int32)


def _bent(target: Float64, groups: Float32, scores: Float32, k: int, weight: float) -> Float64:
    """A target ``(1, G)`` that words have moved: part of it is what the k candidates that fit best are like.

    ``p' = (1 - w) p + w q``, q the shares of those k: who asks for submarines asks for the categories of such films.
    """
    best = np.argsort(-scores[0], kind="stable")[:k]
    like = groups[0, best].astype(np.float64).sum(axis=0)[None]
    mass, total = target.sum(axis=1, keepdims=True), like.sum(axis=1, keepdims=True)
    shares = np.divide(like, total, out=np.array(target, np.float64), where=total > 0)
    return (1.0 - weight) * target + weight * np.where(mass > 0, mass, 1.0) * shares


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
