"""From users to lists: retrieve, rank, score. Every stage is a callable class that can be pickled; what it opens, it opens where it runs.

Each user goes the way of a request (:meth:`agent.recommender.Recommender.prepare`), alone: a list depends neither on who else is in the
block nor on the machine's place in a cluster, and is the one that ``polytaste recommend`` gives.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from agent.llm.earned import Earned
from agent.llm.endpoint import Endpoint
from agent.llm.failures import PASSING, LLMFailure, Reason, TransportFailure
from agent.llm.loop import all_of, run
from agent.recommender import Recommender, RecommenderConfig
from agent.rerank.ladder import unassisted
from agent.rerank.llm import Ask, LLMRung, Ranked
from eval import metrics
from eval.prompt_cache import KeptScorer
from eval.suite.calls import Answers
from prompts.template import load
from retrieval.arrays import Int32
from retrieval.artifacts import Model
from retrieval.errors import ServerError
from retrieval.schema import Catalog, Histories

PATIENT_MS = 300_000
"""Nobody waits for a batch."""

METRICS = {
    "ndcg": metrics.ndcg,
    "recall": metrics.recall,
    "hit_rate": metrics.hit_rate,
    "rr": metrics.reciprocal_rank,
}


@dataclass(frozen=True, slots=True)
class Truth:
    """What a user should find.

    Attributes:
        items: Internal ids of what can be found.
        known: How many more the user had before: they are never listed again.
        untrained: How many more training did not touch: nobody's list can hold them.
    """

    items: Int32
    known: int
    untrained: int


@dataclass(frozen=True, slots=True)
class Block:
    """Users whose lists are made and written together.

    Attributes:
        number: Of the block.
        first: Position of its first user among all.
        users: External ids.
        truth: What each should find; None where nobody knows.
    """

    number: int
    first: int
    users: tuple[str, ...]
    truth: tuple[Truth, ...] | None


@dataclass(frozen=True, slots=True)
class Question:
    """One user with his candidates.

    Attributes:
        user: External id.
        number: Position among all users.
        ask: What comes down the ladder.
        items: ``(n,)`` internal ids of its pool.
    """

    user: str
    number: int
    ask: Ask
    items: Int32


@dataclass(frozen=True, slots=True)
class Made:
    """Everything that a block ends in.

    Attributes:
        slates: ``user_id, rank, item_id, score`` with the retrieval score.
        users: A row for each: who ranked, why not the language model, C_KL, tokens, and where there is a truth, metrics, how many items can be
            found (``hidden``), and how many were left out (``known``, ``untrained``).
        seconds: Of each stage, without what a process opens once.
    """

    slates: pl.DataFrame
    users: pl.DataFrame
    seconds: dict[str, float]


@dataclass(frozen=True)
class Retrieve:
    """Users to their candidates along the axes of calibration.

    Attributes:
        model: Trained artefact.
        config: How lists are made.
        k: Length of a list.
    """

    model: Model
    config: RecommenderConfig
    k: int

    def open(self) -> None:
        """What the first block of a process would otherwise wait for."""
        _ = self._recommender

    def __call__(self, block: Block) -> list[Question]:
        """The candidates of every user of a block."""
        found: list[Question] = []
        for at, user in enumerate(block.users):
            ask, items = self._recommender.prepare(user=user, k=self.k, deadline_ms=PATIENT_MS)
            found.append(Question(user, block.first + at, ask, items))
        return found

    @cached_property
    def _recommender(self) -> Recommender:
        return Recommender(self.model, None, self.config)


@dataclass(frozen=True)
class Rank:
    """Candidates to lists without a language model."""

    def __call__(self, questions: Sequence[Question]) -> list[Ranked]:
        """One list for each."""
        rank = unassisted(Reason.OFF, "not asked for")
        return [rank(question.ask) for question in questions]


@dataclass(frozen=True)
class RankByModel:
    """Candidates to lists by language models behind one or several servers, each user's the next one in turn.

    A server that cannot be reached, or answers with trouble of its own, is passed over; a user whom the model fails gets the calibrated list, and its row says why.

    Attributes:
        endpoints: Servers of one model.
        config: How lists are made.
        worth: What the model has earned on this data; None if it was not measured.
        answers: What was answered before; nothing is asked twice.
    """

    endpoints: tuple[Endpoint, ...]
    config: RecommenderConfig
    worth: Earned | None
    answers: Answers

    def __call__(self, questions: Sequence[Question]) -> list[Ranked]:
        """One list for each; the questions of a block are asked at once.

        Raises:
            ServerError: No server can be reached.
        """
        gate = asyncio.Semaphore(self.config.llm.at_once * len(self.endpoints))
        return run(all_of(self._one(question, gate) for question in questions))

    async def _one(self, question: Question, gate: asyncio.Semaphore) -> Ranked:
        rungs, failed = self._rungs, list[LLMFailure]()
        async with gate:
            for turn in range(len(rungs)):
                # Patience is with a server, from when it is asked: what waits for its turn is not late.
                ask = replace(question.ask, deadline=time.monotonic() + PATIENT_MS / 1000.0)
                try:
                    return await rungs[(question.number + turn) % len(rungs)](ask)
                except LLMFailure as why:
                    failed.append(why)
                    if why.reason not in PASSING and not isinstance(why, TransportFailure):
                        break
        last = failed[-1]
        if all(isinstance(why, TransportFailure) for why in failed):
            raise ServerError(f"no server of {self.endpoints[0].model} can be reached: {last.detail}", "start one and run again: answers are kept")  # fmt: skip
        listed = question.ask.listing(question.ask.pool, question.ask.k)
        return Ranked(listed, "calibrated", last.reason, last.detail, scores=last.scores)

    @cached_property
    def _rungs(self) -> tuple[LLMRung, ...]:
        prompt, config = load(self.config.prompt), self.config.llm
        return tuple(LLMRung(KeptScorer(one, self.answers), prompt, config, self.worth) for one in self.endpoints)


@dataclass(frozen=True)
class Score:
    """Lists to tables, with metrics where the truth is known.

    Attributes:
        catalog: The items.
        k: Length of a list.
    """

    catalog: Catalog
    k: int

    def __call__(self, block: Block, questions: Sequence[Question], ranked: Sequence[Ranked]) -> tuple[pl.DataFrame, pl.DataFrame]:  # fmt: skip
        """``slates`` and ``users`` of :class:`Made`."""
        lists = np.full((len(questions), self.k), -1, np.int32)
        scores = np.zeros(lists.shape, np.float32)
        for row, (question, answer) in enumerate(zip(questions, ranked, strict=True)):
            places = answer.listed.slates.positions[0]
            places = places[places >= 0]
            lists[row, : len(places)] = question.items[places]
            scores[row, : len(places)] = question.ask.pool.relevance[0, places]
        users, ranks = np.nonzero(lists >= 0)
        ids = pl.Series(block.users, dtype=pl.String)
        slates = pl.DataFrame(
            {
                "user_id": ids.gather(users),
                "rank": (ranks + 1).astype(np.int32),
                "item_id": self.catalog.table["item_id"].gather(lists[users, ranks]),
                "score": scores[users, ranks],
            }
        )
        return slates, self._users(block, ids, lists, ranked)

    def _users(self, block: Block, ids: pl.Series, lists: Int32, ranked: Sequence[Ranked]) -> pl.DataFrame:
        table = pl.DataFrame(
            {
                "user_id": ids,
                "ranker": [answer.ranker_used for answer in ranked],
                "reason": [None if answer.reason is None else answer.reason.value for answer in ranked],
                "c_kl": np.array([answer.listed.slates.kl[0] for answer in ranked], np.float32),
                "tokens": [0 if a.scores is None else a.scores.prompt_tokens + a.scores.completion_tokens for a in ranked],
            },
            schema_overrides={"reason": pl.String, "tokens": pl.Int64},
        )  # fmt: skip
        if block.truth is None:
            return table
        hidden = Histories.of([truth.items for truth in block.truth])
        hit = metrics.hits(lists, hidden, len(self.catalog))
        values = {name: metric(hit, hidden.lengths, self.k) for name, metric in METRICS.items()}
        return table.with_columns(
            *(pl.Series(name, v.astype(np.float32)) for name, v in values.items()),
            hidden=pl.Series(hidden.lengths.astype(np.int32)),
            known=pl.Series([truth.known for truth in block.truth], dtype=pl.Int32),
            untrained=pl.Series([truth.untrained for truth in block.truth], dtype=pl.Int32),
        )


@dataclass(frozen=True)
class Chain:
    """All stages, one after another, on one block.

    Attributes:
        retrieve: First.
        rank: Second.
        score: Last.
    """

    retrieve: Retrieve
    rank: Callable[[Sequence[Question]], list[Ranked]]
    score: Score

    def __call__(self, block: Block) -> Made:
        """The tables of a block.

        One thread: sums that several share out differ in their last digits, and where blocks are many, processes share them out.
        """
        self.retrieve.open()
        with threadpool_limits(1):
            moments = [time.perf_counter()]
            questions = self.retrieve(block)
            moments.append(time.perf_counter())
            ranked = self.rank(questions)
            moments.append(time.perf_counter())
            slates, users = self.score(block, questions, ranked)
            moments.append(time.perf_counter())
        return Made(slates, users, dict(zip(("retrieve", "rank", "score"), np.diff(moments).tolist(), strict=True)))
