"""The language model's two smaller parts in a conversation, both off unless asked for: reading and phrasing.

At most one structured call a turn: a request is read where words are left that no rule reads, an explanation is phrased where
one is asked for. Whatever fails or is late leaves the rules' reading and the plain facts, by wiring::

    read( breaker( the model, within its time ) )  --LLMFailure-->  as it was
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any, TypeVar

from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel, ConfigDict, Field

from agent.chat.model_reading import ModelReading, read_answer, schema
from agent.chat.phrasing import borne_out
from agent.llm.breaker import Breaker
from agent.llm.chat import Chat
from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure, Reason
from agent.llm.loop import on_shared_loop
from prompts.rerank import clean
from prompts.template import Prompt, load
from retrieval.titles import TitleIndex

_READING_TOKENS = 120
_PHRASE_TOKENS = 160
_MOST_GROUPS = 60
_MESSAGE = 600  # characters that are read
_FACTS = 1500
_FAILURES, _REST_S = 3, 30.0

T = TypeVar("T")


class AssistantConfig(BaseModel):
    """What the model does beside ranking."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reads: bool = Field(default=False, description="whether it reads what the rules leave of a request")
    phrases: bool = Field(default=False, description="whether it phrases explanations")
    seconds: float = Field(default=2.0, gt=0.0, description="most time that either may take")


@dataclass(frozen=True, slots=True)
class _Question:
    prompt: Prompt
    inputs: dict[str, Any]
    most: int
    extra: dict[str, Any]
    seconds: float


class Assistant:
    """Reads and phrases through one server; without one, nothing is changed.

    Args:
        endpoint: Where the server is now, or None.
        config: Settings.
    """

    def __init__(self, endpoint: Callable[[], Endpoint | None], config: AssistantConfig) -> None:
        self.config = config
        self._endpoint = endpoint
        self._chat: Chat | None = None
        self._breaker = Breaker(_FAILURES, _REST_S)
        self._read, self._phrase = _prompt("read-request"), _prompt("phrase-why")

    async def reading(
        self, message: str, unread: str, groups: Sequence[str], titles: TitleIndex, seconds: float
    ) -> ModelReading:
        """What the model reads of a message, beyond the rules; nothing where it fails.

        Args:
            message: What was said.
            unread: Words of it that no rule reads; without any the model is not asked.
            groups: Along which shares are kept.
            titles: Of the catalogue.
            seconds: That are left of the turn for this.
        """
        if not (self.config.reads and unread and groups):
            return ModelReading()
        shown = list(groups[:_MOST_GROUPS])
        inputs = {"categories": shown, "message": clean(message, _MESSAGE), "unread": clean(unread, _MESSAGE)}
        question = _Question(
            self._read, inputs, _READING_TOKENS, {"structured_outputs": {"json": schema(shown)}}, seconds
        )
        return await self._asked(question, lambda text: read_answer(text, message, shown, titles), ModelReading())

    async def phrased(self, facts: str, seconds: float) -> str:
        """Facts in the model's words, of which only sentences stay that the facts bear out; else the facts as they are."""
        if not self.config.phrases:
            return facts
        question = _Question(self._phrase, {"facts": clean(facts, _FACTS)}, _PHRASE_TOKENS, {}, seconds)
        return await self._asked(question, lambda text: borne_out(text, facts), "") or facts

    async def _asked(self, question: _Question, read: Callable[[str], T], otherwise: T) -> T:
        """What is read of the model's answer, or something else where the model fails."""

        async def ask(question: _Question) -> T:
            return read(await self._answer(question))

        wired = RunnableLambda(ask).with_fallbacks(
            [RunnableLambda(lambda _: otherwise)], exceptions_to_handle=(LLMFailure,)
        )
        return await on_shared_loop(wired.ainvoke(question))

    async def _answer(self, question: _Question) -> str:
        endpoint = self._endpoint()
        if endpoint is None:
            raise LLMFailure(Reason.UNREACHABLE, "no server is known")
        call = self._breaker.admit()
        if call is None:
            raise LLMFailure(Reason.CIRCUIT_OPEN, "the server failed a few times in a row")
        if self._chat is None or self._chat.endpoint != endpoint:
            self._chat = Chat(endpoint)
        messages = question.prompt.render(**question.inputs)
        limit = min(question.seconds, self.config.seconds)
        report = self._breaker.failed
        try:
            answer = await self._chat.ask(messages, limit, max_tokens=question.most, extra=question.extra)
            report = self._breaker.answered
        finally:
            report(call)
        return answer.content if isinstance(answer.content, str) else ""


def _prompt(name: str) -> Prompt:
    with as_file(files("prompts") / "chat" / f"{name}.j2") as path:
        return load(str(path))
