"""Which part of a prompt does what: tastes, proportions, order and number of orders crossed, each user seeing some of the cells."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.llm.modes.protocol import Calls, Mode, Output
from agent.llm.orders import Opinion
from agent.llm.scorer import LabelScorer
from agent.rerank.llm import LLMConfig, LLMRung
from eval.prompt_answers import together
from eval.prompt_effects import Cell, Effect, cells_of, effects, plan
from eval.prompt_people import Progress, held_out
from eval.prompt_requests import SHOWN
from eval.prompt_spending import Spending
from prompts.compose import compose
from retrieval.arrays import Float64, Int32, Int64
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError

MEASURED = ("ndcg", "kl", "compliance")
"""Of the model alone; see :data:`eval.prompt_answers.METRICS`."""

First = Literal["best", "worst"]


class FactorialConfig(BaseModel):
    """What is crossed; the first level of each factor is what the others are compared with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tastes: tuple[str, ...] = Field(default=("none", "words", "exemplars", "both"), min_length=1)
    shares: tuple[str, ...] = Field(default=("none", "places", "percent", "table"), min_length=1)
    first: tuple[First, ...] = Field(
        default=("best", "worst"), min_length=1, description="by retrieval, which candidate is shown first"
    )
    orders: tuple[int, ...] = Field(
        default=(1,), min_length=1, description="orders of the candidates that are averaged"
    )
    users: int = Field(default=60, ge=8, description="most users")
    cells: int = Field(default=8, ge=2, description="cells that each user is asked in")
    max_tokens: int | None = Field(default=None, ge=1)
    max_seconds: float | None = Field(default=None, gt=0)
    at_once: int = Field(default=4, ge=1, le=64)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _makes_sense(self) -> FactorialConfig:
        for name, levels in (
            ("tastes", self.tastes),
            ("shares", self.shares),
            ("first", self.first),
            ("orders", self.orders),
        ):
            if len(set(levels)) < len(levels):
                raise ValueError(f"{name}: a level is named twice")
        if not all(1 <= one <= 4 for one in self.orders):
            raise ValueError("orders: 1 to 4")
        if not self.factors():
            raise ValueError("every factor has one level: there is nothing to compare")
        return self

    def factors(self) -> dict[str, tuple[str, ...]]:
        """Levels of each factor that has several."""
        every = {
            "tastes": self.tastes,
            "shares": self.shares,
            "first": self.first,
            "orders": tuple(map(str, self.orders)),
        }
        return {name: levels for name, levels in every.items() if len(levels) > 1}

    def whole(self, cell: Cell) -> tuple[str, str, str, int]:
        """Tastes, shares, first and orders of a cell."""
        given = {
            "tastes": self.tastes[0],
            "shares": self.shares[0],
            "first": self.first[0],
            "orders": str(self.orders[0]),
        }
        given |= dict(zip(self.factors(), cell, strict=True))
        return given["tastes"], given["shares"], given["first"], int(given["orders"])


@dataclass
class Factorial:
    """All that was measured.

    Attributes:
        config: What was asked for.
        model: That was asked.
        data: Name of the data set.
        users: ``(n,)`` number of the user of each observation.
        seen: ``(n,)`` its cell.
        values: ``(n, M)`` of :data:`MEASURED`.
        effects: Of each of :data:`MEASURED`.
        failed: Observations that the model did not answer; they count as the calibrated slate.
        spending: What it took.
        stopped: Why it ended.
    """

    config: FactorialConfig
    model: str
    data: str
    spending: Spending
    users: Int64 = field(default_factory=lambda: np.empty(0, np.int64))
    seen: Int64 = field(default_factory=lambda: np.empty(0, np.int64))
    values: Float64 = field(default_factory=lambda: np.empty((0, len(MEASURED))))
    effects: list[list[Effect]] = field(default_factory=list)
    failed: int = 0
    stopped: str = ""


class WorstFirst:
    """A mode that is shown the candidates from the last to the first.

    Args:
        mode: How the model is asked.
    """

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self.output: Output = mode.output
        self.most = mode.most

    async def __call__(self, shown: Int32, calls: Calls) -> Opinion:
        """As the mode's, the scores in the order of ``shown``."""
        said = await self._mode(shown[::-1], calls)
        scores = replace(said.scores, logprobs=said.scores.logprobs[::-1])
        return replace(said, relevance=said.relevance[::-1], by_order=said.by_order[:, ::-1], scores=scores)


def factorial(dataset: Dataset, scorer: LabelScorer, config: FactorialConfig, progress: Progress) -> Factorial:
    """Ask about users, each in some of the cells, until all are done or the means are spent.

    Raises:
        DataError: Too few users.
        ConfigError: A level that there is not, more cells than there are, or too few observations for the effects.
        ServerError: The model cannot be reached; what it answered so far is kept.
    """
    factors = config.factors()
    cells = cells_of(factors)
    if config.cells > len(cells):
        raise ConfigError(f"cells: there are {len(cells)}, not {config.cells}", f"ask for at most --cells {len(cells)}")
    rungs = [_rung(scorer, *config.whole(cell)) for cell in cells]
    mine = plan(len(cells), config.users, config.cells, config.seed)
    found = Factorial(config, scorer.model, dataset.name, Spending(config.max_tokens, config.max_seconds))
    people = held_out(dataset, config.users, words=False, seed=config.seed, progress=progress)
    users, seen, rows = list[int](), list[int](), list[list[float]]()
    done = 0
    while not found.stopped:
        block = list(islice(people, config.at_once))
        of = [[rungs[cell] for cell in mine[done + at]] for at in range(len(block))]
        for at, answers in enumerate(found.spending.of(together(of, block, [False] * len(block)))):
            for cell, answer in zip(mine[done + at], answers, strict=True):
                users.append(done + at)
                seen.append(int(cell))
                rows.append([answer.values[metric] for metric in MEASURED])
                found.failed += bool(answer.failed)
        done += len(block)
        progress("asking", done, config.users)
        found.stopped = found.spending.spent(done) or (
            "" if block and done < config.users else f"all {done} users were asked about"
        )
    found.users, found.seen, found.values = np.array(users), np.array(seen), np.array(rows)
    known = np.isfinite(found.values).all(axis=1)
    found.effects = effects(factors, found.users[known], found.seen[known], found.values[known], seed=config.seed)
    return found


def _rung(scorer: LabelScorer, tastes: str, shares: str, first: str, orders: int) -> LLMRung:
    rung = LLMRung(scorer, compose(tastes, shares), LLMConfig(weight=1.0, orders=orders, candidates=SHOWN))
    if first == "worst":
        rung.mode = WorstFirst(rung.mode)
    return rung
