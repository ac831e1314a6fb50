"""Who a request is for: the data's own users, and what people have said since."""

from __future__ import annotations

from dataclasses import dataclass

from agent.memory.people import Kind, Said, Standing
from agent.request import Asked
from retrieval.artifacts import Model

NOTHING_SAID = Standing()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the moment of a request.

    Attributes:
        user: Id by which the caller knows them.
        standing: After everything that they said.
        of_the_data: Whether a user of the training data by that id is the same person. Not so for other tenants.
    """

    user: str
    standing: Standing = NOTHING_SAID
    of_the_data: bool = True

    def after(self, said: tuple[Said, ...]) -> Person:
        """After some more feedback."""
        likes, dislikes, gone = (
            dict.fromkeys(x) for x in (self.standing.likes, self.standing.dislikes, self.standing.gone)
        )
        for one in said:
            for group in (likes, dislikes, gone):
                group.pop(one.item_id, None)
            if (meaning := one.meaning) is not Kind.FORGET:
                {Kind.LIKE: likes, Kind.DISLIKE: dislikes}.get(meaning, gone)[one.item_id] = None
        return Person(self.user, Standing(tuple(likes), tuple(dislikes), tuple(gone)), self.of_the_data)

    def asked(self, model: Model) -> Asked:
        """As the recommender takes it. What a model does not know, say after a change of the catalogue, is left out."""

        def known(items: tuple[str, ...]) -> list[str]:
            return [f"id:{item}" for item in items if model.catalog.has_item(item)]

        said = self.standing
        user = self.user if self.of_the_data and model.knows(self.user) else None
        return Asked(
            user=user,
            who=self.user or None,
            like=known(said.likes),
            dislike=known(said.dislikes),
            exclude=known(said.gone),
        )
