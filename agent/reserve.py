"""How much time the last steps of a request need under the load of this moment, so that it is kept free for them."""

from __future__ import annotations

import time
from collections.abc import Callable

_HALF_LIFE_S = 60.0
_MARGIN = 1.5  # for the way of the answer to whoever asked, which is not seen here
_MOST = 0.5  # of a request's time, so that the model is asked at all


class Reserve:
    """Learns from what comes after the model's time is over: the longest last steps, half of which is forgotten in a minute.

    On a busy machine a timer fires late, and the calibration and the explanation wait for their turn. A request that ends
    before its time shows nothing of that. Threads may race here: one lesson more or less makes no difference.

    Args:
        clock: Seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._longest_s = 0.0
        self._at = clock()

    def seconds(self, usual_s: float, whole_s: float) -> float:
        """What to keep free.

        Args:
            usual_s: What the last steps take on an idle machine.
            whole_s: All the time of the request.
        """
        return max(usual_s, min(_MARGIN * self._left(self._clock()), _MOST * whole_s))

    def ended(self, asked: float, deadline: float) -> None:
        """Take note of a request that has just been answered.

        Args:
            asked: Moment at which the ladder was entered.
            deadline: That by which the model had to answer.
        """
        now = self._clock()
        took = now - max(asked, deadline)
        if took > self._left(now):
            self._longest_s, self._at = took, now

    def _left(self, now: float) -> float:
        return self._longest_s * 0.5 ** ((now - self._at) / _HALF_LIFE_S)
