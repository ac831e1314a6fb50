"""One database, embedded or served: opened, brought to the present shape, and its failures named."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from filelock import FileLock
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from retrieval.errors import ConfigError, PolytasteError

_WAIT_S = 5
_MIGRATING = 7_260_812  # number of the advisory lock that replicas take before they migrate
_KNOWN = ("sqlite", "postgresql")
_WRITES = "polytaste_writes"


class StorageError(PolytasteError):
    """The database cannot be reached, or cannot take what it was given; what was asked has not been done."""

    exit_code = 6


class ConflictError(PolytasteError):
    """Somebody else changed it first; nothing was changed by this call."""


class Database:
    """Connections to one database.

    SQLite is opened in write-ahead mode with ``synchronous=FULL``: a commit that returned has reached the disk, so
    what was acknowledged outlives a ``kill -9``. It holds foreign keys, which it would not do unasked.

    Args:
        url: For example ``sqlite:////var/lib/polytaste/memory.db`` or ``postgresql+psycopg://user@host/name``.

    Raises:
        ConfigError: The URL cannot be read, names another kind of database, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = sa.make_url(url)
            if self.url.drivername == "postgresql":
                self.url = self.url.set(drivername="postgresql+psycopg")
            if self.url.get_backend_name() not in _KNOWN:
                raise ConfigError(
                    f"--database: {self.url.get_backend_name()!r} is not known",
                    "use sqlite:///FILE or postgresql://USER@HOST/NAME",
                )
            self.embedded = self.url.get_backend_name() == "sqlite"
            self.engine = sa.create_engine(self.url, **self._options())
        except (ArgumentError, NoSuchModuleError) as why:
            raise ConfigError(f"--database: {_plain(why)}", "for example sqlite:///memory.db") from why
        except ModuleNotFoundError as why:
            raise ConfigError(
                f"--database: the driver {why.name} is not installed", "pip install 'polytaste[postgres]'"
            ) from why
        self._writer = self.engine.execution_options(**{_WRITES: True})
        if self.embedded:
            event.listen(self.engine, "connect", _durable)
            event.listen(self.engine, "begin", _begun)

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
    def begin(self, *alone: str) -> Generator[sa.Connection]:
        """One transaction that writes: when the block is left, it is on the disk or nothing of it is.

        Args:
            *alone: Names something, say a person. Who begins with the same names waits until this one has ended, so that
                what is read in the block still holds when it is written. SQLite has one writer at a time anyway.

        Raises:
            StorageError: The database cannot be reached or is full.
            ConflictError: A row of that identity is there already.
            ConfigError: What was sent is nothing that the database can hold.
        """
        with _named_failures(self._writer) as connection:
            if alone and not self.embedded:
                connection.execute(sa.text("select pg_advisory_xact_lock(:n)"), {"n": _number(alone)})
            yield connection

    @contextmanager
    def reading(self) -> Generator[sa.Connection]:
        """One transaction that only reads, and waits for no writer.

        Raises:
            StorageError: The database cannot be reached.
        """
        with _named_failures(self.engine) as connection:
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


@contextmanager
def _named_failures(engine: sa.Engine) -> Generator[sa.Connection]:
    done = False
    try:
        with engine.begin() as connection:
            yield connection
            done = True
    except IntegrityError as why:
        raise ConflictError(f"another change came first ({_plain(why)})", "read again, then try again") from why
    except DataError as why:
        raise ConfigError(f"the database cannot hold what was sent ({_plain(why)})", "nothing was changed") from why
    except (DBAPIError, PoolTimeoutError) as why:
        lost = (
            done and isinstance(why, DBAPIError) and why.connection_invalidated
        )  # the commit went out, no answer came
        raise StorageError(
            f"the database does not answer or cannot be written ({_plain(why)})",
            "read what is kept, then try again" if lost else "try again; nothing was changed",
        ) from why


def _durable(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # Python's driver would begin a transaction only before the first change
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={_WAIT_S * 1000}")
    cursor.close()


def _begun(connection: sa.Connection) -> None:
    # Who is to write says so at once: SQLite refuses to let a reader become the writer once another has written.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _number(names: tuple[str, ...]) -> int:
    """A name as the number of an advisory lock; two names that share one only wait for each other."""
    digest = hashlib.sha256("".join(f"{len(name)}:{name}" for name in names).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _plain(why: SQLAlchemyError) -> str:
    """What went wrong, without the statement and its parameters: those may hold personal text."""
    cause = why.orig if isinstance(why, DBAPIError) and why.orig is not None else why
    return str(cause).strip().splitlines()[0][:200]
