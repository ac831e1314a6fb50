"""RxQuAD: xQuAD with relevance inside the aspects.

Vargas, Castells and Vallet, "Explicit Relevance Models in Intent-Oriented IR Diversification", SIGIR 2012.
"""

from __future__ import annotations

import numpy as np

from agent.rerank.protocol import Pool
from agent.rerank.xquad import XQuAD
from retrieval.arrays import Float64


class RxQuAD(XQuAD):
    """xQuAD with P(i|g) = p(g|i) s(i): an aspect is served by what is relevant in it, not by what carries its name."""

    name = "rxquad"

    def coverage(self, pool: Pool, scores: Float64) -> Float64:
        """``(B, n, G)`` P(i|g)."""
        relevance = np.where(np.isfinite(scores), scores, 0.0)
        return pool.groups.astype(np.float64) * relevance[:, :, None]
