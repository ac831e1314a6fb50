"""What people said of items, and what was talked about; kept per tenant and person."""

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
from agent.memory.marks import mark
from agent.memory.tables import conversations, exposures, feedback, turns
from agent.slate import Slate

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
        since: Mark of the person's last deletion; empty without one. What began before a deletion is known by it.
    """

    likes: tuple[str, ...] = ()
    dislikes: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    since: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation."""

    conversation: str
    number: int
    said: str
    reply: str
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A turn that is to be kept.

    Attributes:
        turn: With number 0 its conversation begins.
        fingerprint: Of all that was said up to its end.
        branch_of: Conversation that it branches off, and the last turn that they share; those before are copied.
        after: State of the turn before, as it was read for this one; None where nothing was read.
    """

    turn: Turn
    fingerprint: str
    branch_of: tuple[str, int] | None = None
    after: dict[str, Any] | None = None


class People:
    """The people of all tenants.

    Every method raises :class:`agent.memory.database.StorageError` where the database cannot be reached; then nothing
    was changed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, tenant: str, user: str) -> Standing:
        """Where a person stands now."""
        query = (
            sa.select(feedback.c.item_id, feedback.c.kind, feedback.c.value)
            .where(feedback.c.tenant == tenant, feedback.c.user_id == user)
            .order_by(feedback.c.id)
        )
        with self._database.reading() as connection:
            since = mark(connection, tenant, user)  # first: a deletion after it is noticed, one before it is seen whole
            rows = connection.execute(query).all()
        last: dict[str, Kind] = {}
        for item, kind, value in rows:
            last.pop(item, None)  # so that the order is that of the last words
            last[item] = Said(item, Kind(kind), value).meaning
        by = {kind: tuple(item for item, said in last.items() if said is kind) for kind in Kind}
        return Standing(by[Kind.LIKE], by[Kind.DISLIKE], by[Kind.SEEN] + by[Kind.SKIP], since)

    def say(self, tenant: str, user: str, said: Sequence[Said]) -> None:
        """Write feedback; when this returns, it is kept."""
        self.keep(tenant, user, said=said)

    def keep(
        self,
        tenant: str,
        user: str,
        since: str | None = None,
        *,
        said: Sequence[Said] = (),
        turn: NewTurn | None = None,
        shown: Slate | None = None,
    ) -> bool:
        """Keep all that one request leaves of a person, or nothing of it.

        Args:
            tenant: Whose person.
            user: The person; empty for nobody in particular, of whom only the turn is kept.
            since: :attr:`Standing.since` when the request began. If the person, or the conversation, was deleted since
                then, nothing is kept; None for what begins and ends here.
            said: Feedback.
            turn: Of a conversation.
            shown: A list; kept if it is part of an experiment.

        Returns:
            Whether it was kept.

        Raises:
            ConflictError: The conversation has a turn of this number, or the turn before shows another list by now: another
                request came first.
        """
        now = datetime.now(UTC)
        of = {"tenant": tenant, "user_id": user}
        with self._database.begin(*((tenant, user) if user else ())) as connection:
            if user and since is not None and mark(connection, tenant, user) != since:
                return False
            if turn is not None and not _added(connection, tenant, user, turn, now):
                return False
            if said and user:
                words = [{**of, "item_id": s.item_id, "kind": s.kind.value, "value": s.value, "at": now} for s in said]
                connection.execute(sa.insert(feedback), words)
            if shown is not None:
                _exposed(connection, tenant, user, shown, now)
        return True

    def relist(self, tenant: str, user: str, since: str, read: Turn, shown: Slate) -> bool:
        """Put another list in the place of that of a conversation's last turn: what is spoken of next is what was shown last.

        It is kept as one more list of the experiment that it is part of.

        Args:
            tenant: Whose person.
            user: The person; empty for nobody in particular.
            since: As in :meth:`keep`.
            read: The turn.
            shown: Its list from now on.

        Returns:
            Whether it was kept; False if the person or the conversation was deleted meanwhile.

        Raises:
            ConflictError: The conversation went on meanwhile.
        """
        with self._database.begin(*((tenant, user) if user else ())) as connection:
            deleted = bool(user) and mark(connection, tenant, user) != since
            if deleted or not _held(connection, tenant, user, read.conversation):
                return False
            here = turns.c.conversation_id == read.conversation
            last = connection.execute(sa.select(sa.func.max(turns.c.number)).where(here)).scalar_one()
            if last != read.number:
                raise _came_first("list")
            state = read.state | {"slate": shown.model_dump(mode="json")}
            connection.execute(sa.update(turns).where(here, turns.c.number == last).values(state=state))
            _exposed(connection, tenant, user, shown, datetime.now(UTC))
        return True

    def turns(self, tenant: str, user: str, conversation: str) -> list[Turn] | None:
        """The turns of one of this person's conversations, oldest first; None if there is no such conversation."""
        with self._database.reading() as connection:
            if connection.execute(sa.select(conversations.c.id).where(_is(tenant, user, conversation))).first() is None:
                return None
            rows = connection.execute(
                sa.select(turns).where(turns.c.conversation_id == conversation).order_by(turns.c.number)
            ).all()
        return [Turn(row.conversation_id, row.number, row.said, row.reply, row.state) for row in rows]

    def led_to(self, tenant: str, user: str, heard: str) -> list[Turn]:
        """This person's latest turns that led to a fingerprint, oldest first; none if none did."""
        last = (
            sa.select(turns.c.conversation_id, turns.c.number)
            .join(conversations, conversations.c.id == turns.c.conversation_id)
            .where(turns.c.fingerprint == heard, conversations.c.tenant == tenant, conversations.c.user_id == user)
            .order_by(turns.c.at.desc())
            .limit(1)
            .subquery()
        )
        upto = (turns.c.conversation_id == last.c.conversation_id) & (turns.c.number <= last.c.number)
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(turns).join(last, upto).order_by(turns.c.number)).all()
        return [Turn(row.conversation_id, row.number, row.said, row.reply, row.state) for row in rows]


