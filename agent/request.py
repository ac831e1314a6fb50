"""What is asked for: a known user or liked items, words, and conditions that the slate must keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent.chat.reading import MAX_K, Reading
from agent.rerank.limits import CountRule
from retrieval.errors import ConfigError

DEFAULT_K = 10
DEFAULT_DEADLINE_MS = 5000
MOST_SHIFT = 100.0


class Asked(TypedDict, total=False):
    """Keywords of :meth:`agent.recommender.Recommender.recommend`.

    Attributes:
        user: External id of a user of the data.
        like: Titles or item ids of things the person likes.
        k: Length of the slate; else as the request says, else 10.
        deadline_ms: The slate is there by then; if the language model is not, without it.
        rules: How many items of some groups the slate may hold.
        include: Titles or item ids that must be in the slate.
        exclude: Titles or item ids that must not.
        dislike: Titles or item ids that must not, and that say nothing of the person's tastes although the data say so.
        among: Titles or item ids of the only candidates; else the whole catalogue.
        lam: lambda for this request: 0 is only relevance, 1 only calibration; else as configured.
        shift: Factor by which the share of a group is to grow (above 1) or shrink; "taste 2" is a group along personas.
        reading: What was understood, where the caller read the request; else it is read here.
        max_kl: Calibration error that the slate may not exceed, with as much relevance as that leaves.
        trace: Whether the slate tells how it came about.
        who: Stable name of who asks, where it is not the user: experiments go by it.
    """

    user: str | None
    like: Sequence[str]
    k: int | None
    deadline_ms: int
    rules: Sequence[CountRule]
    include: Sequence[str]
    exclude: Sequence[str]
    dislike: Sequence[str]
    among: Sequence[str]
    lam: float | None
    shift: Mapping[str, float]
    reading: Reading | None
    max_kl: float | None
    trace: bool
    who: str | None


class Request(BaseModel):
    """One request, checked; see :class:`Asked` for the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: Annotated[str, Field(max_length=10_000)] = ""
    user: str | None = None
    like: tuple[str, ...] = ()
    k: Annotated[int, Field(ge=1, le=MAX_K)] | None = None
    deadline_ms: Annotated[int, Field(ge=1)] = DEFAULT_DEADLINE_MS
    rules: tuple[CountRule, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    dislike: tuple[str, ...] = ()
    among: tuple[str, ...] = ()
    lam: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    shift: dict[str, Annotated[float, Field(ge=0.0, le=MOST_SHIFT)]] = {}
    reading: Reading | None = None
    max_kl: Annotated[float, Field(ge=0.0)] | None = None
    trace: bool = False
    who: str | None = None

    @field_validator("like", "include", "exclude", "dislike", "among", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


def checked(request: str, asked: Asked) -> Request:
    """A request out of the keywords of a call.

    Raises:
        ConfigError: A value is out of range; names the field.
    """
    try:
        return Request.model_validate({"request": request, **asked})
    except ValidationError as why:
        first = why.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        raise ConfigError(f"{where}: {first['msg']}", f"it was {first['input']!r:.80}") from why
