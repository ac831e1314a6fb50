"""Answers of ``vllm run-batch`` to a suite's questions, read and kept as a server's are.

What is no answer is not kept, a good answer takes the place of one that failed, and cells that were made without it are made anew once
they can be.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.llm.failures import LLMFailure, Reason
from agent.llm.labels import LETTERS, Label
from eval.interchange.batch import read_batch
from eval.interchange.lines import numbered_lines
from eval.suite.calls import Calls
from eval.suite.kept import unit_path
from eval.suite.llm import ask_about, kept_calls, name_of
from eval.suite.offline import asked_id, each_prompt, is_open, llm_of
from eval.suite.plan import PoolUnit
from eval.suite.run import Plan, train
from eval.suite.store import alone
from prompts.template import Message
from retrieval.errors import DataError

if TYPE_CHECKING:
    from agent.llm.scorer import LabelScores


@dataclass(frozen=True, slots=True)
class Read:
    """What came of a file of answers.

    Attributes:
        kept: Users' questions whose answers are kept now.
        failed: Reasons of those among them that the model answered badly.
        replaced: Those among them that had been answered badly before.
        before: Questions that were answered before and stay so.
        invalid: Questions whose answer is none, for it lacks what a slate is ranked by: not kept.
        errors: Questions that the server answered with an error: not kept.
        unanswered: Questions that the file does not answer.
        cells: Cells that were made without what is kept now, and are not there any more: the next run makes them.
    """

    kept: int
    failed: dict[str, int]
    replaced: int
    before: int
    invalid: int
    errors: int
    unanswered: int
    cells: int


def read_answers(folder: Path, plan: Plan, answered: Path) -> Read:
    """Keep the answers of a file that ``vllm run-batch`` made of one that :func:`write_questions` wrote into the same folder.

    A good answer takes the place of one that failed, and cells that were made without it are taken away as soon as every question of
    theirs has an answer.

    Raises:
        ConfigError: The suite asks no language model.
        DataError: The file is no such answers, or answers what was not asked here.
    """
    llm = llm_of(plan)
    name, labels = _asked_in(folder, answered)
    train(folder, plan, _nothing_said)  # where the code has changed since, candidates are made anew
    counts = {asked: len(tokens) for asked, tokens in labels.items()}
    longest = max(labels.values(), key=len)
    scorer = _Answered(name, read_batch(answered, counts, longest))
    found: Counter[str] = Counter()
    new, seen = dict[str, dict[str, Any]](), set[str]()
    with alone(folder):
        turns = list(each_prompt(folder, plan))
        for _, prompt, questions in turns:
            calls, keys = kept_calls(folder, llm, questions, prompt, name)
            read = _Better(calls)
            passing = ask_about(scorer, llm, read, keys, questions, _untold, str(answered), timed=False)
            for key in dict.fromkeys(keys):
                if key in seen:  # retrievers that ask the same share the answer
                    continue
                seen.add(key)
                what = _what(calls.get(key), read.found.get(key), passing.get(key))
                found[what] += 1
                if what in {"kept", "replaced"}:
                    new[key] = read.found[key]
        cells = 0
        for (
            pool,
            prompt,
            questions,
        ) in turns:  # before anything is kept: a cell too many that is gone is only made again
            calls, keys = kept_calls(folder, llm, questions, prompt, name)
            answers = [new.get(key) or calls.get(key) for key in keys]
            if None not in answers and not new.keys().isdisjoint(keys):
                cells += _forget(folder, plan, pool, prompt, name)
        left = dict(new)
        for _, prompt, questions in turns:
            calls, keys = kept_calls(folder, llm, questions, prompt, name)
            for key in keys:
                if (answer := left.pop(key, None)) is not None:
                    calls.add(key, answer)
    failed = Counter(answer["reason"] for answer in new.values() if answer["reason"])
    return Read(
        found["kept"] + found["replaced"], dict(failed), found["replaced"], found["before"], found["invalid"], found["errors"],
        found["unanswered"], cells,
    )  # fmt: skip


class _Better:
    """Answers that are read and not kept yet; what was answered well before is not asked again.

    Args:
        before: Answers so far.
    """

    def __init__(self, before: Calls) -> None:
        self._before = before
        self.found: dict[str, dict[str, Any]] = {}

    def get(self, asked: str) -> dict[str, Any] | None:
        """As :meth:`eval.suite.calls.Answers.get`."""
        known = self._before.get(asked)
        return known if known is not None and known["reason"] is None else None

    def add(self, asked: str, answer: dict[str, Any]) -> None:
        """As :meth:`eval.suite.calls.Answers.add`, in memory."""
        self.found[asked] = answer


def _what(before: dict[str, Any] | None, now: dict[str, Any] | None, passing: dict[str, Any] | None) -> str:
    """What comes of one question: a field of :class:`Read`."""
    if now is not None and now["reason"] is None and before is not None:
        return "replaced"
    if not is_open(before):
        return "before"
    if now is not None:
        return "invalid" if is_open(now) else "kept"
    return "unanswered" if passing is None or passing["reason"] == Reason.UNREACHABLE else "errors"


def _forget(folder: Path, plan: Plan, pool: PoolUnit, prompt: str, name: str) -> int:
    """Take away the cells that were made of answers which are others now; returns how many."""
    gone = 0
    for unit in plan.units:
        path = unit_path(folder, unit)
        if (unit.pool, unit.reranker, unit.prompt) == (pool, "llm", prompt) and name_of(unit.model) == name:
            gone += len(unit.lambdas) if path.exists() else 0
            path.unlink(missing_ok=True)
    return gone


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
        said = self._found.get(asked_id(self.model, messages, count))
        if said is None:
            raise LLMFailure(Reason.UNREACHABLE, "the batch does not hold this question")
        if isinstance(said, LLMFailure):
            raise said
        return said


def _nothing_said(_what: str, _done: float, _total: float) -> None:
    """Candidates are there as a rule."""


def _untold(_done: int, _of: int) -> None:
    """Reading a file is no wait."""


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
