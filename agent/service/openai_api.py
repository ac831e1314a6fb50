"""Routes of OpenAI's API, for any chat client: the last message is the request, the list comes back as text and as data."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from agent.memory.keys import Caller, Scope
from agent.service.access import needs
from agent.service.bodies import Name, User
from agent.service.chat import reply_of
from agent.service.context import Context, context_of, note
from agent.service.errors import DOCUMENTED, STREAMED
from agent.service.rerank import MODEL
from agent.service.talk import Talk, Told
from retrieval.errors import ConfigError, NotFoundError

router = APIRouter(prefix="/v1", responses=DOCUMENTED, tags=["OpenAI-compatible"])
Parts = Annotated[Context, Depends(context_of)]
Writer = Annotated[Caller, Depends(needs(Scope.WRITE))]
Reader = Annotated[Caller, Depends(needs(Scope.READ))]


_Stop = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Annotated[str, Field(max_length=40)]
    text: Annotated[str, Field(max_length=100_000)] = ""


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str, Field(max_length=100_000)] | Annotated[list[_Part], Field(max_length=100)] | None = None

    @field_validator("content")
    @classmethod
    def _text(cls, content: str | list[_Part] | None) -> str | list[_Part] | None:
        if "\x00" in (content or "" if isinstance(content, str | None) else "".join(part.text for part in content)):
            raise ValueError("text cannot hold the character NUL")
        return content

    def text(self) -> str:
        """The words of the message."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")

    include_usage: bool = False


class _Format(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["text"]


class CompletionBody(BaseModel):
    """As OpenAI's chat completions.

    Sampling and lengths are accepted and have nothing to act on, for a list is neither sampled nor cut. Tools may be offered
    and are never called; who requires one, or another format than text, is refused.
    """

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {"model": MODEL, "user": "1", "messages": [{"role": "user", "content": "like Heat but funny"}]}
            ]
        },
    )

    model: Annotated[str, Field(max_length=200)] = MODEL
    messages: Annotated[list[_Message], Field(min_length=1, max_length=1000)]
    user: User | None = Field(default=None, description="who asks; their history and feedback count")
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=1, description="one list is one answer")] | None = 1
    stop: _Stop | Annotated[list[_Stop], Field(max_length=16)] | None = Field(
        default=None, description="the text ends before the first of these"
    )
    response_format: _Format | None = None
    tool_choice: Literal["none", "auto"] | None = None

    def cut(self, text: str) -> str:
        """A text up to the first sequence that is to stop it."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]


@router.get("/models", summary="The models, as OpenAI lists them")
async def models(parts: Parts, _caller: Reader) -> dict[str, Any]:
    """The one model there is."""
    return {"object": "list", "data": [_model(parts)]}


@router.get("/models/{model}", summary="A model by its name")
async def model_of(model: Name, parts: Parts, _caller: Reader) -> dict[str, Any]:
    """The one model there is, by its name."""
    _is_served(model)
    return _model(parts)


def _model(parts: Context) -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": int(parts.now.stamp[1] / 1e9), "owned_by": "polytaste"}


def _is_served(model: str) -> None:
    if model != MODEL:
        raise NotFoundError(f"model: {model!r} is not served", f"the one model is {MODEL!r}", (MODEL,))


@router.post(
    "/chat/completions", summary="Say something, as an OpenAI client", response_model=ChatCompletion, responses=STREAMED
)
async def completions(body: CompletionBody, request: Request, parts: Parts, caller: Writer) -> Response:
    """One turn of a conversation. What was said before is recognised from the messages; `user` is the person.

    The list as data stands under `polytaste` of the answer, or of the last chunk with content. `usage` counts what the ranking
    language model read and wrote, not the words of the answer, which no model writes: it is 0 where none was asked.
    """
    _is_served(body.model)
    talk = [m for m in body.messages if m.role in {"user", "assistant"}]
    if not talk or talk[-1].role != "user" or not talk[-1].text().strip():
        raise ConfigError("messages: the last must be the user's and have text", "say what is wanted")
    history = [(m.role, m.text()) for m in talk[:-1]]
    told = await Talk(parts, caller).continued(history, talk[-1].text(), body.user, None)
    slate = told.reply.slate
    note(request, intent=told.reply.intent.value, ranker=slate.ranker_used if slate else None)
    if not body.stream:
        return JSONResponse(_completion(told, body))
    usage = bool(body.stream_options and body.stream_options.include_usage)
    return StreamingResponse(
        _chunks(told, body, usage=usage), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


def _usage(told: Told) -> dict[str, int]:
    slate = told.reply.slate
    prompt, completion = (slate.tokens.prompt, slate.tokens.completion) if slate else (0, 0)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _completion(told: Told, body: CompletionBody) -> dict[str, Any]:
    message = {"role": "assistant", "content": body.cut(told.reply.full())}
    made = ChatCompletion.model_validate(
        {
            "id": f"chatcmpl-{told.conversation}-{told.turn}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": _usage(told),
        }
    )
    return made.model_dump(mode="json", exclude_none=True) | {"polytaste": reply_of(told).model_dump(mode="json")}


async def _chunks(told: Told, body: CompletionBody, *, usage: bool) -> AsyncIterator[str]:
    common = {
        "id": f"chatcmpl-{told.conversation}-{told.turn}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": MODEL,
    }

    def line(choices: list[dict[str, Any]], **more: Any) -> str:
        chunk = ChatCompletionChunk.model_validate({**common, "choices": choices, **more})
        data = chunk.model_dump(mode="json", exclude_none=True)
        for choice in data["choices"]:
            choice.setdefault("finish_reason", None)  # the API has the key in every chunk
        return f"data: {json.dumps(data)}\n\n"

    def delta(content: dict[str, Any], finish: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": content, "finish_reason": finish}]

    yield line(delta({"role": "assistant", "content": ""}))
    for piece in body.cut(told.reply.full()).splitlines(keepends=True):
        yield line(delta({"content": piece}))
    yield line(delta({}, "stop"), polytaste=reply_of(told).model_dump(mode="json"))
    if usage:
        yield line([], usage=_usage(told))
    yield "data: [DONE]\n\n"
