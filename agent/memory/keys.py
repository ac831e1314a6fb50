"""Keys: who may call, for which tenant, with which scopes. Only their digests are kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa

from agent.memory.database import Database
from agent.memory.tables import keys
from retrieval.errors import ConfigError, NotFoundError

PREFIX = "pt-"


class Scope(StrEnum):
    """What a key opens."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling.

    Attributes:
        key: Id of the key, for logs; the key itself is never kept.
        tenant: Whose people it can reach.
        name: What the operator calls it.
        scopes: What it opens.
        per_minute: Requests a minute that it may make; None: no limit of its own.
    """

    key: str
    tenant: str
    name: str
    scopes: frozenset[Scope]
    per_minute: int | None = None


class Keys:
    """The keys of a database; raises :class:`agent.memory.database.StorageError` where it cannot be reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, tenant: str, scopes: Sequence[Scope], per_minute: int | None = None) -> str:
        """Make a key. It is shown this once; a lost one is revoked and replaced.

        Raises:
            ConfigError: No scope, or a limit below one.
        """
        if not scopes:
            raise ConfigError("--scope: a key without scopes opens nothing", f"one of {', '.join(Scope)}")
        if per_minute is not None and per_minute < 1:
            raise ConfigError("--per-minute: at least 1", "leave it out for no limit")
        secret = PREFIX + secrets.token_urlsafe(32)
        row = {
            "id": secrets.token_hex(4), "digest": _digest(secret), "tenant": tenant, "name": name,
            "scopes": " ".join(sorted(set(scopes))), "per_minute": per_minute, "made": datetime.now(UTC), "revoked": None,
        }  # fmt: skip
        with self._database.begin() as connection:
            connection.execute(sa.insert(keys), row)
        return secret

    def find(self, secret: str) -> Caller | None:
        """Who calls with a key; None for an unknown or a revoked one.

        The key has 256 random bits, so one round of SHA-256 hides it, and the look-up of a digest tells nothing by its time.
        """
        query = sa.select(keys).where(keys.c.digest == _digest(secret), keys.c.revoked.is_(None))
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _caller(row)

    def listed(self) -> list[tuple[Caller, datetime, datetime | None]]:
        """All keys with the moments at which they were made and revoked."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(keys).order_by(keys.c.made)).all()
        return [(_caller(row), row.made, row.revoked) for row in rows]

    def any(self) -> bool:
        """Whether there is a key that opens something."""
        with self._database.reading() as connection:
            return connection.execute(sa.select(keys.c.id).where(keys.c.revoked.is_(None)).limit(1)).first() is not None

    def revoke(self, key: str) -> None:
        """Take a key back, by its id.

        Raises:
            NotFoundError: No such key, or revoked before.
        """
        query = sa.update(keys).where(keys.c.id == key, keys.c.revoked.is_(None)).values(revoked=datetime.now(UTC))
        with self._database.begin() as connection:
            if connection.execute(query).rowcount == 0:
                raise NotFoundError(f"no key {key!r} to revoke", "see polytaste keys list")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _caller(row: sa.Row[tuple[object, ...]]) -> Caller:
    return Caller(row.id, row.tenant, row.name, frozenset(Scope(s) for s in row.scopes.split()), row.per_minute)
