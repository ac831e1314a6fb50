"""The language model as one of the rerankers: asked once per user, its answers kept, all lambdas made from the same answers.

The same shortlist, labels, fusion and calibration as in a request; the tastes in the prompt are the history's clusters, so that all
retrievers are asked about alike. A user whom the model fails is scored by what he would have received: the calibrated slate.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.listing import Listing
from agent.rerank.protocol import Pool
from eval.suite.calls import Calls
from eval.suite.config import LlmConfig, SuiteConfig
from eval.suite.ground import Ground
from eval.suite.measure import measure
from eval.suite.pools import Candidates
from eval.suite.store import digest, write_whole
from eval.suite.tables import rows
from prompts.rerank import INPUTS, rerank_inputs
from prompts.summaries import slot_counts, summarise
from prompts.template import Message, load
from retrieval.arrays import Float32, Int32
from retrieval.errors import ConfigError, ServerError
from retrieval.schema import Histories, Personas

if TYPE_CHECKING:
    from agent.llm.endpoint import Endpoint

_SHORTLIST = 0.9  # lambda of the shortlist, the default of a request: one shortlist for all lambdas
_TASTES = 4
_AT_ONCE = 8
_DRAW = 4711

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """One use of the model.

    Attributes:
        key: Under which what it said is kept.
        prompt: Of the library, or a file.
        model: NAME, NAME@URL, or empty: whichever runs.
        lambdas: Of the calibrated slates.
        weight: Share of the model in the fused relevance.
    """

    key: str
    prompt: str
    model: str
    lambdas: tuple[float, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of one user: positions of the shortlist in the order shown, and the messages for any order."""

    row: int
    shown: Int32
    render: Callable[[Int32], tuple[Message, ...]]


def endpoint_of(model: str) -> Endpoint:
    """The server of NAME, NAME@URL, or of whichever model runs here.

    Raises:
        ConfigError: No server is known.
    """
    from agent.llm.endpoint import find_endpoint  # noqa: PLC0415  (slow to import, seldom needed)

    name, _, url = model.partition("@")
    found = find_endpoint(url or None, name or None)
    if found is None:
        raise ConfigError(f"llm.models: no server for {model or 'the embedded model'}", "start one: polytaste llm up")
    return found


def asked_users(users: int, most: int) -> Int32:
    """``(n,)`` rows of the test users that the model is asked for: the same for every prompt, model and retriever."""
    return np.sort(np.random.default_rng(_DRAW).permutation(users)[:most]).astype(np.int32)


def llm_slates(
    folder: Path, suite: SuiteConfig, ground: Ground, candidates: Candidates, asked: Asked, told: Told
) -> pl.DataFrame:  # fmt: skip
    """One row per lambda and asked user, as of any reranker; what the model said goes to ``answers``.

    Raises:
        ConfigError: No server is known.
        ServerError: It cannot be reached; what it answered so far is kept.
    """
    if suite.llm is None:
        raise ConfigError("the suite has no llm", "describe one")
    questions = _questions(suite.llm, suite.k, ground, candidates, asked.prompt)
    answers = _answers(folder, suite.llm, questions, asked.prompt, asked.model, told)
    kept = np.array([question.row for question in questions], np.int32)
    part, chosen = ground.of(kept), candidates.of(kept)
    relevance = chosen.pool.relevance.copy()
    for at, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        if answer["reason"] is None:
            one = Pool(relevance[at : at + 1], chosen.pool.groups[at : at + 1], chosen.pool.target[at : at + 1])
            relevance[at] = _fused(one, question.shown, answer, asked.weight)
    pool = Pool(relevance, chosen.pool.groups, chosen.pool.target)
    said = pl.DataFrame(
        {
            "user_id": part.user_ids,
            "slot": [_slot(chosen.hit[at, q.shown]) for at, q in enumerate(questions)],
            **{name: [answer[name] for answer in answers] for name in ("reason", "mass", "agreement", "prompt_tokens", "completion_tokens")},
        },
        schema_overrides={"reason": pl.String, "mass": pl.Float64, "agreement": pl.Float64},
    )  # fmt: skip
    write_whole(folder / "answers" / f"{asked.key}.parquet", said.write_parquet)
    tables: list[pl.DataFrame] = []
    for lam in asked.lambdas:
        slates = Calibrated(CalibratedConfig(lam=lam))(pool, suite.k)
        tables.append(rows(part.user_ids, lam, measure(part, chosen, slates, suite.k), slates.items(chosen.items)))
    return pl.concat(tables)


