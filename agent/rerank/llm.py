"""The language model's rung: it supplies relevance, the calibrated reranker supplies the proportions.

A shortlist of the pool, itself calibrated so that every taste is on it, is shown to the model in one of several ways; what it
says (by default label log-probabilities) is fused with the retrieval scores; the fused relevance of the whole pool goes
through the same calibrated reranker as every other relevance.

Proportions are kept in three places, each of which can be left out to see what it does: the prompt asks for them if it is one that
does (``rerank-shares``, not ``rerank-relevance``); ``calibrate_in`` names the other two.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.llm.admission import Admission
from agent.llm.decoding import decoded
from agent.llm.earned import Circumstances, Earned, Weight, weight_of
from agent.llm.failures import LLMFailure, Reason
from agent.llm.modes.choice import MOST, PROMPTS, ModeName, mode_of
from agent.llm.modes.protocol import Calls
from agent.llm.orders import Opinion
from agent.llm.scorer import LabelScores, Scorer, standardised
from agent.rerank.listing import Listed, Listing
from agent.rerank.protocol import Pool
from prompts.template import Message, Prompt
from retrieval.arrays import Float32, Int32
from retrieval.errors import ConfigError


class LLMConfig(BaseModel):
    """Settings of :class:`LLMRung`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: ModeName = Field(default="label", description="how the model is asked for an order")
    calibrate_in: tuple[Literal["decoding", "last"], ...] = Field(
        default=("last",), description="where proportions are kept, beside a prompt that asks for them"
    )
    weight: float | None = Field(
        default=None, ge=0.0, le=1.0, description="share of the model in the fused relevance; None: what it has earned"
    )
    orders: int = Field(default=1, ge=1, le=4, description="orders of the candidates that are asked about and averaged")
    candidates: int = Field(default=20, ge=1, le=max(MOST.values()), description="candidates shown to the model")
    at_once: int = Field(
        default=16, ge=1, description="most calls to the server at once; fewer where it does not keep up"
    )
    kept_answers: int = Field(
        default=2048, ge=0, description="answers of the server that are given again to the same question; 0 keeps none"
    )
    kept_s: float = Field(default=3600.0, gt=0.0, description="seconds for which they are kept")
    min_label_mass: float = Field(
        default=0.05, ge=0.0, le=1.0, description="below this the model is not answering in labels, and is not believed"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> LLMConfig:
        if self.candidates > MOST[self.mode]:
            raise ValueError(f"mode {self.mode!r} takes at most {MOST[self.mode]} candidates: lower candidates")
        if self.mode == "pointwise" and self.orders > 1:
            raise ValueError("mode 'pointwise' shows one candidate at a time, which has one order: set orders to 1")
        if "decoding" in self.calibrate_in and self.mode != "label":
            raise ValueError("calibrate_in 'decoding' needs log-probabilities of all candidates: set mode to 'label'")
        return self


@dataclass(frozen=True, slots=True)
class Ask:
    """What one user asks of the ladder.

    Attributes:
        pool: A batch of one, best first.
        k: Length of the slate.
        listing: Makes the slate, whoever scores the candidates.
        deadline: Moment of ``time.monotonic()`` by which the slate must be there.
        now: What decides how far the model can help.
        render: Makes the prompt for a shortlist: positions in the pool and their labels to messages.
    """

    pool: Pool
    k: int
    listing: Listing
    deadline: float
    now: Circumstances
    render: Callable[[Int32, Sequence[str]], tuple[Message, ...]]


@dataclass(frozen=True, slots=True)
class Ranked:
    """What came down the ladder.

    Attributes:
        listed: The slate; gains are in the relevance that this rung ranked by.
        ranker_used: Name of the rung that answered.
        reason: Why it was not the language model, or not all of it (``llm_partial``); None if it was.
        detail: One line to go with the reason.
        model: Model that ranked, if one did.
        prompt_hash: Version of its prompt.
        scores: What it said.
        weight: Its share in the relevance.
        agreement: How far it said the same in every order; None if it was asked in one.
        ms: Milliseconds that the model took.
    """

    listed: Listed
    ranker_used: str
    reason: Reason | None = None
    detail: str = ""
    model: str | None = None
    prompt_hash: str | None = None
    scores: LabelScores | None = None
    weight: float | None = None
    agreement: float | None = None
    ms: float | None = None


class LLMRung:
    """Scores a shortlist with the model, fuses, calibrates; raises :class:`LLMFailure` rather than guess.

    Args:
        scorer: Asks the model.
        prompt: What it is asked.
        config: Settings.
        earned: What the model was measured to be worth; None if it was not.

    Raises:
        ConfigError: The prompt asks for another kind of answer than the mode reads.
    """

    name = "llm"

    def __init__(
        self, scorer: Scorer, prompt: Prompt, config: LLMConfig | None = None, earned: Earned | None = None
    ) -> None:
        self.scorer = scorer
        self.prompt = prompt
        self.config = config or LLMConfig()
        self.earned = earned
        self.admission = Admission(self.config.at_once)
        self.mode = mode_of(self.config.mode, scorer, self.config.orders)
        if prompt.front.output != self.mode.output:
            raise ConfigError(
                f"prompt {prompt.front.name!r} asks for {prompt.front.output!r}, mode {self.config.mode!r} reads {self.mode.output!r}",
                f"ask in a mode that reads it (--mode), or in this one with {PROMPTS[self.config.mode]}",
            )

    async def __call__(self, ask: Ask) -> Ranked:
        """Rank one user's pool.

        Raises:
            LLMFailure: The model did not answer in time, or not as asked, or has no say in such a request.
        """
        given = self.config.weight
        weight = weight_of(self.earned, ask.now) if given is None else Weight(given, "as configured")
        if given is None and weight.value == 0.0:  # a weight of 0 that was asked for is an experiment, and is asked
            raise LLMFailure(Reason.NO_WEIGHT, weight.why)
        asked = time.monotonic()
        shown, opinion = await self.consult(ask)
        took = 1000.0 * (time.monotonic() - asked)
        believed = weight.value if opinion.agreement is None else weight.value * opinion.agreement
        last = ask.listing if "last" in self.config.calibrate_in else ask.listing.uncalibrated()
        listed = last(fused(ask.pool, shown, opinion.relevance, believed), ask.k)
        left_out = opinion.scores.completed
        return Ranked(
            listed, self.name, reason=Reason.PARTIAL if left_out else None,
            detail=f"the model left out {left_out} of the candidates" if left_out else "",
            model=self.scorer.model, prompt_hash=self.prompt.version,
            scores=opinion.scores, weight=believed, agreement=opinion.agreement, ms=took,
        )  # fmt: skip

    async def consult(self, ask: Ask) -> tuple[Int32, Opinion]:
        """Positions of the shortlist, and what the model thinks of it, whatever that is worth.

        Raises:
            LLMFailure: The model did not answer in time, or not as asked.
        """
        remaining = ask.deadline - time.monotonic()
        if remaining <= 0:
            raise LLMFailure(Reason.NO_TIME, "no time was left to ask the model")
        size = min(max(self.config.candidates, ask.k), self.mode.most)
        shown = ask.listing.shortlist(ask.pool, ask.k, size)
        if len(shown) < 2:
            raise LLMFailure(Reason.TOO_FEW_CANDIDATES, f"{len(shown)} candidates leave nothing to rank")
        try:
            # The outer limit holds even for a server that drips bytes, which resets a client's own timer.
            async with asyncio.timeout(remaining):
                opinion = await self.mode(shown, Calls(partial(_rendered, ask.render), ask.deadline, self.admission))
        except TimeoutError as why:
            raise LLMFailure(Reason.TIMEOUT, f"no answer within {remaining:.1f} s") from why
        scores = opinion.scores
        if scores.mass < self.config.min_label_mass:
            raise LLMFailure(
                Reason.LOW_LABEL_MASS, f"only {scores.mass:.1%} of the model's probability is on the labels", scores
            )
        if not opinion.relevance.any():
            raise LLMFailure(Reason.NO_PREFERENCE, "the model finds all candidates equally likely", scores)
        if "decoding" in self.config.calibrate_in:
            opinion = replace(opinion, relevance=_in_slots(ask, shown, opinion))
        return shown, opinion


def _rendered(
    render: Callable[[Int32, Sequence[str]], tuple[Message, ...]], shown: Int32, labels: Sequence[str]
) -> tuple[Message, ...]:
    """A prompt that cannot be rendered for somebody, say for one of whom nothing is known, costs them no list."""
    try:
        return render(shown, labels)
    except ConfigError as why:
        raise LLMFailure(Reason.UNUSABLE_PROMPT, why.message) from why


def _in_slots(ask: Ask, shown: Int32, opinion: Opinion) -> Float32:
    """``(n,)`` standardised: minus the slot in which each candidate came, proportions counting as much as in the last arithmetic."""
    config, pool = ask.listing.config, ask.pool
    order = decoded(
        opinion.by_order.mean(axis=0), pool.groups[0, shown], pool.target[0], ask.k, config.lam, config.alpha
    )
    slots = np.empty(len(order), np.float32)
    slots[order] = -np.arange(len(order), dtype=np.float32)
    return standardised(slots)


def fused(pool: Pool, shown: Int32, opinion: Float32, weight: float) -> Pool:
    """The whole pool, in which the model speaks for what it was shown; the rest keeps its retrieval score.

    At weight 0 this is the pool as it came, so that the model's share in a slate is its own alone.

    Args:
        pool: A batch of one.
        shown: ``(n,)`` positions that the model was asked about.
        opinion: ``(n,)`` its standardised relevance.
        weight: Its share.
    """
    before = pool.relevance[0]
    known = before[shown].astype(np.float64)
    spread = float(known.std())
    valid = np.isfinite(before)
    both = np.full(len(before), -np.inf)
    both[valid] = (before[valid] - known.mean()) / (spread if spread > 0 else 1.0) * (1.0 - weight)
    both[shown] += weight * opinion
    return replace(pool, relevance=both[None].astype(np.float32))
