"""What every route needs: the model in service, the people, and who a request is for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from agent.chat.person import Person
from agent.memory.keys import Caller
from agent.memory.people import Kind, People, Said
from agent.memory.privacy import Privacy
from agent.service.config import DEFAULT_TENANT, ServiceConfig
from agent.service.live import Generation, Live
from agent.service.metrics import FEEDBACK


@dataclass(frozen=True)
class Context:
    """The service's parts."""

    config: ServiceConfig
    live: Live
    people: People
    privacy: Privacy

    @property
    def now(self) -> Generation:
        """The model that new requests get."""
        return self.live.now

    def heard(self, user: str, said: Sequence[Said]) -> None:
        """Feedback that was kept is counted, and counts for the arm that a person is in, if there is an experiment."""
        for one in said:
            FEEDBACK.labels(one.kind.value).inc()
            if one.meaning in (Kind.LIKE, Kind.DISLIKE):
                self.now.recommender.ways.heard(user, disliked=one.meaning is Kind.DISLIKE)

    def person(self, caller: Caller, user: str | None) -> Person:
        """Who a request is for. Users of the data belong to the default tenant; others' users are theirs alone."""
        if user is None:
            return Person("", of_the_data=False)
        return Person(user, self.people.standing(caller.tenant, user), of_the_data=caller.tenant == DEFAULT_TENANT)

    async def aperson(self, caller: Caller, user: str | None) -> Person:
        """As :meth:`person`, in a worker thread."""
        return await asyncio.to_thread(self.person, caller, user) if user is not None else self.person(caller, None)


def context_of(request: Request) -> Context:
    """A dependency: the service's parts."""
    context: Context = request.app.state.context
    return context


def note(request: Request, **fields: object) -> None:
    """Add to the request's line of log; what is personal only where the operator asked for it."""
    request.scope["fields"].update(fields)
