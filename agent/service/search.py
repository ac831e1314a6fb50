"""Items by what people type of their titles: the start of one, a part of one, or nearly one."""

from __future__ import annotations

import polars as pl

from agent.chat.quantities import LENGTH, PRICE, Quantities
from agent.recommender import Recommender


def find_items(recommender: Recommender, typed: str, limit: int) -> list[int]:
    """Internal ids, best first: exact, then titles that begin so, then those that hold it, then those close to it."""
    titles, catalog = recommender.titles, recommender.model.catalog
    wanted = typed.casefold().strip()
    exact = titles.find(typed)
    lowered = pl.col("title").str.to_lowercase()
    holding: list[int] = (
        catalog.table.lazy()
        .select(lowered.alias("title"), "count", pl.int_range(pl.len()).alias("at"))
        .filter(pl.col("title").str.contains(wanted, literal=True))
        .sort(~pl.col("title").str.starts_with(wanted), -pl.col("count"), "at")
        .head(limit)
        .collect()["at"]
        .to_list()
    )
    found: dict[int, None] = dict.fromkeys([*([] if exact is None else [exact]), *holding])
    if len(found) < limit:
        near = titles.suggest(typed, limit=limit - len(found))
        found.update({i: None for title in near if (i := titles.find(title)) is not None})
    return list(found)[:limit]


def starters(recommender: Recommender, limit: int) -> list[int]:
    """Internal ids of well-known items that differ, for somebody of whom nothing is known to pick from.

    The most liked item of each category in turn, the largest category first; without categories, the most liked.
    """
    catalog = recommender.model.catalog
    ranked = catalog.table.select("categories", pl.int_range(pl.len()).alias("at"), "count").sort(
        -pl.col("count"), "at"
    )
    if not catalog.has_labels():
        return ranked["at"].head(limit).to_list()
    by = ranked.explode("categories").drop_nulls("categories").with_columns(
        pl.int_range(pl.len()).over("categories").alias("place"), pl.col("count").sum().over("categories").alias("size")
    )  # fmt: skip
    in_turn = by.filter(pl.col("place") < limit).sort("place", -pl.col("size"), "at")
    return in_turn["at"].unique(maintain_order=True).head(limit).to_list()


def critiques(recommender: Recommender) -> list[str]:
    """What can be said of a list relative to it, as far as the columns of the catalogue bear it."""
    catalog = recommender.model.catalog
    quantities = Quantities(catalog)
    dated = catalog.table["year"].n_unique() > 1
    return [
        *(["cheaper"] if quantities.of(PRICE) else []),
        *(["shorter"] if quantities.of(LENGTH) else []),
        *(["older", "newer"] if dated else []),
    ]
