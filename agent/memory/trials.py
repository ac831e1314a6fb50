"""Lists that were served as part of an experiment, and what people then said of what was in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa

from agent.memory.database import Database
from agent.memory.people import Kind, Said
from agent.memory.tables import exposures, feedback


@dataclass
class Outcome:
    """One person in one arm.

    Attributes:
        lists: That were shown.
        by_model: Of these, ranked by the language model.
        liked: Items shown that were liked afterwards.
        disliked: Items shown that were disliked afterwards.
        ms: What the model took for each list that it ranked.
        after: Of the lists, those shown after a guard rail had taken the arm out: made with the first arm's prompt.
    """

    lists: int = 0
    by_model: int = 0
    liked: set[str] = field(default_factory=set[str])
    disliked: set[str] = field(default_factory=set[str])
    ms: list[float] = field(default_factory=list[float])
    after: int = 0


class Trials:
    """Reads them; :meth:`agent.memory.people.People.keep` writes them. Raises :class:`agent.memory.database.StorageError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def outcomes(self, experiment: str, out: Mapping[str, datetime] | None = None) -> dict[str, list[Outcome]]:
        """By arm, what came of everybody in it; feedback counts for an item once it was shown.

        Args:
            experiment: Its name.
            out: When guard rails took arms out.
        """
        e, f = exposures.c, feedback.c
        said = (
            sa.select(e.arm, e.tenant, e.user_id, f.id, f.item_id, f.kind, f.value, e["items"])
            .join(feedback, (f.tenant == e.tenant) & (f.user_id == e.user_id) & (f.at >= e.at))
            .where(e.experiment == experiment)
            .order_by(f.id)
        )
        lists = sa.select(e.arm, e.tenant, e.user_id, e.ranker, e.ms, e.at).where(e.experiment == experiment)
        found: dict[tuple[str, str, str], Outcome] = defaultdict(Outcome)
        with self._database.reading() as connection:
            for arm, tenant, user, ranker, ms, at in connection.execute(lists):
                one = found[arm, tenant, user]
                one.lists += 1
                one.by_model += ranker == "llm"
                one.after += out is not None and arm in out and at.replace(tzinfo=at.tzinfo or UTC) > out[arm]
                one.ms += [ms] if ms is not None else []
            for arm, tenant, user, _, item, kind, value, items in connection.execute(said):
                if item not in items:
                    continue
                one = found[arm, tenant, user]  # the last word counts
                one.liked.discard(item)
                one.disliked.discard(item)
                meaning = Said(item, Kind(kind), value).meaning
                if meaning in (Kind.LIKE, Kind.DISLIKE):
                    (one.liked if meaning is Kind.LIKE else one.disliked).add(item)
        by: dict[str, list[Outcome]] = defaultdict(list)
        for (arm, _, _), one in sorted(found.items()):
            by[arm].append(one)
        return dict(by)
