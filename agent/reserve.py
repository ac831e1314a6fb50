"""How much time the last steps of a request need under the load of this moment, so that it is kept free for them."""

from __future__ import annotations

import time

_FORGETS = 0.98  # what is left of a late request's lesson after each later one
_MOST = 0.5  # of a request's time, so that the model is asked at all


class Reserve:
    """Learns from what comes after the model's time is over: ``reserve = max(usual, last steps, .98 of what was learnt)``.

    On a busy machine a timer fires late, and the calibration and the explanation wait for their turn. A request that ends
    before its time shows nothing of that. Threads may race here: one lesson more or less makes no difference.
    """

    def __init__(self) -> None:
        self._learnt_s = 0.0

    def seconds(self, usual_s: float, whole_s: float) -> float:
        """What to keep free.

        Args:
            usual_s: What the last steps take on an idle machine.
            whole_s: All the time of the request.
        """
        return max(usual_s, min(self._learnt_s, _MOST * whole_s))

    def ended(self, asked: float, deadline: float) -> None:
        """Take note of a request that has just been answered.

        Args:
            asked: Moment of ``time.monotonic()`` at which the ladder was entered.
            deadline: That by which the model had to answer.
        """
        self._learnt_s = max(time.monotonic() - max(asked, deadline), _FORGETS * self._learnt_s)
