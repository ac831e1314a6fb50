"""Running the service: in this process, or in several that share the port."""

from __future__ import annotations

import gc
import os
import signal
import socket
import tempfile

import uvicorn

from agent.memory.database import Database
from agent.memory.keys import Keys
from agent.service.app import SETTINGS, create_app
from agent.service.config import ServiceConfig
from agent.service.observe import log_as_json
from agent.service.telemetry import export_traces
from retrieval.errors import ConfigError

GRACE_S = 20


def _ended(_signal: int, _frame: object) -> None:
    """All requests have been answered by now."""


def serve(config: ServiceConfig) -> None:
    """Serve until told to stop; requests in work are finished first.

    Raises:
        NotFoundError: There is no trained model.
        ConfigError: The port is taken; other machines could call, and there are no keys; or the database's URL cannot be read.
        StorageError: The database cannot be reached.
    """
    _check_port(config)
    log_as_json()
    # The web server ends in good order on SIGTERM and then raises it once more; by then all is done, and that is no failure.
    signal.signal(signal.SIGTERM, _ended)
    common = {
        "host": config.host, "port": config.port, "log_config": None, "access_log": False, "server_header": False,
        "timeout_graceful_shutdown": GRACE_S, "timeout_keep_alive": 75,
    }  # fmt: skip
    if config.workers == 1:
        export_traces()
        uvicorn.run(create_app(config), **common)  # pyright: ignore[reportArgumentType]
        gc.freeze()  # or the interpreter looks through all objects of its libraries once more before it ends: 2 s of CPU, now .2
        return
    database = Database(config.database_url())
    database.upgrade()  # once, before the workers
    config.check_open(has_keys=Keys(database).any())
    database.close()
    os.environ[SETTINGS] = config.model_dump_json()
    with tempfile.TemporaryDirectory(prefix="polytaste-metrics-") as counts:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", counts)
        uvicorn.run("agent.service.app:from_environment", factory=True, workers=config.workers, **common)  # pyright: ignore[reportArgumentType]


def _check_port(config: ServiceConfig) -> None:
    """Before the model is loaded, which takes seconds."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((config.host, config.port))
        except OSError as why:
            raise ConfigError(
                f"--port {config.port} at {config.host} cannot be used ({why.strerror or why})",
                "name another --port, or 0 for any that is free",
            ) from why
