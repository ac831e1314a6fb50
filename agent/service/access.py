"""Who may do what: keys, scopes, and how often."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi.security import HTTPBearer
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ScopeOf

from agent.memory.keys import PREFIX, Caller, Keys, Scope
from agent.service.config import DEFAULT_TENANT
from agent.service.errors import Refused, error_response

_REMEMBERED_S = 5.0
_MOST_REMEMBERED = 10_000
_KEY = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}")
_STRANGERS_A_MINUTE = 600
"""Keys never seen before that are looked up: whoever makes them up must not keep the database from those who have one."""

BEARER = HTTPBearer(scheme_name="key", description="made by polytaste keys", auto_error=False)
"""For the OpenAPI of a service with keys; :class:`Access` is what checks them."""

EVERYTHING = Caller("", DEFAULT_TENANT, "this machine", frozenset(Scope))
"""Who calls a service that only its own machine can reach and that has no keys."""


@dataclass
class _Bucket:
    tokens: float
    at: float


class Access:
    """Tells callers by their keys; a revoked key stops working within seconds.

    Args:
        keys: Of the database.
        open_to_all: Whether there are no keys, and only this machine can call.
        per_minute: Limit of keys that set none.
        clock: Seconds.
    """

    def __init__(
        self, keys: Keys, *, open_to_all: bool, per_minute: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keys = keys
        self._open = open_to_all
        self._per_minute = per_minute
        self._clock = clock
        self._known: OrderedDict[str, tuple[Caller | None, float]] = OrderedDict()
        self._buckets: dict[str, _Bucket] = {}

    async def caller(self, request: Request) -> Caller:
        """Who calls.

        Raises:
            Refused: No key, an unknown one, or too many requests.
            StorageError: The database of keys does not answer.
        """
        request.scope["fields"]["key"] = ""
        if self._open:
            return EVERYTHING
        secret = _secret(request)
        if secret is None:
            raise Refused(401, "Unauthenticated", "a key is needed", "send it as Authorization: Bearer KEY")
        known = self._known.get(secret)
        if known is None and not _KEY.fullmatch(secret):
            raise _unknown_key()
        if known is None:
            self._spend("", _STRANGERS_A_MINUTE, "unknown keys")
        if known is None or self._clock() - known[1] > _REMEMBERED_S:
            caller = await asyncio.to_thread(self._keys.find, secret)
            self._known[secret] = (caller, self._clock())
            self._known.move_to_end(secret)
            while len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        else:
            caller = known[0]
        if caller is None:
            raise _unknown_key()
        request.scope["fields"]["key"] = caller.key
        if limit := caller.per_minute or self._per_minute:
            self._spend(caller.key, limit, "requests")
        return caller

    def _spend(self, key: str, limit: int, what: str) -> None:
        """Take a token from a key's bucket, which fills evenly and holds a minute's worth."""
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(float(limit), now))
        bucket.tokens = min(float(limit), bucket.tokens + (now - bucket.at) * limit / 60.0)
        bucket.at = now
        if bucket.tokens < 1.0:
            wait = (1.0 - bucket.tokens) * 60.0 / limit
            raise Refused(429, "TooManyRequests", f"more than {limit} {what} a minute", "slow down", wait)
        bucket.tokens -= 1.0


class OwnNames:
    """ASGI middleware where there are no keys: a page of another site must not reach this one by giving its name to this address."""

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: ScopeOf, receive: Receive, send: Send) -> None:
        """Refuse whoever calls this service by another name."""
        if scope["type"] == "http":
            host = next((value for key, value in scope["headers"] if key == b"host"), b"").decode("latin-1")
            if re.sub(r":\d*$", "", host).lower() not in self._names:
                said = "the Host header names another machine"
                refusal = error_response(
                    400, "ForeignHost", said, param="Host", remedy="call it as localhost or 127.0.0.1"
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def needs(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency: the caller, who must have a scope."""

    async def allowed(request: Request) -> Caller:
        access: Access = request.app.state.access
        caller = await access.caller(request)
        if scope not in caller.scopes:
            raise Refused(
                403, "Forbidden", f"the key lacks the scope {scope.value!r}", "ask the operator for one that has it"
            )
        return caller

    return allowed


def _secret(request: Request) -> str | None:
    kind, _, bearer = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    return request.headers.get("x-api-key") or None


def _unknown_key() -> Refused:
    return Refused(401, "Unauthenticated", "the key is unknown or was revoked", "ask the operator for another")
