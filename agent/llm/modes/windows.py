"""More candidates than fit one prompt, put in order by windows of the label mode.

Sliding (Sun et al., "Is ChatGPT good at search?", EMNLP 2023, section 3.2): a window from the back to the front, half a window a
step, each put in order where it stands. Its calls wait for each other. The tournament deals the candidates to groups, keeps
the first half of each and goes on with these until one group is left; the groups of a round are asked at once. In either, a model
that compares without error puts the first ten of all candidates in order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np

from agent.llm.loop import all_of
from agent.llm.modes.label import asking
from agent.llm.modes.protocol import Calls, Output
from agent.llm.orders import Opinion, in_orders, summed
from agent.llm.scorer import Scorer, standardised
from retrieval.arrays import Int32

SIZE = 20
STEP = 10
MOST = 300

Sort = Callable[[Int32], Awaitable[Int32]]
"""Puts places in order, best first."""


async def sliding(n: int, sort: Sort) -> Int32:
    """``(n,)`` places in order; ``max(1, 1 + ceil((n - 20) / 10))`` calls, one after another."""
    order, end = np.arange(n, dtype=np.int32), n
    while True:
        start = max(end - SIZE, 0)
        order[start:end] = await sort(order[start:end].copy())
        if start == 0:
            return order
        end -= STEP


async def tournament(n: int, sort: Sort) -> Int32:
    """``(n,)`` places in order: those who got further first, and of one round by place within the group, then as shown.

    About ``n / 10`` calls in ``log2(n / 10)`` rounds. Candidates are dealt round, so that those that retrieval thinks best meet late.
    """
    left, behind = np.arange(n, dtype=np.int32), list[Int32]()
    while len(left) > SIZE:
        count = -(-len(left) // SIZE)
        groups = await all_of(_sorted(sort, left[g::count]) for g in range(count))
        longest = max(map(len, groups))
        by_place = [np.sort(np.array([g[at] for g in groups if at < len(g)], np.int32)) for at in range(longest)]
        behind.insert(0, np.concatenate(by_place[STEP:]) if longest > STEP else np.empty(0, np.int32))
        left = np.sort(np.concatenate(by_place[:STEP]))
    return np.concatenate([await sort(left), *behind]).astype(np.int32)


async def _sorted(sort: Sort, group: Int32) -> Int32:
    return await sort(group)


class WindowedMode:
    """A plan of windows over the label mode.

    Args:
        scorer: Asks the model.
        orders: Orders of each window's candidates that are averaged.
        plan: :func:`sliding` or :func:`tournament`.
    """

    output: Output = "label"
    most = MOST

    def __init__(self, scorer: Scorer, orders: int, plan: Callable[[int, Sort], Awaitable[Int32]]) -> None:
        self._scorer = scorer
        self._orders = orders
        self._plan = plan

    async def __call__(self, shown: Int32, calls: Calls) -> Opinion:
        """Minus the rank as the score of each; the agreement is the mean of the windows'."""
        ask, said = asking(self._scorer, calls), list[Opinion]()

        async def sort(places: Int32) -> Int32:
            opinion = await in_orders(shown[places], self._orders, ask)
            said.append(opinion)
            return places[np.argsort(-opinion.relevance, kind="stable")]

        order = await self._plan(len(shown), sort)
        values = np.empty(len(shown), np.float32)
        values[order] = -np.arange(len(shown), dtype=np.float32)
        sure = [one.agreement for one in said if one.agreement is not None]
        agreement = float(np.mean(sure)) if sure else None
        return Opinion(standardised(values), agreement, summed(values, [one.scores for one in said]), values[None])
