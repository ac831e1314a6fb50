"""A yes or a no about each candidate alone; the prompts share all but their last lines.

After the relevance generation of Liang et al. ("Holistic evaluation of language models", 2022, arXiv 2211.09110); the score is the
log-odds log p(yes) - log p(no) of one token. What candidates stand beside does not matter, so there are no order effects, at n calls.
The first call is made alone: it leaves the shared prefix in the server's cache for the others.
"""

from __future__ import annotations

import numpy as np

from agent.llm.labels import Label, verify_texts
from agent.llm.loop import all_of
from agent.llm.modes.protocol import Calls, Output
from agent.llm.orders import Opinion, summed
from agent.llm.scorer import LabelScorer, LabelScores, ask_labels, read_answer, standardised
from retrieval.arrays import Int32

ANSWERS = ("Yes", "No")


class PointwiseMode:
    """See the module.

    Args:
        scorer: Client of the server.
    """

    output: Output = "yes-no"
    most = 300

    def __init__(self, scorer: LabelScorer) -> None:
        self._scorer = scorer
        self._answers: tuple[Label, ...] = ()

    async def __call__(self, shown: Int32, calls: Calls) -> Opinion:
        """One call for each candidate."""
        if not self._answers:
            self._answers = await verify_texts(self._scorer.chat.http, self._scorer.endpoint, ANSWERS)
        first = await self._odds(shown[:1], calls)
        said = [first, *await all_of(self._odds(shown[i : i + 1], calls) for i in range(1, len(shown)))]
        values = np.array([one.logprobs[0] - one.logprobs[1] for one in said], np.float32)
        return Opinion(standardised(values), None, summed(values, said), values[None])

    async def _odds(self, one: Int32, calls: Calls) -> LabelScores:
        messages = calls.render(one, ["1"])
        answer = await calls.admitted(lambda left: ask_labels(self._scorer.chat, messages, self._answers, left))
        return read_answer(answer, self._answers)
