"""A circuit breaker that knows three outcomes: answered, failed, and nothing learnt about the server.

Libraries know two, and count whatever is not a failure as a success: a caller who goes away, or who would not wait,
would then close the circuit of a dead server. Used on one event loop, so it needs no lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted call.

    Attributes:
        probe: Whether it tries a server that was left alone.
    """

    probe: bool


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

    def admit(self) -> Call | None:
        """A call that may go to the server now, to be reported by exactly one outcome; None if it is left alone."""
        if self._opened is None:
            return Call(probe=False)
        if self._probing or self._clock() - self._opened < self._rest_s:
            return None
        self._probing = True
        return Call(probe=True)

    def answered(self, call: Call) -> None:
        """The server is well."""
        self._failures, self._opened = 0, None
        self.undecided(call)

    def failed(self, call: Call) -> None:
        """The server is not."""
        self._failures += 1
        if call.probe or (self._opened is None and self._failures >= self._failures_to_open):
            self._opened = self._clock()
        self.undecided(call)

    def undecided(self, call: Call) -> None:
        """The call ended without a word about the server; only the one who tried lets the next one try."""
        self._probing = self._probing and not call.probe
