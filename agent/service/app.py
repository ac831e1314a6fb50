"""The application: parts put together, started and ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from agent.memory.database import Database
from agent.memory.keys import Keys
from agent.memory.people import People
from agent.memory.trials import Trials
from agent.service import chat, errors, lists, openai_api, operate, page, people
from agent.service.access import Access
from agent.service.config import ServiceConfig
from agent.service.context import Context
from agent.service.live import Live
from agent.service.observe import Observed, log_as_json
from agent.service.telemetry import export_traces

THREADS = 2
"""Worker threads of a process: one that computes while another waits for the database."""

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
    keys = Keys(database)
    has_keys = keys.any()
    config.check_open(has_keys=has_keys)
    live = Live(config)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        loop = asyncio.get_running_loop()
        # Few threads: Python's arithmetic takes turns anyway, and every further one makes all of them later.
        pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="polytaste")
        loop.set_default_executor(pool)
        watching = asyncio.create_task(live.watch())
        yield
        watching.cancel()
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
    app.state.context = Context(config, live, People(database), Trials(database))
    app.state.access = Access(keys, open_to_all=not has_keys, per_minute=config.per_minute)
    errors.install(app)
    for part in (lists, people, chat, openai_api, operate, page):
        app.include_router(part.router)
    if not has_keys:  # a page of another site must not reach this one by giving its name to this address
        app.add_middleware(
            TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]", "::1", "testserver"]
        )
    app.add_middleware(Observed, config=config)
    return app


def from_environment() -> FastAPI:
    """The application of a worker process."""
    log_as_json()
    export_traces()
    return create_app(ServiceConfig.model_validate_json(os.environ[SETTINGS]))
