"""What the commands that compare retrievers have in common: data, and how users and items are held out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agent.commands import load_data
from eval.given_split import given_split
from eval.retrieve_ground import Ground, Protocol, prepare
from retrieval.datasets.columns import Columns
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.splits import SEED
from retrieval.datasets.tabular import TabularSource, read_source
from retrieval.errors import ConfigError


@dataclass(frozen=True, slots=True)
class GroundOptions:
    """As they were given on the command line.

    Attributes:
        data: Folder or file, or the name of the bundled data.
        columns: ``ROLE=NAME``.
        items: File of items, if the data are a file.
        like_above: Ratings above this count as liked.
        protocol: How users and items are held out.
        held_out: Users of ``strong``.
        last: Likes hidden per user, of ``last``.
        split: Column of ``given``.
        sample: Users measured in each set.
        users: Users of the data that are kept at all.
        known: Likes of each measured user that are known, all others being to be found; None: as the protocol has it.
    """

    data: str
    columns: tuple[str, ...] = ()
    items: str | None = None
    like_above: float | None = None
    protocol: Protocol = "strong"
    held_out: int | None = None
    last: int = 1
    split: str | None = None
    sample: int | None = None
    users: int | None = None
    known: int | None = None

    def load(self) -> tuple[Dataset, Ground]:
        """The data and their split.

        Raises:
            ConfigError: ``split`` with another protocol than ``given``, or the reverse.
        """
        if self.split is not None and self.protocol != "given":
            raise ConfigError(f"--split {self.split} means nothing to --protocol {self.protocol}", "--protocol given")
        dataset = load_data(self.data, list(self.columns), self.items, self.like_above)
        dataset = dataset if self.users is None else some_users(dataset, self.users)
        given = None
        if self.split is not None:
            given = given_split(dataset, Path(self.data), self._source(), self.split)
        ground = prepare(
            dataset, self.protocol, self.held_out, self.last, given=given, sample=self.sample, known=self.known
        )
        return dataset, ground

    def _source(self) -> TabularSource:
        folder = Path(self.data)
        source = read_source(folder) if (folder / "dataset.yaml").is_file() else TabularSource()
        named = dict(pair.split("=", 1) for pair in self.columns)
        return source.model_copy(update={"columns": Columns.model_validate({**source.columns.model_dump(), **named})})


def some_users(dataset: Dataset, number: int) -> Dataset:
    """The rows of ``number`` of the users, drawn at random; all if there are no more."""
    users = np.unique(dataset.interactions.users)
    if number >= len(users):
        return dataset
    kept = np.random.RandomState(SEED).permutation(users)[:number]
    rows = dataset.interactions.where(np.isin(dataset.interactions.users, kept))
    return replace(dataset, name=f"{dataset.name} ({number:,} users)", interactions=rows)