def _fused(pool: Pool, shown: Int32, answer: dict[str, Any], weight: float) -> Float32:
    from agent.rerank.llm import fused  # noqa: PLC0415

    believed = weight if answer["agreement"] is None else weight * answer["agreement"]
    return fused(pool, shown, np.array(answer["relevance"], np.float32), believed).relevance[0]


def _slot(hit: np.ndarray) -> int:
    """Place of the first truth among what was shown, -1 if none was."""
    return int(hit.argmax()) if hit.any() else -1


def _questions(config: LlmConfig, k: int, ground: Ground, candidates: Candidates, prompt: str) -> list[_Question]:
    from agent.llm.labels import LETTERS  # noqa: PLC0415

    template = load(prompt)
    template.require(INPUTS)
    listing = Listing(CalibratedConfig(lam=_SHORTLIST))
    found: list[_Question] = []
    for row in asked_users(len(ground.user_ids), config.users):
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

        found.append(_Question(int(row), shown, render))
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


def _answers(
    folder: Path, config: LlmConfig, questions: Sequence[_Question], prompt: str, model: str, told: Told
) -> list[dict[str, Any]]:
    from agent.llm.loop import run  # noqa: PLC0415

    endpoint = endpoint_of(model)
    facts = {"model": endpoint.model, "prompt": load(prompt).version, "orders": config.orders}
    calls = Calls(folder / "calls" / f"{digest(facts)}.jsonl")
    keys = [
        digest({**facts, "messages": [m.content for m in q.render(q.shown)], "count": len(q.shown)}) for q in questions
    ]
    todo = [at for at, key in enumerate(keys) if calls.get(key) is None]
    passing = run(_ask_all(endpoint, config, calls, [(keys[at], questions[at]) for at in todo], told)) if todo else {}
    return [passing[key] if (kept := calls.get(key)) is None else kept for key in keys]


async def _ask_all(
    endpoint: Endpoint, config: LlmConfig, calls: Calls, todo: Sequence[tuple[str, _Question]], told: Told
) -> dict[str, dict[str, Any]]:
    """What came of trouble of the server's own; all else is kept. Trouble counts in this run, and is asked about again in the next."""
    from agent.llm.failures import PASSING, TransportFailure  # noqa: PLC0415
    from agent.llm.scorer import LabelScorer  # noqa: PLC0415

    scorer, done, passing = LabelScorer(endpoint), 0, dict[str, dict[str, Any]]()
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(key: str, question: _Question) -> None:
        nonlocal done
        async with gate:
            began = time.perf_counter()
            answer = await _ask(scorer, config, question)
            answer = {**answer, "ms": round(1e3 * (time.perf_counter() - began), 1)}
            if answer["reason"] in PASSING:
                passing[key] = answer
            else:
                calls.add(key, answer)
            done += 1
            told(done, len(todo))

    try:
        async with asyncio.TaskGroup() as group:
            for key, question in todo:
                group.create_task(ask(key, question))
    except* TransportFailure as why:
        raise ServerError(
            f"{endpoint.url}: {why.exceptions[0]}", "start the server and run again: answers are kept"
        ) from why
    return passing


async def _ask(scorer: Any, config: LlmConfig, question: _Question) -> dict[str, Any]:
    from agent.llm.failures import LLMFailure, Reason, TransportFailure  # noqa: PLC0415
    from agent.llm.orders import in_orders  # noqa: PLC0415

    nothing = {"relevance": [], "agreement": None, "mass": None, "prompt_tokens": 0, "completion_tokens": 0}
    if len(question.shown) < 2:
        return {**nothing, "reason": Reason.TOO_FEW_CANDIDATES.value}
    try:
        opinion = await in_orders(
            question.shown,
            config.orders,
            lambda order: scorer.score(question.render(order), len(order), config.timeout_s),
        )
    except TransportFailure:
        raise
    except LLMFailure as failure:
        return {**nothing, "reason": failure.reason.value}
    scores = opinion.scores
    weak = Reason.NO_PREFERENCE if not opinion.relevance.any() else None
    reason = Reason.LOW_LABEL_MASS if scores.mass < config.min_label_mass else weak
    return {
        "relevance": [float(v) for v in opinion.relevance], "agreement": opinion.agreement, "mass": scores.mass,
        "prompt_tokens": scores.prompt_tokens, "completion_tokens": scores.completion_tokens,
        "reason": reason.value if reason else None,
    }  # fmt: skip
