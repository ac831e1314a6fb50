"""One turn of a conversation that is kept: load, answer, keep what was said of items, keep the turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agent.chat.dialogue import Reply, TurnState
from agent.chat.person import Person
from agent.memory.keys import Caller
from agent.memory.people import Turn, fingerprint
from agent.service.context import Context
from agent.service.metrics import FEEDBACK, count
from agent.slate import Slate
from retrieval.errors import NotFoundError

_REMEMBERED = 20
"""Turns whose state is read back: as far as "undo" reaches."""


@dataclass(frozen=True)
class Told:
    """A reply and where it is kept."""

    conversation: str
    turn: int
    reply: Reply


class Talk:
    """Conversations of one caller's people."""

    def __init__(self, parts: Context, caller: Caller) -> None:
        self._parts = parts
        self._tenant = caller.tenant
        self._caller = caller

    async def say(
        self, message: str, user: str | None, conversation: str | None, *, lam: float | None, deadline_ms: int | None
    ) -> Told:
        """Answer a message and keep the turn; what it says of items is on the disk when this returns.

        Raises:
            NotFoundError: No such conversation of this person.
            StorageError: The database does not answer; nothing was kept.
        """
        who, person, turns = await asyncio.to_thread(self._opened, user, conversation)
        states = [TurnState.model_validate(turn.state) for turn in turns[-_REMEMBERED:]]
        reply = await self._parts.now.dialogue.respond(
            message, person, states, lam=lam, deadline_ms=deadline_ms or self._parts.config.deadline_ms
        )
        if reply.slate is not None:
            count(reply.slate)
            if reply.slate.arm is not None:
                await asyncio.to_thread(self._parts.trials.shown, self._tenant, who, reply.slate)
        heard = [text for turn in turns for text in (turn.said, turn.reply)]
        number = len(turns)
        kept = await asyncio.to_thread(self._keep, who, conversation, number, message, reply, heard)
        return Told(kept, number, reply)

    async def continued(self, messages: Sequence[str], message: str, user: str | None, deadline_ms: int | None) -> Told:
        """As :meth:`say` for clients that send all that was said instead of an id: what they send says where they are.

        A conversation that went on elsewhere is branched, so that the same history may be continued twice.
        """
        who = user or ""
        known = None
        if messages:
            known = await asyncio.to_thread(self._parts.people.branch, self._tenant, who, fingerprint(messages))
        return await self.say(message, user, known, lam=None, deadline_ms=deadline_ms)

    async def again(self, user: str | None, conversation: str, lam: float | None, deadline_ms: int | None) -> Slate:
        """The last list of a conversation with another lambda; it does not become a turn."""
        _, person, turns = await asyncio.to_thread(self._opened, user, conversation)
        state = TurnState.model_validate(turns[-1].state) if turns else TurnState()
        deadline = deadline_ms or self._parts.config.deadline_ms
        return count(await self._parts.now.dialogue.again(state.wish, person, lam=lam, deadline_ms=deadline))

    def _opened(self, user: str | None, conversation: str | None) -> tuple[str, Person, list[Turn]]:
        who = user or ""
        person = self._parts.person(self._caller, user)
        if conversation is None:
            return who, person, []
        turns = self._parts.people.turns(self._tenant, who, conversation)
        if turns is None:
            raise NotFoundError(
                f"no conversation {conversation!r} of this person", "leave conversation out to start a new one"
            )
        return who, person, turns

    def _keep(
        self, who: str, conversation: str | None, number: int, message: str, reply: Reply, heard: Sequence[str]
    ) -> str:
        people = self._parts.people
        if who:
            people.say(self._tenant, who, reply.feedback)
            self._parts.heard(who, reply.feedback)
            for one in reply.feedback:
                FEEDBACK.labels(one.kind.value).inc()
        conversation = conversation or people.start(self._tenant, who)
        state = reply.state.model_dump(mode="json")
        text = reply.full()
        people.turn(
            self._tenant, who, Turn(conversation, number, message, text, state), fingerprint([*heard, message, text])
        )
        return conversation
