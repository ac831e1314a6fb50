"""Answers that change neither the items of the list nor what is asked for: why, facts, order, how many, a greeting."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from agent.chat import replies
from agent.chat.answers import Answers
from agent.chat.assistant import Assistant
from agent.chat.comparing import Comparing
from agent.chat.having import Having
from agent.chat.intents import Intent
from agent.chat.move import Moves
from agent.chat.ordering import Ordering
from agent.chat.orders import Order
from agent.chat.reading import Reading, RequestReader
from agent.chat.references import References
from agent.chat.sameness import said_out
from agent.chat.step import Node, Step, last_of, replied, said_back
from agent.chat.the_one import pointed_out
from agent.chat.turns import Reply
from agent.chat.which import Which
from agent.chat.wording import in_words
from agent.chat.words import folded
from agent.slate import Slate
from retrieval.arrays import Bool
from retrieval.facts import Says
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog
from retrieval.titles import TitleIndex

_HELP = (
    "I find things and compare them; carts, orders and returns are not mine. Say what you are in the mood for (\u201ca short "
    "one like ..., but newer\u201d), point to the list (\u201cnot number 2\u201d, \u201cmore like 3\u201d, \u201cwhich is the "
    "newest?\u201d), tell me what you like or hate, or say \u201cundo\u201d or \u201cstart over\u201d."
)
_AS_RANKED = frozenset(("relevance", "fit", "match", "best match", "recommendation", "recommended"))
_THANKED = re.compile(r"\b(?:thanks?|thank you|thx|cheers|ta)\b")
_WELCOME = "You are welcome. The list stays as it is; say what should change, or ask about an item."
_HELLO = "Say what you are in the mood for, name things you like, or ask \u201cwhat do you think I like?\u201d"


class Asides:
    """Answers one kind of question each.

    Args:
        catalog: The items.
        titles: Their titles.
        reader: Reads what a question is about.
        assistant: Phrases explanations.
    """

    def __init__(self, catalog: Catalog, titles: TitleIndex, reader: RequestReader, assistant: Assistant) -> None:
        self._catalog, self._reader = catalog, reader
        self._answers = Answers(catalog, reader)
        self._having = Having(catalog, titles, reader, self._answers)
        self._ordering = Ordering(catalog, reader.facts, self._answers)
        self._comparing = Comparing(catalog, self._answers, self._ordering)
        self._among = Which(catalog, reader, self._answers)
        self._assistant = assistant

    def nodes(self) -> dict[Intent, Node]:
        """What answers each kind of message."""
        return {
            Intent.CHOSEN: self._chosen,
            Intent.WHY: self._why,
            Intent.FACTS: self._facts,
            Intent.HOW_MANY: self._how_many,
            Intent.WHICH: self._which,
            Intent.PICK: self._pick,
            Intent.ORDER: self._order,
            Intent.HAVE: self._have,
            Intent.HELP: self._help,
            Intent.GREETING: self._greeting,
            Intent.ASKED: self._asked,
        }

    def said_out(self, message: str, references: References, last: Slate | None) -> str:
        """A message with what it wants to be as an item is said out, and items that it points to by what they are called by their numbers."""
        listed = [item.item_id for item in last.items] if last is not None else []
        message = pointed_out(message, listed, self._catalog, self._reader)
        return said_out(message, references, self._catalog, self._answers)

    def first_of(self, order: Order, left: Bool, k: int) -> list[str]:
        """External ids of the first of some items in an order; see :meth:`agent.chat.ordering.Ordering.first_of`."""
        return self._ordering.first_of(order, left, k)

    def in_order(self, slate: Slate, order: Order) -> tuple[Slate, str]:
        """A list in an order that was asked for with it, and what is to be said of that; as it is where nothing tells the order."""
        ordered, way = self._ordering.sorted(slate, order)
        said = way.removesuffix(".") if ordered is None else f"They stand {way}"
        return ordered or slate, said if len(slate.items) > 1 else ""

    def takes(self, moves: Moves, last: Slate | None) -> bool:
        """Whether a message that seems to ask what is there, or in which order, does; else it is a request."""
        if moves.intent is Intent.HAVE:
            return self._having.of(moves.rest) is not None
        listed = len(last.items) if last is not None else 0
        if moves.intent is Intent.PICK:
            return listed > 0
        if moves.intent is Intent.WHICH:
            return listed > 0 and self._among.asked(moves.rest) is not None
        order = moves.order
        if order is not None and moves.intent is Intent.RECOMMEND and not self._ordering.tells(order):
            return False  # "thrillers, the best ones first"
        return order is None or (
            self._ordering.means(order, listed) and (not order.of or self._meant(order) is not None)
        )

    async def _chosen(self, step: Step) -> dict[str, Reply]:
        last = last_of(step).slate
        items = [item for item in last.items if item.item_id in step["moves"].about] if last is not None else []
        return self._say(step, replies.chosen(items, step["moves"].beyond))

    async def _why(self, step: Step) -> dict[str, Reply]:
        last, moves = last_of(step), step["moves"]
        if last.slate is None or not last.slate.items:
            return self._say(step, "There is no list yet that I could explain.")
        if moves.unclear:
            return self._say(step, "I cannot tell which one you mean; say its number.")
        asked = [item for item in last.slate.items if item.item_id in moves.about]
        if not moves.about and not moves.beyond:
            asked = last.slate.items[:1]
        if not asked:
            return self._say(step, "That is not on the last list, so there is nothing to explain.")
        facts = [replies.why(item, last.slate) for item in asked]
        each = step["deadline_ms"] / 1000.0 / len(facts)
        return self._say(step, "\n\n".join([await self._assistant.phrased(one, each) for one in facts]))

    async def _pick(self, step: Step) -> dict[str, Reply]:
        slate = last_of(step).slate
        if slate is None or not slate.items:
            return self._say(step, "")
        best = max(slate.items, key=lambda item: item.score)  # a list may stand in another order by now
        said = await self._assistant.phrased(replies.why(best, slate), step["deadline_ms"] / 1000.0)
        return self._say(
            step, f"Of the {len(slate.items)} this one fits you best, as far as I can tell. {said}", (best.item_id,)
        )

    async def _facts(self, step: Step) -> dict[str, Reply]:
        slate, asked = last_of(step).slate, step["moves"].asked
        listed = [item.item_id for item in slate.items] if slate is not None else []
        if asked is None:
            return self._say(step, "")
        return self._say(step, (self._comparing if asked.compared else self._answers)(asked, listed))

    async def _how_many(self, step: Step) -> dict[str, Reply]:
        moves, asked = step["moves"], last_of(step).wish.reading(self._catalog).filter
        if moves.rest:
            among = asked if moves.within else ItemFilter()
            return self._say(step, self._answers.how_many_of(self._reader.read(moves.rest), among))
        return self._say(step, self._answers.how_many(asked))

    async def _which(self, step: Step) -> dict[str, Reply]:
        slate, asked = last_of(step).slate, self._among.asked(step["moves"].rest)
        if slate is None or asked is None:
            return self._say(step, "")
        meeting = last_of(step).wish.reading(self._catalog).filter
        text, met = self._among(asked, [item.item_id for item in slate.items], meeting)
        return self._say(step, text, met)

    async def _order(self, step: Step) -> dict[str, Reply]:
        last, order = last_of(step), step["moves"].order
        listed = [item.item_id for item in last.slate.items] if last.slate is not None else []
        if order is None or (order.first and not (order.shows and listed and not order.all_of_them)):
            if order is None:
                return self._say(step, "")
            meeting = last.wish.reading(self._catalog).filter
            text, first = self._ordering.answer(order, listed, meeting, self._meant(order))
            return self._say(step, text, first)
        if last.slate is None or not listed:
            return self._say(step, "There is no list yet to put in order.")
        if order.by in _AS_RANKED:
            ranked = sorted(last.slate.items, key=lambda item: -item.score)
            items = [item.model_copy(update={"rank": n}) for n, item in enumerate(ranked, 1)]
            slate, wish = last.slate.model_copy(update={"items": items}), last.wish.model_copy(update={"order": None})
            state = last.model_copy(update={"wish": wish, "slate": slate, "back": 0})
            return replied(step, "The same list by how well it fits, best first.", slate, (), (), state, self._catalog)
        slate, way = self._ordering.sorted(last.slate, order)
        if slate is None:
            return self._say(step, way)
        text = f"The same list {way}."
        if order.shows and order.first < len(listed):
            slate = slate.model_copy(update={"items": slate.items[: order.first]})
            text = f"The {len(slate.items)} {order.called} of the {len(listed)}."
        if not self._met(last.wish.reading(self._catalog).filter, listed):
            text += " It is the list before: nothing here meets all that is asked for now."
        wish = last.wish if order.shows else last.wish.model_copy(update={"order": order})
        state = last.model_copy(update={"wish": wish, "slate": slate, "back": 0})
        return replied(step, text, slate, (), (), state, self._catalog)

    async def _have(self, step: Step) -> dict[str, Reply]:
        had = self._having.of(step["moves"].rest)
        return self._say(step, had.text if had else "", had.items if had else ())

    async def _help(self, step: Step) -> dict[str, Reply]:
        return self._say(step, _HELP)

    async def _greeting(self, step: Step) -> dict[str, Reply]:
        listed = last_of(step).slate is not None and _THANKED.search(folded(step["message"]))
        return self._say(step, _WELCOME if listed else _HELLO)

    async def _asked(self, step: Step) -> dict[str, Reply]:
        asked = "; ".join(in_words(last_of(step).wish.understood(self._catalog)))
        return self._say(step, f"Asked for now: {asked}." if asked else "Nothing is asked for now, and nothing is out.")

    def _meant(self, order: Order) -> Reading | None:
        """The items that an order is of, by its noun; None where no column and no word of an item tells them, or where there are none."""
        if not order.of:
            return None
        reading = self._reader.read(order.of)
        nothing = reading.filter == ItemFilter()
        if reading.silent or reading.seeds or (nothing and self._answers.columns(order.of)):
            return None  # "which brand is the cheapest?" asks of no item
        if nothing and len(reading.about) == 1 and " " not in reading.about[0]:
            reading = replace(reading, filter=ItemFilter(facts=(Says(reading.about[0]),)), about=(), unknown=())
        told = reading.filter != ItemFilter() and not reading.about
        return reading if told and reading.filter.mask(self._catalog).any() else None

    def _met(self, asked: ItemFilter, listed: Sequence[str]) -> bool:
        """Whether a list meets what is asked for: after a request that nothing met it may not."""
        at = self._catalog.positions([item for item in listed if self._catalog.has_item(item)])
        return bool(asked.mask(self._catalog)[at].all())

    def _say(self, step: Step, text: str, spoken: tuple[str, ...] = ()) -> dict[str, Reply]:
        return said_back(step, text, self._catalog, spoken)
