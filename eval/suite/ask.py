"""Questions to a language model, some at a time, each answer on the disk before anything is made of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from eval.suite.calls import Answers
from retrieval.errors import ServerError

Told = Callable[[int, int], None]
"""Told how many are answered, and of how many."""

_Asked = TypeVar("_Asked")


async def ask_each(
    todo: Sequence[tuple[str, _Asked]], ask: Callable[[_Asked], Awaitable[dict[str, Any]]], answers: Answers, told: Told, place: str,
    *, at_once: int, timed: bool = True,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Ask every question and keep what is said.

    Args:
        todo: Key and question.
        ask: Answers one; ``reason`` says why it could not.
        answers: Where they are kept.
        told: How far it is.
        place: What a broken connection is told with.
        at_once: Questions at the same time.
        timed: Whether the time until it answers, ``ms``, says anything.

    Returns:
        By key what came of trouble of the server's own, which is not kept: it counts in this run, and is asked about again in the next.

    Raises:
        ServerError: The connection broke; what was answered so far is kept.
    """
    from agent.llm.failures import PASSING, TransportFailure  # noqa: PLC0415  (slow to import, seldom needed)

    done, passing = 0, dict[str, dict[str, Any]]()
    gate = asyncio.Semaphore(at_once)

    async def one(key: str, question: _Asked) -> None:
        nonlocal done
        async with gate:
            began = time.perf_counter()
            answer = await ask(question)
            answer["ms"] = round(1e3 * (time.perf_counter() - began), 1) if timed else None
            if answer["reason"] in PASSING:
                passing[key] = answer
            else:
                answers.add(key, answer)
            done += 1
            told(done, len(todo))

    try:
        async with asyncio.TaskGroup() as group:
            for key, question in todo:
                group.create_task(one(key, question))
    except* TransportFailure as why:
        raise ServerError(f"{place}: {why.exceptions[0]}", "start the server and run again: answers are kept") from why
    return passing
