"""Calibration while decoding: slot by slot, the model's log-probability plus what the slot does for the proportions.

    slot j takes the i of R_j with the largest (1 - lambda) log p(i | R_j) - lambda C_KL(p, q(I_j + i)),

R_j being the candidates that are left, p(i | R_j) the model's probability of label i among those (Plackett and Luce: Luce 1959,
Plackett 1975), I_j what stands in the slate and q its shares of a full slate of k (Steck, RecSys 2018, eq. 8, for the second term). One
prefill gives all log-probabilities, so this costs no further call. Other than in the last arithmetic, the model's
probabilities count as they are, in nats, before retrieval has a say.
"""

from __future__ import annotations

import numpy as np

from retrieval.arrays import Float32, Float64, Int32


def decoded(logprobs: Float32, groups: Float32, target: Float64, k: int, lam: float, alpha: float) -> Int32:
    """``(n,)`` places of the candidates: k slots as above, then the others by log-probability.

    Args:
        logprobs: ``(n,)`` of each candidate's label.
        groups: ``(n, G)`` p(g|i).
        target: ``(G,)`` p(g|u).
        k: Slots.
        lam: Weight of the proportions.
        alpha: Smoothing of q, as in :func:`agent.rerank.calibration.kl_divergence`.
    """
    said, rows = logprobs.astype(np.float64), groups.astype(np.float64)
    left, taken = np.ones(len(said), bool), list[int]()
    shares, wanted = np.zeros(len(target)), target > 0
    for _ in range(min(k, len(said))):
        places = np.flatnonzero(left)
        q = alpha * target + (1.0 - alpha) * (shares + rows[places]) / k
        kl = (target[wanted] * np.log(target[wanted] / q[:, wanted])).sum(axis=1)
        # log p(i | R) differs from log p(i) by the same number for all i of R, so the largest is the same without it.
        best = int(places[np.argmax((1.0 - lam) * said[places] - lam * kl)])
        taken.append(best)
        left[best] = False
        shares += rows[best]
    rest = np.flatnonzero(left)
    return np.concatenate([taken, rest[np.argsort(-said[rest], kind="stable")]]).astype(np.int32)
