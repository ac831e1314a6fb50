"""Who may be learned from: users cut in three, with retrievers that never saw those whom they find candidates for.

The users whom ``polytaste llm fit`` measures on (the first of five folds) are only reported on; the rest are cut into four
folds, of which the first chooses and three train. The candidates of each of these four come from a retriever that was
trained on the other three, and on none of the users who are reported on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from agent.recommender import Recommender, RecommenderConfig
from eval.folds import Fold, make_folds
from eval.llm_fit import trained
from eval.tune.wishes import WishMaker
from retrieval.arrays import Int32
from retrieval.artifacts import Model
from retrieval.datasets.dataset import Dataset
from retrieval.schema import Interactions

MIN_ITEMS = 10
_FOLDS = 5

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Part:
    """Some users, and the retriever that never saw them.

    Attributes:
        fold: The users with their histories and what is hidden of these.
        model: The retriever.
        recommender: Prepares requests as production does.
        wishes: Makes requests.
    """

    fold: Fold
    model: Model
    recommender: Recommender
    wishes: WishMaker

    def asked_by(self, prompt: str) -> Part:
        """The same users, asked about by another prompt."""
        return replace(self, recommender=Recommender(self.model, config=RecommenderConfig(prompt=prompt)))


@dataclass(frozen=True)
class Ground:
    """The three kinds of users.

    Attributes:
        data: Name of the data set.
        licence: What its source asks of those who use it.
        train: Users who are learned from, fold by fold.
        choice: Users who choose.
        report: Users who are reported on, once.
    """

    data: str
    licence: str
    train: tuple[Part, ...]
    choice: Part
    report: Part

    def asked_by(self, prompt: str) -> Ground:
        """The same, asked about by another prompt."""
        parts = tuple(part.asked_by(prompt) for part in self.train)
        return replace(self, train=parts, choice=self.choice.asked_by(prompt), report=self.report.asked_by(prompt))


def make_ground(dataset: Dataset, progress: Progress) -> Ground:
    """Cut the users and train the retrievers.

    Args:
        dataset: The data.
        progress: Told stage, done and total.

    Raises:
        DataError: Too few users.
    """
    _, parts = make_folds(dataset, _FOLDS, MIN_ITEMS)
    kept = next(parts)
    rest = replace(dataset, interactions=_without(dataset, kept.held.users))
    _, others = make_folds(rest, _FOLDS - 1, MIN_ITEMS)
    made = list[Part]()
    for at, (data, fold) in enumerate([(dataset, kept), *((rest, fold) for fold in others)]):
        progress("training the retrievers", at, _FOLDS)
        model = trained(data, fold)
        made.append(Part(fold, model, Recommender(model), WishMaker(model.catalog)))
    return Ground(dataset.name, dataset.licence, tuple(made[2:]), made[1], made[0])


def _without(dataset: Dataset, users: Int32) -> Interactions:
    rows = dataset.interactions
    return rows.where(~np.isin(rows.users, users))
