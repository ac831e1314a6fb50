"""Routes: conversations, in the service's own terms, with events for those who stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from agent.memory.keys import Caller, Scope
from agent.service.access import needs
from agent.service.bodies import AgainBody, ChatBody, ChatReply, Conversation, ConversationDeleted, Name, User
from agent.service.context import Context, context_of, note
from agent.service.errors import DOCUMENTED, STREAMED
from agent.service.talk import Talk, Told
from agent.slate import Slate
from retrieval.errors import NotFoundError

router = APIRouter(prefix="/v1", responses=DOCUMENTED, tags=["conversation"])
Parts = Annotated[Context, Depends(context_of)]
Writer = Annotated[Caller, Depends(needs(Scope.WRITE))]
Reader = Annotated[Caller, Depends(needs(Scope.READ))]


@router.post("/chat", summary="Say something in a conversation", response_model=ChatReply, responses=STREAMED)
async def chat(body: ChatBody, request: Request, parts: Parts, caller: Writer) -> Response:
    """One message of a conversation: a wish, a critique, a question, feedback.

    With `stream` the answer is a stream of events: `understood` as soon as the message is answered, `item` for each place of
    the list, `reply` with everything.
    """
    told = await Talk(parts, caller).say(
        body.message, body.user, body.conversation, lam=body.lam, deadline_ms=body.deadline_ms
    )
    slate = told.reply.slate
    note(request, intent=told.reply.intent.value, ranker=slate.ranker_used if slate else None)
    if parts.config.log_text:
        note(request, user=body.user, said=body.message)
    reply = reply_of(told)
    if body.stream:
        return StreamingResponse(_events(reply), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
    return Response(reply.model_dump_json(), media_type="application/json")


@router.post("/chat/{conversation}/again", summary="The last list of a conversation once more", response_model=Slate)
async def again(conversation: Name, body: AgainBody, parts: Parts, caller: Writer) -> Response:
    """With another lambda, or after feedback. It is no turn of its own: the last turn shows this list from now on, and "the
    second", "more like number 3" mean places in it.
    """
    slate = await Talk(parts, caller).again(body.user, conversation, body.lam, body.deadline_ms)
    return Response(slate.model_dump_json(), media_type="application/json")


@router.get("/chat/{conversation}", summary="What is kept of a conversation")
async def kept(conversation: Name, parts: Parts, caller: Reader, user: User | None = None) -> Conversation:
    """One that was held with a user is found with that user alone; one without is known by its id, and is deleted when it is old."""
    turns = await asyncio.to_thread(parts.privacy.conversation, caller.tenant, user or "", conversation)
    if turns is None:
        raise _unknown(conversation, user)
    return Conversation(conversation=conversation, turns=turns)


@router.delete("/chat/{conversation}", summary="Delete a conversation")
async def delete(conversation: Name, parts: Parts, caller: Writer, user: User | None = None) -> ConversationDeleted:
    """And what is being answered in it at this moment."""
    turns = await asyncio.to_thread(parts.privacy.delete_conversation, caller.tenant, user or "", conversation)
    if turns < 0:
        raise _unknown(conversation, user)
    return ConversationDeleted(conversation=conversation, turns=turns)


def _unknown(conversation: str, user: str | None) -> NotFoundError:
    what = f"no conversation {conversation!r} of this person"
    if user is None:
        what = f"user: none was named, and no conversation {conversation!r} is without one"
    return NotFoundError(what, "name the user that it was held with: ?user=WHO")


def reply_of(told: Told) -> ChatReply:
    """A reply as it goes out."""
    reply = told.reply
    return ChatReply(
        conversation=told.conversation,
        turn=told.turn,
        intent=reply.intent.value,
        text=reply.text,
        understood=reply.understood,
        changes=list(reply.changes),
        slate=reply.slate,
    )


async def _events(reply: ChatReply) -> AsyncIterator[str]:
    yield _event("understood", json.dumps({"understood": reply.understood, "changes": reply.changes}))
    for item in reply.slate.items if reply.slate else ():
        yield _event("item", item.model_dump_json())
    yield _event("reply", reply.model_dump_json())


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"
