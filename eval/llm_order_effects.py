"""How far a model likes places instead of items: one found item moved through the list, and two orders of the same list.

The item is put among the candidates by force, which is no measure of quality (it would leak the truth); it is one of bias only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from agent.llm.admission import Admission
from agent.llm.loop import run
from agent.llm.modes.label import LabelMode
from agent.llm.modes.protocol import Calls
from agent.llm.orders import Opinion
from agent.llm.scorer import LabelScorer
from agent.rerank.llm import Ask
from eval.llm_modes import SHOWN, Study
from retrieval.arrays import Float32, Float64, Int32

SLOTS = (0, 5, 10, 15, 19)
ORDERS = (1, 2, 4)
_TURN = 3  # places by which the second order is turned: none of the shifts of 2 or 4 orders of 20


@dataclass(frozen=True, slots=True)
class OrderEffects:
    """Of one number of shifts.

    Attributes:
        orders: Cyclic shifts averaged.
        by_slot: ``(users, slots)`` NDCG of the one item, by where it stood: 1 / log2(1 + its rank).
        tau: ``(users,)`` Kendall's tau-b between the rankings that two orders of the same candidates give.
    """

    orders: int
    by_slot: Float64
    tau: Float64


def order_effects(study: Study, scorer: LabelScorer, progress: Callable[[], None]) -> list[OrderEffects]:
    """Ask about every user of whom a hidden item is in the pool; raises :class:`LLMFailure`."""
    slots: dict[int, list[list[float]]] = {orders: [] for orders in ORDERS}
    taus: dict[int, list[float]] = {orders: [] for orders in ORDERS}
    admission = Admission(16)
    for case in study.cases:
        ask, items = study.ask(case, "rerank-shares")
        found = np.flatnonzero(np.isin(items, case.truth) & ask.pool.valid[0])
        if len(found):
            others = ask.listing.shortlist(ask.pool, ask.k, SHOWN + len(found))
            others = others[~np.isin(others, found)][: SHOWN - 1]
            for orders in ORDERS:
                mode = LabelMode(scorer, orders)
                placed = [np.insert(others, slot, found[0]).astype(np.int32) for slot in SLOTS]
                slots[orders].append(
                    [_gain(_opinion(mode, ask, p, admission), s) for p, s in zip(placed, SLOTS, strict=True)]
                )
                first = _opinion(mode, ask, placed[0], admission).relevance
                second = _opinion(mode, ask, np.roll(placed[0], _TURN), admission).relevance
                taus[orders].append(_tau(first, np.roll(second, -_TURN)))
        progress()
    return [OrderEffects(n, np.array(slots[n]).reshape(-1, len(SLOTS)), np.array(taus[n])) for n in ORDERS]


def _opinion(mode: LabelMode, ask: Ask, shown: Int32, admission: Admission) -> Opinion:
    return run(mode(shown, Calls(ask.render, time.monotonic() + 300.0, admission)))


def _gain(opinion: Opinion, slot: int) -> float:
    """1 / log2(1 + rank); candidates as good as the item count as half before it, whatever their place."""
    mine = opinion.relevance[slot]
    rank = 1.0 + float((opinion.relevance > mine).sum()) + 0.5 * float((opinion.relevance == mine).sum() - 1)
    return 1.0 / float(np.log2(1.0 + rank))


def _tau(a: Float32, b: Float32) -> float:
    found: Any = kendalltau(a, b)  # its stub hides the fields of the result
    return float(found.statistic)
