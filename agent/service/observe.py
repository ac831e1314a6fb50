"""Around every request: a number, a size limit, a place, one line of log, counts, and a span of a trace."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Any

from fastapi import HTTPException
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.service.config import ServiceConfig
from agent.service.errors import error_response, unexpected
from agent.service.metrics import IN_WORK, REQUESTS, SECONDS

log = logging.getLogger("polytaste.access")
_tracer = trace.get_tracer("polytaste")
_NUMBER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = frozenset(("/healthz", "/readyz", "/metrics"))


class Observed:
    """ASGI middleware, outermost.

    A line of log holds route, status, time, key id and who ranked; what people say and their ids only if the operator
    asked for it.
    """

    def __init__(self, app: ASGIApp, config: ServiceConfig) -> None:
        self._app = app
        self._config = config
        self._in_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, watched from its first byte to the last of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        asked = headers.get("x-request-id", "")
        number = asked if _NUMBER.fullmatch(asked) else secrets.token_hex(8)
        scope["request_id"] = number
        scope["fields"] = {}
        seen = {"status": 500, "begun": False}

        async def numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.update(status=message["status"], begun=True)
                message["headers"] = [*message["headers"], (b"x-request-id", number.encode())]
            await send(message)

        started = time.perf_counter()
        parent = propagate.extract(headers)
        # The words of an exception stay out of the span: they may be somebody's.
        with _tracer.start_as_current_span(
            "request", context=parent, kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:
            IN_WORK.inc()
            self._in_work += 1
            try:
                await self._within_limits(scope, headers, receive, numbered)
            except Exception as why:  # noqa: BLE001  (here it gets its number, its line of log and its answer)
                answer = unexpected(why, number)
                if not seen["begun"]:
                    await answer(scope, receive, numbered)
            finally:
                self._in_work -= 1
                IN_WORK.dec()
                self._report(scope, seen["status"], time.perf_counter() - started, span)

    async def _within_limits(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        limit = self._config.max_body_bytes
        refusal = error_response(
            413, "TooLarge", f"the body is larger than {limit:,} bytes", remedy="send less at once"
        )
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            await refusal(scope, receive, send)
            return
        if self._in_work > self._config.at_once and scope["path"] not in _QUIET:
            busy = error_response(
                503, "Busy", f"{self._config.at_once} requests are in work", remedy="try again", retry_after_s=1.0
            )
            await busy(scope, receive, send)
            return
        got = 0

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > limit:  # the body had no length, or another than it said
                raise HTTPException(413, f"the body is larger than {limit:,} bytes")
            return message

        await self._app(scope, counted, send)

    def _report(self, scope: Scope, status: int, seconds: float, span: trace.Span) -> None:
        matched = scope.get("route")
        route = getattr(matched, "path_format", getattr(matched, "path", "(none)"))
        REQUESTS.labels(route, str(status)).inc()
        SECONDS.labels(route).observe(seconds)
        span.update_name(f"{scope['method']} {route}")
        span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        if route in _QUIET:
            return
        fields = {
            "request_id": scope["request_id"],
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(1000.0 * seconds, 1),
            **scope["fields"],
        }
        log.info("request", extra={"fields": fields})


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; of an exception its kind and where it came from, for its message may hold what somebody said."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            where = traceback.format_list(traceback.extract_tb(record.exc_info[2]))
            line["exception"] = f"{record.exc_info[0].__name__}\n{''.join(where)}"
        return json.dumps(line, ensure_ascii=False, default=str)


def log_as_json() -> None:
    """All logs of this process as JSON lines on stderr; the web server's own access log, which has addresses, is off."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("polytaste").setLevel(logging.INFO)
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("alembic").setLevel(logging.WARNING)
