"""Why a language model did not rank a slate. Every reason is a code that a slate carries and a chart can count."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.llm.scorer import LabelScores


class Reason(StrEnum):
    """Reason codes of the ladder."""

    OFF = "llm_off"
    UNREACHABLE = "llm_unreachable"
    TIMEOUT = "llm_timeout"
    NO_TIME = "llm_no_time"
    HTTP_ERROR = "llm_http_error"
    REFUSED = "llm_refused_request"
    INVALID_ANSWER = "llm_invalid_answer"
    LOW_LABEL_MASS = "llm_low_label_mass"
    PARTIAL = "llm_partial"
    NO_PREFERENCE = "llm_no_preference"
    NO_WEIGHT = "llm_no_weight"
    BUSY = "llm_busy"
    UNUSABLE_LABELS = "llm_unusable_labels"
    UNUSABLE_PROMPT = "llm_unusable_prompt"
    CIRCUIT_OPEN = "llm_circuit_open"
    TOO_FEW_CANDIDATES = "too_few_candidates"


PASSING = frozenset(
    (Reason.UNREACHABLE, Reason.TIMEOUT, Reason.NO_TIME, Reason.HTTP_ERROR, Reason.BUSY, Reason.CIRCUIT_OPEN)
)
"""Trouble of a server and not of the question: another server, or the same one later, may answer it."""


class LLMFailure(Exception):  # noqa: N818  (a failure is expected, and has a next rung)
    """The language model's rung failed; the next rung takes over.

    Attributes:
        reason: The code.
        detail: One line for an operator. Never parsed, and never shown as a ranking.
        scores: What the model said before its answer was turned down: it was paid for, and is reported.
    """

    def __init__(self, reason: Reason, detail: str, scores: LabelScores | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.scores = scores


class TransportFailure(LLMFailure):
    """The connection broke before an answer: the one kind of failure that a second try can mend."""
