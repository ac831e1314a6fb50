"""The language model's rung: it supplies relevance, the calibrated reranker supplies the proportions.

A shortlist of the pool, itself calibrated so that every taste is on it, is shown to the model; its label
log-probabilities are fused with the retrieval scores; the fused relevance of the whole pool goes through the same
calibrated reranker as every other relevance.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agent.llm.admission import Admission
from agent.llm.earned import Circumstances, Earned, Weight, weight_of
from agent.llm.failures import LLMFailure, Reason
from agent.llm.labels import LETTERS, MAX_LABELS
from agent.llm.orders import Opinion, in_orders
from agent.llm.scorer import LabelScorer, LabelScores
from agent.rerank.listing import Listed, Listing
from agent.rerank.protocol import Pool
from prompts.template import Message, Prompt
from retrieval.arrays import Float32, Int32


class LLMConfig(BaseModel):
    """Settings of :class:`LLMRung`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float | None = Field(
        default=None, ge=0.0, le=1.0, description="share of the model in the fused relevance; None: what it has earned"
    )
    orders: int = Field(default=1, ge=1, le=4, description="orders of the candidates that are asked about and averaged")
    candidates: int = Field(default=20, ge=1, le=MAX_LABELS, description="candidates shown to the model")
    at_once: int = Field(
        default=16, ge=1, description="most calls to the server at once; fewer where it does not keep up"
    )
    min_label_mass: float = Field(
        default=0.05, ge=0.0, le=1.0, description="below this the model is not answering in labels, and is not believed"
    )


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
        reason: Why it was not the language model, or None.
        detail: One line to go with the reason.
        model: Model that ranked, if one did.
        prompt_hash: Version of its prompt.
        scores: What it said.
        weight: Its share in the relevance.
        agreement: How far it said the same in every order; None if it was asked in one.
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


class LLMRung:
    """Scores a shortlist with the model, fuses, calibrates; raises :class:`LLMFailure` rather than guess.

    Args:
        scorer: Asks the model.
        prompt: What it is asked.
        config: Settings.
        earned: What the model was measured to be worth; None if it was not.
    """

    name = "llm"

    def __init__(
        self, scorer: LabelScorer, prompt: Prompt, config: LLMConfig | None = None, earned: Earned | None = None
    ) -> None:
        self.scorer = scorer
        self.prompt = prompt
        self.config = config or LLMConfig()
        self.earned = earned
        self.admission = Admission(self.config.at_once)

    async def __call__(self, ask: Ask) -> Ranked:
        """Rank one user's pool.

        Raises:
            LLMFailure: The model did not answer in time, or not as asked, or has no say in such a request.
        """
        given = self.config.weight
        weight = weight_of(self.earned, ask.now) if given is None else Weight(given, "as configured")
        if given is None and weight.value == 0.0:  # a weight of 0 that was asked for is an experiment, and is asked
            raise LLMFailure(Reason.NO_WEIGHT, weight.why)
        shown, opinion = await self.consult(ask)
        believed = weight.value if opinion.agreement is None else weight.value * opinion.agreement
        listed = ask.listing(fused(ask.pool, shown, opinion.relevance, believed), ask.k)
        return Ranked(
            listed, self.name, model=self.scorer.endpoint.model, prompt_hash=self.prompt.version,
            scores=opinion.scores, weight=believed, agreement=opinion.agreement,
        )  # fmt: skip

    async def consult(self, ask: Ask) -> tuple[Int32, Opinion]:
        """Positions of the shortlist, and what the model thinks of it, whatever that is worth.

        Raises:
            LLMFailure: The model did not answer in time, or not as asked.
        """
        remaining = ask.deadline - time.monotonic()
        if remaining <= 0:
            raise LLMFailure(Reason.NO_TIME, "no time was left to ask the model")
        size = min(max(self.config.candidates, ask.k), MAX_LABELS)
        shown = ask.listing.shortlist(ask.pool, ask.k, size)
        if len(shown) < 2:
            raise LLMFailure(Reason.TOO_FEW_CANDIDATES, f"{len(shown)} candidates leave nothing to rank")

        async def score(order: Int32) -> LabelScores:
            messages = ask.render(order, LETTERS[: len(order)])
            async with self.admission.place(ask.deadline):
                return await self.scorer.score(messages, len(order), max(ask.deadline - time.monotonic(), 0.001))

        try:
            # The outer limit holds even for a server that drips bytes, which resets a client's own timer.
            async with asyncio.timeout(remaining):
                opinion = await in_orders(shown, self.config.orders, score)
        except TimeoutError as why:
            raise LLMFailure(Reason.TIMEOUT, f"no answer within {remaining:.1f} s") from why
        scores = opinion.scores
        if scores.mass < self.config.min_label_mass:
            raise LLMFailure(
                Reason.LOW_LABEL_MASS, f"only {scores.mass:.1%} of the model's probability is on the labels", scores
            )
        if not opinion.relevance.any():
            raise LLMFailure(Reason.NO_PREFERENCE, "the model finds all candidates equally likely", scores)
        return shown, opinion


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
