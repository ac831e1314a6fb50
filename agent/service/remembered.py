"""What a conversation had come to want, read back: from the states of its turns, or from its words alone.

States outlive the version of the program and the catalogue that they were made with. What this version does not know of
a state is passed over, what the catalogue lacks is dropped and said, and where a state cannot be read at all, or was never
kept, the words are read again: conditions come back, and references to lists that nobody has any more do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from agent.chat.dialogue import TurnState
from agent.chat.intents import Intent
from agent.chat.moves import moves_of
from agent.chat.references import References
from agent.chat.steering import Steering
from agent.chat.wish import Wish
from agent.memory.people import Turn
from agent.pools import PERSONAS
from agent.recommender import Recommender
from agent.shift import found
from retrieval.facts import columns_of

WORDS_ALONE = "I do not have the list that was shown before, so I go by your words alone."

_OF_A_LIST = frozenset((Intent.HAVE, Intent.WHICH, Intent.PICK))


@dataclass(frozen=True)
class Remembered:
    """States to go on from.

    Attributes:
        states: Oldest first.
        notes: What could not be taken over, in sentences.
    """

    states: tuple[TurnState, ...] = ()
    notes: tuple[str, ...] = ()


def remembered(recommender: Recommender, turns: Sequence[Turn], most: int) -> Remembered:
    """The states of the last turns, as far as they can be read and the catalogue still has what they name."""
    try:
        states = [TurnState.model_validate(turn.state, extra="ignore") for turn in turns[-most:]]
    except ValidationError:
        return Remembered((from_words(recommender, [turn.said for turn in turns]),), (WORDS_ALONE,))
    fitted = [_fitted(recommender, state.wish) for state in states]
    gone = fitted[-1][1] if fitted else []
    last = states[-1].slate if states else None
    missing = [i for i in last.items if not recommender.model.catalog.has_item(i.item_id)] if last else []
    notes = [f"The catalogue no longer has {', '.join(gone)}; that condition is dropped."] if gone else []
    notes += [f"{len(missing)} of the last list are no longer in the catalogue."] if missing else []
    with_wish = [s.model_copy(update={"wish": wish}) for s, (wish, _) in zip(states, fitted, strict=True)]
    return Remembered(tuple(with_wish), tuple(notes))


def from_words(recommender: Recommender, messages: Iterable[str]) -> TurnState:
    """The wish that messages lead to where the lists between them are not known."""
    steering = Steering(recommender.model.catalog, recommender.titles, recommender.reader)
    nothing_shown = References([], steering.title)
    wishes = [Wish()]
    for message in messages:
        moves = moves_of(message, nothing_shown, recommender.reader.comparable)
        of_a_kind = moves.order is not None and bool(moves.order.of)
        if (
            moves.intent in _OF_A_LIST or of_a_kind
        ):  # "do you have party games?" asks for them, and without a list so does "which ones are vegan?"
            moves = moves_of(message, nothing_shown, recommender.reader.comparable, plain=True)
        if moves.intent is Intent.RESET:
            wishes.append(Wish())
        elif moves.intent is Intent.UNDO and len(wishes) > 1:
            wishes.pop()
        elif moves.intent is Intent.RECOMMEND:
            reading = recommender.reader.read(moves.rest)
            wishes.append(steering(wishes[-1], moves, None, recommender.pools.groups(), reading).wish)
        elif moves.intent is Intent.ORDER and moves.order is not None and not moves.order.first:
            wishes.append(wishes[-1].model_copy(update={"order": moves.order}))
    return TurnState(wish=wishes[-1])


def _fitted(recommender: Recommender, wish: Wish) -> tuple[Wish, list[str]]:
    """A wish without what the catalogue lacks, and the conditions that this takes away. Items are left out without a word."""
    catalog = recommender.model.catalog
    columns, groups = catalog.table.columns, recommender.pools.groups()
    categories = set(catalog.axis().labels)
    gone: list[str] = []

    def kept(known: Callable[[str], object], names: Iterable[str]) -> tuple[str, ...]:
        names = tuple(names)
        gone.extend(name for name in names if not known(name))
        return tuple(name for name in names if known(name))

    def group(name: str) -> bool:
        return found([g for g, column in groups.items() if column != PERSONAS], name) is not None or name in groups

    wanted = (kept(categories.__contains__, names) for names in wish.wanted)
    update: dict[str, Any] = {
        "seeds": tuple(i for i in wish.seeds if catalog.has_item(i)),
        "wanted": tuple(names for names in wanted if names),
        "unwanted": tuple(name for name in wish.unwanted if name in categories),
        "shift": {name: wish.shift[name] for name in kept(group, wish.shift)},
    }
    for field in ("facts", "unwanted_facts"):
        facts = [(f, columns_of(f)) for f in getattr(wish, field)]  # what only asks for words is of no column
        update[field] = tuple(fact for fact, of in facts if not of or any(column in columns for column in of))
        gone.extend(of[0] for _, of in facts if of and not any(column in columns for column in of))
    return wish.model_copy(update=update), list(dict.fromkeys(gone))
