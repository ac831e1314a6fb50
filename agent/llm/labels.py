"""Labels of candidates: letters that are one token each, checked where they will stand.

A letter that is a single token on its own may merge with what precedes it, so the check is made after the
chat template's tail, by the server's own tokenizer.
"""

from __future__ import annotations

import asyncio
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure, Reason, TransportFailure

LETTERS = tuple(string.ascii_uppercase + string.ascii_lowercase)
MAX_LABELS = len(LETTERS)
TEMPLATE = {"enable_thinking": False}
"""Arguments of the chat template, the same where labels are verified and where they are asked for."""

_PROBE = {"role": "user", "content": "?"}


@dataclass(frozen=True, slots=True)
class Label:
    """A letter, or another text, and the one token it is."""

    text: str
    token: int


async def verify_labels(client: httpx.AsyncClient, endpoint: Endpoint, count: int) -> tuple[Label, ...]:
    """The first ``count`` letters as tokens of this model, in the place where the answer begins.

    Raises:
        LLMFailure: The server cannot be asked, or a letter is not one distinct token after an unchanged tail.
    """
    return await verify_texts(client, endpoint, LETTERS[:count])


async def verify_texts(client: httpx.AsyncClient, endpoint: Endpoint, texts: Sequence[str]) -> tuple[Label, ...]:
    """Any texts as tokens of this model, in the place where the answer begins; as :func:`verify_labels`."""
    tail = {"messages": [_PROBE], "add_generation_prompt": True}
    answered = [
        {
            "messages": [_PROBE, {"role": "assistant", "content": text}],
            "add_generation_prompt": False,
            "continue_final_message": True,
        }
        for text in texts
    ]
    before, *after = await asyncio.gather(*(_tokens(client, endpoint, body) for body in [tail, *answered]))
    labels: list[Label] = []
    for text, tokens in zip(texts, after, strict=True):
        if tokens[:-1] != before or any(tokens[-1] == label.token for label in labels):
            raise LLMFailure(
                Reason.UNUSABLE_LABELS,
                f"{text!r} is not one distinct token after the chat template of {endpoint.model}",
            )
        labels.append(Label(text, tokens[-1]))
    return tuple(labels)


async def _tokens(client: httpx.AsyncClient, endpoint: Endpoint, body: dict[str, Any]) -> list[int]:
    ask = {"model": endpoint.model, "chat_template_kwargs": TEMPLATE, **body}
    headers = {"Authorization": f"Bearer {endpoint.api_key.get_secret_value()}"}
    try:
        answer = await client.post(f"{endpoint.url}/tokenize", json=ask, headers=headers)
        answer.raise_for_status()
        tokens = answer.json()["tokens"]
    except httpx.HTTPStatusError as why:
        raise LLMFailure(Reason.HTTP_ERROR, f"/tokenize answered {why.response.status_code}") from why
    except httpx.TimeoutException as why:
        raise LLMFailure(Reason.TIMEOUT, "no answer from /tokenize") from why
    except httpx.TransportError as why:
        raise TransportFailure(Reason.UNREACHABLE, f"{endpoint.url}: {why or type(why).__name__}") from why
    except (httpx.RequestError, ValueError, KeyError, TypeError, RecursionError) as why:
        raise LLMFailure(Reason.INVALID_ANSWER, "/tokenize answered no list of tokens") from why
    if not (isinstance(tokens, list) and tokens and all(isinstance(t, int) for t in tokens)):
        raise LLMFailure(Reason.INVALID_ANSWER, "/tokenize answered no list of tokens")
    return tokens
