"""What people said of items, and what was talked about; kept per tenant and person, given out and deleted whole."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from agent.memory.database import ConflictError, Database
from agent.memory.tables import conversations, exposures, feedback, turns

LIKED_FROM = 4.0
DISLIKED_TO = 2.0


class Kind(StrEnum):
    """What somebody says of an item. The last word on an item counts."""

    LIKE = "like"
    DISLIKE = "dislike"
    SEEN = "seen"
    RATING = "rating"
    SKIP = "skip"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Said:
    """One word of feedback.

    Attributes:
        item_id: External id.
        kind: What was said.
        value: 1 to 5 with a rating: from 4 it is a like, up to 2 a dislike, between them the item has been seen.
    """

    item_id: str
    kind: Kind
    value: float | None = None

    @property
    def meaning(self) -> Kind:
        """A rating as what it means; everything else is what it is."""
        if self.kind is not Kind.RATING or self.value is None:
            return self.kind
        if self.value >= LIKED_FROM:
            return Kind.LIKE
        return Kind.DISLIKE if self.value <= DISLIKED_TO else Kind.SEEN


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person stands after everything that was said, in the order of the last words.

    Attributes:
        likes: Items that join the history.
        dislikes: Items that leave it and never come back.
        gone: Items that were seen or passed over: they do not come back, and say nothing of tastes.
    """

    likes: tuple[str, ...] = ()
    dislikes: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation."""

    conversation: str
    number: int
    said: str
    reply: str
    state: dict[str, Any]


class People:
    """The people of all tenants.

    Every method raises :class:`agent.memory.database.StorageError` where the database cannot be reached; then nothing
    was changed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def say(self, tenant: str, user: str, said: Sequence[Said]) -> None:
        """Write feedback; when this returns, it is kept."""
        now = datetime.now(UTC)
        rows = [
            {"tenant": tenant, "user_id": user, "item_id": s.item_id, "kind": s.kind.value, "value": s.value, "at": now}
            for s in said
        ]
        if rows:
            with self._database.begin() as connection:
                connection.execute(sa.insert(feedback), rows)

    def standing(self, tenant: str, user: str) -> Standing:
        """Where a person stands now."""
        query = (
            sa.select(feedback.c.item_id, feedback.c.kind, feedback.c.value)
            .where(feedback.c.tenant == tenant, feedback.c.user_id == user)
            .order_by(feedback.c.id)
        )
        with self._database.begin() as connection:
            rows = connection.execute(query).all()
        last: dict[str, Kind] = {}
        for item, kind, value in rows:
            last.pop(item, None)  # so that the order is that of the last words
            last[item] = Said(item, Kind(kind), value).meaning
        by = {kind: tuple(item for item, said in last.items() if said is kind) for kind in Kind}
        return Standing(by[Kind.LIKE], by[Kind.DISLIKE], by[Kind.SEEN] + by[Kind.SKIP])

    def start(self, tenant: str, user: str) -> str:
        """A new conversation; returns its id, which cannot be guessed."""
        conversation = secrets.token_urlsafe(18)
        row = {"id": conversation, "tenant": tenant, "user_id": user, "started": datetime.now(UTC)}
        with self._database.begin() as connection:
            connection.execute(sa.insert(conversations), row)
        return conversation

    def turn(self, tenant: str, user: str, turn: Turn, fingerprint: str) -> None:
        """Keep one turn of this person's conversation.

        Raises:
            ConflictError: The conversation has a turn of this number: another message came first.
        """
        row = {
            "conversation_id": turn.conversation,
            "number": turn.number,
            "fingerprint": fingerprint,
            "said": turn.said,
            "reply": turn.reply,
            "state": turn.state,
            "at": datetime.now(UTC),
        }
        mine = sa.select(conversations.c.id).where(_is(tenant, user, turn.conversation))
        same = sa.select(turns.c.number).where(
            turns.c.conversation_id == turn.conversation, turns.c.number == turn.number
        )
        with self._database.begin() as connection:
            if connection.execute(mine).first() is None:
                return  # deleted meanwhile, and so it stays
            if connection.execute(same).first() is not None:
                raise ConflictError(
                    "conversation: another message was answered first", "read the conversation again, then say it"
                )
            connection.execute(sa.insert(turns), row)

    def turns(self, tenant: str, user: str, conversation: str) -> list[Turn] | None:
        """The turns of one of this person's conversations, oldest first; None if there is no such conversation."""
        with self._database.begin() as connection:
            if connection.execute(sa.select(conversations.c.id).where(_is(tenant, user, conversation))).first() is None:
                return None
            rows = connection.execute(
                sa.select(turns).where(turns.c.conversation_id == conversation).order_by(turns.c.number)
            ).all()
        return [Turn(row.conversation_id, row.number, row.said, row.reply, row.state) for row in rows]

    def branch(self, tenant: str, user: str, heard: str) -> str | None:
        """A new conversation that begins with the turns that led to a fingerprint; None if none of this person's did."""
        query = (
            sa.select(turns.c.conversation_id, turns.c.number)
            .join(conversations, conversations.c.id == turns.c.conversation_id)
            .where(turns.c.fingerprint == heard, conversations.c.tenant == tenant, conversations.c.user_id == user)
            .order_by(turns.c.at.desc())
        )
        with self._database.begin() as connection:
            found = connection.execute(query).first()
            if found is None:
                return None
            rows = connection.execute(
                sa.select(turns).where(turns.c.conversation_id == found[0], turns.c.number <= found[1])
            ).mappings()
            branch = secrets.token_urlsafe(18)
            connection.execute(
                sa.insert(conversations),
                {"id": branch, "tenant": tenant, "user_id": user, "started": datetime.now(UTC)},
            )
            connection.execute(sa.insert(turns), [{**row, "conversation_id": branch} for row in rows])
        return branch

    def export(self, tenant: str, user: str) -> dict[str, Any]:
        """Everything that is kept of a person."""
        of = (conversations.c.tenant == tenant) & (conversations.c.user_id == user)
        with self._database.begin() as connection:
            said = connection.execute(
                sa.select(feedback)
                .where(feedback.c.tenant == tenant, feedback.c.user_id == user)
                .order_by(feedback.c.id)
            ).all()
            talked = connection.execute(
                sa.select(turns).where(turns.c.conversation_id.in_(sa.select(conversations.c.id).where(of)))
                .order_by(turns.c.at)
            ).all()  # fmt: skip
            shown = connection.execute(
                sa.select(exposures)
                .where(exposures.c.tenant == tenant, exposures.c.user_id == user)
                .order_by(exposures.c.id)
            ).all()
        return {
            "user_id": user,
            "experiments": [
                {"experiment": r.experiment, "arm": r.arm, "items": r.items, "at": r.at.isoformat()} for r in shown
            ],
            "feedback": [
                {"item_id": r.item_id, "kind": r.kind, "value": r.value, "at": r.at.isoformat()} for r in said
            ],
            "turns": [
                {"conversation": r.conversation_id, "number": r.number, "said": r.said, "reply": r.reply,
                 "at": r.at.isoformat()}
                for r in talked
            ],
        }  # fmt: skip

    def delete(self, tenant: str, user: str) -> int:
        """Delete everything that is kept of a person; how many rows that were."""
        mine = sa.select(conversations.c.id).where(conversations.c.tenant == tenant, conversations.c.user_id == user)
        with self._database.begin() as connection:
            gone = [
                connection.execute(sa.delete(turns).where(turns.c.conversation_id.in_(mine))),
                connection.execute(
                    sa.delete(conversations).where(conversations.c.tenant == tenant, conversations.c.user_id == user)
                ),
                connection.execute(sa.delete(feedback).where(feedback.c.tenant == tenant, feedback.c.user_id == user)),
                connection.execute(
                    sa.delete(exposures).where(exposures.c.tenant == tenant, exposures.c.user_id == user)
                ),
            ]
        return sum(result.rowcount for result in gone)


def fingerprint(messages: Sequence[str]) -> str:
    """SHA-256 of what has been said on both sides so far."""
    digest = hashlib.sha256()
    for message in messages:
        digest.update(f"{len(message)}:{message}".encode())
    return digest.hexdigest()


def _is(tenant: str, user: str, conversation: str) -> sa.ColumnElement[bool]:
    return (conversations.c.id == conversation) & (conversations.c.tenant == tenant) & (conversations.c.user_id == user)
