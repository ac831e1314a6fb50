"""The same candidates asked about in several orders, because a language model favours places.

Each order is the first one turned round by a part of its length (cyclic shifts), so that a candidate stands early in some and
late in others; the orders share the prompt up to the candidates, which the server reads once. What the model says
in all of them is averaged, and how far it says the same is an agreement that its weight is multiplied by.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.llm.loop import all_of
from agent.llm.scorer import LabelScores, standardised
from retrieval.arrays import Float32, Int32


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the model thinks of n candidates after one or several orders.

    Attributes:
        relevance: ``(n,)`` standardised; the mean over the orders of what each standardised.
        agreement: Cronbach's alpha of the orders, 0 to 1; None after one order, which tells nothing of it.
        scores: Label mass (mean) and tokens (sum) of all orders; ``logprobs`` of the first.
        by_order: ``(S, n)`` log-probabilities of each order, in the order of the candidates.
    """

    relevance: Float32
    agreement: float | None
    scores: LabelScores
    by_order: Float32


def shifts_of(n: int, orders: int) -> list[int]:
    """Where each order begins: ``orders`` evenly spread of ``n`` places, fewer if there are fewer places."""
    return sorted({n * s // orders for s in range(orders)})


async def in_orders(shown: Int32, orders: int, ask: Callable[[Int32], Coroutine[Any, Any, LabelScores]]) -> Opinion:
    """Ask about the candidates in every order at once.

    Args:
        shown: ``(n,)`` candidates in their first order.
        orders: How many.
        ask: Scores candidates in the order given.

    Raises:
        LLMFailure: Of the first order that failed; the others are given up.
    """
    shifts = shifts_of(len(shown), orders)
    answers = await all_of(ask(np.roll(shown, -shift)) for shift in shifts)
    rows = np.stack([np.roll(a.logprobs, shift) for a, shift in zip(answers, shifts, strict=True)])
    return Opinion(*pooled(rows), summed(rows[0], answers), rows)


def pooled(rows: Float32) -> tuple[Float32, float | None]:
    """What ``(S, n)`` rows of log-probabilities say together: ``(n,)`` relevance, and their agreement."""
    each = np.stack([standardised(row) for row in rows]).astype(np.float64)
    return standardised(each.mean(axis=0).astype(np.float32)), agreement(each)


def agreement(rows: np.ndarray) -> float | None:
    """Cronbach's alpha of S standardised rows: S / (S - 1) (1 - sum of variances / variance of the sum), at least 0.

    Cronbach, "Coefficient alpha and the internal structure of tests", Psychometrika 16, 1951. 1 if all orders say the same, 0
    if what they say is unrelated or contrary; None for one row.

    Args:
        rows: ``(S, n)``.
    """
    count = len(rows)
    if count < 2:
        return None
    total = float(rows.sum(axis=0).var())
    if total <= 0.0:
        return 0.0
    return float(np.clip(count / (count - 1) * (1.0 - float(rows.var(axis=1).sum()) / total), 0.0, 1.0))


def summed(values: Float32, answers: Sequence[LabelScores]) -> LabelScores:
    """Scores that came of several answers, with what all of these took: masses averaged, all else added up."""
    return LabelScores(
        values,
        float(np.mean([a.mass for a in answers])),
        sum(a.prompt_tokens for a in answers),
        sum(a.completion_tokens for a in answers),
        sum(a.calls for a in answers),
        sum(a.completed for a in answers),
        sum(a.ignored for a in answers),
        sum(a.prefix_tokens for a in answers),
        sum(a.cached for a in answers),
    )
