"""What comes in and goes out over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from agent.chat.dialogue import MOST_WORDS
from agent.chat.reading import MAX_K
from agent.memory.people import Kind, Said
from agent.request import MOST_SHIFT
from agent.rerank.limits import CountRule
from agent.slate import PersonaCard, Slate

Name = Annotated[str, StringConstraints(min_length=1, max_length=400, pattern=r"^[^\x00]*$")]
_PLAIN = r"[^\x00-\x1f\x7f]"
User = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=400, pattern=rf"^\.{{0,2}}[^\x00-\x1f\x7f.]{_PLAIN}*$|^\.{{3}}{_PLAIN}*$"
    ),
]
"""Who: without control characters, and not "." or "..", which no client can send as a part of a path."""
Words = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]
Message = Annotated[str, StringConstraints(min_length=1, max_length=MOST_WORDS, pattern=r"^[^\x00]*$")]
Lam = Annotated[float, Field(ge=0.0, le=1.0, description="0 is only relevance, 1 only calibration")]
Deadline = Annotated[
    int, Field(ge=1, le=120_000, description="the list is there by then; without the language model if need be")
]
Note = Literal[
    "", "already liked", "not in the catalogue", "nobody liked it yet", "does not meet the query", "repeated"
]
Names = Annotated[list[Name], Field(max_length=1000)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecommendBody(_Closed):
    """A request for a list."""

    user: User | None = Field(
        default=None, description="a user of the data, or any id of yours: feedback is kept under it"
    )
    request: Words = Field(default="", description="what is wanted, in words")
    like: Names = Field(default=[], description="titles or item ids that the person likes")
    k: Annotated[int, Field(ge=1, le=MAX_K)] | None = Field(default=None, description="how many; else as said, else 10")
    deadline_ms: Deadline | None = None
    lam: Lam | None = None
    max_kl: Annotated[float, Field(ge=0.0)] | None = Field(
        default=None, description="largest calibration error, instead of lam"
    )
    rules: Annotated[list[CountRule], Field(max_length=50)] = Field(
        default=[], description="how many items of some groups the list may hold"
    )
    include: Annotated[list[Name], Field(max_length=MAX_K)] = Field(
        default=[], description="titles or item ids that must be there"
    )
    exclude: Names = Field(default=[], description="titles or item ids that must not")
    shift: Annotated[dict[Name, Annotated[float, Field(ge=0.0, le=MOST_SHIFT)]], Field(max_length=100)] = Field(
        default={}, description="factors by which shares of groups are to grow or shrink"
    )
    trace: bool = Field(default=False, description="whether the list tells how it was made")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"user": "1", "request": "a funny science fiction film from the 90s", "k": 5},
                {"like": ["Alien (1979)", "Fargo (1996)"], "lam": 0.8, "rules": [{"value": "Horror", "at_most": 1}]},
            ]
        },
    )


class FeedbackItem(_Closed):
    """One word on one item."""

    item: Name = Field(description="item id, or title")
    kind: Kind
    value: Annotated[float, Field(ge=1.0, le=5.0)] | None = Field(
        default=None, description="with a rating: from 4 a like, up to 2 a dislike"
    )

    @model_validator(mode="after")
    def _value_goes_with_rating(self) -> FeedbackItem:
        if (self.value is None) is (self.kind is Kind.RATING):
            raise ValueError("value goes with the kind 'rating' and with no other")
        return self


class FeedbackBody(_Closed):
    """What somebody says of items."""

    user: User
    feedback: Annotated[list[FeedbackItem], Field(min_length=1, max_length=1000)]

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"user": "1", "feedback": [{"item": "Alien (1979)", "kind": "like"}]}]},
    )


class FeedbackKept(_Closed):
    """What was kept. When this has been answered, it is on the disk."""

    kept: int
    items: list[str] = Field(description="external ids, as the items were understood")


class Personas(_Closed):
    """Somebody's tastes."""

    user: str
    personas: list[PersonaCard]


