"""One data set in the house's contracts, whatever file layout it came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from retrieval.datasets.events import Events, gathered
from retrieval.datasets.liking import like_threshold
from retrieval.errors import DataError
from retrieval.schema import Catalog, Histories, Interactions

_YEAR = r"\(((?:18|19|20)\d{2})\)\s*$"


@dataclass(frozen=True)
class Dataset:
    """Catalogue and interactions of one source.

    Attributes:
        name: Short name, used for folders and reports.
        catalog: Every item that is described or was interacted with.
        interactions: Every row of the source.
        like_above: Rows with a value above this count as liked (3.5 stars in the usual protocol).
        licence: What the source asks of those who use it; empty if unknown.
        notes: What a person should know about how the source was read.
    """

    name: str
    catalog: Catalog
    interactions: Interactions
    like_above: float
    licence: str = ""
    notes: tuple[str, ...] = ()

    def likes(self) -> Interactions:
        """Implicit feedback: pairs with ``value > like_above`` (Liang et al. 2018, section 4.1).

        One row per user and item: the largest value of a repeated pair decides.
        """
        pairs = self.interactions.distinct()
        return pairs.where(pairs.values > self.like_above)

    def histories(self) -> Histories:
        """What each user liked, oldest first, in the order of ``interactions.user_ids``."""
        return self.likes().histories()


def assemble(
    *,
    name: str,
    interactions: pl.DataFrame | Events,
    items: pl.DataFrame | None,
    rating: str,
    like_above: float | None,
    declared: bool = False,
    licence: str = "",
    notes: tuple[str, ...] = (),
) -> Dataset:
    """Number the items and users of two frames and check that they fit together.

    Args:
        name: Of the data set.
        interactions: As they were read in batches, or a table of ``user`` (str), ``item`` (str), ``value`` (float) and
            optionally ``time`` (int).
        items: ``item_id`` (str) and any of ``title``, ``categories`` (list[str]), ``year`` and more;
            None where the source describes no items.
        rating: Name of the column the values come from; empty if the source has none.
        like_above: None guesses; see :func:`retrieval.datasets.liking.like_threshold`.
        declared: Whether somebody said that the column holds ratings.
        licence: Licence sentence.
        notes: Notes of the reader.

    Raises:
        DataError: There are no interactions.
    """
    events = Events.of(interactions) if isinstance(interactions, pl.DataFrame) else interactions
    if len(events) == 0:
        raise DataError(f"{name}: no interactions", "the file needs at least one row beside its header")
    described = items if items is not None else pl.DataFrame(schema={"item_id": pl.String})
    first = described.unique("item_id", keep="first", maintain_order=True)
    if (repeats := described.height - first.height) > 0:
        notes = (*notes, f"{repeats:,} repeated rows of items ignored (the first row of an id counts)")
    touched = events.items.ids.alias("item_id").to_frame()
    bare = touched.join(first.select("item_id"), on="item_id", how="anti", maintain_order="left")
    if items is not None and bare.height:
        notes = (*notes, f"{bare.height:,} items have interactions but no description; their id is their title")
    table = _complete(pl.concat([first, bare], how="diagonal"))
    numbered = table.select("item_id").with_row_index("at")
    position = touched.join(numbered, on="item_id", how="left", maintain_order="left")["at"].to_numpy().astype(np.int32)
    order = events.order()
    values = gathered(events.values, order)
    threshold, note = like_threshold(values, rating, like_above, declared=declared)
    rows = Interactions(
        user_ids=tuple(events.users.ids.to_list()),
        users=gathered(events.users.at, order),
        items=gathered(events.items.at, order, through=position),
        values=values,
        times=None if events.times is None else gathered(events.times, order),
        rows=order,
    )
    notes = (*notes, note)
    pairs = rows.distinct()
    if again := len(rows) - len(pairs):
        notes = (*notes, f"{again:,} rows repeat a user and an item; such a pair counts once, at its last time")
    counts = np.bincount(pairs.items[pairs.values > threshold], minlength=table.height)
    catalog = Catalog(table.with_columns(pl.Series("count", counts, pl.Int64)))
    return Dataset(name, catalog, rows, threshold, licence, notes)


def _complete(table: pl.DataFrame) -> pl.DataFrame:
    """Fill the columns every catalogue has: title, categories, year."""
    if "title" not in table.columns:
        table = table.with_columns(pl.col("item_id").alias("title"))
    table = table.with_columns(pl.col("title").fill_null(pl.col("item_id")))
    if "categories" not in table.columns:
        table = table.with_columns(pl.lit([], pl.List(pl.String)).alias("categories"))
    # A year in brackets at the end of the title is a habit of films, books and albums alike.
    from_title = pl.col("title").str.extract(_YEAR).cast(pl.Int32)
    known = pl.col("year").cast(pl.Int32) if "year" in table.columns else pl.lit(None, pl.Int32)
    return table.with_columns(
        pl.coalesce(known, from_title).alias("year"),
        pl.col("categories").fill_null([]).list.eval(pl.element().drop_nulls()),
    )
