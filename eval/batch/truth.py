"""What users of a batch should find, by the rule of the splits (:mod:`retrieval.datasets.splits`): what no list can hold is not asked for.

A user never gets an item again that he had, and nobody one that training did not touch. Such items of the truth are left out and counted; a
user of whom none is left has no accuracy (NaN), and is in no mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from eval.batch.stages import Truth
from retrieval.artifacts import Model
from retrieval.errors import DataError


def truth_of(model: Model, users: Sequence[str], table: pl.DataFrame) -> list[Truth]:
    """What each user should find.

    Args:
        model: Whose items, and whose users' histories.
        users: External ids that the model knows.
        table: ``user_id, item_id``; a repeated row counts once.

    Raises:
        DataError: None of its items is in the catalogue.
    """
    ids = model.catalog.table.select("item_id").with_row_index("item")
    found = table.unique(maintain_order=True).join(ids, on="item_id", how="left", maintain_order="left")
    if found.height and found["item"].null_count() == found.height:
        raise DataError(
            f"item {found['item_id'][0]!r} of the truth is not in the catalogue, nor is any other",
            "use the data of the model",
        )
    findable = np.zeros(len(model.catalog) + 1, bool)
    findable[model.index.items] = True
    grouped = (
        found.with_columns(pl.col("item").fill_null(len(model.catalog)))
        .group_by("user_id", maintain_order=True)
        .agg("item")
    )
    by_user = {user: np.array(items, np.int32) for user, items in grouped.iter_rows()}
    nothing = np.empty(0, np.int32)
    return [_truth(model, user, by_user.get(user, nothing), findable) for user in users]


def _truth(model: Model, user: str, items: np.ndarray, findable: np.ndarray) -> Truth:
    known = np.isin(items, model.seen_by(user))
    kept = ~known & findable[items]
    return Truth(items[kept], int(known.sum()), int((~known & ~kept).sum()))
