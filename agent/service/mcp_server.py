"""Tools of the Model Context Protocol, for assistants that are to recommend: the same conversations, feedback and search."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field, ValidationError

from agent.memory.database import Database, StorageError
from agent.memory.people import People
from agent.memory.privacy import Privacy
from agent.service.access import EVERYTHING
from agent.service.bodies import FeedbackItem, Message, Name, User, said
from agent.service.chat import reply_of
from agent.service.config import ServiceConfig
from agent.service.context import Context
from agent.service.errors import AWAY
from agent.service.live import Live
from agent.service.observe import log_as_json
from agent.service.search import find_items
from agent.service.talk import Talk
from retrieval.errors import PolytasteError

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger("polytaste.service")

_INSTRUCTIONS = (
    "Recommend from the catalogue with `recommend`; pass on its conversation id so that critiques such as 'less dark' or "
    "'more like number 3' refer to the last list. Report what people say of items with `feedback`. Only name items that a tool returned."
)
Who = Annotated[User, Field(description="the person; feedback is kept under this id")]


def _plainly(tool: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """A tool that says what is wrong and what to do; the SDK hides the words of errors that it was not told of."""

    @wraps(tool)
    async def answered(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await tool(*args, **kwargs)
        except StorageError as why:
            log.warning("database", extra={"fields": {"why": why.message}})
            raise ToolError(f"{AWAY}: {why.remedy}") from None
        except PolytasteError as why:
            raise ToolError(f"{why.message}: {why.remedy}" if why.remedy else why.message) from None
        except ValidationError as why:
            raise ToolError(why.errors()[0]["msg"]) from None

    return answered


def make_server(parts: Context) -> MCPServer[None]:
    """The tools over one recommender."""
    server: MCPServer[None] = MCPServer("polytaste", instructions=_INSTRUCTIONS)
    talk = Talk(parts, EVERYTHING)

    @server.tool()
    @_plainly
    async def recommend(
        message: Annotated[Message, Field(description="a wish or a critique, in words")],
        user: Who | None = None,
        conversation: Annotated[Name | None, Field(description="id from the reply before")] = None,
    ) -> dict[str, Any]:
        """A calibrated list for a person, with the reason for every item and what was understood; or the next turn of a conversation."""
        told = await talk.say(message, user, conversation, lam=None, deadline_ms=None)
        return reply_of(told).model_dump(mode="json")

    @server.tool()
    @_plainly
    async def explain(
        conversation: Annotated[Name, Field(description="id from `recommend`")],
        place: Annotated[int, Field(ge=1, le=100, description="place in the last list")] = 1,
        user: Who | None = None,
    ) -> str:
        """Why an item of the last list is there, from facts only."""
        told = await talk.say(f"why number {place}?", user, conversation, lam=None, deadline_ms=None)
        return told.reply.text

    @server.tool()
    @_plainly
    async def tastes(user: Who) -> list[dict[str, Any]]:
        """What is known of a person's tastes, with their shares."""
        recommender = parts.now.recommender
        person = await parts.aperson(EVERYTHING, user)
        cards = await asyncio.to_thread(recommender.tastes, **person.asked(recommender.model))
        return [card.model_dump(mode="json") for card in cards]

    @server.tool()
    @_plainly
    async def feedback(
        user: Who,
        item: Annotated[Name, Field(description="item id or title")],
        kind: Literal["like", "dislike", "seen", "rating", "skip", "forget"],
        value: Annotated[float | None, Field(ge=1, le=5, description="with a rating")] = None,
    ) -> str:
        """Keep what a person says of an item; it counts from the next list on."""
        one = FeedbackItem.model_validate({"item": item, "kind": kind, "value": value})
        recommender = parts.now.recommender
        catalog = recommender.model.catalog
        item_id = item if catalog.has_item(item) else catalog.item_ids[recommender.resolve(item)]
        await asyncio.to_thread(parts.people.say, EVERYTHING.tenant, user, [said(item_id, one)])
        parts.heard(user, [said(item_id, one)])
        return f"kept: {kind} of {catalog.titles[int(catalog.positions([item_id])[0])]}"

    @server.tool()
    @_plainly
    async def search(
        title: Annotated[str, Field(min_length=1, max_length=200, description="a title or a part of one")],
        limit: Annotated[int, Field(ge=1, le=50)] = 8,
    ) -> list[dict[str, Any]]:
        """Items of the catalogue by their titles."""
        catalog = parts.now.recommender.model.catalog
        at = await asyncio.to_thread(find_items, parts.now.recommender, title, limit)
        return catalog.table[at].select("item_id", "title", "categories", "year").to_dicts()

    return server


def run(config: ServiceConfig, *, http: bool) -> None:
    """Serve the tools over standard input and output, or over HTTP on loopback.

    Raises:
        NotFoundError: There is no trained model.
        StorageError: The database cannot be reached.
    """
    log_as_json()
    database = Database(config.database_url())
    database.upgrade()
    server = make_server(Context(config, Live(config), People(database), Privacy(database)))
    if http:
        server.run("streamable-http", host=config.host, port=config.port)
    else:
        server.run("stdio")
