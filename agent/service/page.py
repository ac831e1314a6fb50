"""Routes: the page and its files, and the API's documentation; all from this process, nothing from the network."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

router = APIRouter(include_in_schema=False)

_TYPES = {"html": "text/html; charset=utf-8", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_POLICY = "default-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_NAMES = frozenset(("index.html", "docs.html", "style.css", "app.js", "docs.js", "icon.svg"))


@router.get("/")
async def index() -> Response:
    """The page."""
    return _file("index.html")


@router.get("/docs")
async def docs() -> Response:
    """The API, readable."""
    return _file("docs.html")


@router.get("/page/{name}")
async def asset(name: str) -> Response:
    """A file of the page."""
    return _file(name) if name in _NAMES else Response(status_code=404)


def _file(name: str) -> Response:
    body = (files("agent.service") / "static" / name).read_bytes()
    return Response(body, media_type=_TYPES[name.rpartition(".")[2]], headers=_HEADERS)
