"""The way down when the language model fails, as wiring: retry once, break the circuit, then rank without it.

    breaker( retry once on transport errors( LLM rung, within the deadline ) )  --LLMFailure-->  calibrated rung

Built from LangChain's runnables, so the shape can be read off, drawn and traced.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import BaseModel, ConfigDict, Field

from agent.llm.breaker import Breaker
from agent.llm.failures import LLMFailure, Reason, TransportFailure
from agent.rerank.llm import Ask, LLMRung, Ranked

# Of these the server knows nothing: the request never got that far.
_NOT_ASKED = frozenset((Reason.TOO_FEW_CANDIDATES, Reason.NO_TIME, Reason.NO_WEIGHT, Reason.BUSY))
# Here it answered, and well enough for another prompt.
_ABOUT_THE_PROMPT = frozenset((Reason.LOW_LABEL_MASS, Reason.NO_PREFERENCE, Reason.REFUSED))

Step = dict[str, Any]


class LadderConfig(BaseModel):
    """Settings of the circuit breaker."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    failures_to_open: int = Field(
        default=3, ge=1, description="consecutive failures after which the server is left alone"
    )
    rest_s: float = Field(default=30.0, gt=0.0, description="seconds until it is tried again")
    patience_s: float = Field(
        default=2.0, ge=0.0, description="a time-out counts as a failure only if the caller had this long to wait"
    )


def unassisted(reason: Reason, detail: str) -> Callable[[Ask], Ranked]:
    """The ladder's last rung alone, where no server is known or none is wanted: there is nothing to wait for."""

    def rank(ask: Ask) -> Ranked:
        return Ranked(ask.listing(ask.pool, ask.k), "calibrated", reason=reason, detail=detail)

    return rank


def guarded(rung: LLMRung, config: LadderConfig | None = None) -> Runnable[Ask, Ranked]:
    """The LLM rung behind one transport retry and a circuit breaker."""
    config = config or LadderConfig()
    breaker = Breaker(config.failures_to_open, config.rest_s)
    patient = RunnableLambda(rung.__call__, name="ask the model").with_retry(
        retry_if_exception_type=(TransportFailure,), stop_after_attempt=2, wait_exponential_jitter=False
    )

    async def through_breaker(ask: Ask) -> Ranked:
        call = breaker.admit()
        if call is None:
            detail = (
                f"{config.failures_to_open} calls failed in a row; the model is left alone for {config.rest_s:.0f} s"
            )
            raise LLMFailure(Reason.CIRCUIT_OPEN, detail)
        asked = time.monotonic()
        waits = ask.deadline - asked
        report = breaker.undecided  # unless something is learnt; a caller who goes away teaches nothing
        try:
            ranked = await patient.ainvoke(ask)
            report = breaker.answered
        except LLMFailure as failure:
            # A server that answered somebody meanwhile is busy, not dead: fewer calls at once are the cure.
            alive = rung.admission.answered_since(asked)
            excused = failure.reason is Reason.TIMEOUT and (alive or waits < config.patience_s)
            if failure.reason in _ABOUT_THE_PROMPT:
                report = breaker.answered
            elif failure.reason not in _NOT_ASKED and not excused:
                report = breaker.failed
            raise
        finally:
            report(call)
        return ranked

    return RunnableLambda(through_breaker, name="circuit breaker")


def ladder(model: Runnable[Ask, Ranked]) -> Runnable[Step, Ranked]:
    """The whole ladder. Input ``{"ask": Ask}``; every outcome of the model's yields a :class:`Ranked`."""

    async def ask_model(step: Step) -> Ranked:
        return await model.ainvoke(step["ask"])

    def without_model(step: Step) -> Ranked:
        ask: Ask = step["ask"]
        failure: LLMFailure = step["failure"]
        listed = ask.listing(ask.pool, ask.k)
        return Ranked(listed, "calibrated", reason=failure.reason, detail=failure.detail, scores=failure.scores)

    return RunnableLambda(ask_model, name="language model").with_fallbacks(
        [RunnableLambda(without_model, name="calibrated")],
        exceptions_to_handle=(LLMFailure,),
        exception_key="failure",
    )
