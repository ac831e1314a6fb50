"""What any reranker of a pool could reach at best: it can neither find what is absent nor add a group that is."""

from __future__ import annotations

import numpy as np

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.protocol import Pool
from retrieval.arrays import Bool, Float64, Int64


def recall_ceiling(hit: Bool, relevant: Int64, k: int) -> Float64:
    """``(B,)`` largest Recall@k (capped) of any slate of the pool: min(k, hits in the pool) / min(k, relevant).

    Args:
        hit: ``(B, n)`` which candidates are relevant.
        relevant: ``(B,)`` hidden items, in the pool or not; NaN for a user with none.
        k: Length of the slate.
    """
    found = np.minimum(hit.sum(axis=1), k)
    return found / np.where(relevant > 0, np.minimum(relevant, k), np.nan)


def ndcg_ceiling(hit: Bool, relevant: Int64, k: int) -> Float64:
    """``(B,)`` largest nDCG@k of any slate of the pool: all its hits on top."""
    gained = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))])
    ideal = np.where(relevant > 0, gained[np.minimum(relevant, k)], np.nan)
    return gained[np.minimum(hit.sum(axis=1), k)] / ideal


def calibration_floor(pool: Pool, k: int) -> Float64:
    """``(B,)`` smallest C_KL@k found for the pool: the calibrated reranker with lambda 1 (greedy and swaps).

    A bound from above on the true floor, rarely loose; the exact programme in ``agent.rerank.exact`` gives that.
    """
    return Calibrated(CalibratedConfig(lam=1.0))(pool, k).kl
