"""What a search for a better prompt maximises: hits, less what breaks the proportions, less what it costs to ask.

For each user, of the order of the model alone,

    worth = NDCG@10 - lam * C_KL - cost * tokens / 1000

and a prompt's worth is the mean over users. The slate that a user gets holds the proportions by arithmetic and takes a fifth of the model's
opinion: through it, prompts are hard to tell apart. An answer that cannot be used counts as a list without a hit and with a C_KL of one. In a
comparison it counts as the calibrated slate, which is what the user gets; a search would learn from that to make small models fail.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from eval.prompt_answers import Answer
from retrieval.arrays import Float64


class Worth(BaseModel):
    """Weights of the objective."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lam: float = Field(default=0.1, ge=0.0, description="NDCG that a C_KL of one is worth")
    cost: float = Field(default=0.01, ge=0.0, description="NDCG that a thousand tokens, read or written, must bring")

    def of(self, answers: Sequence[Answer]) -> Float64:
        """``(users,)`` worth of each answer; see the module."""
        return np.array([self._one(answer) for answer in answers], np.float64)

    def _one(self, answer: Answer) -> float:
        tokens = answer.values["read"] + answer.values["written"]
        ndcg, kl = (0.0, 1.0) if answer.failed else (answer.values["ndcg"], answer.values["kl"])
        return ndcg - self.lam * kl - self.cost * tokens / 1000.0
