"""nDCG of sets with one item to be found, and the weight of a language model beside a retriever, fitted on validation sets.

    nDCG@k = 1 / log2(1 + rank)  if rank <= k, else 0

An item that is not among the candidates is not found, and the user counts. Equal scores stay as they are shown, and these are shuffled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.llm.orders import Opinion
from agent.llm.scorer import standardised
from eval.llm_fit import WEIGHTS
from eval.metrics import ndcg
from retrieval.arrays import Float32, Float64, Int32

AT = (1, 5, 10, 20)
"""Cut-offs of the publication."""
CHOSEN_BY = 2
"""Position in :data:`AT` of what weights are chosen by."""


def gains(scores: Float32, items: Int32, truth: Int32) -> Float64:
    """``(B, 4)`` nDCG at :data:`AT`.

    Args:
        scores: ``(B, n)`` of the candidates, -inf in the padding.
        items: ``(B, n)`` the candidates.
        truth: ``(B,)`` what should be found.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    found = np.take_along_axis(items, order, axis=1) == truth[:, None]
    return np.stack([ndcg(found, np.ones(len(found), np.int64), k) for k in AT], axis=1)


def together(retrieved: Float32, opinion: Opinion | None, weight: float) -> Float32:
    """``(n,)`` both standardised scores, the model's with its weight times the agreement of its orders, as in a request.

    Where the model said nothing the retriever alone ranks: what the user would have received.

    Args:
        retrieved: ``(n,)`` scores of the retriever.
        opinion: What the model said.
        weight: Of the model; 1 leaves the retriever out, whatever the agreement.
    """
    if opinion is None:
        return standardised(retrieved)
    sure = 1.0 if opinion.agreement is None or weight == 1.0 else opinion.agreement
    both = (1.0 - weight * sure) * standardised(retrieved) + weight * sure * opinion.relevance
    return both.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Fusion:
    """A weight and what it was worth where it was chosen.

    Attributes:
        weight: The best of :data:`eval.llm_fit.WEIGHTS` on validation sets; the smallest of equals.
        validation: Mean nDCG@10 there at each weight.
    """

    weight: float
    validation: tuple[float, ...]


def fit_weight(retrieved: Float32, opinions: Sequence[Opinion | None], items: Int32, truth: Int32) -> Fusion:
    """Choose the weight on the validation sets; see :func:`fused_gains` for the arguments."""
    worth = [float(fused_gains(retrieved, opinions, items, truth, w)[:, CHOSEN_BY].mean()) for w in WEIGHTS]
    return Fusion(WEIGHTS[int(np.argmax(worth))], tuple(worth))


def fused_gains(
    retrieved: Float32, opinions: Sequence[Opinion | None], items: Int32, truth: Int32, weight: float
) -> Float64:
    """``(B, 4)`` of both together.

    Args:
        retrieved: ``(B, n)`` scores of the retriever, -inf in the padding.
        opinions: One for each set.
        items: ``(B, n)``.
        truth: ``(B,)``.
        weight: Of the model.
    """
    scores = np.full(retrieved.shape, -np.inf, np.float32)
    for at, opinion in enumerate(opinions):
        held = items[at] >= 0
        scores[at, held] = together(retrieved[at, held], opinion, weight)
    return gains(scores, items, truth)
