"""A request as tokens. Prompts that share a beginning are read in one pass: the beginning once, then each ending for itself.

Every token of an ending sees the beginning and what precedes it in its own ending, at the position that it has in its own
prompt; so what a model says of each ending is what it would say of the whole prompt alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agent.llm.in_process import labels_of, prompt_tokens
from agent.llm.labels import LETTERS
from agent.llm.modes.pointwise import ANSWERS
from eval.tune.config import Objective
from prompts.template import Message


@dataclass(frozen=True, slots=True)
class Encoded:
    """Tokens of one request.

    Attributes:
        ids: ``(T,)``.
        positions: ``(T,)`` place of each in its own prompt.
        branch: ``(T,)`` ending that each belongs to, -1 for the shared beginning.
        ends: ``(q,)`` where the answers begin, one for each prompt.
    """

    ids: Tensor
    positions: Tensor
    branch: Tensor
    ends: Tensor

    def mask(self, dtype: torch.dtype) -> Tensor | None:
        """``(1, 1, T, T)`` what each token sees, as an addend of the attention's logits; None where it is all that precedes."""
        if len(self.ends) == 1:
            return None
        before = torch.ones(len(self.ids), len(self.ids), dtype=torch.bool).tril()
        seen = before & ((self.branch[None, :] == -1) | (self.branch[None, :] == self.branch[:, None]))
        return torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)[None, None]


class Encoder:
    """Reads prompts as one model's tokens.

    Args:
        tokenizer: Of transformers.
        objective: Whose answers are read.
        model: Its name, for messages.

    Raises:
        LLMFailure: The answers are not single tokens of this model.
    """

    def __init__(self, tokenizer: Any, objective: Objective, model: str) -> None:
        self._tokenizer = tokenizer
        self.objective: Objective = objective
        texts = LETTERS if objective == "label" else ANSWERS
        self.answers = [label.token for label in labels_of(tokenizer, texts, model)]

    def __call__(self, prompts: Sequence[Sequence[Message]]) -> Encoded:
        """One request; the last token of each prompt is its own, however much the prompts share."""
        rows = [prompt_tokens(self._tokenizer, messages) for messages in prompts]
        shared = 0 if len(rows) == 1 else _shared(rows)
        ids, positions, branch, ends = rows[0][:shared], list(range(shared)), [-1] * shared, list[int]()
        for number, row in enumerate(rows):
            ids = [*ids, *row[shared:]]
            positions += range(shared, len(row))
            branch += [number] * (len(row) - shared)
            ends.append(len(ids) - 1)
        return Encoded(torch.tensor(ids), torch.tensor(positions), torch.tensor(branch), torch.tensor(ends))


def _shared(rows: Sequence[Sequence[int]]) -> int:
    """Length of the common beginning, short of any last token."""
    least = min(map(len, rows)) - 1
    for at in range(least):
        if any(row[at] != rows[0][at] for row in rows):
            return at
    return least
