"""Prompts side by side: the same users, the same candidates, the same orders, one value per user and prompt.

Users are held out as in :mod:`eval.llm_fit`, pools are the product's own, and every prompt speaks of the same facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.llm.earned import PRIOR
from agent.llm.modes.choice import ModeName
from agent.llm.scorer import LabelScorer
from agent.rerank.llm import LLMConfig, LLMRung
from eval.prompt_answers import METRICS, Answer, calibrated, together
from eval.prompt_people import Person, Progress, held_out
from eval.prompt_requests import SHOWN
from eval.prompt_sequential import LEVEL, Judged, Looks
from eval.prompt_spending import Spending
from prompts.template import Prompt
from retrieval.arrays import Float64
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError

TESTED = ("ndcg", "slate_ndcg", "kl")
"""What is tested, with all pairs as one family."""


class CompareConfig(BaseModel):
    """What is compared, and how long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompts: tuple[str, ...] = Field(min_length=2, description="the first is what the others are compared with")
    users: int = Field(default=200, ge=4, description="most users")
    after: int = Field(
        default=0, ge=0, description="users who are left out: those that an earlier comparison asked about"
    )
    words: bool | None = Field(default=False, description="requests in words: none, all, or (None) every second")
    mode: ModeName = "label"
    orders: int = Field(default=1, ge=1, le=4, description="orders of the candidates that are averaged")
    weight: float = Field(default=PRIOR, ge=0.0, le=1.0, description="share of the model in the slate")
    bias_users: int = Field(default=40, ge=0, description="users who are asked about in a second order too")
    primary: str = Field(default="ndcg", description="metric whose decision ends the comparison early")
    looks: int = Field(default=4, ge=1, le=10, description="times that results are looked at, the last time included")
    max_tokens: int | None = Field(default=None, ge=1, description="no question is asked once this many were paid")
    max_seconds: float | None = Field(default=None, gt=0, description="nor after this time of asking")
    at_once: int = Field(default=4, ge=1, le=64, description="users who are asked about at once")
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _makes_sense(self) -> CompareConfig:
        if self.primary not in TESTED:
            raise ValueError(f"primary {self.primary!r} is not tested: one of {', '.join(TESTED)}")
        if len(set(self.prompts)) < len(self.prompts):
            raise ValueError("a prompt is named twice: name each once")
        return self


@dataclass
class Comparison:
    """All that was measured.

    Attributes:
        config: What was asked for.
        prompts: As they were.
        model: That was asked.
        data: Name of the data set.
        people: Users, in the order in which they were asked about.
        answers: One list per prompt, in the order of people.
        baseline: ``(users, 2)`` NDCG and C_KL of the calibrated slate without a model.
        judged: The last look.
        stopped: Why it ended.
        early: Whether because the question was settled.
        paid: Tokens of this run.
        kept: Share of the calls that were answered from the disk.
        seconds: Of asking.
    """

    config: CompareConfig
    prompts: tuple[Prompt, ...]
    model: str
    data: str
    people: list[Person] = field(default_factory=list)
    answers: list[list[Answer]] = field(default_factory=list)
    baseline: list[tuple[float, float]] = field(default_factory=list)
    judged: Judged | None = None
    stopped: str = ""
    early: bool = False
    paid: int = 0
    kept: float = 0.0
    seconds: float = 0.0

    def values(self, metric: str) -> Float64:
        """``(prompts, users)``."""
        return np.array([[answer.values[metric] for answer in row] for row in self.answers])

    def differences(self) -> Float64:
        """``(pairs * tested, users)``: each prompt minus the first, prompt by prompt."""
        tested = [self.values(metric) for metric in TESTED]
        return np.array([found[at] - found[0] for at in range(1, len(self.prompts)) for found in tested])

    def p_of(self, prompt: int, metric: str) -> float:
        """Sequential p-value of a prompt against the first, after Holm."""
        if self.judged is None:
            return float("nan")
        return float(self.judged.p[(prompt - 1) * len(TESTED) + TESTED.index(metric)])


def compare(
    dataset: Dataset, prompts: tuple[Prompt, ...], scorer: LabelScorer, config: CompareConfig, progress: Progress
) -> Comparison:
    """Ask about users, in blocks, until all are done, the question is settled, or the means are spent.

    Args:
        dataset: Data; users are asked about only by models that never saw them.
        prompts: As many as the configuration has names, in that order.
        scorer: Asks the model, and keeps its answers.
        config: What is compared.
        progress: Told stage, done and total.

    Raises:
        DataError: Too few users.
        ConfigError: A prompt asks for another kind of answer than the mode reads.
        ServerError: The model cannot be reached; what it answered so far is kept.
    """
    people = held_out(dataset, config.users, config.words, config.seed, progress, after=config.after)
    return on_people(prompts, people, dataset.name, scorer, config, progress)


def on_people(
    prompts: tuple[Prompt, ...],
    people: Iterator[Person],
    data: str,
    scorer: LabelScorer,
    config: CompareConfig,
    progress: Progress,
) -> Comparison:
    """As :func:`compare`, of prompts that need be no files, on users who were chosen already.

    Args:
        prompts: As many as the configuration has names, in that order.
        people: Users.
        data: Name of the data set.
        scorer: Asks the model, and keeps its answers.
        config: What is compared.
        progress: Told stage, done and total.
    """
    alone = LLMConfig(mode=config.mode, orders=config.orders, weight=config.weight, candidates=SHOWN)
    rungs = [LLMRung(scorer, prompt, alone) for prompt in prompts]
    found = Comparison(config, prompts, scorer.model, data, answers=[[] for _ in prompts])
    looks, spending = (
        Looks(config.users, config.looks, seed=config.seed),
        Spending(config.max_tokens, config.max_seconds),
    )
    while not found.stopped:
        block = list(islice(people, config.at_once))
        twice = [len(found.people) + at < config.bias_users for at in range(len(block))]
        for person, row in zip(block, spending.of(together([rungs] * len(block), block, twice)), strict=True):
            found.people.append(person)
            found.baseline.append(calibrated(person))
            for at, answer in enumerate(row):
                found.answers[at].append(answer)
        users = len(found.people)
        progress("asking", users, config.users)
        found.stopped = spending.spent(users) or (
            f"all {users} users were asked about" if users >= config.users else ""
        )
        if not block and not found.stopped:
            found.stopped = f"there are no more than {users} such users"
        if users < 2 and found.stopped:
            raise ConfigError(
                f"{found.stopped}: too few to compare", "allow more with --max-tokens, --max-seconds or --at-once"
            )
        if found.stopped:
            found.judged = looks.look(found.differences(), ended=True)
        elif looks.due(users):
            found.judged = looks.look(found.differences(), ended=False)
            if all(found.p_of(at, config.primary) < LEVEL for at in range(1, len(prompts))):
                found.stopped = f"decided after {users} of {config.users} users by {METRICS[config.primary]}"
                found.early = True
    found.paid, found.kept, found.seconds = spending.paid, spending.kept, spending.seconds
    return found
