"""What every experiment promises: what it claims, what was predicted, and one finding per data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from eval.claims.finding import Finding
from eval.claims.ground import Ground
from retrieval.baselines.protocol import Progress


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim in words.

    Attributes:
        letter: Short name.
        slug: Name of its page.
        claim: What is claimed.
        prediction: In numbers, written before any run.
        control: What would show that the experiment measures something else.
        asks_model: Whether it asks a language model.
    """

    letter: str
    slug: str
    claim: str
    prediction: str
    control: str
    asks_model: bool = False

    def finding(self, ground: Ground, **found: Any) -> Finding:
        """A finding on a data set, with the claim's own words."""
        words = {"letter": self.letter, "claim": self.claim, "prediction": self.prediction, "control": self.control}
        about = {"data": ground.name, "users": ground.users, "protocol": ground.protocol}
        return Finding.model_validate({**words, **about, **found})


class Claim(Protocol):
    """An experiment."""

    @property
    def statement(self) -> Statement:
        """What is claimed."""
        ...

    def run(self, ground: Ground, seeds: Sequence[int], progress: Progress) -> Finding:
        """Choose on validation users, measure on test users, once.

        Args:
            ground: One data set.
            seeds: Of whatever draws.
            progress: Told stage, done and total.
        """
        ...
