"""One turn of a conversation that is kept: read back what was before, answer, and keep all that the turn leaves at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.chat.dialogue import Reply, TurnState
from agent.chat.person import Person
from agent.memory.keys import Caller
from agent.memory.people import NewTurn, Turn, fingerprint, new_conversation
from agent.service.context import Context
from agent.service.live import Generation
from agent.service.metrics import count
from agent.service.remembered import WORDS_ALONE, Remembered, from_words, remembered
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


@dataclass(frozen=True)
class _Begun:
    """Where a turn begins: with which model, by whom, after what, and in which conversation it will be kept."""

    now: Generation
    who: str
    person: Person
    before: Remembered
    heard: tuple[str, ...]
    conversation: str
    number: int
    last: Turn | None = None

    @property
    def branch_of(self) -> tuple[str, int] | None:
        """The turn that another conversation is left at."""
        last = self.last
        return None if last is None or last.conversation == self.conversation else (last.conversation, last.number)


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
            ConflictError: Another message of the conversation was answered meanwhile, or its list made again; nothing of this
                message was kept.
            StorageError: The database does not answer; nothing was kept.
        """
        return await self._answer(await asyncio.to_thread(self._opened, user, conversation), message, lam, deadline_ms)

    async def continued(
        self, history: Sequence[tuple[str, str]], message: str, user: str | None, deadline_ms: int | None
    ) -> Told:
        """As :meth:`say` for clients that send all that was said instead of an id: what they send says where they are.

        A conversation that went on elsewhere is branched, so that the same history may be continued twice. A history that
        is not known here, because it was edited, say, is read again as far as it is the person's own words.

        Args:
            history: Who spoke ("user" or "assistant") and what, before the message.
            message: What is said now.
            user: By whom.
            deadline_ms: The answer is there by then.
        """
        return await self._answer(await asyncio.to_thread(self._found, user, history), message, None, deadline_ms)

    async def again(self, user: str | None, conversation: str, lam: float | None, deadline_ms: int | None) -> Slate:
        """The last list of a conversation once more, with another lambda or after feedback; the last turn shows it from now on.

        Raises:
            NotFoundError: No such conversation of this person.
            ConflictError: The conversation went on meanwhile.
            StorageError: The database does not answer; the list that was there stays.
        """
        begun = await asyncio.to_thread(self._opened, user, conversation)
        state = begun.before.states[-1] if begun.before.states else TurnState()
        deadline = deadline_ms or self._parts.config.deadline_ms
        slate = count(await begun.now.dialogue.again(state.wish, begun.person, lam=lam, deadline_ms=deadline))
        if begun.last is not None:
            since = begun.person.standing.since
            await asyncio.to_thread(self._parts.people.relist, self._tenant, begun.who, since, begun.last, slate)
        return slate

    async def _answer(self, begun: _Begun, message: str, lam: float | None, deadline_ms: int | None) -> Told:
        reply = await begun.now.dialogue.respond(
            message, begun.person, begun.before.states, lam=lam, deadline_ms=deadline_ms or self._parts.config.deadline_ms
        )  # fmt: skip
        if begun.before.notes:
            reply = replace(reply, text=" ".join([reply.text, *begun.before.notes]))
        if reply.slate is not None:
            count(reply.slate)
        await asyncio.to_thread(self._keep, begun, message, reply)
        return Told(begun.conversation, begun.number, reply)

    def _opened(self, user: str | None, conversation: str | None) -> _Begun:
        now, who, person = self._parts.now, user or "", self._parts.person(self._caller, user)
        if conversation is None:
            return _Begun(now, who, person, Remembered(), (), new_conversation(), 0)
        turns = self._parts.people.turns(self._tenant, who, conversation)
        if turns is None:
            raise NotFoundError(
                f"no conversation {conversation!r} of this person", "leave conversation out to start a new one"
            )
        heard = tuple(text for turn in turns for text in (turn.said, turn.reply))
        before = remembered(now.recommender, turns, _REMEMBERED)
        return _Begun(now, who, person, before, heard, conversation, len(turns), turns[-1] if turns else None)

    def _found(self, user: str | None, history: Sequence[tuple[str, str]]) -> _Begun:
        now, who, person = self._parts.now, user or "", self._parts.person(self._caller, user)
        heard = tuple(text for _, text in history)
        turns = self._parts.people.led_to(self._tenant, who, fingerprint(heard)) if history else []
        if turns:
            before = remembered(now.recommender, turns, _REMEMBERED)
            return _Begun(now, who, person, before, heard, new_conversation(), len(turns), turns[-1])
        said = [text for speaker, text in history if speaker == "user"]
        before = Remembered()
        if said:
            answered = any(speaker == "assistant" for speaker, _ in history)
            before = Remembered((from_words(now.recommender, said),), (WORDS_ALONE,) if answered else ())
        return _Begun(now, who, person, before, heard, new_conversation(), 0)

    def _keep(self, begun: _Begun, message: str, reply: Reply) -> None:
        text = reply.full()
        turn = Turn(begun.conversation, begun.number, message, text, reply.state.model_dump(mode="json"))
        read = None if begun.last is None else begun.last.state
        new = NewTurn(turn, fingerprint([*begun.heard, message, text]), begun.branch_of, read)
        since = begun.person.standing.since
        said = reply.feedback if begun.who else ()
        if self._parts.people.keep(self._tenant, begun.who, since, said=said, turn=new, shown=reply.slate):
            self._parts.heard(begun.who, said)
