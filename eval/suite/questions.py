"""What a language model is asked of each test user: the shortlist, and the messages for any order of it.

The same shortlist, labels and prompt as in a request; the tastes in the prompt are the history's clusters, so that all retrievers are asked
about alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.rerank.calibrated import CalibratedConfig
from agent.rerank.listing import Listing
from eval.suite.config import LlmConfig
from eval.suite.ground import Ground
from eval.suite.pools import Candidates
from prompts.rerank import INPUTS, rerank_inputs
from prompts.summaries import slot_counts, summarise
from prompts.template import Message, load
from retrieval.arrays import Int32
from retrieval.schema import Histories, Personas

_SHORTLIST = 0.9  # lambda of the shortlist, the default of a request: one shortlist for all lambdas
_TASTES = 4


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one user.

    Attributes:
        row: Of the user.
        shown: ``(n,)`` positions of the shortlist in the pool, in the order shown.
        render: Messages for any order of them.
    """

    row: int
    shown: Int32
    render: Callable[[Int32], tuple[Message, ...]]


def questions_of(
    config: LlmConfig, k: int, ground: Ground, candidates: Candidates, prompt: str, rows: Int32
) -> list[Question]:
    """What a prompt asks of each of some test users.

    Raises:
        ConfigError: The prompt wants inputs that there are not.
    """
    from agent.llm.labels import LETTERS  # noqa: PLC0415

    template = load(prompt)
    template.require(INPUTS)
    listing = Listing(CalibratedConfig(lam=_SHORTLIST))
    found: list[Question] = []
    for row in rows:
        pool = candidates.of(np.array([row], np.int32)).pool
        shown = listing.shortlist(pool, k, max(config.candidates, k))
        history = ground.test.fold_in.slice(int(row), int(row) + 1)
        summaries = summarise(ground.catalog, history, _tastes(ground, history))
        slots = slot_counts(ground.axis.labels, ground.target[row], k)

        def render(
            order: Int32, row: int = int(row), summaries: Any = summaries, slots: Any = slots
        ) -> tuple[Message, ...]:
            items = candidates.items[row, order]
            inputs = rerank_inputs(
                ground.catalog, items=items, labels=LETTERS[: len(order)], tastes=[None] * len(order), personas=summaries,
                slots=slots, request="", k=k,
            )  # fmt: skip
            return template.render(**inputs)

        found.append(Question(int(row), shown, render))
    return found


def _tastes(ground: Ground, history: Histories) -> Personas:
    """The largest clusters of a history as personas, the smallest of them taking in what belongs to none."""
    tastes = ground.tastes[history.items]
    largest = np.argsort(-np.bincount(tastes, minlength=1), kind="stable")[:_TASTES]
    place = np.full(int(tastes.max(initial=0)) + 1, len(largest) - 1)
    place[largest] = np.arange(len(largest))
    membership = np.zeros((len(tastes), len(largest)), np.float32)
    membership[np.arange(len(tastes)), place[tastes]] = 1.0
    weights = membership.mean(axis=0, keepdims=True) if len(tastes) else np.zeros((1, len(largest)), np.float32)
    nothing = np.zeros((1, len(largest), 0), np.float32)
    return Personas(nothing, nothing, weights, membership)
