"""A circuit breaker that knows three outcomes: answered, failed, and nothing learnt about the server.

Libraries know two, and count whatever is not a failure as a success: a caller who goes away, or who would not wait,
would then close the circuit of a dead server. Used on one event loop, so it needs no lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Breaker:
    """Leaves a server alone after consecutive failures; then lets one caller at a time try it again.

    Args:
        failures_to_open: Consecutive failures that open the circuit.
        rest_s: Seconds until the first caller may try again.
        clock: Seconds of a monotonic clock.
    """

    def __init__(self, failures_to_open: int, rest_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures_to_open = failures_to_open
        self._rest_s = rest_s
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None
        self._probing = False

    def admit(self) -> bool:
        """Whether a call may go to the server now; each admitted call must report exactly one outcome."""
        if self._opened is None:
            return True
        if self._probing or self._clock() - self._opened < self._rest_s:
            return False
        self._probing = True
        return True

    def answered(self) -> None:
        """The server is well."""
        self._failures, self._opened, self._probing = 0, None, False

    def failed(self) -> None:
        """The server is not."""
        self._failures += 1
        if self._probing or self._failures >= self._failures_to_open:
            self._opened = self._clock()
        self._probing = False

    def undecided(self) -> None:
        """The call ended without a word about the server."""
        self._probing = False
