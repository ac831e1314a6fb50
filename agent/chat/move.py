"""What a message does in a conversation, taken apart by :mod:`agent.chat.moves`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.chat.intents import Intent
from agent.chat.model_reading import ModelReading
from agent.chat.orders import Order
from agent.chat.parts import Part
from agent.chat.questions import Question
from agent.memory.people import Kind
from retrieval.filters import Popularity


@dataclass(frozen=True)
class Moves:
    """A message taken apart.

    Attributes:
        intent: What it is for.
        feedback: What it says of items, for good.
        reject: Items that are not wanted now.
        more_like: Items that more of is wanted.
        more: Words for what there should be more of.
        less: Words for what there should be less of.
        parts: How many items are to be of a group.
        age: -1 for older, 1 for newer than the last list.
        length: -1 for shorter, 1 for longer than the last list.
        price: -1 for cheaper, 1 for dearer than the last list.
        distance: -1 for nearer, 1 for farther than the last list.
        popularity: A part of the popularity curve, relative to the last list.
        others: Whether what has been shown is not to come again.
        about: Items that it asks about, or that it chooses.
        asked: What it asks about single items.
        order: In which the list is to stand, that which there is or the one to come, or of which it asks for the first.
        hates: Words in which somebody says what they dislike, whatever is asked for.
        than: Items that it compares with; none for the whole list.
        spoken: Items that it speaks of.
        unclear: It says "it", and nobody can tell which is meant.
        beyond: Places that it points to and that the last list does not have.
        rest: What remains to be read as a request.
        fresh: It asks anew.
        beside: What it names comes beside what was named before.
        within: What it names narrows what was named before.
        instead: What it is about replaces what was asked for so far.
    """

    intent: Intent = Intent.RECOMMEND
    feedback: tuple[tuple[str, Kind], ...] = ()
    reject: tuple[str, ...] = ()
    more_like: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    age: int = 0
    length: int = 0
    price: int = 0
    distance: int = 0
    popularity: Popularity = Popularity.ANY
    others: bool = False
    about: tuple[str, ...] = ()
    asked: Question | None = None
    order: Order | None = None
    hates: str = ""
    than: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()
    unclear: bool = False
    beyond: tuple[int, ...] = ()
    rest: str = ""
    fresh: bool = False
    beside: bool = False
    within: bool = False
    instead: bool = False

    @property
    def lost(self) -> bool:
        """Whether it points to something that nobody can tell."""
        return self.unclear or bool(self.beyond)

    def beyond_rules(self, read: ModelReading) -> Moves:
        """With what a model read of the message as well; where the two disagree, the rules are right."""
        more = tuple(g for g in read.more if g not in self.less)
        less = tuple(g for g in read.less if g not in self.more)
        return replace(
            self, more=tuple(dict.fromkeys([*self.more, *more])), less=tuple(dict.fromkeys([*self.less, *less]))
        )
