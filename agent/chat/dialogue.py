"""A conversation, turn by turn: read the message, steer the wish, rank, and say what was understood.

The way of a turn is a LangGraph state graph::

    read -> recommend | chosen | why | facts | how_many | tastes | undo | reset | forget | greeting -> end

It keeps nothing: the turns before come in, the new one goes out, and who calls decides where they are kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from agent.chat import replies
from agent.chat.answers import Answers
from agent.chat.assistant import Assistant, AssistantConfig
from agent.chat.moves import Intent, Moves, moves_of
from agent.chat.person import Person
from agent.chat.references import References
from agent.chat.steering import Steering
from agent.chat.taking_back import TakingBack
from agent.chat.turns import Reply, TurnState, unchanged, undone
from agent.chat.wish import Wish
from agent.memory.people import Kind, Said
from agent.recommender import Recommender
from agent.request import DEFAULT_DEADLINE_MS, DEFAULT_K, Asked
from agent.slate import Slate
from retrieval.errors import ConfigError

_SAID = {
    Kind.LIKE: "you like {}",
    Kind.DISLIKE: "you do not like {}",
    Kind.SEEN: "you know {}",
    Kind.FORGET: "what you said of {} is forgotten",
}
MOST_WORDS = 4000
"""Characters of one message."""
_EXCLUDES = re.compile(r"(?:please )?(?:drop|remove)\b", re.IGNORECASE)
_HEARD = 2000  # characters of what was said that the language model reads: the last
_READING_SHARE = 0.4  # of a turn's time may go into reading; the rest is for ranking
_HELLO = "Say what you are in the mood for, name things you like, or ask \u201cwhat do you think I like?\u201d"


class _Asked(TypedDict):
    message: str
    person: Person
    before: Sequence[TurnState]
    lam: float | None
    deadline_ms: int


class _Step(_Asked):
    moves: Moves
    reply: Reply


class Dialogue:
    """Answers messages; safe to share among conversations.

    Args:
        recommender: Makes the lists.
        assistant: What the language model does beside ranking them; default: nothing.
    """

    def __init__(self, recommender: Recommender, assistant: AssistantConfig | None = None) -> None:
        self.recommender = recommender
        self._assistant = Assistant(recommender.server, assistant or AssistantConfig())
        self._catalog = recommender.model.catalog
        self._steering = Steering(self._catalog, recommender.titles, recommender.reader)
        self._answers = Answers(self._catalog, recommender.reader)
        self._taking_back = TakingBack(self._catalog, recommender.reader)
        self._graph = self._compiled()

    async def respond(
        self,
        message: str,
        person: Person,
        before: Sequence[TurnState] = (),
        *,
        lam: float | None = None,
        deadline_ms: int = DEFAULT_DEADLINE_MS,
    ) -> Reply:
        """The answer to a message.

        Args:
            message: What was said.
            person: By whom.
            before: States of the turns so far, oldest first.
            lam: lambda of the list; else as configured.
            deadline_ms: The answer is there by then.

        Raises:
            ConfigError: The message is too long, or lambda out of range.
        """
        if len(message) > MOST_WORDS:
            raise ConfigError(f"message: {len(message):,} characters, at most {MOST_WORDS:,}", "say it in fewer words")
        step: _Asked = {
            "message": message,
            "person": person,
            "before": before,
            "lam": lam,
            "deadline_ms": deadline_ms,
        }
        return (await self._graph.ainvoke(step))["reply"]

    async def again(
        self, wish: Wish, person: Person, *, lam: float | None, deadline_ms: int = DEFAULT_DEADLINE_MS
    ) -> Slate:
        """The list of a wish, once more: for another lambda, or after feedback."""
        return await self._rank(wish, person, lam, deadline_ms)

    def _compiled(self) -> Any:
        graph: Any = StateGraph(_Step)  # its types ask for a parameter's name that is ours to choose
        nodes: dict[Intent, Callable[[_Step], Awaitable[dict[str, Reply]]]] = {
            Intent.RECOMMEND: self._recommend,
            Intent.CHOSEN: self._chosen,
            Intent.WHY: self._why,
            Intent.FACTS: self._facts,
            Intent.HOW_MANY: self._how_many,
            Intent.TASTES: self._tastes,
            Intent.UNDO: self._undo,
            Intent.RESET: self._reset,
            Intent.FORGET: self._forget,
            Intent.GREETING: self._greeting,
        }
        graph.add_node("read", self._read)
        for intent, node in nodes.items():
            graph.add_node(intent.value, node)
            graph.add_edge(intent.value, END)
        graph.add_edge(START, "read")
        graph.add_conditional_edges("read", _way, [i.value for i in nodes])
        return graph.compile()

    async def _read(self, step: _Step) -> dict[str, Moves]:
        last, standing = _last(step), step["person"].standing
        references = References(
            self._steering.shown(last.slate),
            self._steering.title,
            spoken=last.spoken,
            earlier=[self._steering.shown(state.slate) for state in reversed(step["before"][:-1])],
            known={*standing.likes, *standing.dislikes, *standing.gone},
        )
        return {"moves": moves_of(step["message"], references, self.recommender.reader.categories)}

    async def _recommend(self, step: _Step) -> dict[str, Reply]:
        moves, last, started = step["moves"], _last(step), time.monotonic()
        said = tuple(Said(item, kind) for item, kind in moves.feedback)
        groups = self.recommender.pools.groups()
        wish, rest, lifted = self._taking_back.lifted(last.wish, moves.rest)
        reading = self.recommender.reader.read(rest)
        unread = "; ".join([*reading.about, *reading.unknown])
        time_for_it = _READING_SHARE * step["deadline_ms"] / 1000.0
        beyond = await self._assistant.reading(moves.rest, unread, list(groups), self.recommender.titles, time_for_it)
        steered = self._steering(wish, moves.beyond_rules(beyond), last.slate, groups, reading.also(beyond.titles))
        person = step["person"].after(said)
        left = step["deadline_ms"] - int(1000 * (time.monotonic() - started))
        slate = await self._rank(steered.wish, person, step["lam"], max(left, 1))
        noted = [_SAID[one.kind].format(self._title(one.item_id)) for one in said]
        changes = (*(f"any {what}" for what in lifted), *steered.changes)
        text = replies.recommended(slate, changes, steered.notes, noted, strange=_strange(step))
        state = TurnState(wish=steered.wish, slate=slate, spoken=moves.spoken)
        return _reply(step, text, slate, changes, said, state, self._catalog)

    async def _chosen(self, step: _Step) -> dict[str, Reply]:
        last = _last(step).slate
        items = [item for item in last.items if item.item_id in step["moves"].about] if last is not None else []
        return self._say(step, replies.chosen(items, step["moves"].beyond))

    async def _why(self, step: _Step) -> dict[str, Reply]:
        last, moves = _last(step), step["moves"]
        if last.slate is None or not last.slate.items:
            return self._say(step, "There is no list yet that I could explain.")
        asked = [item for item in last.slate.items if item.item_id in moves.about]
        if not moves.about and not moves.beyond:
            asked = last.slate.items[:1]
        if not asked:
            return self._say(step, "That is not on the last list, so there is nothing to explain.")
        facts = [replies.why(item, last.slate) for item in asked]
        each = step["deadline_ms"] / 1000.0 / len(facts)
        return self._say(step, "\n\n".join([await self._assistant.phrased(one, each) for one in facts]))

    async def _facts(self, step: _Step) -> dict[str, Reply]:
        slate, asked = _last(step).slate, step["moves"].asked
        listed = [item.item_id for item in slate.items] if slate is not None else []
        return self._say(step, self._answers(asked, listed) if asked is not None else "")

    async def _how_many(self, step: _Step) -> dict[str, Reply]:
        return self._say(step, self._answers.how_many(_last(step).wish.reading(self._catalog).filter))

    async def _tastes(self, step: _Step) -> dict[str, Reply]:
        slate = await self._rank(Wish(), step["person"], step["lam"], step["deadline_ms"])
        return self._say(step, replies.tastes(slate.personas))

    async def _undo(self, step: _Step) -> dict[str, Reply]:
        state, standing = undone(step["before"]), step["person"].standing
        slate = state.slate
        if slate is not None and {*standing.likes, *standing.dislikes, *standing.gone} & {
            i.item_id for i in slate.items
        }:
            # what was said of single items stays, and what is disliked or known does not come back
            slate = await self._rank(state.wish, step["person"], step["lam"], step["deadline_ms"])
            state = state.model_copy(update={"slate": slate})
        text = "Back to the list before." if slate else "Back to the beginning: nothing is asked for now."
        return _reply(step, text, slate, ("undone",), (), state, self._catalog)

    async def _reset(self, step: _Step) -> dict[str, Reply]:
        text = "All conditions are forgotten. What you said of single items stays; \u201cforget that I liked \u2026\u201d takes it back."
        return _reply(step, text, None, ("reset",), (), TurnState(), self._catalog)

    async def _forget(self, step: _Step) -> dict[str, Reply]:
        what, last = step["moves"].rest, _last(step)
        if what.casefold() in {"that", "it", "this", "the last one"}:
            return await self._undo(step)
        wish = self._taking_back(last.wish, what)
        if wish == last.wish and _EXCLUDES.match(step["message"]) and self.recommender.reader.categories(what):
            step["moves"] = Moves(rest=f"no {what}")
            return await self._recommend(step)
        if wish == last.wish:
            understood = "; ".join(f"{k.replace('_', ' ')}: {v}" for k, v in wish.understood(self._catalog).items())
            return self._say(
                step, f"I find no condition {what!r} to take back. Asked for now: {understood or 'nothing'}."
            )
        slate = await self._rank(wish, step["person"], step["lam"], step["deadline_ms"])
        changes = (f"no longer: {what}",)
        text = replies.recommended(slate, changes, (), (), strange=_strange(step))
        return _reply(step, text, slate, changes, (), TurnState(wish=wish, slate=slate), self._catalog)

    async def _greeting(self, step: _Step) -> dict[str, Reply]:
        return self._say(step, _HELLO)

    async def _rank(self, wish: Wish, person: Person, lam: float | None, deadline_ms: int) -> Slate:
        reading = wish.reading(self._catalog)
        asked = person.asked(self.recommender.model) | Asked(
            reading=reading,
            k=wish.k,
            shift=wish.shift,
            lam=lam,
            deadline_ms=deadline_ms,
            rules=wish.rules(self.recommender.pools.groups(), wish.k or DEFAULT_K),
        )
        slate = await self.recommender.arecommend(reading.text[-_HEARD:], **asked)
        return slate.model_copy(update={"understood": wish.understood(self._catalog)})

    def _title(self, item_id: str) -> str:
        return self._catalog.titles[int(self._catalog.positions([item_id])[0])]

    def _say(self, step: _Step, text: str) -> dict[str, Reply]:
        said = tuple(Said(item, kind) for item, kind in step["moves"].feedback)
        state = unchanged(step["before"], step["moves"].spoken)
        return _reply(step, text, None, (), said, state, self._catalog)


def _way(step: _Step) -> str:
    return step["moves"].intent.value


def _last(step: _Step) -> TurnState:
    return step["before"][-1] if step["before"] else TurnState()


def _strange(step: _Step) -> bool:
    """Whether the conversation has not yet said that nothing is known of the person."""
    return not any(state.slate is not None and state.slate.cold_start for state in step["before"])


def _reply(
    step: _Step,
    text: str,
    slate: Slate | None,
    changes: tuple[str, ...],
    said: tuple[Said, ...],
    state: TurnState,
    catalog: Any,
) -> dict[str, Reply]:
    understood = state.wish.understood(catalog)
    return {"reply": Reply(step["moves"].intent, text, slate, understood, changes, said, state)}
