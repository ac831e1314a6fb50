"""How much a language model may say: the weight that it has earned on validation users, or none.

Small models are noise to a user of whom much is known and damage a good order, so nothing is taken on trust: ``polytaste llm
fit`` measures, for one model and one prompt on one set of data, what share of the relevance helps whom. Without such a fit the
model speaks only where collaborative filtering is blind: when there are words, and for short histories.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.paths import models_folder

PRIOR = 0.2
"""Weight where nothing was measured and collaborative filtering is blind: stated, not fitted."""

_MEASURE = 2
"""Raised whenever what a fit measures, or the retriever that it stands beside, becomes another: earlier fits are then not found."""

SHORT = 5
"""Likes up to which a history is short."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides how far a model can help.

    Attributes:
        words: Whether the request says something in words.
        likes: Length of the history.
    """

    words: bool
    likes: int


class Cell(BaseModel):
    """What was measured for one kind of request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: bool = Field(description="requests in words, or none")
    short: bool = Field(description="histories of at most five likes, or longer ones")
    weight: float = Field(ge=0.0, le=1.0, description="0 unless the gain is beyond doubt")
    gain: float = Field(description="NDCG of the fused order minus the retriever's, at the best weight tried")
    low: float = Field(description="of the gain's 95 % interval, paired by user")
    high: float
    users: int = Field(ge=1)

    def fits(self, now: Circumstances) -> bool:
        """Whether a request is of this kind."""
        return self.words == now.words and self.short == (now.likes <= SHORT)


class Earned(BaseModel):
    """Weights of one model with one prompt on one set of data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    prompt: str = Field(description="hash of the prompt")
    data: str
    orders: int = Field(ge=1)
    seed: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Weight:
    """The weight of one request, and why it is that.

    Attributes:
        value: 0 to 1.
        why: One line.
    """

    value: float
    why: str


def weight_of(earned: Earned | None, now: Circumstances) -> Weight:
    """What the model may say in these circumstances."""
    if earned is not None:
        for cell in earned.cells:
            if cell.fits(now):
                measured = f"{cell.gain:+.3f} NDCG [{cell.low:+.3f}, {cell.high:+.3f}], {cell.users} validation users"
                return Weight(cell.weight, f"fitted: {measured}")
    if now.words or now.likes <= SHORT:
        return Weight(PRIOR, "not fitted: a prior, as there are words or few likes (polytaste llm fit)")
    return Weight(0.0, "not fitted: nothing is known of this model and prompt for long histories (polytaste llm fit)")


def place(model: str, prompt: str, data: str, orders: int) -> Path:
    """File of a fit."""
    key = hashlib.sha256(f"{_MEASURE}\n{model}\n{prompt}\n{data}\n{orders}".encode()).hexdigest()[:16]
    return models_folder().parent / "llm" / f"{key}.json"


def read(model: str, prompt: str, data: str, orders: int) -> Earned | None:
    """The fit of a model and prompt on some data; None if there is none, or it cannot be read."""
    try:
        found = Earned.model_validate_json(place(model, prompt, data, orders).read_bytes())
    except (OSError, ValidationError):
        return None
    return found if (found.model, found.prompt, found.data, found.orders) == (model, prompt, data, orders) else None


def write(earned: Earned) -> Path:
    """Keep a fit, whole or not at all."""
    path = place(earned.model, earned.prompt, earned.data, earned.orders)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(earned.model_dump_json(indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
    return path
