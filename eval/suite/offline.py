"""A suite's language model without a server: its questions as files for ``vllm run-batch``, and the answers back.

The questions are those that a server would be asked, and answers are read and kept as a server's are, so that a suite does not know the
difference. Each question is asked once, whatever cells want it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agent.llm.failures import LLMFailure, Reason
from agent.llm.labels import LETTERS, Label
from agent.llm.orders import shifts_of
from eval.interchange.batch import read_batch, write_batch
from eval.interchange.lines import numbered_lines, words
from eval.suite.config import LlmConfig
from eval.suite.llm import ask_about, asked_users, endpoint_of, kept_calls, name_of
from eval.suite.pools import read_pool
from eval.suite.questions import Question, questions_of
from eval.suite.run import Plan, Progress, train
from eval.suite.store import digest
from prompts.template import Message
from retrieval.errors import ConfigError, DataError, ServerError

if TYPE_CHECKING:
    from agent.llm.scorer import LabelScores


@dataclass(frozen=True, slots=True)
class Read:
    """What came of a file of answers.

    Attributes:
        kept: Users' questions that are answered now.
        failed: Reasons of those among them that the model answered badly.
        unanswered: Questions without an answer, or whose answer is an error of the server's.
    """

    kept: int
    failed: dict[str, int]
    unanswered: int


def write_questions(folder: Path, plan: Plan, tokenizer: str | None, progress: Progress) -> list[Path]:
    """Write ``asked/MODEL.jsonl`` for each model with questions that it was not asked yet; retrievers are trained first.

    Args:
        folder: Results of the suite.
        plan: Of the suite.
        tokenizer: Folder or name of the model's tokenizer; None asks a server of it which tokens the labels are.
        progress: Told.

    Raises:
        ConfigError: The suite asks no language model, the tokenizer cannot be read, or there is neither tokenizer nor server.
        ServerError: The server did not say which tokens the labels are.
    """
    llm = _needed(plan)
    train(folder, plan, progress)
    written: list[Path] = []
    files = words(map(name_of, llm.models))
    for model in llm.models:
        name, found = name_of(model), dict[str, tuple[tuple[Message, ...], int]]()
        for prompt, questions in _all(folder, plan):
            calls, keys = kept_calls(folder, llm, questions, prompt, name)
            for key, question in zip(keys, questions, strict=True):
                if calls.get(key) is None and len(question.shown) > 1:
                    found |= _orders(name, question, llm.orders)
        if found:
            labels = _labels(model, tokenizer, max(count for _, count in found.values()))
            path = folder / "asked" / f"{files[name]}.jsonl"
            path.parent.mkdir(exist_ok=True)
            write_batch(path, ((asked, messages, count) for asked, (messages, count) in found.items()), name, labels)
            written.append(path)
    return written


def read_answers(folder: Path, plan: Plan, answered: Path) -> Read:
    """Keep the answers of a file that ``vllm run-batch`` made of one that :func:`write_questions` wrote into the same folder.

    Raises:
        ConfigError: The suite asks no language model.
        DataError: The file is no such answers, or answers what was not asked here.
    """
    llm = _needed(plan)
    name, labels = _asked_in(folder, answered)
    train(folder, plan, _nothing_said)  # where the code has changed since, candidates are made anew
    counts = {asked: len(tokens) for asked, tokens in labels.items()}
    longest = max(labels.values(), key=len)
    scorer = _Answered(name, read_batch(answered, counts, longest))
    kept, failed, unanswered = 0, Counter[str](), 0
    for prompt, questions in _all(folder, plan):
        calls, keys = kept_calls(folder, llm, questions, prompt, name)
        before = [calls.get(key) is not None for key in keys]
        passing = ask_about(scorer, llm, calls, keys, questions, _untold, str(answered), timed=False)
        unanswered += len(passing)
        said = [calls.get(key) for key, known in zip(keys, before, strict=True) if not known and key not in passing]
        kept += len(said)
        failed.update(answer["reason"] for answer in said if answer is not None and answer["reason"])
    return Read(kept, dict(failed), unanswered)


class _Answered:
    """A scorer that knows the answers already.

    Args:
        model: Name.
        found: By the hash of what was asked.
    """

    def __init__(self, model: str, found: dict[str, LabelScores | LLMFailure]) -> None:
        self.model, self._found = model, found

    async def score(self, messages: Sequence[Message], count: int, timeout_s: float) -> LabelScores:  # noqa: ARG002
        """As :meth:`agent.llm.scorer.Scorer.score`."""
        said = self._found.get(_id(self.model, messages, count))
        if said is None:
            raise LLMFailure(Reason.UNREACHABLE, "the batch does not hold this question")
        if isinstance(said, LLMFailure):
            raise said
        return said


def _nothing_said(_what: str, _done: float, _total: float) -> None:
    """Candidates are there as a rule."""


def _untold(_done: int, _of: int) -> None:
    """Reading a file is no wait."""


def _needed(plan: Plan) -> LlmConfig:
    if plan.suite.llm is None:
        raise ConfigError(f"suite {plan.suite.name!r} asks no language model", "describe one: llm")
    return plan.suite.llm


def _all(folder: Path, plan: Plan) -> Iterator[tuple[str, list[Question]]]:
    """Each prompt with its questions, by retriever."""
    llm = _needed(plan)
    for pool in plan.pools:
        ground = plan.grounds[pool.ground]
        candidates, users = read_pool(folder, pool.key, ground), asked_users(len(ground.user_ids), llm.users)
        for prompt in llm.prompts:
            yield prompt, questions_of(llm, plan.suite.k, ground, candidates, prompt, users)


def _orders(name: str, question: Question, orders: int) -> dict[str, tuple[tuple[Message, ...], int]]:
    found: dict[str, tuple[tuple[Message, ...], int]] = {}
    count = len(question.shown)
    for shift in shifts_of(count, orders):
        messages = question.render(np.roll(question.shown, -shift))
        found[_id(name, messages, count)] = messages, count
    return found


def _id(name: str, messages: Sequence[Message], count: int) -> str:
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


def _asked_in(folder: Path, answered: Path) -> tuple[str, dict[str, tuple[Label, ...]]]:
    """The model that a file of answers is of, and the labels of each of its questions."""
    try:
        first = next((json.loads(line) for _, line in numbered_lines(answered)), None)
    except ValueError as why:
        raise DataError(f"{answered}: line 1 is no JSON ({why})", "give what vllm run-batch wrote") from why
    for path in sorted(folder.glob("asked/*.jsonl")):
        asked = [json.loads(line) for _, line in numbered_lines(path)]
        if isinstance(first, dict) and any(line["custom_id"] == first.get("custom_id") for line in asked):
            return asked[0]["body"]["model"], {
                line["custom_id"]: tuple(map(Label, LETTERS, line["body"]["logprob_token_ids"])) for line in asked
            }
    raise DataError(
        f"{answered} answers nothing that was asked in {folder}/asked",
        "read it into the folder whose questions it answers: polytaste eval export --to run-batch",
    )
