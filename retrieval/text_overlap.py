"""Search by shared tokens: the baseline that any search by meaning has to beat.

    score(q, j) = sum over tokens t of q of  idf_t f_jt (k + 1) / (f_jt + k (1 - b + b |j| / mean |j|))
    idf_t = log(1 + (M - m_t + .5) / (m_t + .5)),   m_t items that hold t

BM25: Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009, with k = 1.2 and b = .75.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from retrieval.arrays import Csr, Float32, Float64

_K, _B = 1.2, 0.75
_TOKEN = re.compile(r"\w+")


class TokenOverlap:
    """BM25 over sentences.

    Args:
        sentences: M sentences.
    """

    def __init__(self, sentences: Sequence[str]) -> None:
        counted = [Counter(tokens(sentence)) for sentence in sentences]
        self._place = {token: t for t, token in enumerate(sorted({token for bag in counted for token in bag}))}
        lengths = np.array([bag.total() for bag in counted], np.float64)
        rows = np.repeat(np.arange(len(counted)), [len(bag) for bag in counted])
        columns = np.array([self._place[token] for bag in counted for token in bag], np.int64)
        often = np.array([count for bag in counted for count in bag.values()], np.float64)
        holders = np.bincount(columns, minlength=len(self._place))
        self._rarity: Float64 = np.log1p((len(counted) - holders + 0.5) / (holders + 0.5))
        self._mean_length = max(float(lengths.mean()), 1.0) if len(lengths) else 1.0
        shape = (len(counted), len(self._place))
        self._weights: Csr = sparse.csr_matrix((self._saturated(often, lengths[rows]), (rows, columns)), shape=shape)

    def scores(self, queries: Sequence[str]) -> Float32:
        """``(B, M)`` scores of every sentence for each query."""
        asked = np.zeros((len(queries), len(self._place)), np.float64)
        for b, query in enumerate(queries):
            for token in tokens(query):
                if (t := self._place.get(token)) is not None:
                    asked[b, t] += self._rarity[t]
        return np.asarray((self._weights @ asked.T).T, np.float32)

    def _saturated(self, often: Float64, length: Float64) -> Float64:
        return often * (_K + 1.0) / (often + _K * (1.0 - _B + _B * length / self._mean_length))


def tokens(text: str) -> list[str]:
    """Runs of letters and digits, without case."""
    return _TOKEN.findall(text.casefold())
