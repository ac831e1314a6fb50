"""Errors over HTTP: one shape for all of them, OpenAI's with a remedy, and a status that fits."""

from __future__ import annotations

import logging
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


def install(app: FastAPI) -> None:
    """Let the app answer every error in the one shape."""

    @app.exception_handler(PolytasteError)
    async def ours(_request: Request, why: PolytasteError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        status = next((s for kind, s in _STATUS if isinstance(why, kind)), 400)
        param = head if (head := why.message.split(":", 1)[0]).replace("_", "").replace(".", "").isalnum() else None
        return error_response(
            status,
            type(why).__name__,
            why.message,
            param=param if isinstance(why, ConfigError) else None,
            remedy=why.remedy,
            suggestions=why.suggestions if isinstance(why, NotFoundError) else (),
            retry_after_s=2.0 if status == 503 else None,
        )

    @app.exception_handler(Refused)
    async def refused(_request: Request, why: Refused) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        return error_response(why.status, why.kind, why.message, remedy=why.remedy, retry_after_s=why.retry_after_s)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, why: RequestValidationError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        first = why.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "body"
        return error_response(
            422, "InvalidRequest", f"{where}: {first['msg']}", param=where, remedy="see /docs for what it may be"
        )

    @app.exception_handler(HTTPException)
    async def http(_request: Request, why: HTTPException) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        response = error_response(why.status_code, "HttpError", str(why.detail), remedy="see /docs for the routes")
        response.headers.update(why.headers or {})
        return response

    @app.exception_handler(Exception)
    async def unexpected(request: Request, why: Exception) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        number = request.scope.get("request_id", "")
        log.error("unexpected error", exc_info=why, extra={"fields": {"request_id": number}})
        return error_response(
            500, "Unexpected", "something went wrong that should not", remedy=f"tell the operator: request {number}"
        )
