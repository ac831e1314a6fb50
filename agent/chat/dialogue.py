"""A conversation, turn by turn: read the message, steer the wish, rank, and say what was understood.

The way of a turn is a LangGraph state graph::

    read -> recommend | undo | reset | forget | tastes | an aside, which leaves all as it was -> end

It keeps nothing: the turns before come in, the new one goes out, and who calls decides where they are kept.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any

from langgraph.graph import END, START, StateGraph

from agent.chat import replies
from agent.chat.asides import Asides
from agent.chat.assistant import Assistant, AssistantConfig
from agent.chat.dead_ends import way_out
from agent.chat.hearing import heard, said_outright
from agent.chat.intents import Intent
from agent.chat.move import Moves
from agent.chat.moves import moves_of
from agent.chat.person import Person
from agent.chat.references import References
from agent.chat.steering import Steering
from agent.chat.step import Heard, Node, Step, is_strange, kept_order, last_of, replied, said_back
from agent.chat.taking_back import TakingBack
from agent.chat.thanks import is_thanks
from agent.chat.turns import Reply, TurnState, undone
from agent.chat.wish import Wish
from agent.chat.wording import in_words
from agent.memory.people import Said
from agent.recommender import Recommender
from agent.request import DEFAULT_DEADLINE_MS, DEFAULT_K, Asked
from agent.slate import Slate
from retrieval.errors import ConfigError

MOST_WORDS = 4000
"""Characters of one message."""
_EXCLUDES = re.compile(r"(?:please )?(?:drop|remove)\b", re.IGNORECASE)
_HEARD = 2000  # characters of what was said that the language model reads: the last
_READING_SHARE = 0.4  # of a turn's time may go into reading; the rest is for ranking


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
        self._asides = Asides(self._catalog, recommender.titles, recommender.reader, self._assistant)
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
        step: Heard = {
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
        graph: Any = StateGraph(Step)  # its types ask for a parameter's name that is ours to choose
        nodes: dict[Intent, Node] = {
            **self._asides.nodes(),
            Intent.RECOMMEND: self._recommend,
            Intent.TASTES: self._tastes,
            Intent.UNDO: self._undo,
            Intent.RESET: self._reset,
            Intent.FORGET: self._forget,
        }
        graph.add_node("read", self._read)
        for intent, node in nodes.items():
            graph.add_node(intent.value, node)
            graph.add_edge(intent.value, END)
        graph.add_edge(START, "read")
        graph.add_conditional_edges("read", _way, [i.value for i in nodes])
        return graph.compile()

    async def _read(self, step: Step) -> dict[str, Moves]:
        last, standing = last_of(step), step["person"].standing
        references = References(
            self._steering.shown(last.slate),
            self._steering.title,
            spoken=last.spoken,
            earlier=[self._steering.shown(state.slate) for state in reversed(step["before"][:-1])],
            known={*standing.likes, *standing.dislikes, *standing.gone},
        )
        message = self._asides.said_out(self.recommender.reader.plain(step["message"]), references, last.slate)
        named = self.recommender.reader.comparable
        moves = moves_of(message, references, named)
        if not self._asides.takes(moves, last.slate):
            moves = moves_of(message, references, named, plain=True)
        if moves.intent is Intent.RECOMMEND and is_thanks(moves, message, self.recommender.reader.read):
            moves = Moves(Intent.GREETING, moves.feedback)
        return {"moves": moves}

    async def _recommend(self, step: Step) -> dict[str, Reply]:
        moves, last, started = step["moves"], last_of(step), time.monotonic()
        said = tuple(Said(item, kind) for item, kind in moves.feedback)
        groups = self.recommender.pools.groups()
        wish, rest, lifted = self._taking_back.lifted(last.wish, moves.rest)
        reading = self.recommender.reader.read(rest)
        unread = "; ".join([*reading.about, *reading.unknown])
        reading, unheard = await asyncio.to_thread(heard, reading, self.recommender)  # as all that encodes words
        time_for_it = _READING_SHARE * step["deadline_ms"] / 1000.0
        beyond = await self._assistant.reading(moves.rest, unread, list(groups), self.recommender.titles, time_for_it)
        steered = self._steering(wish, moves.beyond_rules(beyond), last.slate, groups, reading.also(beyond.titles))
        notes = (*unheard, *steered.notes)
        wish = steered.wish
        same = last.slate is not None and bool(last.slate.items) and not said and wish.asks_as(last.wish)
        if same and (notes or not (moves.fresh or steered.changes or lifted)):
            return said_back(step, replies.left_as_it_was(notes), self._catalog)
        person = step["person"].after(said)
        left = step["deadline_ms"] - int(1000 * (time.monotonic() - started))
        listed = [item.item_id for item in last.slate.items] if last.slate is not None and not said else []
        fewer = wish.cut_short(listed, last.wish)
        slate = kept_order(await self._rank(wish, person, step["lam"], max(left, 1), among=fewer), fewer)
        changes = (*lifted, *steered.changes)
        notes = (*notes, *said_outright(reading.about, slate, self.recommender))
        return self._listed(step, wish, slate, changes, notes, said, person)

    def _listed(
        self,
        step: Step,
        wish: Wish,
        slate: Slate,
        changes: tuple[str, ...],
        notes: tuple[str, ...],
        said: tuple[Said, ...],
        person: Person,
    ) -> dict[str, Reply]:
        """The reply with a list. Where that is empty the list before stays the one that is spoken of."""
        if wish.order is not None and slate.items:
            notes = (*notes, *filter(None, [self._asides.in_order(slate, wish.order)[1]]))
        noted = [replies.noted(one.kind, self._title(one.item_id)) for one in said]
        asked, last = person.asked(self.recommender.model), last_of(step).slate
        out = "" if slate.items else way_out(wish, self._catalog, lambda w: self._room(w, asked))
        text = replies.recommended(
            slate, changes, notes, noted, strange=is_strange(step) and not wish.of_an_order, way_out=out, before=last
        )
        stands = not slate.items and last is not None and bool(last.items)
        state = TurnState(wish=wish, slate=last if stands else slate, spoken=step["moves"].spoken)
        return replied(step, text, None if stands else slate, changes, said, state, self._catalog)

    def _room(self, wish: Wish, asked: Asked) -> int:
        return self.recommender.room(wish.reading(self._catalog), asked)

    async def _tastes(self, step: Step) -> dict[str, Reply]:
        slate = await self._rank(Wish(), step["person"], step["lam"], step["deadline_ms"])
        standing = step["person"].standing
        kept = replies.kept(
            *([self._title(i) for i in of if self._catalog.has_item(i)] for of in (standing.likes, standing.dislikes))
        )
        hated = replies.hated(last_of(step).wish.hated.in_words())
        return said_back(step, "\n".join(filter(None, (replies.tastes(slate.personas), kept, hated))), self._catalog)

    async def _undo(self, step: Step) -> dict[str, Reply]:
        state, standing = undone(step["before"]), step["person"].standing
        slate = state.slate
        if slate is not None and {*standing.likes, *standing.dislikes, *standing.gone} & {
            i.item_id for i in slate.items
        }:
            # what was said of single items stays, and what is disliked or known does not come back
            slate = await self._rank(state.wish, step["person"], step["lam"], step["deadline_ms"])
            state = state.model_copy(update={"slate": slate})
        text = (
            "Back to the list before." if slate and slate.items else "Back to the beginning: nothing is asked for now."
        )
        return replied(step, text, slate, ("undone",), (), state, self._catalog)

    async def _reset(self, step: Step) -> dict[str, Reply]:
        text = "All conditions are forgotten. What you said of single items stays; \u201cforget that I liked \u2026\u201d takes it back."
        return replied(step, text, None, ("reset",), (), TurnState(), self._catalog)

    async def _forget(self, step: Step) -> dict[str, Reply]:
        what, last = step["moves"].rest, last_of(step)
        if what.casefold() in {"that", "it", "this", "the last one"}:
            return await self._undo(step)
        wish, taken, unknown = self._taking_back.each(last.wish, what)
        if wish == last.wish and _EXCLUDES.match(step["message"]) and self.recommender.reader.categories(what):
            step["moves"] = Moves(rest=f"no {what}")
            return await self._recommend(step)
        if wish == last.wish:
            asked = "; ".join(in_words(wish.understood(self._catalog))) or "nothing"
            text = f"I find no condition \u201c{what}\u201d to take back. Asked for now: {asked}."
            return said_back(step, text, self._catalog)
        slate = await self._rank(wish, step["person"], step["lam"], step["deadline_ms"])
        changes = tuple(f"no longer \u201c{one}\u201d" for one in taken)
        notes = tuple(f"I find no condition \u201c{one}\u201d to take back" for one in unknown)
        return self._listed(step, wish, slate, changes, notes, (), step["person"])

    async def _rank(
        self, wish: Wish, person: Person, lam: float | None, deadline_ms: int, *, among: Sequence[str] = ()
    ) -> Slate:
        reading = wish.reading(self._catalog)
        among = among or self._in_order(wish, person)
        asked = person.asked(self.recommender.model) | Asked(
            reading=reading,
            k=wish.k,
            shift=wish.shift,
            lam=lam,
            deadline_ms=deadline_ms,
            among=[f"id:{item}" for item in among],
            rules=wish.rules(self._steering.columns(wish, self.recommender.pools.groups()), wish.k or DEFAULT_K),
        )
        slate = await self.recommender.arecommend(reading.text[-_HEARD:], **asked)
        if wish.order is not None and slate.items:
            slate, _ = self._asides.in_order(slate, wish.order)
        return slate.model_copy(update={"understood": wish.understood(self._catalog)})

    def _in_order(self, wish: Wish, person: Person) -> Sequence[str]:
        """The items of a list that is to be the first of an order of all that is asked for; none where anything else is to choose them."""
        if not wish.of_an_order or wish.order is None:
            return ()
        left = self.recommender.open_to(wish.reading(self._catalog), person.asked(self.recommender.model))
        return self._asides.first_of(wish.order, left & (self._catalog.counts > 0), wish.k or DEFAULT_K)

    def _title(self, item_id: str) -> str:
        return self._catalog.titles[int(self._catalog.positions([item_id])[0])]


def _way(step: Step) -> str:
    return step["moves"].intent.value
