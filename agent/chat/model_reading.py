"""What a language model reads of a request beyond the rules: shares to raise or lower, and titles that were misspelt.

It steers, it never forbids: a group it names is given more or less of the list, visibly and to be taken back, for a
condition that nobody stated would hide items without a word. Groups come from the catalogue by the schema of the answer, and a
title counts only if the request holds something that reads like it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from rapidfuzz import fuzz

from agent.llm.failures import LLMFailure, Reason
from retrieval.titles import TitleIndex, spelled

_MOST = 3
_TITLE = 80
_ALIKE = 80.0  # of 100: "the godfater" and "The Godfather"
_SHORTEST = 4  # letters of a title; a shorter one is alike to anything


@dataclass(frozen=True, slots=True)
class ModelReading:
    """What the model adds.

    Attributes:
        more: Groups that there should be more of.
        less: Groups that there should be less of.
        titles: Internal ids of titles that the request means.
    """

    more: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    titles: tuple[int, ...] = ()


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    more: list[str]
    less: list[str]
    titles: list[str]


def schema(groups: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of the answer: no group can be invented."""
    listed = {"type": "array", "items": {"enum": list(groups)}, "maxItems": _MOST}
    title = {"type": "string", "maxLength": _TITLE}
    return {
        "type": "object",
        "properties": {"more": listed, "less": listed, "titles": {"type": "array", "items": title, "maxItems": _MOST}},
        "required": ["more", "less", "titles"],
        "additionalProperties": False,
        "x-guidance": {"whitespace_flexible": False},
    }


def read_answer(text: object, message: str, groups: Sequence[str], titles: TitleIndex) -> ModelReading:
    """Strictly read an answer, and drop of it what nothing bears out.

    Args:
        text: As the model wrote it.
        message: The request.
        groups: That the catalogue has.
        titles: Of the catalogue.

    Raises:
        LLMFailure: It is no such object.
    """
    try:
        said = _Answer.model_validate_json(text if isinstance(text, str) else "")
    except ValidationError as why:
        raise LLMFailure(Reason.INVALID_ANSWER, "the answer is no reading of a request") from why
    more = tuple(dict.fromkeys(g for g in said.more if g in groups))
    less = tuple(dict.fromkeys(g for g in said.less if g in groups and g not in more))
    meant = (titles.find(name) for name in said.titles if _borne_out(name, message))
    return ModelReading(more, less, tuple(dict.fromkeys(item for item in meant if item is not None)))


def _borne_out(title: str, message: str) -> bool:
    name = spelled(title)
    return len(name) >= _SHORTEST and fuzz.partial_ratio(name, spelled(message)) >= _ALIKE
