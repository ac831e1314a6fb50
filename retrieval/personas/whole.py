"""The persona encoder as a scorer of whole catalogues, by matrix products instead of a gather per user."""

from __future__ import annotations

import numpy as np

from retrieval.arrays import Float32
from retrieval.personas.encoder import LOG_FLOOR, PersonaEncoder
from retrieval.schema import Histories

_CELLS = 4_000_000  # users x personas x items held at once


class PersonaScorer:
    """score_uj = sum_k a_ujk <u_uk, v_j> + b_j with the attention of :class:`PersonaEncoder`, over all items.

    Two products of ``(B K, d) (d, M)`` and ``(B K, t) (t, M)``, for as many users at once as memory is meant for.
    """

    def __init__(self, encoder: PersonaEncoder) -> None:
        self.encoder = encoder

    def scores(self, histories: Histories) -> Float32:
        """``(B, M)``, equal to :meth:`PersonaEncoder.attend` on every item."""
        items, heads = self.encoder.n_items, self.encoder.config.personas
        step = max(1, _CELLS // (items * heads))
        out = np.empty((len(histories), items), np.float32)
        for start in range(0, len(histories), step):
            stop = min(start + step, len(histories))
            out[start:stop] = self._chunk(histories.slice(start, stop))
        return out

    def _chunk(self, histories: Histories) -> Float32:
        learned, personas = self.encoder.weights, self.encoder.encode(histories)
        users, heads, width = personas.vectors.shape
        inner = (personas.vectors.reshape(-1, width) @ learned.items.T).reshape(users, heads, -1)
        if heads == 1:  # attention over one persona is one
            return inner[:, 0] + learned.bias
        themes = personas.themes.reshape(users * heads, -1)
        logits = self.encoder.config.attention_sharpness * (themes @ learned.themes.T).reshape(users, heads, -1)
        logits += np.log(personas.weights + LOG_FLOOR)[:, :, None]
        logits -= logits.max(axis=1, keepdims=True)
        attention = np.exp(logits)
        return (attention * inner).sum(axis=1) / attention.sum(axis=1) + learned.bias
