"""Label log-probabilities: one prefill and one token score every candidate (the default)."""

from __future__ import annotations

from agent.llm.labels import LETTERS, MAX_LABELS
from agent.llm.modes.protocol import Ask, Calls, Output
from agent.llm.orders import Opinion, in_orders
from agent.llm.scorer import LabelScores, Scorer
from retrieval.arrays import Int32


def asking(scorer: Scorer, calls: Calls) -> Ask:
    """Scores candidates by their labels, a prompt each time."""

    async def ask(order: Int32) -> LabelScores:
        messages = calls.render(order, LETTERS[: len(order)])
        return await calls.admitted(lambda left: scorer.score(messages, len(order), left))

    return ask


class LabelMode:
    """See the module.

    Args:
        scorer: Asks the model.
        orders: Orders of the candidates that are averaged.
    """

    output: Output = "label"
    most = MAX_LABELS

    def __init__(self, scorer: Scorer, orders: int) -> None:
        self._scorer = scorer
        self._orders = orders

    async def __call__(self, shown: Int32, calls: Calls) -> Opinion:
        """One prompt for each order."""
        return await in_orders(shown, self._orders, asking(self._scorer, calls))
