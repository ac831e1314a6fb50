"""The way down when the language model fails, as wiring: retry once, break the circuit, then rank without it.

    breaker( retry once on transport errors( LLM rung, within the deadline ) )  --LLMFailure-->  calibrated rung

Built from LangChain's runnables, so the shape can be read off, drawn and traced.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pybreaker
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import BaseModel, ConfigDict, Field

from agent.llm.failures import LLMFailure, Reason, TransportFailure
from agent.rerank.llm import Ask, LLMRung, Ranked

# Failures that say something about one request, not about the server's health.
_INNOCENT = frozenset(
    (Reason.TOO_FEW_CANDIDATES, Reason.LOW_LABEL_MASS, Reason.NO_TIME, Reason.TOO_LONG, Reason.REFUSED)
)

Step = dict[str, Any]


class LadderConfig(BaseModel):
    """Settings of the circuit breaker."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    failures_to_open: int = Field(
        default=3, ge=1, description="consecutive failures after which the server is left alone"
    )
    rest_s: float = Field(default=30.0, gt=0.0, description="seconds until it is tried again")


class _ModelAbsent:
    """The rung where no server is known or none is wanted: fails at once, with its reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.failure = LLMFailure(reason, detail)

    async def __call__(self, _ask: Ask) -> Ranked:
        raise self.failure


def absent(reason: Reason, detail: str) -> Runnable[Ask, Ranked]:
    """A rung that stands for a model that cannot be asked."""
    return RunnableLambda(_ModelAbsent(reason, detail), name="no model")


def guarded(rung: LLMRung, config: LadderConfig | None = None) -> Runnable[Ask, Ranked]:
    """The LLM rung behind one transport retry and a circuit breaker."""
    config = config or LadderConfig()
    breaker = pybreaker.CircuitBreaker(
        fail_max=config.failures_to_open,
        reset_timeout=config.rest_s,
        exclude=[_is_innocent],
        throw_new_error_on_trip=False,
    )
    patient = RunnableLambda(rung.__call__, name="ask the model").with_retry(
        retry_if_exception_type=(TransportFailure,), stop_after_attempt=2, wait_exponential_jitter=False
    )

    async def through_breaker(ask: Ask) -> Ranked:
        try:
            with breaker.calling():
                return await patient.ainvoke(ask)
        except pybreaker.CircuitBreakerError as why:
            detail = (
                f"the last {config.failures_to_open} calls failed; the model is left alone for {config.rest_s:.0f} s"
            )
            raise LLMFailure(Reason.CIRCUIT_OPEN, detail) from why

    return RunnableLambda(through_breaker, name="circuit breaker")


def ladder(model: Runnable[Ask, Ranked]) -> Runnable[Step, Ranked]:
    """The whole ladder. Input ``{"ask": Ask}``; every outcome of the model's yields a :class:`Ranked`."""

    async def ask_model(step: Step) -> Ranked:
        return await model.ainvoke(step["ask"])

    def without_model(step: Step) -> Ranked:
        ask: Ask = step["ask"]
        failure: LLMFailure = step["failure"]
        return Ranked(ask.listing(ask.pool, ask.k), "calibrated", reason=failure.reason, detail=failure.detail)

    return RunnableLambda(ask_model, name="language model").with_fallbacks(
        [RunnableLambda(without_model, name="calibrated")],
        exceptions_to_handle=(LLMFailure,),
        exception_key="failure",
    )


def _is_innocent(error: BaseException) -> bool:
    cancelled = isinstance(error, asyncio.CancelledError)  # the caller went away
    return cancelled or (isinstance(error, LLMFailure) and error.reason in _INNOCENT)
