"""Batches in OpenAI's format, for ``vllm run-batch``: the same question that a request asks, without a server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage
from pydantic import ValidationError

from agent.llm.chat import ABOUT_THE_REQUEST
from agent.llm.failures import LLMFailure, Reason
from agent.llm.labels import TEMPLATE, Label
from agent.llm.scorer import SAMPLING, LabelScores, read_answer
from eval.interchange.lines import Open, first_error, numbered_lines
from prompts.template import Message
from retrieval.errors import DataError

_URL = "/v1/chat/completions"


class _Answer(Open):
    custom_id: str
    response: dict[str, Any] | None = None
    error: Any = None


def write_batch(
    path: Path, prompts: Iterable[tuple[str, Sequence[Message], int]], model: str, labels: Sequence[Label]
) -> int:
    """A batch that asks for what :class:`agent.llm.scorer.LabelScorer` asks for, one user a line.

    Run it with ``vllm run-batch -i IN -o OUT --model MODEL``, and read OUT with :func:`read_batch`.

    Args:
        path: File.
        prompts: ``custom_id``, messages, and the number of candidates; ids are distinct.
        model: Name under which the model is served.
        labels: At least as many as the most candidates, verified for this model.

    Returns:
        Number of lines.

    Raises:
        DataError: An id stands twice, or there are fewer labels than candidates.
    """
    known: set[str] = set()
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for custom_id, messages, count in prompts:
            if custom_id in known:
                raise DataError(f"{path}: custom_id {custom_id!r} stands twice", "answers are matched by it")
            if count > len(labels):
                raise DataError(f"{path}: {custom_id!r} has {count} candidates for {len(labels)} labels", "show fewer")
            known.add(custom_id)
            body = {
                "model": model,
                "messages": [{"role": message.role, "content": message.content} for message in messages],
                "logprobs": True,
                **SAMPLING,
                "logprob_token_ids": [label.token for label in labels[:count]],
                "return_tokens_as_token_ids": True,
                "repetition_penalty": 1.0,
                "chat_template_kwargs": TEMPLATE,
            }
            line = {"custom_id": custom_id, "method": "POST", "url": _URL, "body": body}
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    return len(known)


def read_batch(path: Path, counts: Mapping[str, int], labels: Sequence[Label]) -> dict[str, LabelScores | LLMFailure]:
    """Answers of a batch by ``custom_id``: scores, or why there are none.

    Args:
        path: What ``vllm run-batch`` wrote.
        counts: Candidates of each ``custom_id`` that was asked; one without an answer is a failure too.
        labels: Those that were asked for.

    Raises:
        DataError: A line is no answer, or answers what was not asked.
    """
    found: dict[str, LabelScores | LLMFailure] = {}
    for number, line in numbered_lines(path):
        try:
            answer = _Answer.model_validate_json(line)
        except ValidationError as why:
            raise DataError(f"{path}: line {number}: {first_error(why)}", "each line answers one custom_id") from why
        if answer.custom_id not in counts:
            raise DataError(
                f"{path}: line {number} answers {answer.custom_id!r}, which was not asked",
                "read the batch it belongs to",
            )
        found[answer.custom_id] = _scores(answer, labels[: counts[answer.custom_id]])
    # Nobody answered: trouble that may pass, and no answer of the model's.
    missing = LLMFailure(Reason.UNREACHABLE, "the batch holds no answer")
    return {custom_id: found.get(custom_id, missing) for custom_id in counts}


def _scores(answer: _Answer, labels: Sequence[Label]) -> LabelScores | LLMFailure:
    response = answer.response or {}
    status = response.get("status_code", 200)
    if answer.error or status != 200:
        reason = Reason.REFUSED if status in ABOUT_THE_REQUEST else Reason.HTTP_ERROR
        return LLMFailure(reason, f"answered {response.get('status_code', answer.error)}")
    try:
        body = response["body"]
        choice, usage = body["choices"][0], body["usage"]
        message = AIMessage(
            content=choice["message"]["content"] or "",
            response_metadata={"logprobs": choice["logprobs"]},
            usage_metadata={
                "input_tokens": usage["prompt_tokens"],
                "output_tokens": usage["completion_tokens"],
                "total_tokens": usage["total_tokens"],
            },
        )
        return read_answer(message, labels)
    except LLMFailure as failure:
        return failure
    except (LookupError, TypeError, ValueError, AttributeError) as why:
        return LLMFailure(Reason.INVALID_ANSWER, f"{type(why).__name__} while reading the answer")
