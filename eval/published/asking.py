"""The language model asked about sets, in label mode and several orders: what it said is on the disk before it is used.

The prompt is production's: the tastes that the product's own encoder finds in the history, and the candidates. Retrieval says
nothing in it: no candidate is told whose taste brought it, so that the prompt is the same whatever the model is compared with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.llm.failures import LLMFailure, Reason, TransportFailure
from agent.llm.labels import LETTERS
from agent.llm.loop import run
from agent.llm.orders import Opinion, in_orders, pooled
from agent.llm.scorer import LabelScorer, LabelScores
from agent.rerank.calibration import target_shares
from agent.rerank.llm import LLMConfig
from eval.published.sets import CandidateSets
from eval.suite.ask import Told, ask_each
from eval.suite.calls import Answers
from eval.suite.store import digest
from prompts.rerank import INPUTS, rerank_inputs
from prompts.summaries import slot_counts, summarise
from prompts.template import Message, Prompt
from retrieval.arrays import Float32, Int32
from retrieval.artifacts import Model

SLATE = 10
"""Places that a prompt speaks of."""

_AT_ONCE = 4
_PATIENT_S = 120.0
_LEAST_MASS = LLMConfig().min_label_mass  # production's


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one set.

    Attributes:
        by_order: ``(S, n)`` log-probabilities of the labels; None if the model failed.
        mass: Their probability together.
        reason: Why it failed, or None.
        tokens: Read.
        ms: From question to answer, with others at the same time.
    """

    by_order: Float32 | None
    mass: float
    reason: str | None
    tokens: int
    ms: float

    def opinion(self, orders: int) -> Opinion | None:
        """Of the first of the orders, or of all of them; None if the model failed or prefers nothing."""
        if self.by_order is None or self.mass < _LEAST_MASS:
            return None
        rows = self.by_order[:orders]
        relevance, agreement = pooled(rows)
        scores = LabelScores(rows[0], self.mass, self.tokens, len(rows))
        return Opinion(relevance, agreement, scores, rows) if relevance.any() else None


def renderer(model: Model, prompt: Prompt, sets: CandidateSets) -> Callable[[int, Int32], tuple[Message, ...]]:
    """Makes the prompt of a row, its candidates in the order of the places given.

    Raises:
        ConfigError: The prompt needs what is not known here.
    """
    prompt.require(INPUTS)
    catalog, encoder = model.catalog, model.encoder
    axis = catalog.axis() if catalog.has_labels() else None

    def render(row: int, order: Int32) -> tuple[Message, ...]:
        history = sets.histories.slice(row, row + 1)
        target = np.zeros(0) if axis is None else target_shares(history, axis.rows(history.items))[0]
        inputs = rerank_inputs(
            catalog, items=sets.items[row, order], labels=LETTERS[: len(order)], tastes=[None] * len(order),
            personas=summarise(catalog, history, encoder.encode(history)),
            slots=slot_counts(axis.labels, target, SLATE) if axis is not None else (), request="", k=SLATE,
        )  # fmt: skip
        return prompt.render(**inputs)

    return render


def ask(
    scorer: LabelScorer, answers: Answers, render: Callable[[int, Int32], tuple[Message, ...]], sets: CandidateSets,
    rows: Int32, orders: int, told: Told,
) -> list[Said]:  # fmt: skip
    """Ask about some rows, as far as it was not done before.

    Args:
        scorer: Asks the model.
        answers: What it said before.
        render: Makes prompts.
        sets: The sets.
        rows: Which of them.
        orders: Of the candidates: cyclic shifts, evenly spread.
        told: How many are done, and of how many.

    Raises:
        ServerError: It cannot be reached; what it answered so far is kept.
    """
    places = [np.flatnonzero(sets.items[row] >= 0).astype(np.int32) for row in rows]
    keys = [
        digest({"model": scorer.model, "orders": orders, "asked": [m.content for m in render(int(row), order)]})
        for row, order in zip(rows, places, strict=True)
    ]
    todo = [(key, at) for at, key in enumerate(keys) if answers.get(key) is None]

    async def one(at: int) -> dict[str, Any]:
        row = int(rows[at])
        return await _said(places[at], orders, lambda order: scorer.score(render(row, order), len(order), _PATIENT_S))

    passing = run(ask_each(todo, one, answers, told, "the server is gone", at_once=_AT_ONCE))
    return [_read(passing.get(key) or answers.get(key) or {}) for key in keys]


async def _said(shown: Int32, orders: int, score: Callable[[Int32], Any]) -> dict[str, Any]:
    try:
        opinion = await in_orders(shown, orders, score)
    except TransportFailure:
        raise
    except LLMFailure as failure:
        return {"reason": failure.reason.value, "by_order": None, "mass": 0.0, "tokens": 0}
    scores = opinion.scores
    reason = Reason.LOW_LABEL_MASS.value if scores.mass < _LEAST_MASS else None
    return {
        "reason": reason,
        "by_order": opinion.by_order.tolist(),
        "mass": scores.mass,
        "tokens": scores.prompt_tokens,
    }


def _read(answer: dict[str, Any]) -> Said:
    rows = answer["by_order"]
    return Said(
        None if rows is None else np.array(rows, np.float32),
        answer["mass"],
        answer["reason"],
        answer["tokens"],
        answer["ms"],
    )


def failures(said: Sequence[Said]) -> dict[str, int]:
    """How many failed, by reason."""
    return dict(Counter(one.reason for one in said if one.reason is not None))
