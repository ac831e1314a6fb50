"""Settings of a tuning run. They and the data decide all of it: the same settings give the same adapter, however often it was killed."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from agent.llm.modes.choice import PROMPTS
from agent.llm.weights import PACKAGED

Objective = Literal["label", "yes-no"]
"""What the model learns to answer: the letter of a candidate, or yes or no about each."""

Loss = Literal["softmax", "listmle"]

Kind = Literal["none", "words", "short", "cold"]
"""Kinds of requests: without words; with words; at most five likes; candidates that few have touched."""

KINDS: tuple[Kind, ...] = get_args(Kind)


class TuneConfig(BaseModel):
    """Settings of one run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default=PACKAGED, description="packaged model, model folder, GGUF file or hub name that is adapted"
    )
    objective: Objective = Field(default="label", description="what the model learns to answer")
    prompt: str | None = Field(default=None, description="of the library, or a .j2 file; None: the objective's")
    loss: Loss = Field(default="softmax", description="over the list: softmax, or ListMLE")
    beside: bool = Field(
        default=False, description="learn what to add to the retriever's order; False: an order that stands alone"
    )
    distil: float = Field(
        default=0.3,
        ge=0.0,
        le=1.0,
        description="share of the divergence from the retriever that knows the whole history",
    )
    temperature: float = Field(default=1.0, gt=0.0, description="of that retriever's standardised scores")
    tokens: int = Field(default=300_000, ge=1, description="budget: tokens read in training")
    rank: int = Field(default=16, ge=1, description="of the adapter, in every linear layer; it is scaled by 2")
    learning_rate: float = Field(default=5e-4, gt=0.0, description="highest, after the warm-up")
    warmup: float = Field(default=0.1, ge=0.0, lt=1.0, description="share of the budget in which the rate rises")
    accumulate: int = Field(default=4, ge=1, description="requests whose gradients make one step")
    checks: int = Field(default=3, ge=1, description="times that validation users are asked; the best check is kept")
    save_every: int = Field(default=5, ge=1, description="steps between two states on the disk")
    users: int = Field(default=30, ge=4, description="users whom the result is reported on, for each kind of request")
    seed: int = Field(default=0, ge=0, description="of users, requests, orders and the adapter's beginning")

    @property
    def prompt_name(self) -> str:
        """The prompt that is learned."""
        return self.prompt or PROMPTS["label" if self.objective == "label" else "pointwise"]
