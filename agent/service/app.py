"""The application: parts put together, started and ended."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from fastapi import FastAPI, Security

from agent.memory.database import Database
from agent.memory.keys import Keys
from agent.memory.people import People
from agent.memory.privacy import Privacy
from agent.service import chat, errors, lists, openai_api, operate, page, people
from agent.service.access import BEARER, Access, OwnNames
from agent.service.config import ServiceConfig
from agent.service.context import Context
from agent.service.live import Live
from agent.service.observe import Observed, log_as_json
from agent.service.telemetry import export_traces
from retrieval.errors import PolytasteError

THREADS = 2
"""Worker threads of a process: one that computes while another waits for the database."""

_EXPIRE_S = 600.0
log = logging.getLogger("polytaste.service")

SETTINGS = "POLYTASTE_SERVICE"
"""Environment variable with the settings as JSON, for worker processes."""


def create_app(config: ServiceConfig) -> FastAPI:
    """The service, ready to be run by any ASGI server.

    Raises:
        NotFoundError: There is no trained model.
        DataError: It is damaged.
        ConfigError: Other machines could call, and there are no keys.
        StorageError: The database cannot be reached.
    """
    database = Database(config.database_url())
    database.upgrade()
    keys, privacy = Keys(database), Privacy(database)
    has_keys = keys.any()
    config.check_open(has_keys=has_keys)
    live = Live(config)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        loop = asyncio.get_running_loop()
        # Few threads: Python's arithmetic takes turns anyway, and every further one makes all of them later.
        pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="polytaste")
        loop.set_default_executor(pool)
        tasks = [asyncio.create_task(live.watch()), asyncio.create_task(_expire(privacy, config.anonymous_hours))]
        yield
        for task in tasks:
            task.cancel()
        pool.shutdown(wait=True)
        database.close()

    app = FastAPI(
        title="polytaste",
        summary="Recommendations that keep every side of you in the list.",
        version=version("polytaste"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = Context(config, live, People(database), privacy)
    app.state.access = Access(keys, open_to_all=not has_keys, per_minute=config.per_minute)
    errors.install(app)
    for part in (lists, people, chat, openai_api):
        app.include_router(part.router, dependencies=[Security(BEARER)] if has_keys else [])
    for part in (operate, page):
        app.include_router(part.router)
    if not has_keys:
        app.add_middleware(OwnNames, names=frozenset(("localhost", "127.0.0.1", "[::1]", "::1", "testserver")))
    app.add_middleware(Observed, config=config)
    return app


async def _expire(privacy: Privacy, hours: float) -> None:
    """Delete old conversations of nobody in particular, again and again until cancelled."""
    while True:
        try:
            await asyncio.to_thread(privacy.expire, datetime.now(UTC) - timedelta(hours=hours))
        except PolytasteError as why:
            log.warning("old conversations could not be deleted", extra={"fields": {"why": why.message}})
        await asyncio.sleep(_EXPIRE_S)


def from_environment() -> FastAPI:
    """The application of a worker process."""
    log_as_json()
    export_traces()
    return create_app(ServiceConfig.model_validate_json(os.environ[SETTINGS]))
