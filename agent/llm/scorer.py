"""One prefill and one token score every candidate: the log-probabilities of their labels.

After FIRST (Reddy et al., 2024, arXiv 2406.15657), which ranks by the logits of the first token; here vLLM is
asked for named tokens (``logprob_token_ids``), so no candidate can be missing, repeated or invented.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import openai
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI

from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure, Reason, TransportFailure
from agent.llm.labels import MAX_LABELS, TEMPLATE, Label, verify_labels
from prompts.template import Message
from retrieval.arrays import Float32

SAMPLING: dict[str, Any] = {"temperature": 0.0, "top_p": 1.0, "seed": 0, "max_tokens": 1}
_CONNECTION_LIMIT = 64
_ABOUT_THE_REQUEST = frozenset((400, 413, 422))  # a prompt that is too long, say; another may pass


@dataclass(frozen=True, slots=True)
class LabelScores:
    """What the model said of n candidates.

    Attributes:
        logprobs: ``(n,)`` log-probability of each candidate's label as the next token.
        mass: Probability of all labels together: near 1 means the model answers in labels.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written (one).
    """

    logprobs: Float32
    mass: float
    prompt_tokens: int
    completion_tokens: int


class LabelScorer:
    """Asks one endpoint through LangChain's OpenAI-compatible client.

    Never retries and never falls back: both are the ladder's, which can see the deadline.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._labels: tuple[Label, ...] = ()
        self._http = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=_CONNECTION_LIMIT), timeout=None, trust_env=endpoint.through_proxy
        )
        self._chat = ChatOpenAI(
            model=endpoint.model,
            base_url=f"{endpoint.url}/v1",
            api_key=endpoint.api_key,
            max_retries=0,
            http_async_client=self._http,
            logprobs=True,
            **SAMPLING,
        )

    async def labels(self, count: int) -> tuple[Label, ...]:
        """The first ``count`` labels, verified once against the server."""
        if len(self._labels) < count:
            self._labels = await verify_labels(self._http, self.endpoint, count)
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
        chat = [(message.role, message.content) for message in messages]
        extra = {
            "logprob_token_ids": [label.token for label in labels],
            "return_tokens_as_token_ids": True,
            "repetition_penalty": 1.0,
            "chat_template_kwargs": TEMPLATE,
        }
        try:
            answer = await self._chat.ainvoke(chat, extra_body=extra, timeout=timeout_s)
        except openai.APITimeoutError as why:
            raise LLMFailure(Reason.TIMEOUT, f"no answer within {timeout_s:.1f} s") from why
        except openai.APIStatusError as why:
            reason = Reason.REFUSED if why.status_code in _ABOUT_THE_REQUEST else Reason.HTTP_ERROR
            raise LLMFailure(reason, f"answered {why.status_code}") from why
        except openai.APIConnectionError as why:
            raise TransportFailure(Reason.UNREACHABLE, f"{self.endpoint.url}: {why}") from why
        except (openai.OpenAIError, ValueError, TypeError, AttributeError, LookupError, RecursionError) as why:
            # The client trips over a malformed body in whichever of these ways its shape provokes.
            raise LLMFailure(Reason.INVALID_ANSWER, f"{type(why).__name__} while reading the answer") from why
        return read_answer(answer, labels)


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
    usage = answer.usage_metadata
    return LabelScores(
        logprobs=logprobs,
        mass=min(float(np.exp(logprobs.astype(np.float64)).sum()), 1.0),
        prompt_tokens=usage["input_tokens"] if usage else 0,
        completion_tokens=usage["output_tokens"] if usage else 0,
    )


def _token_id(token: str) -> int:
    prefix, _, number = token.partition(":")
    if prefix != "token_id":
        raise ValueError(f"not a token id: {token!r}")
    return int(number)


def standardised(values: Float32) -> Float32:
    """Zero mean and unit deviation over the candidates; zeros where they are all alike. ``(n,)``"""
    centred = values.astype(np.float64) - values.mean(dtype=np.float64)
    deviation = float(np.sqrt(np.mean(centred**2)))
    return (centred / deviation if deviation > math.sqrt(np.finfo(np.float32).eps) else centred * 0.0).astype(
        np.float32
    )
