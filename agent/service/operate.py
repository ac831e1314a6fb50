"""Routes for operators: alive, ready, counted, and the model replaced."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from agent.memory.database import StorageError
from agent.memory.keys import Caller, Scope
from agent.service.access import needs
from agent.service.bodies import Reloaded
from agent.service.context import Context, context_of
from agent.service.errors import AWAY, DOCUMENTED

log = logging.getLogger("polytaste.service")
router = APIRouter(tags=["operations"])
Parts = Annotated[Context, Depends(context_of)]


@router.get("/healthz", summary="Whether the process is alive")
async def healthz() -> dict[str, str]:
    """Nothing else is looked at."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether requests can be answered", responses={503: {"description": "Not ready"}})
async def readyz(parts: Parts) -> JSONResponse:
    """The model is there and the database answers. Without the language model they can be answered too."""
    recommender = parts.now.recommender
    try:
        await asyncio.to_thread(parts.people.standing, "", "")
        database = "ok"
    except StorageError as why:  # the driver's words name the host and its user: they are for the log
        log.warning("database", extra={"fields": {"why": why.message}})
        database = AWAY
    body = {
        "status": "ready" if database == "ok" else "not ready",
        "database": database,
        "model": {"dataset": recommender.model.dataset, "generation": parts.now.number, "trouble": parts.live.trouble},
        "language_model": recommender.endpoint.model if recommender.endpoint else None,
    }
    return JSONResponse(body, 200 if database == "ok" else 503)


@router.get("/metrics", summary="Counts for Prometheus", response_class=PlainTextResponse)
async def metrics() -> Response:
    """Over all workers of this host."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return Response(await asyncio.to_thread(generate_latest, registry), media_type=CONTENT_TYPE_LATEST)


@router.post("/v1/admin/reload", summary="Load the model anew", responses=DOCUMENTED)
async def reload(parts: Parts, _caller: Annotated[Caller, Depends(needs(Scope.ADMIN))]) -> Reloaded:
    """Now instead of when the change of its folder is noticed; requests in work keep the old one. The scope `admin` is needed."""
    generation = await asyncio.to_thread(parts.live.reload)
    model = generation.recommender.model
    return Reloaded(generation=generation.number, dataset=model.dataset, items=len(model.catalog))
