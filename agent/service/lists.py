"""Routes: a list, somebody's tastes, items by title, and candidates in a better order."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from agent.memory.keys import Caller, Scope
from agent.request import Asked
from agent.service.access import needs
from agent.service.bodies import Found, FoundItem, Personas, RecommendBody, RerankBody, RerankReply, Starters, User
from agent.service.context import Context, context_of, note
from agent.service.errors import DOCUMENTED, placed
from agent.service.metrics import count
from agent.service.rerank import rerank_documents
from agent.service.search import critiques, find_items, starters
from agent.slate import Slate
from retrieval.errors import NotFoundError

router = APIRouter(prefix="/v1", responses=DOCUMENTED, tags=["recommendations"])
Reader = Annotated[Caller, Depends(needs(Scope.READ))]
Parts = Annotated[Context, Depends(context_of)]


@router.post("/recommend", summary="A list", response_model=Slate)
async def recommend(body: RecommendBody, request: Request, parts: Parts, caller: Reader) -> Response:
    """For a person, for liked titles, or for a request in words."""
    recommender = parts.now.recommender
    person = await parts.aperson(caller, body.user)
    said = person.asked(recommender.model)
    asked = said | Asked(
        like=[*said.get("like", ()), *body.like],
        exclude=[*said.get("exclude", ()), *body.exclude],
        include=body.include,
        k=body.k,
        deadline_ms=body.deadline_ms or parts.config.deadline_ms,
        lam=body.lam,
        max_kl=body.max_kl,
        rules=body.rules,
        shift=body.shift,
        trace=body.trace,
    )
    try:
        slate = count(await recommender.arecommend(body.request, **asked))
    except NotFoundError as why:
        named = {"like": body.like, "include": body.include, "exclude": body.exclude}
        raise placed(why, recommender.resolve, named) from why
    note(request, ranker=slate.ranker_used, reason=slate.degraded_reason, items=len(slate.items), arm=slate.arm)
    if slate.arm is not None and body.user is not None:
        since = person.standing.since
        await asyncio.to_thread(parts.people.keep, caller.tenant, body.user, since, shown=slate)
    if parts.config.log_text:
        note(request, user=body.user, said=body.request)
    return Response(slate.model_dump_json(), media_type="application/json")


@router.get("/users/{user:path}/personas", summary="Somebody's tastes in words")
async def personas(user: User, parts: Parts, caller: Reader) -> Personas:
    """With their shares of what the person likes; empty where nothing is known."""
    recommender = parts.now.recommender
    person = await parts.aperson(caller, user)
    cards = await asyncio.to_thread(recommender.tastes, **person.asked(recommender.model))
    return Personas(user=user, personas=cards)


@router.get("/items", summary="Items by their titles")
async def items(
    parts: Parts,
    _caller: Reader,
    q: Annotated[str, Query(min_length=1, max_length=200, description="a title or a part of one")],
    limit: Annotated[int, Query(ge=1, le=50)] = 8,
) -> Found:
    """The start of a title, a part of one, or nearly one."""
    return _found(parts, await asyncio.to_thread(find_items, parts.now.recommender, q, limit))


@router.get("/starters", summary="What a stranger can pick from")
async def first_picks(parts: Parts, _caller: Reader, limit: Annotated[int, Query(ge=1, le=50)] = 12) -> Starters:
    """Well-known items that differ, for somebody of whom nothing is known, and what one can say of lists of this catalogue."""
    recommender = parts.now.recommender
    items = _found(parts, await asyncio.to_thread(starters, recommender, limit)).items
    return Starters(items=items, critiques=await asyncio.to_thread(critiques, recommender))


def _found(parts: Context, at: list[int]) -> Found:
    rows = parts.now.recommender.model.catalog.table[at].iter_rows(named=True)
    return Found(
        items=[
            FoundItem(item_id=r["item_id"], title=r["title"], categories=r["categories"], year=r["year"]) for r in rows
        ]
    )


@router.post("/rerank", summary="Candidates of yours in a better order")
async def rerank(body: RerankBody, request: Request, parts: Parts, caller: Reader) -> RerankReply:
    """Calibrated to what a person likes, the language model heard where it has earned it."""
    person = await parts.aperson(caller, body.user)
    recommender = parts.now.recommender
    try:
        reply = await rerank_documents(recommender, person, body, body.deadline_ms or parts.config.deadline_ms)
    except NotFoundError as why:
        raise placed(why, recommender.resolve, {"like": body.like}) from why
    note(request, ranker=reply.ranker_used, reason=reply.degraded_reason, items=len(reply.results))
    return reply
