"""How many calls a server gets at once: as many as it answers in time, and no queue beyond that.

The limit is learnt as networks learn theirs (additive increase, multiplicative decrease: Chiu and Jain, Computer Networks and ISDN
Systems 17, 1989): an answer raises it by its share, a time-out halves it. A caller who would be one too many waits for a place if the
calls before it are likely to leave enough time, else it is turned away at once and ranked without the model.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from agent.llm.failures import LLMFailure, Reason

_RECENT = 0.2  # weight of the newest call in the usual time of one


class Admission:
    """Places for calls to one server. Used on one event loop, so it needs no lock.

    Args:
        at_once: Most calls at once.
        clock: Seconds of a monotonic clock.
    """

    def __init__(self, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = float(at_once)
        self._most = float(at_once)
        self._clock = clock
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._usual: float | None = None
        self._answered = float("-inf")

    def answered_since(self, moment: float) -> bool:
        """Whether the server answered anybody after a moment: it is alive, however slow."""
        return self._answered > moment

    @asynccontextmanager
    async def place(self, deadline: float) -> AsyncGenerator[None]:
        """A place among the calls, for as long as the call lasts.

        Raises:
            LLMFailure: ``llm_busy``, if there is none in time.
        """
        await self._enter(deadline)
        started, halved = self._clock(), self.limit / 2.0
        try:
            yield
        except (LLMFailure, asyncio.CancelledError) as why:
            late = why.reason is Reason.TIMEOUT if isinstance(why, LLMFailure) else self._clock() >= deadline
            if late:
                self._learn(self._clock() - started)
                self.limit = max(1.0, min(self.limit, halved))  # calls that began together halve it once
            raise
        else:
            self._answered = self._clock()
            self._learn(self._answered - started)
            self.limit = min(self._most, self.limit + 1.0 / self.limit)
        finally:
            self._leave()

    async def _enter(self, deadline: float) -> None:
        if self._running < int(self.limit) and not self._waiting:
            self._running += 1
            return
        remaining = deadline - self._clock()
        rounds = 1.0 + (len(self._waiting) + 1) / max(int(self.limit), 1)
        if remaining <= 0 or (self._usual is not None and rounds * self._usual > remaining):
            detail = f"{self._running} calls are with the server and {len(self._waiting)} wait"
            raise LLMFailure(Reason.BUSY, detail)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(remaining):
                await turn
        except BaseException as why:
            if turn.done() and not turn.cancelled():  # the place came at the very moment it was given up
                self._leave()
            else:
                self._waiting.remove(turn)
            if isinstance(why, TimeoutError):
                raise LLMFailure(Reason.BUSY, f"no place within {remaining:.1f} s") from why
            raise

    def _leave(self) -> None:
        self._running -= 1
        for turn in [turn for turn in self._waiting if not turn.done()][: max(int(self.limit) - self._running, 0)]:
            self._waiting.remove(turn)
            self._running += 1
            turn.set_result(None)

    def _learn(self, seconds: float) -> None:
        self._usual = seconds if self._usual is None else (1.0 - _RECENT) * self._usual + _RECENT * seconds
