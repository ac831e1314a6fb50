"""What asking costs, and where it has to end."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from agent.llm.loop import run
from eval.prompt_cache import billed

T = TypeVar("T")


class Spending:
    """Counts what is paid; says when the means are spent. Answers that were kept cost nothing.

    Args:
        max_tokens: Most tokens read and written.
        max_seconds: Longest time of asking.
        reserve: Tokens of these that are kept for what follows.

    Attributes:
        paid: Tokens so far.
        seconds: Of asking, so far.
    """

    def __init__(self, max_tokens: int | None, max_seconds: float | None, reserve: int = 0) -> None:
        self._max_tokens = max_tokens
        self._reserve = reserve
        self._max_seconds = max_seconds
        self._calls = 0
        self._kept = 0
        self.paid = 0
        self.seconds = 0.0

    @property
    def kept(self) -> float:
        """Share of the calls that were answered from the disk."""
        return self._kept / max(self._calls, 1)

    def of(self, work: Coroutine[Any, Any, T]) -> T:
        """Do some asking and put it on the bill."""
        began = time.perf_counter()
        with billed() as bill:
            done = run(work)
        self.seconds += time.perf_counter() - began
        self.paid += bill.paid
        self._calls += bill.calls
        self._kept += bill.kept
        return done

    def spent(self, users: int) -> str:
        """Why no more may be asked, empty if more may."""
        if self._max_tokens is not None and self.paid + self._reserve >= self._max_tokens:
            kept = f", {self._reserve:,} of them kept for what follows" if self._reserve else ""
            return f"{self.paid:,} tokens were paid for {users} users; --max-tokens was {self._max_tokens:,}{kept}"
        if self._max_seconds is not None and self.seconds >= self._max_seconds:
            return f"{self.seconds:.0f} s were spent on {users} users; --max-seconds was {self._max_seconds:g}"
        return ""
