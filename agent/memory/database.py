"""One database, embedded or served: opened, brought to the present shape, and its failures named."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from filelock import FileLock
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from retrieval.errors import ConfigError, PolytasteError

_WAIT_S = 5
_MIGRATING = 7_260_812  # number of the advisory lock that replicas take before they migrate


class StorageError(PolytasteError):
    """The database cannot be reached, or cannot take what it was given; what was asked has not been done."""

    exit_code = 6


class ConflictError(PolytasteError):
    """Somebody else changed it first; nothing was changed by this call."""


class Database:
    """Connections to one database.

    SQLite is opened in write-ahead mode with ``synchronous=FULL``: a commit that returned has reached the disk, so
    what was acknowledged outlives a ``kill -9``.

    Args:
        url: For example ``sqlite:////var/lib/polytaste/memory.db`` or ``postgresql+psycopg://user@host/name``.

    Raises:
        ConfigError: The URL cannot be read, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = sa.make_url(url)
            if self.url.drivername == "postgresql":
                self.url = self.url.set(drivername="postgresql+psycopg")
            self.embedded = self.url.get_backend_name() == "sqlite"
            self.engine = sa.create_engine(self.url, **self._options())
        except (ArgumentError, NoSuchModuleError) as why:
            raise ConfigError(f"--database: {_plain(why)}", "for example sqlite:///memory.db") from why
        except ModuleNotFoundError as why:
            raise ConfigError(
                f"--database: the driver {why.name} is not installed", "pip install 'polytaste[postgres]'"
            ) from why
        if self.embedded:
            event.listen(self.engine, "connect", _durable)

    def _options(self) -> dict[str, Any]:
        if self.embedded:
            if self.url.database in {None, "", ":memory:"}:
                raise ConfigError("--database: SQLite in memory forgets everything", "give a file: sqlite:///memory.db")
            Path(str(self.url.database)).absolute().parent.mkdir(parents=True, exist_ok=True)
            return {"connect_args": {"timeout": _WAIT_S}}
        return {
            "pool_pre_ping": True,  # a server that was restarted is found again without hands
            "pool_timeout": _WAIT_S,
            "connect_args": {"connect_timeout": _WAIT_S},
        }

    def upgrade(self) -> None:
        """Bring the tables to the present shape; replicas that start at once take turns.

        Raises:
            StorageError: The database cannot be reached.
        """
        settings = Config()
        settings.set_main_option("script_location", "agent.memory:migrations")
        if self.embedded:
            with FileLock(f"{self.url.database}.lock", timeout=60), self.begin() as connection:
                settings.attributes["connection"] = connection
                command.upgrade(settings, "head")
            return
        with self.begin() as connection:
            connection.execute(sa.text("select pg_advisory_xact_lock(:n)"), {"n": _MIGRATING})
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")

    @contextmanager
    def begin(self) -> Generator[sa.Connection]:
        """One transaction: when the block is left, it is on the disk or nothing of it is.

        Raises:
            StorageError: The database cannot be reached or is full.
            ConflictError: A row of that identity is there already.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except IntegrityError as why:
            raise ConflictError(f"another change came first ({_plain(why)})", "read again, then try again") from why
        except (DBAPIError, PoolTimeoutError) as why:
            raise StorageError(
                f"the database does not answer or cannot be written ({_plain(why)})", "try again; nothing was changed"
            ) from why

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _durable(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={_WAIT_S * 1000}")
    cursor.close()


def _plain(why: SQLAlchemyError) -> str:
    """What went wrong, without the statement and its parameters: those may hold personal text."""
    cause = why.orig if isinstance(why, DBAPIError) and why.orig is not None else why
    return str(cause).strip().splitlines()[0][:200]
