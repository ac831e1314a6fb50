"""One question to one server through LangChain's OpenAI-compatible client, every way to fail as a typed reason.

Sampling is always sent, or the server would use its own. Nothing is tried again here: that is the ladder's, which sees the deadline.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import httpx
import openai
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI

from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure, Reason, TransportFailure
from agent.llm.labels import TEMPLATE
from agent.llm.loop import run_later
from prompts.template import Message

SAMPLING: dict[str, Any] = {"temperature": 0.0, "top_p": 1.0, "seed": 0}
_CONNECTION_LIMIT = 64
ABOUT_THE_REQUEST = frozenset((400, 413, 422))  # a prompt that is too long, say; another may pass


class Chat:
    """A client of one endpoint; its connections belong to the loop that first uses it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.http = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=_CONNECTION_LIMIT), timeout=None, trust_env=endpoint.through_proxy
        )
        # When nobody asks through it any more, its server having changed or its model having been replaced.
        weakref.finalize(self, run_later, self.http.aclose).atexit = False
        self._chat = ChatOpenAI(
            model=endpoint.model,
            base_url=f"{endpoint.url}/v1",
            api_key=endpoint.api_key,
            max_retries=0,
            http_async_client=self.http,
            **SAMPLING,
        )

    async def ask(
        self, messages: Sequence[Message], timeout_s: float, *, max_tokens: int, extra: dict[str, Any], **options: Any
    ) -> AIMessage:
        """The server's answer.

        Args:
            messages: The prompt.
            timeout_s: Seconds to wait.
            max_tokens: Most tokens to write.
            extra: What vLLM knows beyond OpenAI's interface.
            **options: What OpenAI's interface knows.

        Raises:
            LLMFailure: With the reason: unreachable, time out, HTTP error, an answer that is none.
        """
        chat = [(message.role, message.content) for message in messages]
        body = {**extra, "repetition_penalty": 1.0, "chat_template_kwargs": TEMPLATE}
        try:
            return await self._chat.ainvoke(chat, max_tokens=max_tokens, extra_body=body, timeout=timeout_s, **options)
        except openai.APITimeoutError as why:
            raise LLMFailure(Reason.TIMEOUT, f"no answer within {timeout_s:.1f} s") from why
        except openai.APIStatusError as why:
            reason = Reason.REFUSED if why.status_code in ABOUT_THE_REQUEST else Reason.HTTP_ERROR
            raise LLMFailure(reason, f"answered {why.status_code}") from why
        except openai.APIConnectionError as why:
            raise TransportFailure(Reason.UNREACHABLE, f"{self.endpoint.url}: {why}") from why
        except (openai.OpenAIError, ValueError, TypeError, AttributeError, LookupError, RecursionError) as why:
            # The client trips over a malformed body in whichever of these ways its shape provokes.
            raise LLMFailure(Reason.INVALID_ANSWER, f"{type(why).__name__} while reading the answer") from why
