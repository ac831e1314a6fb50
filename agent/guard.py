"""Guard rails of an experiment: an arm whose answers cannot be used, that is slow or disliked is taken out.

Counted in this process over the latest answers; an arm is judged against the first, so that a bad hour of the server takes nobody out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from statistics import median

from agent.experiment import Guards
from agent.llm.failures import Reason
from agent.rerank.llm import Ranked

_WINDOW = 400
_FAR = 2.58
# These say something of the prompt; that a server is away, or busy, does not.
_OF_THE_PROMPT = frozenset((Reason.INVALID_ANSWER, Reason.LOW_LABEL_MASS, Reason.REFUSED, Reason.NO_PREFERENCE, Reason.UNUSABLE_LABELS, Reason.UNUSABLE_PROMPT, Reason.TIMEOUT))  # fmt: skip


class Guard:
    """What came of one arm. Used from several threads: single operations of deques and dictionaries need no lock.

    Args:
        guards: When the arm is taken out.

    Attributes:
        tripped: Why it was taken out, here or by another process; empty while it is not.
    """

    def __init__(self, guards: Guards) -> None:
        self._guards = guards
        self._failed: deque[bool] = deque(maxlen=_WINDOW)
        self._ms: deque[float] = deque(maxlen=_WINDOW)
        self._last_words: dict[str, bool] = {}
        self.tripped = ""

    def ranked(self, ranked: Ranked) -> None:
        """One answer."""
        if ranked.ms is not None:
            self._failed.append(False)
            self._ms.append(ranked.ms)
        elif ranked.reason in _OF_THE_PROMPT:
            self._failed.append(True)

    def heard(self, person: str, *, disliked: bool) -> None:
        """Feedback by somebody of this arm: their last word counts, or one person's temper would be a judgement of many."""
        self._last_words.pop(person, None)
        self._last_words[person] = disliked
        if len(self._last_words) > _WINDOW:
            self._last_words.pop(next(iter(self._last_words)), None)

    def judge(self, first: Guard) -> str:
        """Why the arm is taken out, empty while it is not; once out, it stays out."""
        if not self.tripped:
            self.tripped = self._trouble(first)
        return self.tripped

    def _trouble(self, first: Guard) -> str:
        g = self._guards
        failed, usual = _rate(self._failed), _rate(first._failed)
        if _beyond(self._failed, first._failed, g.least, g.most_failures):
            return f"{failed:.0%} of its answers cannot be used, {usual:.0%} of the first arm's"
        if min(len(self._ms), len(first._ms)) >= g.least and median(self._ms) > g.slowest * median(first._ms):
            return f"its median is {median(self._ms):.0f} ms, the first arm's {median(first._ms):.0f} ms"
        words, theirs = list(self._last_words.values()), list(first._last_words.values())
        if _beyond(words, theirs, g.least, g.most_dislikes):
            return f"the last word of {_rate(words):.0%} of its people is a dislike, of {_rate(theirs):.0%} of the first arm's"
        return ""


def _beyond(mine: Collection[bool], first: Collection[bool], least: int, allowed: float) -> bool:
    """Whether a rate is beyond the first arm's by more than is allowed, and not by chance: z of two proportions above 2.58.

    One-sided .005, as it is looked at again after every answer.
    """
    n, m = len(mine), len(first)
    if min(n, m) < least or _rate(mine) <= _rate(first) + allowed:
        return False
    pooled = (sum(mine) + sum(first)) / (n + m)
    return _rate(mine) - _rate(first) > _FAR * (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)) ** 0.5


def _rate(seen: Collection[bool]) -> float:
    return sum(seen) / len(seen) if seen else 0.0
