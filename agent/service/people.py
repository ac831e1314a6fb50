"""Routes: feedback, and everything that is kept of a person, to be given out or deleted."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from agent.memory.keys import Caller, Scope
from agent.memory.people import Said
from agent.service.access import needs
from agent.service.bodies import Deleted, FeedbackBody, FeedbackKept, User, said
from agent.service.context import Context, context_of, note
from agent.service.errors import DOCUMENTED, field

router = APIRouter(prefix="/v1", responses=DOCUMENTED, tags=["people"])
Parts = Annotated[Context, Depends(context_of)]
Reader = Annotated[Caller, Depends(needs(Scope.READ))]
Writer = Annotated[Caller, Depends(needs(Scope.WRITE))]
Anybody = Annotated[str, Query(min_length=1, max_length=400, description="any id, also one that is no longer accepted")]


@router.post("/feedback", summary="Keep what somebody says of items")
async def feedback(body: FeedbackBody, request: Request, parts: Parts, caller: Writer) -> FeedbackKept:
    """It counts from the next list on; once answered, it is on the disk.

    The last word on an item counts; `forget` takes all words on it back.
    """
    recommender = parts.now.recommender
    ids = recommender.model.catalog.item_ids
    kept: list[Said] = []
    for at, one in enumerate(body.feedback):
        with field(f"feedback.{at}.item"):
            kept.append(said(ids[recommender.resolve(_named(recommender, one.item))], one))
    await asyncio.to_thread(parts.people.say, caller.tenant, body.user, kept)
    parts.heard(body.user, kept)
    note(request, feedback=len(kept))
    return FeedbackKept(kept=len(kept), items=[one.item_id for one in kept])


@router.get("/users", summary="Everything that is kept of a person, by any id")
async def export_of(user: Anybody, parts: Parts, caller: Reader) -> dict[str, Any]:
    """As `/v1/users/{user}`, for ids that are no part of a path."""
    return await export(user, parts, caller)


@router.delete("/users", summary="Delete everything that is kept of a person, by any id")
async def delete_of(user: Anybody, parts: Parts, caller: Writer) -> Deleted:
    """As `/v1/users/{user}`, for ids that are no part of a path."""
    return await delete(user, parts, caller)


@router.get("/users/{user:path}", summary="Everything that is kept of a person")
async def export(user: User, parts: Parts, caller: Reader) -> dict[str, Any]:
    """Feedback and conversations, empty where nothing is kept. What the training data hold is not among it."""
    return await asyncio.to_thread(parts.privacy.export, caller.tenant, user)


@router.delete("/users/{user:path}", summary="Delete everything that is kept of a person")
async def delete(user: User, parts: Parts, caller: Writer) -> Deleted:
    """What is being answered to them at this moment is not kept either."""
    rows = await asyncio.to_thread(parts.privacy.delete, caller.tenant, user)
    return Deleted(user=user, rows=rows)


def _named(recommender: Any, name: str) -> str:
    """Ids come before titles here: programs send ids."""
    return f"id:{name}" if recommender.model.catalog.has_item(name) else name