class ChatBody(_Closed):
    """One message of a conversation."""

    message: Message
    user: User | None = None
    conversation: Name | None = Field(default=None, description="id from the reply before; none starts a new one")
    lam: Lam | None = None
    deadline_ms: Deadline | None = None
    stream: bool = Field(default=False, description="server-sent events: understood, then reply")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"user": "1", "message": "something like Heat but funny"}]}
    )


class ChatReply(_Closed):
    """The answer to a message."""

    conversation: str
    turn: int
    intent: str
    text: str
    understood: dict[str, Any] = Field(description="everything that is asked for now")
    changes: list[str]
    slate: Slate | None


class AgainBody(_Closed):
    """The last list of a conversation once more, with another lambda."""

    user: User | None = None
    lam: Lam | None = None
    deadline_ms: Deadline | None = None


class Document(_Closed):
    """One candidate."""

    id: Name | None = Field(default=None, description="item id of the catalogue")
    text: Words = Field(default="", description="title, or a text about it")


_OF_OTHERS = frozenset(
    ("max_tokens_per_doc", "max_chunks_per_doc", "rank_fields", "priority", "truncation", "return_embeddings")
)
"""Fields of Cohere's and Jina's rerank APIs that have nothing to act on here: no document is cut, and none has fields."""


class RerankBody(_Closed):
    """Candidates to be reranked. Bodies made for Jina's and Cohere's rerank APIs pass; what only they have is passed over."""

    @model_validator(mode="before")
    @classmethod
    def _of_others(cls, body: Any) -> Any:
        return {k: v for k, v in body.items() if k not in _OF_OTHERS} if isinstance(body, dict) else body

    query: Words = Field(default="", description="what is wanted, in words")
    documents: Annotated[list[Words | Document], Field(min_length=1, max_length=1000)] = Field(
        description="titles or item ids as texts, or objects with the id"
    )
    user: User | None = Field(default=None, description="a user of the data, or any id of yours")
    like: Names = Field(default=[], description="titles or item ids that the person likes")
    top_n: Annotated[int, Field(ge=1, le=1000)] | None = Field(default=None, description="how many results; else all")
    lam: Lam | None = None
    deadline_ms: Deadline | None = None
    return_documents: bool = Field(default=False, description="whether results carry their texts")
    model: str | None = Field(default=None, description="accepted for clients that send one; there is only one")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"user": "zoe", "query": "comedies", "documents": ["Alien (1979)", "Groundhog Day (1993)"]}]
        },
    )


class RerankResult(_Closed):
    """One candidate in its new place."""

    index: int = Field(description="place in the documents that were sent")
    relevance_score: float = Field(description="0 to 1, falling along the list")
    note: Note = Field(
        default="",
        description="why it stands behind those that were ranked for the person; what they like already stands there in the order of the query",
    )
    document: dict[str, str] | None = None


class RerankReply(_Closed):
    """Candidates, best first."""

    model: str
    results: list[RerankResult]
    usage: dict[str, int]
    ranker_used: str
    degraded_reason: str | None


class FoundItem(_Closed):
    """An item that was searched for."""

    item_id: str
    title: str
    categories: list[str]
    year: int | None


class Found(_Closed):
    """Items by their titles, best first."""

    items: list[FoundItem]


class Starters(Found):
    """What a stranger can pick from, and what one can say of lists of this catalogue."""

    critiques: list[str] = Field(description='what asks for the next list relative to the last one: "cheaper", "older"')


class Deleted(_Closed):
    """How much was deleted of a person."""

    user: str
    rows: int


class Conversation(_Closed):
    """What is kept of one conversation."""

    conversation: str
    turns: list[dict[str, Any]] = Field(description="number, what was said, the reply, and when")


class ConversationDeleted(_Closed):
    """How much was deleted of a conversation."""

    conversation: str
    turns: int


class Reloaded(_Closed):
    """The model that serves now."""

    generation: int
    dataset: str
    items: int


def said(item_id: str, one: FeedbackItem) -> Said:
    """Feedback as it is kept."""
    return Said(item_id, one.kind, one.value)
