"""All candidates in order, written by the model under a grammar that knows no repeat and no omission.

The grammar carries a bit for each candidate: a number can be written while its bit is clear, and the end while all are set. So it has
one rule of n branches for n! orders. It is llguidance's ("parametric" rules; vLLM takes it with the structured outputs backend
``guidance``). What comes back is still read strictly: other servers ignore grammars, and an answer may be cut off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from langchain_core.messages import AIMessage

from agent.llm.chat import Chat
from agent.llm.failures import LLMFailure, Reason
from agent.llm.modes.protocol import Calls, Output
from agent.llm.orders import Opinion, in_orders
from agent.llm.scorer import LabelScores
from agent.llm.spending import spent
from retrieval.arrays import Float32, Int32

MOST = 64
"""Bits of the grammar."""

_TOKENS_EACH = 6  # two digits and brackets, each a token at worst, and one to spare
_WHOLE = re.compile(r"\s*(?:\[\d{1,4}\]\s*)*(?:\[\d{0,4})?")
_NAMED = re.compile(r"\[(\d{1,4})\]")


def grammar(n: int) -> str:
    """The grammar of all permutations of ``[1]`` to ``[n]``.

    Raises:
        ValueError: More than :data:`MOST`.
    """
    if not 1 <= n <= MOST:
        raise ValueError(f"between 1 and {MOST} candidates can be permuted, not {n}")
    branches = [f'"[{i + 1}]" perm::set_bit({i}) %if bit_clear({i})' for i in range(n)]
    rule = "\n     | ".join([*branches, f'"" %if is_ones([0:{n}])'])
    return f"%llguidance {{}}\nstart: perm::0\nperm::_ : {rule}\n"


class PermutationMode:
    """See the module.

    Args:
        chat: Client of the server.
        orders: Orders of the candidates that are averaged, by rank.
    """

    output: Output = "permutation"
    most = MOST

    def __init__(self, chat: Chat, orders: int) -> None:
        self._chat = chat
        self._orders = orders

    async def __call__(self, shown: Int32, calls: Calls) -> Opinion:
        """One generated order for each order shown."""

        async def ask(order: Int32) -> LabelScores:
            n = len(order)
            messages = calls.render(order, [str(i + 1) for i in range(n)])
            extra = {"structured_outputs": {"grammar": grammar(n)}}
            answer = await calls.admitted(
                lambda left: self._chat.ask(messages, left, max_tokens=_TOKENS_EACH * n, extra=extra)
            )
            return read_permutation(answer, n)

        return await in_orders(shown, self._orders, ask)


def read_permutation(answer: AIMessage, n: int) -> LabelScores:
    """Strictly read an order: nothing but numbers in brackets, of which the last may be cut off.

    Raises:
        LLMFailure: Anything else, or no candidate is named.
    """
    text = answer.content
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise LLMFailure(Reason.INVALID_ANSWER, "the answer is no list of numbers in brackets")
    written = [int(number) - 1 for number in _NAMED.findall(text)]
    named = [i for i in dict.fromkeys(written) if 0 <= i < n]
    return ranked(answer, named, n, ignored=len(written) - len(named))


def ranked(answer: AIMessage, named: Sequence[int], n: int, ignored: int) -> LabelScores:
    """Scores of an order, minus the rank: named candidates first, the others behind in the order they were shown.

    Raises:
        LLMFailure: No candidate is named.
    """
    if not named:
        raise LLMFailure(Reason.INVALID_ANSWER, "the answer names no candidate")
    rest = np.setdiff1d(np.arange(n), np.array(named))
    values = np.empty(n, np.float32)
    values[np.concatenate([named, rest]).astype(int)] = -np.arange(n)
    return generated(answer, values, named=len(named), ignored=ignored)


def generated(answer: AIMessage, values: Float32, named: int, ignored: int) -> LabelScores:
    """Scores that were read from text, with what the text cost."""
    n = len(values)
    return LabelScores(values, named / n, **spent(answer), completed=n - named, ignored=ignored)
