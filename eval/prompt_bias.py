"""How far places sway a prompt's answers: the same candidates in two orders.

The second order is the first turned by half its length, so that what stood late stands early. Nothing is put among the candidates by
force: what is hidden of the user and was found by retrieval is seen where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import kendalltau, rankdata

from agent.llm.failures import LLMFailure, TransportFailure
from agent.rerank.llm import Ask, LLMConfig, LLMRung
from retrieval.arrays import Bool, Float32, Float64

QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Bias:
    """Of one user.

    Attributes:
        tau: Kendall's tau-b between what the model says in the two orders.
        early: Gain of a found item where it stood in the first half, minus the same item's in the second half; mean over them.
        by_quarter: ``(4,)`` mean gain by the quarter of the list it stood in.
    """

    tau: float
    early: float
    by_quarter: Float64


def nothing_of() -> Bias:
    """Of a user who was not asked about twice."""
    return Bias(float("nan"), float("nan"), np.full(QUARTERS, np.nan))


async def order_bias(rung: LLMRung, ask: Ask, found: Bool) -> Bias:
    """Ask again with the candidates turned by half; the first order's answer is the one already given.

    Args:
        rung: With the prompt.
        ask: The question.
        found: ``(n,)`` which of the candidates shown are hidden items of the user.
    """
    if rung.config.mode in {"pointwise", "sliding", "tournament"}:  # they have no order of all candidates to be turned
        return nothing_of()
    config = LLMConfig.model_validate({**rung.config.model_dump(), "orders": 2})
    try:
        _, opinion = await LLMRung(rung.scorer, rung.prompt, config).consult(ask)
    except TransportFailure:
        raise
    except LLMFailure:
        return nothing_of()
    return swayed(opinion.by_order, found)


def swayed(by_order: Float32, found: Bool) -> Bias:
    """What two orders say of places.

    Args:
        by_order: ``(2, n)`` scores, in the order of the candidates; the second order began at the middle.
        found: ``(n,)``.
    """
    n = by_order.shape[1]
    result: Any = kendalltau(by_order[0], by_order[1])  # its stub hides the fields
    gains = np.stack([1.0 / np.log2(1.0 + rankdata(-row, method="average")) for row in by_order])[:, found]
    places = np.flatnonzero(found)
    slots = np.stack([places, (places - n // 2) % n])
    late = slots[0] >= n // 2
    apart = np.where(late, gains[1] - gains[0], gains[0] - gains[1])
    quarter = slots * QUARTERS // n
    means = [float(gains[quarter == q].mean()) if (quarter == q).any() else np.nan for q in range(QUARTERS)]
    return Bias(float(result.statistic), float(apart.mean()) if len(apart) else float("nan"), np.array(means))
