"""Candidates for every taste: one search per persona, the union, re-scored by attention, with provenance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrieval.arrays import Bool, Int32
from retrieval.index import ItemIndex
from retrieval.personas.encoder import PersonaEncoder
from retrieval.schema import NO_ITEM, Candidates, Histories, Personas

_DECIMALS = 5  # scores closer than this are ties: one query alone and in a batch differ by about 2e-7
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Everything the first stage knows of B users.

    Attributes:
        personas: Their tastes.
        candidates: The union of what each taste found, re-scored.
        certified: ``(B,)`` whether no item outside the union can score above the last candidate. The score of
            an item is a convex combination of its inner products with the K personas, so none that every
            persona ranked below depth M can beat the largest of the M-th scores.
        worded: Weight of a request's words in the scores, 0 to 1.
    """

    personas: Personas
    candidates: Candidates
    certified: Bool
    worded: float = 0.0


class Retriever:
    """Searches with each persona of a user and re-scores the union.

    Args:
        encoder: Makes personas, and scores items by attention over them.
        index: Item vectors, with the item bias as the last coordinate.
        depth: Items that each persona brings.
    """

    def __init__(self, encoder: PersonaEncoder, index: ItemIndex, depth: int = 100) -> None:
        self.encoder = encoder
        self.index = index
        self.depth = depth

    def __call__(
        self, histories: Histories, n: int = 100, *, allowed: Bool | None = None, seen: Histories | None = None
    ) -> Retrieved:
        """The n best candidates for each history.

        Args:
            histories: What the users liked; the personas are made of it.
            n: Candidates per user; rows are padded where fewer exist.
            allowed: ``(n_items,)`` what may be found at all.
            seen: What is left out for each user; the histories themselves if None.
        """
        seen = histories if seen is None else seen
        steps = range(0, max(len(histories), 1), _CHUNK)  # an empty batch is one empty chunk
        chunks = [(histories.slice(a, b), seen.slice(a, b)) for a in steps for b in [min(a + _CHUNK, len(histories))]]
        parts = [self._chunk(history, gone, n, allowed) for history, gone in chunks]
        return _joined(parts)

    def _chunk(self, histories: Histories, seen: Histories, n: int, allowed: Bool | None) -> Retrieved:
        personas = self.encoder.encode(histories)
        users, heads, _ = personas.vectors.shape
        bias = np.ones((users, heads, 1), np.float32)
        queries = np.concatenate([personas.vectors, bias], axis=2)
        depth = max(self.depth, n)
        found, inner = self.index.search(queries, depth, seen=seen, allowed=allowed)
        union = np.sort(found.reshape(users, -1), axis=1)
        union[:, 1:][union[:, 1:] == union[:, :-1]] = NO_ITEM
        scores, share = self.encoder.attend(personas, np.maximum(union, 0))
        scores = np.where(union == NO_ITEM, -np.inf, np.round(scores, _DECIMALS))
        order = np.lexsort((union, -scores), axis=1)[:, :n]
        items = np.take_along_axis(union, order, axis=1)
        kept = np.take_along_axis(scores, order, axis=1).astype(np.float32)
        persona = np.take_along_axis(share, order[:, :, None], axis=1)
        persona = np.where((items == NO_ITEM)[:, :, None], 0.0, persona).astype(np.float32)
        last = kept.min(axis=1, where=np.isfinite(kept), initial=np.inf)
        exhausted = found[:, :, -1] == NO_ITEM  # fewer items than the depth: nothing is left outside
        beyond = np.where(exhausted, -np.inf, inner[:, :, -1]).max(axis=1)
        certified = (last >= beyond - 10.0**-_DECIMALS) & self.index.exact  # an approximate search proves nothing
        return Retrieved(
            personas, Candidates(_padded(items, n, NO_ITEM), _padded(kept, n, -np.inf), _rows(persona, n)), certified
        )


def _padded(values: np.ndarray, n: int, filler: float) -> np.ndarray:
    return np.pad(values, ((0, 0), (0, n - values.shape[1])), constant_values=filler)


def _rows(values: np.ndarray, n: int) -> np.ndarray:
    return np.pad(values, ((0, 0), (0, n - values.shape[1]), (0, 0)))


def _joined(parts: list[Retrieved]) -> Retrieved:
    if len(parts) == 1:
        return parts[0]

    def cat(arrays: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(arrays)

    personas = Personas(
        cat([p.personas.vectors for p in parts]),
        cat([p.personas.themes for p in parts]),
        cat([p.personas.weights for p in parts]),
        cat([p.personas.membership for p in parts]),
    )
    items: Int32 = cat([p.candidates.items for p in parts])
    candidates = Candidates(
        items, cat([p.candidates.scores for p in parts]), cat([p.candidates.persona for p in parts])
    )
    return Retrieved(personas, candidates, cat([p.certified for p in parts]))
