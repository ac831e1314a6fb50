"""Words and personas in one list: what was searched for joins what each taste found.

Over the union U of a user's candidates and of the hits for their words, with s_i the score by the personas, t_i the
cosine with the words, and mean and standard deviation taken over U:

    z(x)_i = (x_i - mean x) / std x
    f_i    = mean s + std s * ( (1 - w) z(s)_i + w z(t)_i )

f stays on the scale of the personas' scores and is s itself at w = 0; at w = 1 the order is that of the cosines. Where
all scores of a user are alike, 1 stands for std s.
Linear fusion of standardised scores, as in Fox and Shaw, TREC-2, 1994.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from retrieval.arrays import Float32, Int32
from retrieval.schema import NO_ITEM, Candidates
from retrieval.text import TextHits, TextIndex

Scorer = Callable[[Int32], tuple[Float32, Float32]]
"""Scores ``(B, n)`` and persona shares ``(B, n, K)`` of ``(B, n)`` items: ``PersonaEncoder.attend`` over given personas."""

_DECIMALS = 5  # closer scores are ties, which go to the lower id: one query alone and in a batch differ by about 2e-7


def fuse(
    known: Candidates, hits: TextHits, weight: float, *, score: Scorer, index: TextIndex, n: int | None = None
) -> Candidates:
    """Merge hits for words into candidates, batch first and deterministic.

    Args:
        known: ``(B, m)`` candidates of the personas.
        hits: Found for the words of the same B users; what was seen or is not allowed must be left out of both.
        weight: w, from 0 (only the personas) to 1 (only the words).
        score: Scores the hits that no persona found, and gives each its personas.
        index: Where the hits were found; it knows the cosines of the personas' own candidates.
        n: Candidates to keep; all of the union if None.

    Raises:
        ValueError: The batches differ, or w is outside 0 to 1.
    """
    if len(known.items) != len(hits.items):
        raise ValueError(f"{len(known.items)} users have candidates, {len(hits.items)} have hits")
    if not 0.0 <= weight <= 1.0:
        raise ValueError(f"weight must lie between 0 and 1, not {weight}")
    twice = (hits.items[:, :, None] == known.items[:, None, :]).any(axis=2)
    fresh = np.where(twice, NO_ITEM, hits.items).astype(np.int32)
    scored, share = score(np.maximum(fresh, 0))
    items = np.concatenate([known.items, fresh], axis=1)
    valid = items != NO_ITEM
    scores = np.concatenate([known.scores, scored], axis=1).astype(np.float64)
    persona = np.concatenate([known.persona, np.where((fresh == NO_ITEM)[:, :, None], 0.0, share)], axis=1)
    words = index.cosines(hits.queries, np.maximum(items, 0)).astype(np.float64)
    centred, mean, spread = _standardised(scores, valid)
    about, _, _ = _standardised(words, valid)
    fused = mean + np.where(spread > 0, spread, 1.0) * ((1.0 - weight) * centred + weight * about)
    fused = np.where(valid, np.round(fused, _DECIMALS), -np.inf)
    order = np.lexsort((items, -fused), axis=1)[:, :n]
    return Candidates(
        np.take_along_axis(items, order, axis=1),
        np.take_along_axis(fused, order, axis=1).astype(np.float32),
        np.take_along_axis(persona, order[:, :, None], axis=1).astype(np.float32),
    )


def _standardised(values: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Z over the valid entries of each row, with their mean and standard deviation ``(B, 1)``."""
    size = np.maximum(valid.sum(axis=1, keepdims=True), 1)
    held = np.where(valid, values, 0.0)
    mean = held.sum(axis=1, keepdims=True) / size
    off = np.where(valid, held - mean, 0.0)
    spread = np.sqrt((off**2).sum(axis=1, keepdims=True) / size)
    return off / np.maximum(spread, 1e-12), mean, spread