def _exposed(connection: sa.Connection, tenant: str, user: str, shown: Slate, now: datetime) -> None:
    """Keep what a person was shown, if it is part of an experiment."""
    if shown.arm is None or not user:
        return
    row = {
        "tenant": tenant, "user_id": user, "experiment": shown.experiment, "arm": shown.arm, "ranker": shown.ranker_used,
        "ms": shown.llm_ms, "items": [item.item_id for item in shown.items], "at": now,
    }  # fmt: skip
    connection.execute(sa.insert(exposures), row)


def new_conversation() -> str:
    """An id that cannot be guessed."""
    return secrets.token_urlsafe(18)


def fingerprint(messages: Sequence[str]) -> str:
    """SHA-256 of what has been said on both sides so far; white space, which clients strip and add, does not count."""
    digest = hashlib.sha256()
    for message in (" ".join(message.split()) for message in messages):
        digest.update(f"{len(message)}:{message}".encode())
    return digest.hexdigest()


def _added(connection: sa.Connection, tenant: str, user: str, new: NewTurn, now: datetime) -> bool:
    """Write a turn; False if its conversation was deleted meanwhile, and so it stays."""
    turn = new.turn
    copied: list[dict[str, Any]] = []
    if new.branch_of is not None:
        origin, last = new.branch_of
        if not _held(connection, tenant, user, origin):
            return False
        upto = sa.select(turns).where(turns.c.conversation_id == origin, turns.c.number <= last)
        copied = [{**row, "conversation_id": turn.conversation} for row in connection.execute(upto).mappings()]
    if new.branch_of is not None or turn.number == 0:
        row = {"id": turn.conversation, "tenant": tenant, "user_id": user, "started": now}
        connection.execute(sa.insert(conversations), row)
    elif not _held(connection, tenant, user, turn.conversation):
        return False
    mine = (turns.c.conversation_id == turn.conversation) & (turns.c.number == turn.number)
    if connection.execute(sa.select(turns.c.number).where(mine)).first() is not None:
        raise _came_first("message")
    if new.after is not None:
        origin, last = new.branch_of or (turn.conversation, turn.number - 1)
        before = (turns.c.conversation_id == origin) & (turns.c.number == last)
        if connection.execute(sa.select(turns.c.state).where(before)).scalar() != new.after:
            raise _came_first("message")
    row = {
        "conversation_id": turn.conversation, "number": turn.number, "fingerprint": new.fingerprint, "said": turn.said,
        "reply": turn.reply, "state": turn.state, "at": now,
    }  # fmt: skip
    connection.execute(sa.insert(turns), [*copied, row])
    return True


def _came_first(what: str) -> ConflictError:
    return ConflictError(
        f"conversation: another request was answered first; nothing of this {what} was kept",
        "read the conversation again, then say it" if what == "message" else "ask again",
    )


def _held(connection: sa.Connection, tenant: str, user: str, conversation: str) -> bool:
    """Whether a conversation is there; until the transaction ends it cannot be deleted."""
    mine = sa.select(conversations.c.id).where(_is(tenant, user, conversation)).with_for_update()
    return connection.execute(mine).first() is not None


def _is(tenant: str, user: str, conversation: str) -> sa.ColumnElement[bool]:
    return (conversations.c.id == conversation) & (conversations.c.tenant == tenant) & (conversations.c.user_id == user)
