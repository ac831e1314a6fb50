"""Users whom prompts are tried on: held out, each with the question and the candidates that production would have for him."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from agent.recommender import Recommender
from agent.rerank.llm import Ask
from eval.folds import make_folds
from eval.llm_fit import SLATE, Case, cases, trained
from eval.prompt_requests import PATIENT_MS
from retrieval.arrays import Int32
from retrieval.datasets.dataset import Dataset
from retrieval.errors import DataError

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Person:
    """One user.

    Attributes:
        case: History, words and truth.
        ask: What production would ask.
        items: ``(pool,)`` ids.
        minor: Mean share, in the user's target, of the groups of what is hidden: small where a minor taste is what counts. NaN
            where nothing hidden was retrieved.
        user_id: Of the data.
    """

    case: Case
    ask: Ask
    items: Int32
    minor: float
    user_id: str = ""


def held_out(
    dataset: Dataset, users: int, words: bool | None, seed: int, progress: Progress, *, after: int = 0
) -> Iterator[Person]:
    """Users of a data set, fold after fold until there are enough, each with the pool of a model that never saw him.

    Args:
        dataset: The data.
        users: How many.
        words: Whether requests say something in words; None: every second.
        seed: Of the choice of users and words.
        progress: Told stage, done and total.
        after: Users in that order who are left out: with the same seed and kind of words, those that ``users=after`` has.

    Raises:
        DataError: Too few users.
    """
    count, parts = make_folds(dataset, 5, 10)
    if count < users + after:
        most = f"ask for at most --users {count}" if not after else f"--users and --after make {count} at most"
        raise DataError(f"only {count} users have 10 liked items", most)
    skip, left = after, users
    for fold in parts:
        kinds = [words] if words is not None else [False, True]
        drawn = [cases(dataset.catalog, fold, words=w, short=False, users=skip + left, seed=seed) for w in kinds]
        once: dict[tuple[str, ...], Case] = {}
        for case in _in_turn(drawn):  # a user is asked about once, in words or without
            once.setdefault(case.likes, case)
        chosen = list(once.values())
        asked = chosen[skip : skip + left]
        skip, left = max(skip - len(chosen), 0), left - len(asked)
        if asked:
            progress(f"fold {fold.number + 1}: training on the other users", users - left - len(asked), users)
            recommender = Recommender(trained(dataset, fold))
            for case in asked:
                yield replace(person_of(recommender, case), user_id=str(dataset.interactions.user_ids[case.user]))
        if not left:
            return


def _in_turn(drawn: list[list[Case]]) -> Iterator[Case]:
    for at in range(max(map(len, drawn), default=0)):
        yield from (kind[at] for kind in drawn if at < len(kind))


def person_of(recommender: Recommender, case: Case) -> Person:
    """A user with what is asked for him."""
    ask, items = recommender.prepare(case.words, like=case.likes, k=SLATE, deadline_ms=PATIENT_MS)
    target = ask.pool.target[0]
    hidden = np.isin(items, case.truth)
    rows = ask.pool.groups[0, hidden]
    minor = float((rows @ target).mean()) if len(rows) else float("nan")
    return Person(case, ask, items, minor)
