"""Requests a second of the label mode and of orders that are generated, with the same server, users and candidates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from agent.llm.admission import Admission
from agent.llm.loop import all_of, run
from agent.llm.modes.choice import PROMPTS, ModeName, mode_of
from agent.llm.modes.protocol import Calls
from agent.llm.scorer import LabelScorer
from agent.rerank.llm import Ask
from eval.llm_modes import SHOWN, Study
from retrieval.arrays import Int32

LISTWISE = "listwise JSON"
"""What most rerankers ask for: an array of all ids, written token by token."""

NAMES: tuple[ModeName | str, ...] = ("label", "permutation", "scores", "pointwise", LISTWISE)
"""What is timed; the first is what the others are compared with."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one way of asking.

    Attributes:
        name: Of the mode, or :data:`LISTWISE`.
        at_once: Requests that were under way together.
        requests: Users asked about.
        seconds: In all.
    """

    name: str
    at_once: int
    requests: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def speeds(study: Study, scorer: LabelScorer, at_once: Sequence[int], progress: Callable[[], None]) -> list[Speed]:
    """Ask about the spare users, an equal part of them at each number of requests at once; raises :class:`LLMFailure`.

    No prompt is sent twice to the server by one mode, and no two modes share more than what is the same for all users.
    """
    out: list[Speed] = []
    part = len(study.spare) // len(at_once)
    for (turn, together), name in product(enumerate(at_once), NAMES):
        prompt = PROMPTS["permutation"] if name == LISTWISE else PROMPTS[name]  # pyright: ignore[reportArgumentType]
        asks = [study.ask(case, prompt)[0] for case in study.spare[turn * part : (turn + 1) * part]]
        shown = [ask.listing.shortlist(ask.pool, ask.k, SHOWN) for ask in asks]
        started = time.perf_counter()
        run(_all(name, scorer, list(zip(asks, shown, strict=True)), together))
        out.append(Speed(name, together, len(asks), time.perf_counter() - started))
        progress()
    return out


async def _all(name: str, scorer: LabelScorer, work: list[tuple[Ask, Int32]], at_once: int) -> None:
    gate, admission = asyncio.Semaphore(at_once), Admission(64)
    mode = None if name == LISTWISE else mode_of(name, scorer, 1)  # pyright: ignore[reportArgumentType]

    async def one(ask: Ask, shown: Int32) -> None:
        async with gate:
            if mode is not None:
                await mode(shown, Calls(ask.render, time.monotonic() + 600.0, admission))
                return
            numbers = [str(i + 1) for i in range(len(shown))]
            await scorer.chat.ask(
                ask.render(shown, numbers), 600.0, max_tokens=12 * len(numbers), extra=listwise(len(shown))
            )

    await all_of(one(ask, shown) for ask, shown in work)


def listwise(n: int) -> dict[str, object]:
    """An array of n ids; that none comes twice no schema can say here (vLLM refuses ``uniqueItems``)."""
    ids = {"type": "string", "enum": [str(i + 1) for i in range(n)]}
    schema = {"type": "array", "items": ids, "minItems": n, "maxItems": n, "x-guidance": {"whitespace_flexible": False}}
    return {"structured_outputs": {"json": schema}}
