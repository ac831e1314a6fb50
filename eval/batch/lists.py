"""The stages of a batch as one of another pipeline: a table of users in, a table of their lists out.

For whoever has a pipeline of ``ray.data``, or of anything that maps tables of NumPy columns::

    users = ray.data.read_parquet("users.parquet")
    lists = users.map_batches(Lists, fn_constructor_args=["model"], batch_format="numpy", concurrency=4)
    lists.write_parquet("lists")

The model's folder must be on every node, or give the model itself. ``polytaste batch`` does the same with blocks that are files, answers
that are kept, and nodes that are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.llm.endpoint import Endpoint
from agent.recommender import RecommenderConfig
from eval.batch.stages import Block, Chain, Rank, RankByModel, Retrieve, Score
from retrieval import artifacts
from retrieval.artifacts import Model
from retrieval.errors import ConfigError

_USER = "user_id"


@dataclass(frozen=True)
class Lists:
    """Makes the lists of ``polytaste batch``, whatever else is in the table.

    Attributes:
        model: A trained artefact, or the folder of one.
        k: Length of a list.
        config: How lists are made.
        endpoints: vLLM servers of one model, asked in turn; none for lists without a language model. Nothing that they answer is kept.
    """

    model: Model | Path | str
    k: int = 10
    config: RecommenderConfig = field(default_factory=RecommenderConfig)
    endpoints: tuple[Endpoint, ...] = ()

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """``user_id, rank, item_id, score``, a row for each item of each list; users in their order.

        Args:
            batch: Columns of equal length, one of which is ``user_id``.

        Raises:
            ConfigError: There is no such column.
        """
        if _USER not in batch:
            raise ConfigError(
                f"no column {_USER!r} in the table; its columns: {', '.join(batch)}", f"rename one to {_USER}"
            )
        users = tuple(str(user) for user in np.asarray(batch[_USER]).tolist())
        slates = self._chain(Block(0, 0, users, None)).slates
        return {name: slates[name].to_numpy() for name in slates.columns}

    @cached_property
    def _chain(self) -> Chain:
        model = self.model if isinstance(self.model, Model) else artifacts.load(Path(self.model))
        rank = RankByModel(self.endpoints, self.config, None, _Unkept()) if self.endpoints else Rank()
        return Chain(Retrieve(model, self.config, self.k), rank, Score(model.catalog, self.k))


class _Unkept:
    """Answers that nobody keeps."""

    def get(self, asked: str) -> dict[str, Any] | None:
        del asked
        return None

    def add(self, asked: str, answer: dict[str, Any]) -> None:
        del asked, answer
