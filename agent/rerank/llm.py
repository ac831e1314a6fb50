"""The language model's rung: it supplies relevance, the calibrated reranker supplies the proportions.

A shortlist of the pool, itself calibrated so that every taste is on it, is shown to the model; its label
log-probabilities are fused with the retrieval scores; the fused relevance goes through the same calibrated
reranker as every other relevance.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agent.llm.failures import LLMFailure, Reason
from agent.llm.labels import LETTERS, MAX_LABELS
from agent.llm.scorer import LabelScorer, LabelScores, standardised
from agent.rerank.calibrated import Calibrated
from agent.rerank.gains import Gains, gains
from agent.rerank.protocol import Pool, Slates
from prompts.template import Message, Prompt
from retrieval.schema import Int32


class LLMConfig(BaseModel):
    """Settings of :class:`LLMRung`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float = Field(default=0.2, ge=0.0, le=1.0, description="share of the model in the fused relevance")
    candidates: int = Field(default=20, ge=1, le=MAX_LABELS, description="candidates shown to the model")
    min_label_mass: float = Field(
        default=0.05, ge=0.0, le=1.0, description="below this the model is not answering in labels, and is not believed"
    )


@dataclass(frozen=True, slots=True)
class Ask:
    """What one user asks of the ladder.

    Attributes:
        pool: A batch of one, best first.
        k: Length of the slate.
        deadline: Moment of ``time.monotonic()`` by which the slate must be there.
        render: Makes the prompt for a shortlist: positions in the pool and their labels to messages.
    """

    pool: Pool
    k: int
    deadline: float
    render: Callable[[Int32, Sequence[str]], tuple[Message, ...]]


@dataclass(frozen=True, slots=True)
class Ranked:
    """What came down the ladder.

    Attributes:
        slates: A batch of one; positions in the pool.
        ranker_used: Name of the rung that answered.
        gains: What every pick added, in the relevance that this rung ranked by.
        reason: Why it was not the language model, or None.
        detail: One line to go with the reason.
        model: Model that ranked, if one did.
        prompt_hash: Version of its prompt.
        scores: What it said.
    """

    slates: Slates
    ranker_used: str
    gains: Gains
    reason: Reason | None = None
    detail: str = ""
    model: str | None = None
    prompt_hash: str | None = None
    scores: LabelScores | None = None


class LLMRung:
    """Scores a shortlist with the model, fuses, calibrates; raises :class:`LLMFailure` rather than guess."""

    name = "llm"

    def __init__(
        self, scorer: LabelScorer, prompt: Prompt, calibrated: Calibrated, config: LLMConfig | None = None
    ) -> None:
        self.scorer = scorer
        self.prompt = prompt
        self.calibrated = calibrated
        self.config = config or LLMConfig()

    async def __call__(self, ask: Ask) -> Ranked:
        """Rank one user's pool.

        Raises:
            LLMFailure: The model did not answer in time, or not as asked.
        """
        remaining = ask.deadline - time.monotonic()
        if remaining <= 0:
            raise LLMFailure(Reason.NO_TIME, "no time was left to ask the model")
        if ask.k > MAX_LABELS:
            raise LLMFailure(Reason.TOO_LONG, f"the model can tell {MAX_LABELS} candidates apart, not {ask.k}")
        shown = shortlist(ask.pool, max(self.config.candidates, ask.k), self.calibrated)
        if len(shown) < 2:
            raise LLMFailure(Reason.TOO_FEW_CANDIDATES, f"{len(shown)} candidates leave nothing to rank")
        messages = ask.render(shown, LETTERS[: len(shown)])
        try:
            # The outer limit holds even for a server that drips bytes, which resets a client's own timer.
            async with asyncio.timeout(remaining):
                scores = await self.scorer.score(messages, len(shown), remaining)
        except TimeoutError as why:
            raise LLMFailure(Reason.TIMEOUT, f"no answer within {remaining:.1f} s") from why
        if scores.mass < self.config.min_label_mass:
            raise LLMFailure(
                Reason.LOW_LABEL_MASS, f"only {scores.mass:.1%} of the model's probability is on the labels"
            )
        slates, split = self._fused(ask, shown, scores)
        return Ranked(
            slates, self.name, split, model=self.scorer.endpoint.model, prompt_hash=self.prompt.version, scores=scores
        )

    def _fused(self, ask: Ask, shown: Int32, scores: LabelScores) -> tuple[Slates, Gains]:
        weight = self.config.weight
        base = standardised(ask.pool.relevance[0, shown])
        fused = ((1.0 - weight) * base + weight * standardised(scores.logprobs)).astype(np.float32)
        pool = Pool(fused[None], ask.pool.groups[:, shown], ask.pool.target)
        slates = self.calibrated(pool, ask.k)
        split = gains(pool, slates, self.calibrated.config.lam, self.calibrated.config.alpha)
        places = slates.positions
        in_pool = np.where(places < 0, -1, shown[np.maximum(places, 0)]).astype(np.int32)
        return Slates(in_pool, slates.achieved, slates.kl), split


def shortlist(pool: Pool, size: int, calibrated: Calibrated) -> Int32:
    """Positions of the candidates worth a place in the prompt, most relevant first: a calibrated slate of ``size``."""
    places = calibrated(pool, min(size, MAX_LABELS)).positions[0]
    return places[places >= 0]
