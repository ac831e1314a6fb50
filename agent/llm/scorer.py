"""One prefill and one token score every candidate: the log-probabilities of their labels.

After FIRST (Reddy et al., 2024, arXiv 2406.15657), which ranks by the logits of the first token; here vLLM is
asked for named tokens (``logprob_token_ids``), so no candidate can be missing, repeated or invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from langchain_core.messages import AIMessage

from agent.llm import chat
from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure, Reason
from agent.llm.labels import MAX_LABELS, Label, verify_labels
from agent.llm.spending import spent
from prompts.template import Message
from retrieval.arrays import Float32, Int32

SAMPLING: dict[str, Any] = {**chat.SAMPLING, "max_tokens": 1}


@dataclass(frozen=True, slots=True)
class LabelScores:
    """What the model said of n candidates.

    Attributes:
        logprobs: ``(n,)`` log-probability of each candidate's label as the next token; in a mode that asks for something else, a
            score in its place, more being better.
        mass: Probability of all labels together: near 1 means the model answers in labels. Where text is generated, the share
            of the candidates that it names.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written (one, unless text is generated).
        calls: Questions asked.
        completed: Candidates that the model left out, put behind the others in the order they were shown.
        ignored: Names in the answer that are no candidate's, or came a second time.
        prefix_tokens: Tokens among those read that the server knew from before.
        cached: Questions among those asked whose answers were kept from before.
    """

    logprobs: Float32
    mass: float
    prompt_tokens: int
    completion_tokens: int
    calls: int = 1
    completed: int = 0
    ignored: int = 0
    prefix_tokens: int = 0
    cached: int = 0

    @property
    def order(self) -> Int32:
        """``(n,)`` places of the candidates, best first; ties stay as they were shown."""
        return np.argsort(-self.logprobs, kind="stable").astype(np.int32)


class Scorer(Protocol):
    """Whatever gives the log-probabilities of labels: a server, or a model in this process."""

    @property
    def model(self) -> str:
        """Name of the model, as a slate says it."""
        ...

    async def score(self, messages: Sequence[Message], count: int, timeout_s: float) -> LabelScores:
        """Score the ``count`` labelled candidates of a prompt; raises :class:`LLMFailure`."""
        ...


class LabelScorer:
    """Asks one endpoint. Never retries and never falls back: both are the ladder's, which can see the deadline.

    Args:
        endpoint: Server of the model.
        client: That asks it; default: one that remembers nothing.
    """

    def __init__(self, endpoint: Endpoint, client: chat.Chat | None = None) -> None:
        self.endpoint = endpoint
        self.chat = client or chat.Chat(endpoint)
        self._labels: tuple[Label, ...] = ()

    @property
    def model(self) -> str:
        """Name under which the server serves it."""
        return self.endpoint.model

    async def labels(self, count: int) -> tuple[Label, ...]:
        """The first ``count`` labels, verified once against the server."""
        if len(self._labels) < count:
            self._labels = await verify_labels(self.chat.http, self.endpoint, count)
        return self._labels[:count]

    async def score(self, messages: Sequence[Message], count: int, timeout_s: float) -> LabelScores:
        """Score the ``count`` labelled candidates of a prompt.

        Raises:
            LLMFailure: With the reason: unreachable, time out, HTTP error, an answer that is none, labels that
                are no single tokens.
            ValueError: More candidates than there are labels.
        """
        if not 1 <= count <= MAX_LABELS:
            raise ValueError(f"between 1 and {MAX_LABELS} candidates can be labelled, not {count}")
        labels = await self.labels(count)
        return read_answer(await ask_labels(self.chat, messages, labels, timeout_s), labels)


async def ask_labels(
    client: chat.Chat, messages: Sequence[Message], labels: Sequence[Label], timeout_s: float
) -> AIMessage:
    """One token, and the log-probabilities of the labels in its place; raises :class:`LLMFailure`."""
    extra = {"logprob_token_ids": [label.token for label in labels], "return_tokens_as_token_ids": True}
    return await client.ask(messages, timeout_s, max_tokens=1, extra=extra, logprobs=True)


def read_answer(answer: AIMessage, labels: Sequence[Label]) -> LabelScores:
    """Strictly read the log-probabilities of all labels from a chat answer.

    Raises:
        LLMFailure: One is missing or no number.
    """
    try:
        first = answer.response_metadata["logprobs"]["content"][0]
        found = {_token_id(entry["token"]): float(entry["logprob"]) for entry in first["top_logprobs"]}
        logprobs = np.array([found[label.token] for label in labels], np.float32)
    except (KeyError, IndexError, TypeError, ValueError) as why:
        raise LLMFailure(
            Reason.INVALID_ANSWER, "the answer lacks the log-probabilities of the labels (vLLM 0.32 or newer?)"
        ) from why
    if not np.isfinite(logprobs).all() or (logprobs > 1e-3).any():
        raise LLMFailure(Reason.INVALID_ANSWER, "the answer's log-probabilities are no log-probabilities")
    mass = min(float(np.exp(logprobs.astype(np.float64)).sum()), 1.0)
    return LabelScores(logprobs, mass, **spent(answer))


def _token_id(token: str) -> int:
    prefix, _, number = token.partition(":")
    if prefix != "token_id":
        raise ValueError(f"not a token id: {token!r}")
    return int(number)


ALIKE = float(np.sqrt(np.finfo(np.float32).eps))
"""Deviation up to which scores are all alike: what is left is rounding."""


def standardised(values: Float32) -> Float32:
    """Zero mean and unit deviation over the candidates; zeros where they are all alike. ``(n,)``"""
    centred = values.astype(np.float64) - values.mean(dtype=np.float64)
    deviation = float(np.sqrt(np.mean(centred**2)))
    return (centred / deviation if deviation > ALIKE else centred * 0.0).astype(np.float32)
