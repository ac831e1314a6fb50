"""Requests as the model will see them: production's own prompts about production's own candidates, with what was liked and what a teacher thinks.

Candidates are the shortlist that production would show; in training, places are shuffled, so that no letter is better than another. One
without anything liked is not used, rather than mended out of the pool: what the retriever ranked low would then be liked more often
than what it ranked high, and a model that learns beside it would learn to contradict it. Where cold items are in
question, as many candidates that are liked by as few people and not by this user stand beside the liked ones: being cold says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agent.llm.labels import LETTERS
from agent.llm.scorer import standardised
from eval.llm_fit import SLATE
from eval.prompt_requests import PATIENT_MS
from eval.tune.config import KINDS, Kind, Objective
from eval.tune.ground import Part
from eval.tune.wishes import Wish
from prompts.template import Message
from retrieval.arrays import Bool, Float32, Int32
from retrieval.errors import DataError
from retrieval.schema import Histories

SHOWN = 20
"""Candidates of one request, as in production."""

_MOST_COLD = 4
_TRIES = 1000


@dataclass(frozen=True, slots=True)
class Example:
    """One request.

    Attributes:
        kind: Of the request.
        prompts: One for all candidates (label), or one for each (yes-no).
        items: ``(n,)`` internal ids.
        liked: ``(n,)`` whether each is to be found.
        teacher: ``(n,)`` standardised scores of the retriever that knows the whole history.
        retrieved: ``(n,)`` standardised scores of the retriever that knows what the prompt says.
    """

    kind: Kind
    prompts: tuple[tuple[Message, ...], ...]
    items: Int32
    liked: Bool
    teacher: Float32
    retrieved: Float32


def drawn(parts: tuple[Part, ...], objective: Objective, seed: int, number: int) -> Example:
    """A training example: a function of its number and the seed alone, so that a run can go on anywhere.

    Args:
        parts: Users to learn from.
        objective: What the prompts ask for.
        seed: Of the run.
        number: Of the example; kinds come in turn.

    Raises:
        DataError: No request can be made of these users.
    """
    draw = np.random.default_rng([seed, number])
    for at in range(_TRIES):
        kind = KINDS[(number + at // (_TRIES // len(KINDS))) % len(KINDS)]
        part = parts[int(draw.integers(len(parts)))]
        user = int(draw.integers(len(part.fold.held.users)))
        shown, hidden = _cut_anew(part, user, draw)
        wish = part.wishes.make(kind, shown, hidden, draw)
        if wish is not None and (example := _example(part, wish, objective, draw, training=True)) is not None:
            return example
    raise DataError(
        "no request can be made of these users", "they need hidden likes that the retriever finds: more data"
    )


def fixed(part: Part, objective: Objective, users: int, seed: int) -> Iterator[Example]:
    """Requests to measure on: up to ``users`` of each kind with something liked among the candidates, these as production shows them."""
    held = part.fold.held
    for at, kind in enumerate(KINDS):
        draw, left = np.random.default_rng([seed, at]), users
        for user in draw.permutation(len(held.users)):
            wish = part.wishes.make(kind, held.fold_in.row(int(user)), held.hidden.row(int(user)), draw)
            example = None if wish is None else _example(part, wish, objective, draw, training=False)
            if example is None:
                continue
            yield example
            left -= 1
            if not left:
                break


def _cut_anew(part: Part, user: int, draw: np.random.Generator) -> tuple[Int32, Int32]:
    """History and hidden items of a training user, cut at another place each time."""
    held = part.fold.held
    shown, hidden = held.fold_in.row(user), held.hidden.row(user)
    both = np.concatenate([shown, hidden])
    gone = draw.permutation(len(both))[: len(hidden)]
    return np.delete(both, gone), both[gone]


def _example(
    part: Part, wish: Wish, objective: Objective, draw: np.random.Generator, *, training: bool
) -> Example | None:
    """The request as a prompt; None where nothing liked is among the candidates, or nothing else."""
    named = part.model.catalog.item_ids
    like = [f"id:{named[i]}" for i in wish.likes]
    ask, items = part.recommender.prepare(wish.words, like=like, k=SLATE, deadline_ms=PATIENT_MS)
    shown = ask.listing.shortlist(ask.pool, ask.k, SHOWN)
    if wish.kind == "cold":
        chosen = _with_cold(part, wish, items[shown], draw)
        ask, items = part.recommender.prepare(
            wish.words, like=like, k=SLATE, deadline_ms=PATIENT_MS, among=[f"id:{named[i]}" for i in chosen]
        )
        shown = np.flatnonzero(np.isfinite(ask.pool.relevance[0])).astype(np.int32)
    liked = np.isin(items, wish.truth)
    if training:
        shown = draw.permutation(shown).astype(np.int32)
    if not 0 < int(liked[shown].sum()) < len(shown):
        return None
    encoder = part.model.encoder
    whole = wish.whole[encoder.known[wish.whole]]
    knows, _ = encoder.attend(encoder.encode(Histories.of([whole])), items[shown][None])
    prompts = (
        (ask.render(shown, LETTERS[: len(shown)]),)
        if objective == "label"
        else tuple(ask.render(shown[i : i + 1], ["1"]) for i in range(len(shown)))
    )
    return Example(
        wish.kind,
        prompts,
        items[shown],
        liked[shown],
        standardised(knows[0].astype(np.float32)),
        standardised(ask.pool.relevance[0, shown]),
    )


def _with_cold(part: Part, wish: Wish, shortlist: Int32, draw: np.random.Generator) -> Int32:
    """Liked cold items, as many cold ones with the same numbers of likes, and the shortlist as far as there is room."""
    counts, cold = part.model.catalog.counts, part.wishes.cold.copy()
    cold[wish.truth] = cold[wish.whole] = False
    wanted = draw.permutation(wish.truth[part.wishes.cold[wish.truth]])[:_MOST_COLD]
    beside = list[int]()
    for item in wanted:
        alike = np.flatnonzero(cold & (counts == counts[item]))
        if len(alike):
            beside.append(int(draw.choice(alike)))
            cold[beside[-1]] = False
    both = np.concatenate([wanted, np.array(beside, np.int32)])
    return np.concatenate([both, shortlist[~np.isin(shortlist, both)][: SHOWN - len(both)]]).astype(np.int32)
