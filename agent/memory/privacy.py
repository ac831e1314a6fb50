"""What is kept of people, given out whole and deleted whole."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from agent.memory.database import Database
from agent.memory.marks import person_digest
from agent.memory.tables import conversations, deletions, exposures, feedback, turns

_IN_WORK = timedelta(hours=1)
"""No request lasts as long: a deletion is remembered this long, so that what began before it is not kept after it."""


class Privacy:
    """What a person may ask for. Every method raises :class:`agent.memory.database.StorageError` where the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def export(self, tenant: str, user: str) -> dict[str, Any]:
        """Everything that is kept of a person."""
        mine = sa.select(conversations.c.id).where(conversations.c.tenant == tenant, conversations.c.user_id == user)
        queries = (
            sa.select(exposures).where(exposures.c.tenant == tenant, exposures.c.user_id == user).order_by(exposures.c.id),
            sa.select(feedback).where(feedback.c.tenant == tenant, feedback.c.user_id == user).order_by(feedback.c.id),
            sa.select(turns).where(turns.c.conversation_id.in_(mine)).order_by(turns.c.at, turns.c.number),
        )  # fmt: skip
        with self._database.reading() as connection:
            shown, said, talked = (connection.execute(query).all() for query in queries)
        return {
            "user_id": user,
            "experiments": [
                {"experiment": r.experiment, "arm": r.arm, "items": r.items, "at": _moment(r.at)} for r in shown
            ],
            "feedback": [{"item_id": r.item_id, "kind": r.kind, "value": r.value, "at": _moment(r.at)} for r in said],
            "turns": [_turn(r) for r in talked],
        }

    def conversation(self, tenant: str, user: str, conversation: str) -> list[dict[str, Any]] | None:
        """The turns of one conversation; None if this person has no such conversation."""
        mine = (conversations.c.tenant == tenant) & (conversations.c.user_id == user)
        one = sa.select(conversations.c.id).where(mine, conversations.c.id == conversation)
        with self._database.reading() as connection:
            if connection.execute(one).first() is None:
                return None
            rows = connection.execute(
                sa.select(turns).where(turns.c.conversation_id == conversation).order_by(turns.c.number)
            ).all()
        return [_turn(r) for r in rows]

    def delete(self, tenant: str, user: str) -> int:
        """Delete everything that is kept of a person, and what is being answered just now; how many rows that were."""
        now = datetime.now(UTC)
        whose = (conversations.c.tenant == tenant) & (conversations.c.user_id == user)
        with self._database.begin(tenant, user) as connection:
            gone = [
                connection.execute(
                    sa.delete(turns).where(turns.c.conversation_id.in_(sa.select(conversations.c.id).where(whose)))
                ),
                connection.execute(sa.delete(conversations).where(whose)),
                connection.execute(sa.delete(feedback).where(feedback.c.tenant == tenant, feedback.c.user_id == user)),
                connection.execute(
                    sa.delete(exposures).where(exposures.c.tenant == tenant, exposures.c.user_id == user)
                ),
            ]
            person = person_digest(tenant, user)
            old = (deletions.c.person == person) | (deletions.c.at < now - _IN_WORK)
            connection.execute(sa.delete(deletions).where(old))
            connection.execute(sa.insert(deletions), {"person": person, "mark": secrets.token_hex(8), "at": now})
        return sum(result.rowcount for result in gone)

    def delete_conversation(self, tenant: str, user: str, conversation: str) -> int:
        """Delete one conversation with its turns; how many turns those were, or -1 if this person has no such conversation."""
        one = (
            (conversations.c.id == conversation)
            & (conversations.c.tenant == tenant)
            & (conversations.c.user_id == user)
        )
        with self._database.begin() as connection:
            count = sa.select(sa.func.count()).where(turns.c.conversation_id == conversation)
            rows = connection.execute(count).scalar_one()
            return rows if connection.execute(sa.delete(conversations).where(one)).rowcount else -1

    def expire(self, before: datetime) -> int:
        """Delete conversations of nobody in particular that began before a moment; how many those were."""
        old = (conversations.c.user_id == "") & (conversations.c.started < before)
        with self._database.begin() as connection:
            return connection.execute(sa.delete(conversations).where(old)).rowcount


def _turn(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "conversation": row.conversation_id, "number": row.number, "said": row.said, "reply": row.reply,
        "at": _moment(row.at),
    }  # fmt: skip


def _moment(at: datetime) -> str:
    """With its zone, which SQLite does not give back."""
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
