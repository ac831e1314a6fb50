"""One event loop in a thread of its own, so that all callers, on whatever loop, share connections and time-outs."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterable
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
_making = threading.Lock()


@cache
def _made() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="polytaste-llm", daemon=True).start()
    return loop


def _loop() -> asyncio.AbstractEventLoop:
    with _making:
        return _made()


if hasattr(os, "register_at_fork"):
    # A forked child has the loop but not its thread.
    os.register_at_fork(after_in_child=_made.cache_clear)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the shared loop and wait for it."""
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


async def on_shared_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the shared loop from any loop: connections and locks belong to the loop that made them."""
    if asyncio.get_running_loop() is _loop():
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, _loop()))


def run_later(work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Start a coroutine on the shared loop without waiting; if the loop was never needed, nothing has to be done on it.

    May be called by the garbage collector at any place, so it takes no lock.
    """
    if _made.cache_info().currsize:
        asyncio.run_coroutine_threadsafe(work(), _made())


async def all_of(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Everything at once; the first failure gives up the rest and is raised as it is, which a task group would wrap."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
