"""What is indexed for an encoder's items, and what is asked of the index: the bias is the last coordinate of both."""

from __future__ import annotations

import numpy as np

from retrieval.arrays import Float32, Int32
from retrieval.personas.encoder import PersonaEncoder
from retrieval.schema import Histories


def item_vectors(encoder: PersonaEncoder, items: Int32) -> Float32:
    """``(m, d + 1)`` what is indexed for ``(m,)`` items: their vectors, with the bias as the last coordinate."""
    weights = encoder.weights
    return np.concatenate([weights.items[items], weights.bias[items, None]], axis=1)


def persona_queries(encoder: PersonaEncoder, histories: Histories) -> Float32:
    """``(B, K, d + 1)`` what a retriever asks for B users: their personas, with a one for the bias."""
    vectors = encoder.encode(histories).vectors
    return np.concatenate([vectors, np.ones((*vectors.shape[:2], 1), np.float32)], axis=2)


def sample_queries(encoder: PersonaEncoder, histories: Histories, most: int) -> Float32:
    """``(G, d + 1)`` queries as they will be asked, G at most ``most``, from users evenly spaced over the histories.

    The personas of one user are alike, so every user gives one before any gives a second.
    """
    users = np.flatnonzero(histories.lengths)
    chosen = users[np.linspace(0, len(users) - 1, min(len(users), most)).astype(int)] if len(users) else users
    asked = persona_queries(encoder, Histories.of([histories.row(int(b)) for b in chosen]))
    rows, heads = np.arange(len(chosen)), asked.shape[1]
    by_turns = asked[rows[None], (rows[None] + np.arange(heads)[:, None]) % heads]
    return by_turns.reshape(-1, asked.shape[2])[:most]
