"""The language model as one of the rerankers: asked once per user, its answers kept, all lambdas made from the same answers.

The same fusion and calibration as in a request. A user whom the model fails is scored by what he would have received: the calibrated slate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.protocol import Pool
from eval.suite.ask import Told, ask_each
from eval.suite.calls import Answers, Calls
from eval.suite.config import LlmConfig, SuiteConfig
from eval.suite.ground import Ground
from eval.suite.measure import measure
from eval.suite.pools import Candidates
from eval.suite.questions import Question, questions_of
from eval.suite.store import digest, write_whole
from eval.suite.tables import rows
from prompts.template import load
from retrieval.arrays import Float32, Int32
from retrieval.errors import ConfigError

if TYPE_CHECKING:
    from agent.llm.endpoint import Endpoint
    from agent.llm.scorer import Scorer

_AT_ONCE = 8
_DRAW = 4711


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
    rows_asked = asked_users(len(ground.user_ids), suite.llm.users)
    questions = questions_of(suite.llm, suite.k, ground, candidates, asked.prompt, rows_asked)
    answers = _answers(folder, suite.llm, questions, asked.prompt, asked.model, told)
    part, chosen = ground.of(rows_asked), candidates.of(rows_asked)
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


def _answers(
    folder: Path, config: LlmConfig, questions: Sequence[Question], prompt: str, model: str, told: Told
) -> list[dict[str, Any]]:
    calls, keys = kept_calls(folder, config, questions, prompt, name_of(model))
    passing: dict[str, dict[str, Any]] = {}
    if any(calls.get(key) is None for key in keys):
        from agent.llm.scorer import LabelScorer  # noqa: PLC0415

        endpoint = endpoint_of(model)
        passing = ask_about(LabelScorer(endpoint), config, calls, keys, questions, told, endpoint.url)
    return [passing[key] if (kept := calls.get(key)) is None else kept for key in keys]


def name_of(model: str) -> str:
    """Name under which a model's answers are kept; a server is looked for where it has none."""
    return model.partition("@")[0] or endpoint_of(model).model


def kept_calls(
    folder: Path, config: LlmConfig, questions: Sequence[Question], prompt: str, name: str
) -> tuple[Calls, list[str]]:
    """What a model answered so far, and under which key the answer to each question stands, or will."""
    facts = {"model": name, "prompt": load(prompt).version, "orders": config.orders}
    keys = [
        digest({**facts, "messages": [m.content for m in q.render(q.shown)], "count": len(q.shown)}) for q in questions
    ]
    return Calls(folder / "calls" / f"{digest(facts)}.jsonl"), keys


def ask_about(
    scorer: Scorer, config: LlmConfig, calls: Answers, keys: Sequence[str], questions: Sequence[Question], told: Told, place: str, *, timed: bool = True
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Ask what was not answered yet, and keep it.

    Args:
        scorer: Is asked.
        config: How.
        calls: Answers so far.
        keys: Of the questions.
        questions: All of them.
        told: How many are answered, and of how many.
        place: Where the scorer asks, for messages.
        timed: Whether the time until it answers says anything.

    Returns:
        By key what came of trouble of the server's own, which is not kept: it counts in this run, and is asked about again in the next.

    Raises:
        ServerError: The connection broke.
    """
    from agent.llm.loop import run  # noqa: PLC0415

    todo = [(key, question) for key, question in zip(keys, questions, strict=True) if calls.get(key) is None]
    each = ask_each(todo, partial(_ask, scorer, config), calls, told, place, at_once=_AT_ONCE, timed=timed)
    return run(each)


async def _ask(scorer: Scorer, config: LlmConfig, question: Question) -> dict[str, Any]:
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
