"""A model's answers on the disk by the hash of what was asked: a second run costs nothing, and a broken one goes on where it broke.

The key is the SHA-256 of the model's name and of all that is sent. A failure is not kept: it may be gone the next time.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from langchain_core.messages import AIMessage
from rich.text import Text

from agent.console import err
from agent.llm.chat import SAMPLING, Chat
from agent.llm.endpoint import Endpoint, wrong_with
from agent.llm.labels import TEMPLATE, Label
from agent.llm.scorer import LabelScorer
from agent.paths import checkpoints_folder
from eval.suite.calls import Answers, Calls
from prompts.template import Message
from retrieval.errors import ConfigError


@dataclass
class Bill:
    """What some questions cost.

    Attributes:
        read: Tokens read.
        written: Tokens written.
        calls: Questions asked.
        ms: Between question and answer, when they were first asked.
        kept: Calls among them that were answered from the disk.
        paid: Tokens of those that were not.
        within: A larger bill that this one is part of.
    """

    read: int = 0
    written: int = 0
    calls: int = 0
    ms: float = 0.0
    kept: int = 0
    paid: int = 0
    within: Bill | None = None

    def add(self, read: int, written: int, ms: float, *, kept: bool) -> None:
        """One more call, on this bill and on those that it is part of."""
        self.read += read
        self.written += written
        self.calls += 1
        self.ms += ms
        self.kept += kept
        self.paid += 0 if kept else read + written
        if self.within is not None:
            self.within.add(read, written, ms, kept=kept)


_bill: ContextVar[Bill | None] = ContextVar("bill", default=None)


@contextmanager
def billed() -> Generator[Bill]:
    """What is asked in this context, tasks that it starts among it, is put on one bill."""
    bill = Bill(within=_bill.get())
    token = _bill.set(bill)
    try:
        yield bill
    finally:
        _bill.reset(token)


class KeptChat(Chat):
    """A chat that asks only what it was not asked before.

    Args:
        endpoint: Server of the model.
        calls: Answers so far.
    """

    def __init__(self, endpoint: Endpoint, calls: Answers) -> None:
        super().__init__(endpoint)
        self._calls = calls

    async def ask(
        self, messages: Sequence[Message], timeout_s: float, *, max_tokens: int, extra: dict[str, Any], **options: Any
    ) -> AIMessage:
        """As :meth:`agent.llm.chat.Chat.ask`."""
        chat = [[message.role, message.content] for message in messages]
        key = _key(
            self.endpoint, messages=chat, max_tokens=max_tokens, extra=extra, options=options, sampling=SAMPLING, template=TEMPLATE
        )  # fmt: skip
        found: dict[str, Any] | None = self._calls.get(key)
        kept = found is not None
        if found is None:
            began = time.perf_counter()
            answer = await super().ask(messages, timeout_s, max_tokens=max_tokens, extra=extra, **options)
            found = {
                "content": answer.content, "logprobs": answer.response_metadata.get("logprobs"),
                "usage": answer.usage_metadata, "ms": round(1e3 * (time.perf_counter() - began), 1),
            }  # fmt: skip
            self._calls.add(key, found)
        usage = found["usage"]
        if (bill := _bill.get()) is not None:
            read, written = (usage["input_tokens"], usage["output_tokens"]) if usage else (0, 0)
            bill.add(read, written, found["ms"], kept=kept)
        metadata = {"logprobs": found["logprobs"]}
        return AIMessage(content=found["content"], response_metadata=metadata, usage_metadata=usage)


class KeptScorer(LabelScorer):
    """A scorer whose answers, and the tokens of whose labels, are kept.

    Args:
        endpoint: Server of the model.
        calls: Answers so far.
    """

    def __init__(self, endpoint: Endpoint, calls: Answers) -> None:
        super().__init__(endpoint, KeptChat(endpoint, calls))
        self._calls = calls
        self._verifying = asyncio.Lock()

    async def labels(self, count: int) -> tuple[Label, ...]:
        """As :meth:`agent.llm.scorer.LabelScorer.labels`; of many questions at once, the first verifies them for all."""
        key = _key(self.endpoint, labels=count)
        async with self._verifying:
            kept: dict[str, Any] | None = self._calls.get(key)
            if kept is not None:
                return tuple(Label(text, token) for text, token in kept["labels"])
            found = await super().labels(count)
            self._calls.add(key, {"labels": [[label.text, label.token] for label in found]})
        return found


@contextmanager
def kept_scorer(endpoint: Endpoint, folder: Path | None = None) -> Generator[KeptScorer]:
    """A scorer with the answers of its model; one process at a time.

    Args:
        endpoint: Server of the model.
        folder: Of the answers; default: in the platform's cache.

    Raises:
        ConfigError: Another process uses them.
    """
    place = folder or checkpoints_folder().parent / "answers"
    file = place / f"{hashlib.sha256(endpoint.model.encode()).hexdigest()[:16]}.jsonl"
    place.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as why:
        raise ConfigError(
            f"another comparison asks {endpoint.model} and writes {file}", "wait for it, or give another --cache"
        ) from why
    try:
        if said := wrong_with(endpoint):  # before a model is trained for nothing
            words = f"{endpoint.model} at {endpoint.url}: {said}; only answers that are on the disk can be used"
            err.print(Text(words, style="yellow"), soft_wrap=True)
        yield KeptScorer(endpoint, Calls(file))
    finally:
        lock.release()


def _key(endpoint: Endpoint, **asked: Any) -> str:
    whole = json.dumps({"model": endpoint.model, **asked}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(whole.encode()).hexdigest()
