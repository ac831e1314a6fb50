"""What every way of asking has in common: candidates in, an opinion of each of them out.

A mode never invents, repeats or loses a candidate: it returns one score for each place, whatever the model wrote.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from agent.llm.admission import Admission
from agent.llm.orders import Opinion
from agent.llm.scorer import LabelScores
from prompts.template import Message
from retrieval.arrays import Int32

T = TypeVar("T")

Output = Literal["label", "permutation", "scores", "yes-no"]
"""What a prompt asks the model to answer with; its front matter says it."""

Ask = Callable[[Int32], Coroutine[Any, Any, LabelScores]]
"""Scores candidates in the order given."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What a mode may use to ask about one user's candidates.

    Attributes:
        render: Makes the prompt for some candidates, positions in the pool and their labels.
        deadline: Moment of ``time.monotonic()`` by which all must be answered.
        admission: Gives every call its place with the server.
    """

    render: Callable[[Int32, Sequence[str]], tuple[Message, ...]]
    deadline: float
    admission: Admission

    async def admitted(self, call: Callable[[float], Awaitable[T]]) -> T:
        """Make a call when there is a place for it, and tell it how many seconds are left.

        Raises:
            LLMFailure: ``llm_busy``, or what the call raises.
        """
        async with self.admission.place(self.deadline):
            return await call(max(self.deadline - time.monotonic(), 0.001))


class Mode(Protocol):
    """A way of asking.

    Attributes:
        output: What its prompts ask for.
        most: Most candidates that it can take.
    """

    output: Output
    most: int

    async def __call__(self, shown: Int32, calls: Calls) -> Opinion:
        """What the model thinks of ``(n,)`` candidates, the most relevant first; raises :class:`LLMFailure`."""
        ...
