"""Errors over HTTP: one shape for all of them, OpenAI's with a remedy, and a status that fits."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from agent.memory.database import ConflictError, StorageError
from retrieval.errors import ConfigError, DataError, NotFoundError, PolytasteError, ServerError

log = logging.getLogger("polytaste.service")

AWAY = "the database does not answer or cannot be written"
_FIELD = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*): ")
_REMEDIES = {
    "json_invalid": "send one JSON object in UTF-8",
    "missing": "send it",
    "extra_forbidden": "leave it out, or mend its spelling: /docs has the fields",
    "string_pattern_mismatch": "leave out control characters; an id of a person is not . or .. either",
}

_AT_START = {"axis": "--axis"}
"""Fields that the command line has and no request, with the option of the service that sets them for all."""

_STATUS: tuple[tuple[type[PolytasteError], int], ...] = (
    (StorageError, 503),
    (ConflictError, 409),
    (ServerError, 503),
    (NotFoundError, 404),
    (ConfigError, 400),
    (DataError, 400),
)


class ErrorDetail(BaseModel):
    """What went wrong and what to do."""

    model_config = ConfigDict(extra="forbid")

    message: str
    type: str = Field(description="kind of error, stable")
    code: str = Field(description="the HTTP status in words, as OpenAI clients read it")
    param: str | None = Field(default=None, description="field that is wrong")
    remedy: str = Field(default="", description="what to do next")
    suggestions: list[str] = Field(default=[], description="names that do exist, best first")


class ErrorBody(BaseModel):
    """The body of every answer that is an error."""

    model_config = ConfigDict(extra="forbid")

    error: ErrorDetail


class Refused(Exception):  # noqa: N818  (named for what it is to the caller)
    """A request that is turned away before it is looked at."""

    def __init__(self, status: int, kind: str, message: str, remedy: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.remedy = remedy
        self.retry_after_s = retry_after_s


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": HTTPStatus(status).phrase}
    for status in (400, 401, 403, 404, 409, 413, 422, 429, 503)
}
"""For the OpenAPI of every route."""

STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer, or its events",
        "content": {
            "text/event-stream": {
                "schema": {"type": "object", "properties": {"event": {"type": "string"}, "data": {"type": "string"}}}
            }
        },
    }
}
"""For routes that stream where they are asked to."""


def error_response(
    status: int,
    kind: str,
    message: str,
    *,
    param: str | None = None,
    remedy: str = "",
    suggestions: tuple[str, ...] = (),
    retry_after_s: float | None = None,
) -> JSONResponse:
    """An error as a response."""
    code = HTTPStatus(status).phrase.lower().replace(" ", "_")
    detail = ErrorDetail(
        message=message, type=kind, code=code, param=param, remedy=remedy, suggestions=list(suggestions)
    )
    headers = {} if retry_after_s is None else {"Retry-After": str(max(1, round(retry_after_s)))}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": detail.model_dump()}, status, headers)


@contextmanager
def field(name: str) -> Generator[None]:
    """What is not found in the block was named in this field."""
    try:
        yield
    except NotFoundError as why:
        raise NotFoundError(f"{name}: {why.message}", why.remedy, why.suggestions) from why


def placed(why: NotFoundError, resolve: Callable[[str], int], named: Mapping[str, Sequence[str]]) -> NotFoundError:
    """What was not found, with the field that names it, out of fields that hold many names."""
    try:
        for name, items in named.items():
            for at, item in enumerate(items):
                with field(f"{name}.{at}"):
                    resolve(item)
    except NotFoundError as found:
        return found
    return why


def install(app: FastAPI) -> None:
    """Let the app answer every error in the one shape. What nobody foresaw is answered by :class:`agent.service.observe.Observed`."""

    @app.exception_handler(PolytasteError)
    async def ours(_request: Request, why: PolytasteError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        status = next((s for kind, s in _STATUS if isinstance(why, kind)), 400)
        message = why.message
        if isinstance(why, StorageError):  # the driver's words name the host, the database and its user
            log.warning("database", extra={"fields": {"why": message}})
            message = AWAY
        head = _FIELD.match(message) if isinstance(why, ConfigError | NotFoundError | ConflictError) else None
        return error_response(
            status,
            type(why).__name__,
            message,
            param=head.group(1) if head else None,
            remedy=why.remedy,
            suggestions=why.suggestions if isinstance(why, NotFoundError) else (),
            retry_after_s=2.0 if status == 503 else None,
        )

    @app.exception_handler(Refused)
    async def refused(_request: Request, why: Refused) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        return error_response(why.status, why.kind, why.message, remedy=why.remedy, retry_after_s=why.retry_after_s)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, why: RequestValidationError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        first = why.errors()[0]
        kind = first["type"]
        if kind == "json_invalid":  # its place is a number of characters, not a field
            cause = f"body: not JSON at character {first['loc'][-1]} ({first['ctx']['error']})"
            return error_response(422, "InvalidRequest", cause, param="body", remedy=_REMEDIES[kind])
        if kind == "model_attributes_type" and "json" not in request.headers.get("content-type", ""):
            cause = "body: not sent as JSON"
            return error_response(
                422, "InvalidRequest", cause, param="body", remedy="send the header Content-Type: application/json"
            )
        where = ".".join(str(part) for part in first["loc"][1:]) or "body"
        remedy = _REMEDIES.get(kind, "see /docs for what it may be")
        if kind == "extra_forbidden" and where in _AT_START:
            remedy = f"leave it out: it is set for the whole service, polytaste serve {_AT_START[where]}"
        return error_response(422, "InvalidRequest", f"{where}: {first['msg']}", param=where, remedy=remedy)

    @app.exception_handler(HTTPException)
    async def http(_request: Request, why: HTTPException) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        unread = (
            why.status_code == 400
        )  # of FastAPI's own: bytes that are no text, nesting or numbers beyond all bounds
        response = error_response(
            why.status_code,
            "HttpError",
            f"body: {why.detail}" if unread else str(why.detail),
            param="body" if unread else None,
            remedy=_REMEDIES["json_invalid"] if unread else "see /docs for the routes",
        )
        response.headers.update(why.headers or {})
        return response


def unexpected(why: Exception, number: str) -> JSONResponse:
    """The answer to an error that nobody foresaw, which is logged: its kind and place, for its message may hold anybody's words."""
    log.error("unexpected error", exc_info=why, extra={"fields": {"request_id": number}})
    return error_response(
        500, "Unexpected", "something went wrong that should not", remedy=f"tell the operator: request {number}"
    )
