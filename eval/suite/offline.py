"""A suite's language model without a server: its questions as files for ``vllm run-batch``; :mod:`eval.suite.offline_answers` reads the answers.

The questions are those that a server would be asked, so that a suite does not know the difference. Each question is asked once, whatever cells want it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.llm.failures import LLMFailure, Reason
from agent.llm.labels import LETTERS, Label
from agent.llm.orders import shifts_of
from eval.interchange.batch import write_batch
from eval.interchange.lines import words
from eval.suite.config import LlmConfig
from eval.suite.llm import asked_users, endpoint_of, kept_calls, name_of
from eval.suite.plan import PoolUnit
from eval.suite.pools import read_pool
from eval.suite.questions import Question, questions_of
from eval.suite.run import Plan, Progress, train
from eval.suite.store import digest
from prompts.template import Message
from retrieval.errors import ConfigError, ServerError


def write_questions(folder: Path, plan: Plan, tokenizer: str | None, progress: Progress) -> list[Path]:
    """Write ``asked/MODEL.jsonl`` for each model with questions that it has not answered yet; retrievers are trained first.

    Args:
        folder: Results of the suite.
        plan: Of the suite.
        tokenizer: Folder or name of the model's tokenizer; None asks a server of it which tokens the labels are.
        progress: Told.

    Raises:
        ConfigError: The suite asks no language model, the tokenizer cannot be read, or there is neither tokenizer nor server.
        ServerError: The server did not say which tokens the labels are.
    """
    llm = llm_of(plan)
    train(folder, plan, progress)
    written: list[Path] = []
    files = words(map(name_of, llm.models))
    for model in llm.models:
        name, found = name_of(model), dict[str, tuple[tuple[Message, ...], int]]()
        for _, prompt, questions in each_prompt(folder, plan):
            calls, keys = kept_calls(folder, llm, questions, prompt, name)
            for key, question in zip(keys, questions, strict=True):
                if is_open(calls.get(key)) and len(question.shown) > 1:
                    found |= _orders(name, question, llm.orders)
        if found:
            labels = _labels(model, tokenizer, max(count for _, count in found.values()))
            path = folder / "asked" / f"{files[name]}.jsonl"
            path.parent.mkdir(exist_ok=True)
            write_batch(path, ((asked, messages, count) for asked, (messages, count) in found.items()), name, labels)
            written.append(path)
    return written


def is_open(answer: dict[str, Any] | None) -> bool:
    """Whether a question is still to be answered: it has no answer, or one that cannot be read."""
    return answer is None or answer["reason"] == Reason.INVALID_ANSWER


def llm_of(plan: Plan) -> LlmConfig:
    """How a suite asks language models.

    Raises:
        ConfigError: It asks none.
    """
    if plan.suite.llm is None:
        raise ConfigError(f"suite {plan.suite.name!r} asks no language model", "describe one: llm")
    return plan.suite.llm


def each_prompt(folder: Path, plan: Plan) -> Iterator[tuple[PoolUnit, str, list[Question]]]:
    """Each retriever's candidates, and each prompt with its questions about them."""
    llm = llm_of(plan)
    for pool in plan.pools:
        ground = plan.grounds[pool.ground]
        candidates, users = read_pool(folder, pool.key, ground), asked_users(len(ground.user_ids), llm.users)
        for prompt in llm.prompts:
            yield pool, prompt, questions_of(llm, plan.suite.k, ground, candidates, prompt, users)


def _orders(name: str, question: Question, orders: int) -> dict[str, tuple[tuple[Message, ...], int]]:
    found: dict[str, tuple[tuple[Message, ...], int]] = {}
    count = len(question.shown)
    for shift in shifts_of(count, orders):
        messages = question.render(np.roll(question.shown, -shift))
        found[asked_id(name, messages, count)] = messages, count
    return found


def asked_id(name: str, messages: Sequence[Message], count: int) -> str:
    """What a question to a model, with so many candidates, is matched with its answer by."""
    return digest({"model": name, "messages": [[m.role, m.content] for m in messages], "count": count})


def _labels(model: str, tokenizer: str | None, count: int) -> tuple[Label, ...]:
    from agent.llm.loop import run  # noqa: PLC0415
    from agent.llm.scorer import LabelScorer  # noqa: PLC0415

    try:
        if tokenizer is None:
            return run(LabelScorer(endpoint_of(model)).labels(count))
        return _of_tokenizer(tokenizer, count)
    except LLMFailure as why:
        raise ServerError(
            f"labels of {name_of(model)}: {why.detail}", "start its server, or name its --tokenizer"
        ) from why


def _of_tokenizer(tokenizer: str, count: int) -> tuple[Label, ...]:
    from agent.llm.in_process import labels_of  # noqa: PLC0415
    from agent.llm.weights import checkpoint  # noqa: PLC0415

    try:
        from transformers import AutoTokenizer  # noqa: PLC0415

        loaded = AutoTokenizer.from_pretrained(checkpoint(tokenizer))
    except (ImportError, OSError, ValueError) as why:
        first = str(why).splitlines()[0]
        raise ConfigError(f"--tokenizer {tokenizer}: {first}", "name the folder of the model's checkpoint") from why
    return labels_of(loaded, LETTERS[:count], tokenizer)
