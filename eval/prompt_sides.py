"""Users to search on and users to judge on: which of the two a user is for is settled by his history, and never changes.

The SHA-256 of the external ids of a user's history, one to a line, is even for users to search on and odd for users to judge on. So another
seed, another number of users or another search never judges on whom it was chosen by.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from eval.folds import make_folds
from eval.prompt_people import Person, Progress, held_out
from retrieval.datasets.dataset import Dataset
from retrieval.errors import DataError


def judges(likes: Sequence[str]) -> bool:
    """Whether a user with this history is one to judge on."""
    return hashlib.sha256("\n".join(likes).encode()).digest()[-1] % 2 == 1


def sides(
    dataset: Dataset, search: int, judge: int, words: bool | None, seed: int, progress: Progress
) -> tuple[list[Person], list[Person]]:
    """Users to search on and users to judge on, each with the pool of a model that never saw him.

    Args:
        dataset: The data.
        search: How many to search on.
        judge: How many to judge on.
        words: Whether requests say something in words; None: every second.
        seed: Of the choice of users and words.
        progress: Told stage, done and total.

    Raises:
        DataError: Too few users.
    """
    count, _ = make_folds(dataset, 5, 10)
    found: tuple[list[Person], list[Person]] = ([], [])
    wanted = (search, judge)
    if search + judge <= count:

        def told(stage: str, _done: int, _total: int) -> None:
            progress(stage, len(found[0]) + len(found[1]), search + judge)

        for person in held_out(dataset, count, words, seed, told):
            side = int(judges(person.case.likes))
            if len(found[side]) < wanted[side]:
                found[side].append(person)
                progress("choosing users", len(found[0]) + len(found[1]), search + judge)
            if all(len(one) == size for one, size in zip(found, wanted, strict=True)):
                return found
    raise DataError(
        f"{count} users have 10 liked items, too few to search on {search} and to judge on {judge} others",
        "each side has about half of the users: ask for fewer with --users or --judges",
    )
