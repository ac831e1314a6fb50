"""Answers that a server gave are given again to the very same question, for a while: sampling is greedy, so they would be alike.

The key is the SHA-256 of all that is sent: model, messages (hence the prompt's version and the request), sampling, structure. Nothing of
it can be read back from the key. Failures are not kept. Two callers with the same question at once ask once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
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
        self._asking: dict[str, asyncio.Future[AIMessage]] = {}

    async def ask(
        self, messages: Sequence[Message], timeout_s: float, *, max_tokens: int, extra: dict[str, Any], **options: Any
    ) -> AIMessage:
        """As :meth:`agent.llm.chat.Chat.ask`."""
        key = _key(self.endpoint.model, messages, max_tokens, extra, options)
        if (kept := self._kept.get(key)) is not None:
            return kept
        if (asking := self._asking.get(key)) is not None:
            return await _theirs(asking, timeout_s)
        mine = self._asking[key] = asyncio.get_running_loop().create_future()
        mine.add_done_callback(_seen)
        try:
            answer = await super().ask(messages, timeout_s, max_tokens=max_tokens, extra=extra, **options)
        except BaseException as why:
            # Whoever waits may have more time than the one who asked had.
            mine.set_exception(
                why if isinstance(why, LLMFailure) else LLMFailure(Reason.UNREACHABLE, "the caller who asked went away")
            )
            raise
        finally:
            del self._asking[key]
        metadata = {**answer.response_metadata, CACHED: True}
        again = answer.model_copy(update={"response_metadata": metadata, "usage_metadata": None})
        self._kept[key] = again
        mine.set_result(again)
        return answer


async def _theirs(asking: asyncio.Future[AIMessage], timeout_s: float) -> AIMessage:
    """What another caller is being told; who waits for it cannot cancel it."""
    try:
        async with asyncio.timeout(timeout_s):
            return await asyncio.shield(asking)
    except TimeoutError as why:
        raise LLMFailure(Reason.TIMEOUT, f"no answer within {timeout_s:.1f} s") from why


def _seen(asking: asyncio.Future[AIMessage]) -> None:
    """A failure that nobody waited for is nobody's concern."""
    if not asking.cancelled():
        asking.exception()


def _key(
    model: str, messages: Sequence[Message], max_tokens: int, extra: dict[str, Any], options: dict[str, Any]
) -> str:
    said = [[message.role, message.content] for message in messages]
    whole = [model, said, max_tokens, extra, options, SAMPLING]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
