"""What a turn answers and leaves for the next, and the way back through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from agent.chat import replies
from agent.chat.moves import Intent
from agent.chat.wish import Wish
from agent.memory.people import Said
from agent.slate import Slate


class TurnState(BaseModel):
    """What a turn leaves for the next: the wish, and the list it led to.

    Attributes:
        wish: What is asked for.
        slate: The last list.
        spoken: Items that were spoken of last: what "it" means.
        back: How many turns before this one the state arose: an undo, or a question, leaves one that stood before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    wish: Wish = Wish()
    slate: Slate | None = None
    spoken: tuple[str, ...] = ()
    back: int = 0


@dataclass(frozen=True)
class Reply:
    """One turn's answer.

    Attributes:
        intent: What the message was taken for.
        text: What is said, without the list.
        slate: The list, where there is a new one.
        understood: Everything that is asked for now, after the message.
        changes: What the message changed.
        feedback: What it said of items, to be kept.
        state: For the next turn.
    """

    intent: Intent
    text: str
    slate: Slate | None
    understood: dict[str, Any]
    changes: tuple[str, ...]
    feedback: tuple[Said, ...]
    state: TurnState

    def full(self) -> str:
        """The answer as text alone, with the list."""
        return f"{self.text}\n\n{replies.listing(self.slate)}" if self.slate and self.slate.items else self.text


def unchanged(before: Sequence[TurnState], spoken: tuple[str, ...] = ()) -> TurnState:
    """The state after a turn that asks for nothing."""
    if not before:
        return TurnState(spoken=spoken)
    last = before[-1]
    return last.model_copy(update={"back": last.back + 1, "spoken": spoken or last.spoken})


def undone(before: Sequence[TurnState]) -> TurnState:
    """The state before the one that stands now, so that one undo after the other goes further back."""
    now = len(before) - 1 - (before[-1].back if before else 0)
    for i in range(now - 1, -1, -1):
        state = before[i]
        if _asks(state) != _asks(before[now]):
            return state.model_copy(update={"back": len(before) - (i - state.back), "spoken": ()})
    return TurnState(back=len(before) + 1)


def _asks(state: TurnState) -> tuple[Wish, list[str]]:
    return state.wish, [item.item_id for item in state.slate.items] if state.slate is not None else []
