"""A score from 0 to 9 for every candidate, as one JSON object whose schema requires each label once."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from langchain_core.messages import AIMessage

from agent.llm.chat import Chat
from agent.llm.failures import LLMFailure, Reason
from agent.llm.labels import LETTERS, MAX_LABELS
from agent.llm.modes.permutation import generated
from agent.llm.modes.protocol import Calls, Output
from agent.llm.orders import Opinion, in_orders
from agent.llm.scorer import LabelScores
from retrieval.arrays import Int32

_TOKENS_EACH = 8
_PAIR = r'"([^"\\]{1,8})"\s*:\s*(\d+)'
_CUT_OFF = re.compile(rf'\s*\{{\s*(?:{_PAIR}\s*,\s*)*(?:"[^"\\]{{0,8}}"?\s*:?\s*\d*\s*)?')
_WHOLE_PAIRS = re.compile(rf"{_PAIR}\s*,")


def schema(labels: Sequence[str]) -> dict[str, Any]:
    """The JSON schema: an object with one digit for each label and nothing else, without white space.

    White space is free under a schema, and a small model can write nothing else until it is cut off. vLLM 0.32 takes
    ``disable_any_whitespace`` in a request and does not heed it there; llguidance heeds what the schema itself says.
    """
    digit = {"type": "integer", "minimum": 0, "maximum": 9}
    return {
        "type": "object",
        "properties": dict.fromkeys(labels, digit),
        "required": list(labels),
        "additionalProperties": False,
        "x-guidance": {"whitespace_flexible": False},
    }


class ScoresMode:
    """See the module.

    Args:
        chat: Client of the server.
        orders: Orders of the candidates that are averaged.
    """

    output: Output = "scores"
    most = MAX_LABELS

    def __init__(self, chat: Chat, orders: int) -> None:
        self._chat = chat
        self._orders = orders

    async def __call__(self, shown: Int32, calls: Calls) -> Opinion:
        """One generated object for each order."""

        async def ask(order: Int32) -> LabelScores:
            labels = LETTERS[: len(order)]
            messages = calls.render(order, labels)
            extra = {"structured_outputs": {"json": schema(labels)}}
            answer = await calls.admitted(
                lambda left: self._chat.ask(messages, left, max_tokens=_TOKENS_EACH * len(labels), extra=extra)
            )
            return read_scores(answer, labels)

        return await in_orders(shown, self._orders, ask)


def read_scores(answer: AIMessage, labels: Sequence[str]) -> LabelScores:
    """Strictly read the object; of one that is cut off, its whole pairs.

    A label without a digit comes behind all others; the retrieval score, not the model, orders those.

    Raises:
        LLMFailure: It is no object of scores, or none of a candidate.
    """
    pairs = _pairs(answer.content)
    places = {label: at for at, label in enumerate(labels)}
    values = np.full(len(labels), -1.0, np.float32)
    for label, score in pairs:
        # A label that came twice keeps its first score, and one that means nothing has none.
        if label in places and 0 <= score <= 9 and values[places[label]] < 0:
            values[places[label]] = score
    named = int((values >= 0).sum())
    if not named:
        raise LLMFailure(Reason.INVALID_ANSWER, "the answer scores no candidate")
    return generated(answer, values, named, ignored=len(pairs) - named)


def _pairs(text: Any) -> list[tuple[str, int]]:
    if isinstance(text, str):
        try:
            found = json.loads(text, object_pairs_hook=list)
        except (ValueError, RecursionError):
            if _CUT_OFF.fullmatch(text):
                return [(label, int(digits)) for label, digits in _WHOLE_PAIRS.findall(text)]
        else:
            if text.lstrip().startswith("{"):
                return [(label, score if type(score) is int else -1) for label, score in found]
    raise LLMFailure(Reason.INVALID_ANSWER, "the answer is no object of scores")
