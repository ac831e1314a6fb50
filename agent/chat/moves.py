"""What a message does in a conversation: asks, steers, points, takes back, or wants to know.

Deterministic, and spoken against the last list. What is a move is taken out of the message; the rest is read as a request
by :mod:`agent.chat.reading`.
"""

from __future__ import annotations

import re
from dataclasses import replace

from agent.chat.comparing import find_comparison
from agent.chat.degrees import Named, Scale, find_degrees
from agent.chat.fillers import bare
from agent.chat.forgetting import dropped, forgotten
from agent.chat.intents import Intent, intent_of
from agent.chat.move import Moves
from agent.chat.move_patterns import (
    ADDITIVE,
    AGREEING,
    ANEW,
    BUT,
    FOR_ANOTHER,
    FRESH,
    HATES,
    INSTEAD,
    KIND_ABOUT,
    MORE_OF_KIND,
    NARROWING,
    NOTHING_LEFT,
    OTHERS,
    PICK,
    REASON,
    STEERS,
    SURPRISE,
    WHY,
)
from agent.chat.numerals import NUMBER
from agent.chat.opinions import Opinions, find_opinions
from agent.chat.orders import find_order, order_behind
from agent.chat.parts import find_parts
from agent.chat.pointing import MORE_LIKE, REJECT, chosen, compared, pointed
from agent.chat.questions import find_question
from agent.chat.references import Pointed, References
from agent.chat.remainder import Remainder
from agent.chat.stock_questions import asked_for, asks_how_many, of_what_is_asked
from agent.chat.which import asks_which
from agent.chat.words import folded, is_chatter, is_function_word, is_kind
from retrieval.filters import Popularity

_SHORT = 50  # characters of "why the Gibson one?"


def moves_of(message: str, references: References, named: Named = lambda _: (), *, plain: bool = False) -> Moves:
    """Take a message apart.

    Args:
        message: What was said.
        references: What it can point to.
        named: Categories that some words name, or whose mood they name.
        plain: Do not take it for a question of what is there, or in which order.
    """
    text = Remainder(" ".join(bare(message).split()))
    if anew := dropped(text.low):
        moves = _taken_apart(Remainder(text.said[anew:]), references, named, plain=plain)
        return replace(moves, fresh=True) if moves.intent is Intent.RECOMMEND else moves
    return _taken_apart(text, references, named, plain=plain)


def _taken_apart(text: Remainder, references: References, named: Named, *, plain: bool) -> Moves:
    if (whole := _whole(text, references, plain=plain)) is not None:
        return whole
    behind = None if plain else order_behind(text.low)
    if behind is not None:
        text.take(behind[0], len(text.said))
    opinions = find_opinions(text, references)
    if (asked := _asked_beside(text, references, opinions, plain=plain)) is not None:
        return asked
    if not opinions.said and not opinions.reject and (row := chosen(text, references)) is not None:
        return Moves(Intent.CHOSEN, about=row.items, spoken=row.items, beyond=row.beyond, unclear=row.unclear)
    reject = pointed(text, references, REJECT)
    if reject.items and (reason := REASON.match(text.low, reject.end)):
        text.take(*reason.span())
    back = None if reject.items or reject.beyond or opinions.said else forgotten(text.low)
    if back is not None:
        return Moves(Intent.FORGET, rest=text.said[slice(*back)], unclear=reject.unclear)
    more_like = pointed(text, references, MORE_LIKE)
    if more_like.unclear and not more_like.items and BUT.match(text.low):
        more_like = replace(
            more_like, unclear=False
        )  # "like that but white": all of the list is meant, and what was asked stands
    if (row := references.row(text, 0)).items and row.by_place and BUT.match(text.low, row.end):
        more_like = Pointed((*row.items, *more_like.items), 0, (*row.beyond, *more_like.beyond), by_place=True)
        text.take(0, row.end)
    parts = find_parts(text, named, listed=references.count() > 0)
    than, missing = compared(text, references, reject.items)
    degrees = find_degrees(text, named)
    others = text.taken(OTHERS) is not None or opinions.all_bad
    if (kin := MORE_OF_KIND.search(text.low)) and is_kind(kin["kind"]):
        others = True
        text.take(*kin.span())
    anew = text.taken(ANEW) is not None
    surprise = text.taken(SURPRISE) is not None
    rest = NOTHING_LEFT.sub("", " ".join(text.rest.split()))
    low = folded(rest)
    hates = HATES.search(low)
    rejected = tuple(dict.fromkeys([*reject.items, *opinions.reject]))
    renown = degrees.scales.get(Scale.RENOWN, 0)
    popularity = {-1: Popularity.HIDDEN, 1: Popularity.WELL_KNOWN}.get(renown, Popularity.ANY)
    steered = bool(
        rejected
        or (parts and not _asks(low))
        or more_like.items
        or degrees.scales
        or degrees.more
        or degrees.less
        or others
        or surprise
    )
    if opinions.pointing and not steered and AGREEING.fullmatch(low):
        return Moves(Intent.CHOSEN, about=opinions.spoken, spoken=opinions.spoken)  # "the first two sound good"
    instead = bool(INSTEAD.search(low)) or ((whole := KIND_ABOUT.match(low)) is not None and is_kind(whole["kind"]))
    beside = bool(ADDITIVE.search(low)) and not instead
    return Moves(
        feedback=opinions.said,
        reject=rejected,
        more_like=more_like.items,
        parts=parts,
        more=degrees.more,
        less=degrees.less,
        age=degrees.scales.get(Scale.AGE, 0),
        length=degrees.scales.get(Scale.LENGTH, 0),
        price=degrees.scales.get(Scale.PRICE, 0),
        distance=degrees.scales.get(Scale.DISTANCE, 0),
        popularity=Popularity.HIDDEN if surprise else popularity,
        order=None if behind is None else behind[1],
        hates=rest[slice(*hates.span())] if hates else "",
        than=than,
        others=others or surprise or anew,
        spoken=more_like.items or opinions.spoken,
        unclear=opinions.unclear or reject.unclear or more_like.unclear,
        beyond=(*opinions.beyond, *reject.beyond, *more_like.beyond, *missing),
        rest=rest,
        fresh=anew
        or (
            bool(FRESH.search(low) or FOR_ANOTHER.search(low))
            and not steered
            and not beside
            and not STEERS.search(low)
            and not references.placed(rest)
        ),
        beside=beside,
        within=bool(NARROWING.search(low)) and not instead,
        instead=instead,
    )


