"""Answers that a server gave are given again to the very same question, for a while: sampling is greedy, so they would be alike.

The key is the SHA-256 of all that is sent: model, messages (hence the prompt's version and the request), sampling, structure. Nothing of
it can be read back from the key. Failures are not kept. Two callers with the same question at once ask once; one with more time than the
other asks again if the other ran out of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from typing import Any

from cachetools import TTLCache
from langchain_core.messages import AIMessage

from agent.llm.chat import SAMPLING, Chat
from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure, Reason
from prompts.template import Message

CACHED = "polytaste_cached"
"""Marks, in an answer's metadata, that no server was asked."""

_WORTH_ASKING = 0.1
"""Share of a caller's time that must be left to ask what another had not the time to hear."""


class CachedChat(Chat):
    """A chat that remembers. Used on one event loop, so it needs no lock.

    Args:
        endpoint: Server of the model.
        size: Most answers that are kept; the least recently used goes first.
        seconds: For how long.
    """

    def __init__(self, endpoint: Endpoint, size: int, seconds: float) -> None:
        super().__init__(endpoint)
        self._kept: TTLCache[str, AIMessage] = TTLCache(size, seconds)
        self._asking: dict[str, asyncio.Future[AIMessage | LLMFailure]] = {}

    async def ask(
        self, messages: Sequence[Message], timeout_s: float, *, max_tokens: int, extra: dict[str, Any], **options: Any
    ) -> AIMessage:
        """As :meth:`agent.llm.chat.Chat.ask`."""
        key = _key(self.endpoint.model, messages, max_tokens, extra, options)
        until = time.monotonic() + timeout_s
        while (asking := self._asking.get(key)) is not None:
            if (told := await _theirs(asking, until - time.monotonic(), timeout_s)) is not None:
                return told
        if (kept := self._kept.get(key)) is not None:
            return kept
        mine = self._asking[key] = asyncio.get_running_loop().create_future()
        try:
            left = until - time.monotonic()
            answer = await super().ask(messages, left, max_tokens=max_tokens, extra=extra, **options)
        except LLMFailure as why:
            mine.set_result(why)
            raise
        except BaseException:
            mine.cancel()  # this caller went away, and nothing was learnt
            raise
        finally:
            del self._asking[key]
        metadata = {**answer.response_metadata, CACHED: True}
        again = answer.model_copy(update={"response_metadata": metadata, "usage_metadata": None})
        self._kept[key] = again
        mine.set_result(again)
        return answer


async def _theirs(asking: asyncio.Future[AIMessage | LLMFailure], left: float, timeout_s: float) -> AIMessage | None:
    """What another caller is told; None if that caller ran out of time or went away, which says nothing to who has more.

    Raises:
        LLMFailure: The server failed them, or there is no answer in the time that is left.
    """
    until = time.monotonic() + left
    await asyncio.wait([asking], timeout=max(left, 0.0))
    if not asking.done():
        raise LLMFailure(Reason.TIMEOUT, f"no answer within {timeout_s:.1f} s")
    if asking.cancelled():
        return None
    told = asking.result()
    if isinstance(told, AIMessage):
        return told
    if told.reason is Reason.TIMEOUT and until - time.monotonic() > _WORTH_ASKING * timeout_s:
        return None
    raise told


def _key(
    model: str, messages: Sequence[Message], max_tokens: int, extra: dict[str, Any], options: dict[str, Any]
) -> str:
    said = [[message.role, message.content] for message in messages]
    whole = [model, said, max_tokens, extra, options, SAMPLING]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
