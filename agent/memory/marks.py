"""Marks of deletions: by them a request that began before a person was deleted is told from one that began after."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from agent.memory.tables import deletions


def person_digest(tenant: str, user: str) -> str:
    """Stands for a person whose name is to be forgotten."""
    return hashlib.sha256(f"{len(tenant)}:{tenant}{user}".encode()).hexdigest()


def mark(connection: sa.Connection, tenant: str, user: str) -> str:
    """Mark of a person's last deletion; empty without one."""
    query = sa.select(deletions.c.mark).where(deletions.c.person == person_digest(tenant, user))
    return connection.execute(query).scalar() or ""