def _asks(low: str) -> bool:
    """Whether what remains of a folded message says what items are wanted, and not merely "show me ten films"."""
    words = re.sub(NUMBER, " ", FRESH.sub(" ", low)).split()
    return not all(is_function_word(w) or is_chatter(w) or is_kind(w) for w in (w.strip(",.;:!?") for w in words))


def _whole(text: Remainder, references: References, *, plain: bool) -> Moves | None:
    """A message of which all is one move, or one question that asks for no other list."""
    if (intent := intent_of(text.low)) is not None:
        return Moves(intent)
    if (
        not plain
        and (pick := PICK.fullmatch(text.low))
        and (pick["kind"] in {None, "one", "ones"} or is_kind(pick["kind"]))
    ):
        return Moves(Intent.PICK)
    if not plain and (order := find_order(text.low)) is not None:
        return Moves(Intent.ORDER, order=order)
    if not plain and (title := asked_for(text.said)):
        return Moves(Intent.HAVE, rest=title)
    return _question(text, references) or _which(text, plain=plain)


def _which(text: Remainder, *, plain: bool) -> Moves | None:
    words = None if plain else asks_which(text.low)
    return None if words is None else Moves(Intent.WHICH, rest=words)


def _asked_beside(text: Remainder, references: References, opinions: Opinions, *, plain: bool) -> Moves | None:
    """What is asked beside an opinion: why an item is there, or "the first looks nice, is it in stock?"."""
    if why := WHY.match(text.low):
        row = references.row(text, why.end())
        if row.items or row.beyond or row.unclear or not text.low[why.end() :].strip(" ?.!"):
            beyond = (*opinions.beyond, *row.beyond)
            return Moves(Intent.WHY, opinions.said, about=row.items, spoken=row.items, beyond=beyond)
        if references.count() and text.low[why.end() :].startswith(("the ", "that ")) and len(text.low) < _SHORT:
            return Moves(Intent.WHY, opinions.said, unclear=True)  # "why the Gibson?", and nobody can tell which
    if plain or not opinions.pointing:
        return None
    return _question(Remainder(text.rest.strip(" ,.;!")), references.speaking_of(opinions.spoken))


def _question(text: Remainder, references: References) -> Moves | None:
    """A message that wants to know what the catalogue says, and no other list."""
    if (asked := find_comparison(text, references) or find_question(text, references)) is not None:
        return Moves(Intent.FACTS, asked=asked, spoken=asked.items)
    counted = asks_how_many(text.low)
    return None if counted is None else Moves(Intent.HOW_MANY, rest=counted, within=of_what_is_asked(text.low))
