"""The slate: what a caller gets. It says who ranked it, why, and how well it keeps the proportions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SlateItem(_Closed):
    """One place of the slate."""

    rank: int
    item_id: str
    title: str
    categories: list[str]
    year: int | None
    facts: dict[str, int | float | str] = Field(
        default={}, description="what further columns of the catalogue say of it: numbers and names, gaps left out"
    )
    persona: int | None = Field(description="number of the taste it serves most; null for a cold start")
    persona_name: str
    persona_share: float = Field(description="how much of the user's attention to this item is this taste's, 0 to 1")
    score: float = Field(description="retrieval score; higher is more relevant")
    gain_relevance: float = Field(description="what it adds to the objective by its relevance: (1 - lam) s")
    gain_calibration: float = Field(description="what it adds by keeping the proportions: lam times the C_KL it saves")
    evidence: str = Field(
        description="the fact behind it: an item of the user's own, a side of theirs, or how many like it"
    )
    reason: str = Field(description="the fact in a sentence, with the taste if it is one of the taste")


class PersonaCard(_Closed):
    """One taste of the user, in words."""

    number: int
    name: str
    share: float
    categories: list[str]
    exemplars: list[str]


class Tokens(_Closed):
    """What the language model read and wrote."""

    prompt: int = 0
    completion: int = 0
    prefix: int = Field(default=0, description="of the prompt, what the server knew from before, if it says so")
    calls: int = Field(default=0, description="questions asked")
    kept: int = Field(default=0, description="of these, answers kept from before: nothing was read for them")


class Promise(_Closed):
    """A calibration error that the slate was not to exceed."""

    max_kl: float
    met: bool
    floor: float = Field(description="smallest C_KL that was found for the candidates")


class LimitReport(_Closed):
    """Hard conditions on the slate, and whether they could be kept."""

    asked: list[str]
    met: bool
    clash: list[str] = Field(
        description="conditions that no slate of the candidates keeps together; leaving out any one ends the clash"
    )
    relaxed: list[str] = Field(description="what this slate, the nearest, falls short of")


class Step(_Closed):
    """One step of making the slate: a greedy pick, or a swap that improved it."""

    step: Literal["pick", "swap"]
    title: str
    instead_of: str | None = None
    gain: float | None = Field(default=None, description="what a swap added to the objective")


class Slate(_Closed):
    """A list of recommendations with its whole story.

    Attributes:
        ranker_used: ``llm`` or ``calibrated``.
        degraded_reason: Code of :class:`agent.llm.failures.Reason` if the language model did not rank; else null.
        label_mass: Probability that the model put on the labels of the candidates.
        llm_weight: Share of the language model in the relevance: what it has earned, times its agreement with itself.
        llm_agreement: How far it said the same in several orders of the candidates, 0 to 1; null if it was asked in one.
        experiment: Name of the experiment that the list is part of, or null.
        arm: Its prompt there.
        llm_ms: Milliseconds that the language model took; null if it did not rank.
        target: Share of each group that the list should hold, as far as it is not zero.
        achieved: Share that it holds.
        kl: Calibration error C_KL in nats; 0 is perfect, null for an empty list.
        lam: lambda that made it, 0 only relevance to 1 only calibration; found by bisection under a promise.
        promise: About a calibration error that was asked for.
        limits: About hard conditions that were asked for.
        making: Picks and swaps, if they were asked for.
        cold_start: Nothing of the user's history was known.
        understood: What was read out of the request in words.
    """

    ranker_used: str
    degraded_reason: str | None
    degraded_detail: str
    model: str | None
    prompt_hash: str | None
    label_mass: float | None
    llm_weight: float | None
    llm_agreement: float | None
    experiment: str | None = None
    arm: str | None = None
    tokens: Tokens
    llm_ms: float | None = None
    latency_ms: float
    axis: str
    lam: float
    target: dict[str, float]
    achieved: dict[str, float]
    kl: float | None
    promise: Promise | None
    limits: LimitReport | None
    cold_start: bool
    understood: dict[str, Any]
    personas: list[PersonaCard]
    items: list[SlateItem]
    making: list[Step] | None
