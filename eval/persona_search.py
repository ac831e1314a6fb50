"""What each persona of a user finds: exact search of the whole catalogue, ways to merge the lists, and what is proved by depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eval.largest import kth, largest
from retrieval.arrays import Bool, Float32, Float64, Int32, Int64
from retrieval.personas.encoder import PersonaEncoder
from retrieval.schema import NO_ITEM, Histories, Personas

RULES = ("max", "quota", "certificate", "served")
"""Ways to make one pool of n from K lists: see :func:`merged`."""

_CELLS = 20_000_000  # users x personas x items held at once


@dataclass(frozen=True, slots=True)
class Searched:
    """Everything about a chunk of users, dense.

    Attributes:
        start: First user of the chunk.
        personas: Their tastes.
        inner: ``(B, K, M)`` <u_k, v_j> + b_j, ``-inf`` for what is seen or was never trained on.
        scores: ``(B, M)`` by attention, the same masked.
    """

    start: int
    personas: Personas
    inner: Float32
    scores: Float32


def searched(encoder: PersonaEncoder, histories: Histories, touched: Bool) -> Iterator[Searched]:
    """Score every item for every persona, a chunk of users at a time.

    Args:
        encoder: Over the ``touched`` items only.
        histories: In ids of the whole catalogue; what stands in them is not found.
        touched: ``(n_items,)``.
    """
    place = (np.cumsum(touched) - 1).astype(np.int32)
    known = touched[histories.items]
    ends = np.concatenate([[0], np.cumsum(known)]).astype(np.int64)
    inside = Histories(ends[histories.indptr], place[histories.items[known]], histories.weights[known])
    heads, items = encoder.config.personas, encoder.n_items
    step = max(1, _CELLS // (heads * items))
    learned = encoder.weights
    for start in range(0, len(inside), step):
        part = inside.slice(start, min(start + step, len(inside)))
        personas = encoder.encode(part)
        inner = personas.vectors @ learned.items.T
        logits = encoder.config.attention_sharpness * (personas.themes @ learned.themes.T)
        logits += np.log(personas.weights + 1e-3)[:, :, None]
        logits -= logits.max(axis=1, keepdims=True)
        attention = np.exp(logits)
        scores = (attention * inner).sum(axis=1) / attention.sum(axis=1) + learned.bias
        inner += learned.bias
        inner.transpose(0, 2, 1)[part.owner, part.items] = -np.inf
        scores[part.owner, part.items] = -np.inf
        yield Searched(start, personas, inner, scores)


def merged(found: Searched, rule: str, n: int) -> Int32:
    """``(B, n)`` a pool of n candidates among the trained items, best by attention first; -1 pads.

    - max: the items of the largest max_k <u_k, v_j> (Cen et al. 2020);
    - quota: persona k brings its best pi_k n, largest remainders first, what another brought counts once;
    - certificate: searched as deep as it takes until no item outside can belong, which is the n best by attention;
    - served: the n best by attention in the union of the n best of each persona, as :class:`retrieval.candidates.Retriever`.

    Args:
        found: What the personas find.
        rule: Of :data:`RULES`.
        n: Size of the pool.
    """
    if rule == "max":
        chosen = largest(found.inner.max(axis=1), n)
    elif rule == "quota":
        chosen = _by_quota(found, n)
    elif rule == "certificate":
        chosen = largest(found.scores, n)
    else:
        within = (found.inner >= kth(found.inner, n)[:, :, None]).any(axis=1)
        chosen = largest(np.where(within, found.scores, -np.inf), n)
    by_attention = np.where(chosen < 0, -np.inf, np.take_along_axis(found.scores, np.maximum(chosen, 0), axis=1))
    return np.take_along_axis(chosen, np.argsort(-by_attention, axis=1, kind="stable"), axis=1)


def certified(found: Searched, depth: int, n: int) -> Bool:
    """``(B,)`` whether searching each persona to ``depth`` proves the n best by attention complete.

    It does if the n-th best of the union scores at least max_k (M-th score of persona k), because attention is convex.
    """
    least = kth(found.inner, depth)
    within = (found.inner >= least[:, :, None]).any(axis=1)
    last = kth(np.where(within, found.scores, -np.inf), n)
    return last >= least.max(axis=1) - 1e-5


def complete(found: Searched, depth: int, n: int) -> Float64:
    """``(B,)`` share of the n best by attention that stand in the union of the ``depth`` best of each persona."""
    least = kth(found.inner, depth)
    within = (found.inner >= least[:, :, None]).any(axis=1)
    best = largest(found.scores, n)
    held = np.take_along_axis(within, np.maximum(best, 0), axis=1) & (best >= 0)
    return held.sum(axis=1) / np.maximum((best >= 0).sum(axis=1), 1)


def quotas(weights: Float32, n: int) -> Int64:
    """``(B, K)`` whole numbers that sum to n, as near to n times the weights as largest remainders come (Hamilton)."""
    exact = weights.astype(np.float64) / weights.sum(axis=1, keepdims=True) * n
    floor = np.floor(exact).astype(np.int64)
    rest = n - floor.sum(axis=1)
    order = np.argsort(-(exact - floor), axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    return floor + (rank < rest[:, None])


def _by_quota(found: Searched, n: int) -> Int32:
    places, weights = quotas(found.personas.weights, n), found.personas.weights
    out = np.full((len(places), n), NO_ITEM, np.int32)
    for user, inner in enumerate(found.inner):
        left, at = inner.copy(), 0
        for k in np.argsort(-weights[user], kind="stable"):
            best = largest(left[k][None], int(places[user, k]))[0]
            best = best[best >= 0]
            out[user, at : at + len(best)] = best
            left[:, best] = -np.inf
            at += len(best)
    return out
