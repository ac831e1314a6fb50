"""Have the personas collapsed, how deep must each be searched, and what does a pool made from their lists hold?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agent.rerank.calibration import target_shares
from agent.rerank.protocol import Pool
from eval.metrics import calibration_floor, hits, recall_ceiling
from eval.minority import smallest_present
from eval.persona_search import RULES, Searched, certified, complete, merged, searched
from eval.retrieve_ground import Ground
from retrieval.arrays import Float64, Int32
from retrieval.axes import Axis
from retrieval.personas.encoder import PersonaEncoder

DEPTHS = (20, 50, 100, 150, 200, 400)
PROVED = (10, 20, 100)
"""Lengths of list that a certificate is asked for."""

_SLATE = 10


@dataclass(frozen=True, slots=True)
class Collapse:
    """Signs that several personas have become one (Xie et al. 2023, REMI, call it routing collapse).

    Attributes:
        effective: ``(B,)`` exp(H(pi)), between 1 and K.
        vectors: ``(B,)`` mean cosine of two persona vectors; NaN with one persona.
        themes: ``(B,)`` the same of their themes, which say what each is about.
        weights: ``(B, K)`` pi, largest first.
        won: ``(B, K)`` share of the list that the persona of that weight attends to most.
    """

    effective: Float64
    vectors: Float64
    themes: Float64
    weights: Float64
    won: Float64


@dataclass(frozen=True, slots=True)
class Depths:
    """Searching each persona to a depth.

    Attributes:
        depths: Items per persona.
        certified: ``(depths, PROVED)`` share of users whose list is proved to be complete.
        complete: ``(depths, PROVED)`` mean share of that list that is found, proved or not.
    """

    depths: tuple[int, ...]
    certified: Float64
    complete: Float64


@dataclass(frozen=True, slots=True)
class Merged:
    """A pool of candidates.

    Attributes:
        recall: ``(B,)`` largest recall that any order of the pool can have.
        floor: ``(B,)`` smallest C_KL@10 of any slate of it.
        smallest: ``(B,)`` whether the smallest minority taste has a candidate.
    """

    recall: Float64
    floor: Float64
    smallest: Float64


@dataclass(frozen=True, slots=True)
class Merging:
    """Pools of one size by every rule.

    Attributes:
        budget: Candidates in each.
        pools: By encoder and rule; of one vector there is one.
    """

    budget: int
    pools: dict[tuple[str, str], Merged]


def collapse(encoder: PersonaEncoder, ground: Ground, n: int) -> Collapse:
    """Diagnostics over the test users.

    Args:
        encoder: Over the touched items.
        ground: Split data.
        n: Length of the list that personas win places in.
    """
    parts: list[tuple[Float64, ...]] = []
    for found in searched(encoder, ground.split.test.fold_in, ground.touched):
        people = found.personas
        weights = people.weights.astype(np.float64)
        best = merged(found, "certificate", n)
        _, attention = encoder.attend(people, np.maximum(best, 0).astype(np.int32))
        winner = attention.argmax(axis=2)
        order = np.argsort(-weights, axis=1, kind="stable")
        won = np.stack([((winner == k) & (best >= 0)).mean(axis=1) for k in range(weights.shape[1])], axis=1)
        effective = np.exp(-(weights * np.log(np.maximum(weights, 1e-12))).sum(axis=1))
        parts.append((
            effective, _cosines(people.vectors), _cosines(people.themes),
            np.take_along_axis(weights, order, axis=1), np.take_along_axis(won, order, axis=1),
        ))  # fmt: skip
    return Collapse(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def depths(encoder: PersonaEncoder, ground: Ground) -> Depths:
    """How often the certificate holds, by depth, and how much is found without it."""
    within = tuple(d for d in DEPTHS if d < encoder.n_items) or (encoder.n_items,)
    proved, there = [], []
    for found in searched(encoder, ground.split.test.fold_in, ground.touched):
        proved.append(np.array([[certified(found, d, n) for n in PROVED] for d in within], np.float64))
        there.append(np.array([[complete(found, d, n) for n in PROVED] for d in within]))
    return Depths(within, np.concatenate(proved, axis=2).mean(axis=2), np.concatenate(there, axis=2).mean(axis=2))


def merging(encoders: Mapping[str, PersonaEncoder], ground: Ground, axis: Axis, budget: int) -> Merging:
    """Pools of ``budget`` candidates of the test users by every rule of :data:`eval.persona_search.RULES`.

    Args:
        encoders: By name; all rules are one for an encoder of one persona.
        ground: Split data.
        axis: What the floor is of.
        budget: Candidates.
    """
    pools: dict[tuple[str, str], Merged] = {}
    for name, encoder in encoders.items():
        rules = RULES if encoder.config.personas > 1 else RULES[:1]
        parts: dict[str, list[tuple[Float64, ...]]] = {rule: [] for rule in rules}
        for found in searched(encoder, ground.split.test.fold_in, ground.touched):
            for rule in rules:
                parts[rule].append(_judged(found, merged(found, rule, budget), ground, axis))
        pools |= {
            (name, rule): Merged(*(np.concatenate(c) for c in zip(*rows, strict=True))) for rule, rows in parts.items()
        }
    return Merging(budget, pools)


def _judged(found: Searched, chosen: Int32, ground: Ground, axis: Axis) -> tuple[Float64, ...]:
    """Ceiling, floor and presence of the pools of a chunk of users."""
    test, budget = ground.split.test, chosen.shape[1]
    users = slice(found.start, found.start + len(chosen))
    fold_in, hidden = (rows.slice(users.start, users.stop) for rows in (test.fold_in, test.hidden))
    items = np.where(chosen < 0, -1, np.flatnonzero(ground.touched)[np.maximum(chosen, 0)]).astype(np.int32)
    target = target_shares(fold_in, axis.rows(fold_in.items))
    relevance = np.where(chosen < 0, -np.inf, np.take_along_axis(found.scores, np.maximum(chosen, 0), axis=1))
    pool = Pool(relevance.astype(np.float32), axis.rows(items), target)
    hit = hits(items, hidden, len(ground.touched))
    return (
        recall_ceiling(hit, hidden.lengths, budget),
        calibration_floor(pool, _SLATE),
        smallest_present(items, axis, target),
    )


def _cosines(vectors: np.ndarray) -> Float64:
    """``(B,)`` mean cosine over the pairs of K vectors."""
    heads = vectors.shape[1]
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), 1e-12)
    total = (unit.sum(axis=1) ** 2).sum(axis=1) - (unit**2).sum(axis=(1, 2))
    pairs = heads * (heads - 1)
    return (total / pairs if pairs else np.full(len(vectors), np.nan)).astype(np.float64)
