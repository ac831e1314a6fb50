"""One message on its way through the dialogue: what it carries along, and the reply that ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypedDict

from agent.chat.move import Moves
from agent.chat.person import Person
from agent.chat.turns import Reply, TurnState, unchanged
from agent.memory.people import Said
from agent.slate import Slate
from retrieval.schema import Catalog


class Heard(TypedDict):
    """A message, by whom and after what."""

    message: str
    person: Person
    before: Sequence[TurnState]
    lam: float | None
    deadline_ms: int


class Step(Heard):
    """The same, taken apart, and answered."""

    moves: Moves
    reply: Reply


Node = Callable[[Step], Awaitable[dict[str, Reply]]]
"""Answers a message that has been taken apart."""


def last_of(step: Step) -> TurnState:
    """The state that the turn before left."""
    return step["before"][-1] if step["before"] else TurnState()


def kept_order(slate: Slate, listed: Sequence[str]) -> Slate:
    """A list of some items in the order in which they were listed; as it is where none were."""
    if not listed:
        return slate
    items = sorted(slate.items, key=lambda item: listed.index(item.item_id))
    return slate.model_copy(update={"items": [item.model_copy(update={"rank": n}) for n, item in enumerate(items, 1)]})


def is_strange(step: Step) -> bool:
    """Whether the conversation has not yet said that nothing is known of the person."""
    return not any(state.slate is not None and state.slate.cold_start for state in step["before"])


def replied(
    step: Step,
    text: str,
    slate: Slate | None,
    changes: tuple[str, ...],
    said: tuple[Said, ...],
    state: TurnState,
    catalog: Catalog,
) -> dict[str, Reply]:
    """A reply with all that is asked for now, as the graph takes it."""
    understood = state.wish.understood(catalog)
    return {"reply": Reply(step["moves"].intent, text, slate, understood, changes, said, state)}


def said_back(step: Step, text: str, catalog: Catalog, spoken: tuple[str, ...] = ()) -> dict[str, Reply]:
    """A reply in words: the list and what is asked for stay as they are."""
    said = tuple(Said(item, kind) for item, kind in step["moves"].feedback)
    return replied(step, text, None, (), said, unchanged(step["before"], spoken or step["moves"].spoken), catalog)
