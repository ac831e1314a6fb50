"""A run file made by anyone, measured: accuracy from judgements, the rest from what is known of items and histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from eval import metrics
from eval.interchange.atomic import read_table as read_atomic_table
from eval.interchange.trec import in_order, read_qrels
from retrieval.arrays import Float64, Int32
from retrieval.axes import Axis, make_axis
from retrieval.datasets.categories import name_lists
from retrieval.datasets.columns import Columns
from retrieval.datasets.table import TABLE_SUFFIXES, Origin, keys, read_table
from retrieval.errors import DataError

_TABLES = (*TABLE_SUFFIXES, ".inter")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside run and judgements.

    Attributes:
        item_ids: Names of the items.
        axis: Their groups; None where they have none.
        history: ``user_id, item_id`` of what was shown of the users, or of all training users; None where unknown.
    """

    item_ids: tuple[str, ...]
    axis: Axis | None
    history: pl.DataFrame | None = None


@dataclass(frozen=True)
class Scored:
    """A run's figures.

    Attributes:
        users: Names of the users that are judged, in the order of the values.
        values: Metric to one value per user; NaN where it says nothing.
        totals: Figures of all lists together.
        unlisted: Judged users without a list: they found nothing, and count.
        unjudged: Users with a list and no judgement: they are left out.
        longest: Items of the longest list of a judged user.
        found: Whether any list holds any judged item of its user.
    """

    users: tuple[str, ...]
    values: dict[str, Float64]
    totals: dict[str, float]
    unlisted: int
    unjudged: int
    longest: int
    found: bool


def score_run(run: pl.DataFrame, qrels: pl.DataFrame, cutoffs: Sequence[int], known: Known | None = None) -> Scored:
    """Measure a run.

    Args:
        run: ``user_id, item_id, score``; see :func:`eval.interchange.trec.read_run`.
        qrels: ``user_id, item_id, relevance``.
        cutoffs: Values of k.
        known: Items, for figures beyond accuracy; with histories, for calibration and popularity.

    Raises:
        DataError: There are no judgements, the run has no lines or none of a judged user, or an item of the run is not among the known ones.
    """
    if qrels.is_empty():
        raise DataError("there are no judgements", "give at least one user with a relevant item")
    if run.is_empty():
        raise DataError("the run has no lines", "give the list of each user: a line for each of its items")
    users = qrels.select("user_id").unique(maintain_order=True).with_row_index("at")
    held = in_order(run).join(users, on="user_id", how="inner", maintain_order="left")
    if held.is_empty():
        raise DataError(
            f"no user of the run is judged: it has {run['user_id'][0]!r} and the like, the judgements {qrels['user_id'][0]!r}",
            "give the judgements of these users, under the same ids",
        )
    held = held.with_columns(pl.int_range(pl.len()).over("user_id").alias("rank"))
    held = held.join(qrels, on=["user_id", "item_id"], how="left", maintain_order="left")
    longest, found = int(held["rank"].max() or 0) + 1, held["relevance"].count() > 0  # pyright: ignore[reportArgumentType, reportOperatorIssue]
    held = held.filter(pl.col("rank") < max(cutoffs))
    gains = _table(held, held["relevance"].fill_null(0).to_numpy(), users.height, max(cutoffs), 0)
    judged = qrels.join(users, on="user_id", how="left", maintain_order="left").sort(
        "at", "relevance", descending=[False, True]
    )
    judged = judged.with_columns(pl.int_range(pl.len()).over("user_id").alias("rank"))
    wide = int(judged["rank"].max() or 0) + 1  # pyright: ignore[reportArgumentType, reportOperatorIssue]
    ideal = np.maximum(_table(judged, judged["relevance"].to_numpy(), users.height, wide, 0), 0)
    hit, relevant = gains > 0, (ideal > 0).sum(axis=1)
    values: dict[str, Float64] = {}
    for k in cutoffs:
        values[f"nDCG@{k}"] = metrics.graded_ndcg(gains.astype(np.float64), ideal.astype(np.float64), k)
        values[f"R@{k}"] = metrics.recall(hit, relevant, k, capped=False)
        values[f"Recall@{k} (capped)"] = metrics.recall(hit, relevant, k)
        values[f"P@{k}"] = metrics.precision(hit, relevant, k)
        values[f"HR@{k}"] = metrics.hit_rate(hit, relevant, k)
        values[f"RR@{k}"] = metrics.reciprocal_rank(hit, relevant, k)
        values[f"AP@{k}"] = metrics.average_precision(hit, relevant, k)
    totals: dict[str, float] = {}
    if known is not None:
        lists = _table(held, _positions(held["item_id"], known), users.height, max(cutoffs), -1).astype(np.int32)
        for k in cutoffs:
            _beyond(lists[:, :k], k, users, known, values, totals)
    listed = run.select("user_id").unique()
    unlisted = users.join(listed, on="user_id", how="anti").height
    unjudged = listed.join(users, on="user_id", how="anti").height
    return Scored(tuple(users["user_id"]), values, totals, unlisted, unjudged, longest, found)


def _beyond(
    lists: Int32, k: int, users: pl.DataFrame, known: Known, values: dict[str, Float64], totals: dict[str, float]
) -> None:
    n_items = len(known.item_ids)
    totals[f"coverage@{k}"] = metrics.coverage(lists, n_items)
    totals[f"Gini@{k}"] = metrics.gini(lists, n_items)
    if known.axis is not None:
        values[f"ILD@{k}"] = metrics.intra_list_diversity(lists, known.axis.share.toarray().astype(np.float32))
    if known.history is None:
        return
    items = _positions(known.history["item_id"], known)
    counts = np.bincount(items, minlength=n_items)
    values[f"ARP@{k}"] = metrics.average_popularity(lists, counts)
    values[f"novelty@{k}"] = metrics.novelty(lists, counts, known.history["user_id"].n_unique())
    own = known.history.with_columns(pl.Series("item", items)).join(
        users, on="user_id", how="inner", maintain_order="left"
    )
    own = own.with_columns(pl.int_range(pl.len()).over("user_id").alias("rank"))
    wide = int(own["rank"].max() or 0) + 1 if own.height else 1  # pyright: ignore[reportArgumentType, reportOperatorIssue]
    shown = _table(own, own["item"].to_numpy(), users.height, wide, -1).astype(np.int32)
    values[f"popularity lift@{k}"] = metrics.popularity_lift(
        values[f"ARP@{k}"], metrics.average_popularity(shown, counts)
    )
    if known.axis is not None:
        target, achieved = metrics.list_shares(shown, known.axis), metrics.list_shares(lists, known.axis)
        values[f"C_KL@{k}"] = metrics.calibration_kl(target, achieved)
        values[f"JS@{k}"] = metrics.jensen_shannon(target, achieved)
        values[f"minority presence@{k}"] = metrics.minority_presence(target, achieved, k)


def read_known(items: Path, history: Path | None, columns: Columns) -> Known:
    """What tables say of items and histories: CSV, Parquet, RecBole's ``.item`` and ``.inter``; histories also as TREC's judgements.

    Args:
        items: Names and groups of the items.
        history: Who touched what; None where it is unknown.
        columns: Which column of these tables holds what, where their names do not say it.

    Raises:
        DataError: A file cannot be read, or an item stands twice.
        ConfigError: A column that was named is in none of them, or none looks like that of users or items.
    """
    judged = history is not None and not history.name.endswith(_TABLES)
    tables = {path: _read_table(path) for path in (items, None if judged else history) if path is not None}
    columns.check(tables)
    known = _items(tables[items], items, columns)
    if history is None:
        return known
    touched = (
        read_qrels(history).select("user_id", "item_id") if judged else _history(tables[history], history, columns)
    )
    return Known(known.item_ids, known.axis, touched)


def _read_table(path: Path) -> pl.DataFrame:
    return read_atomic_table(path) if path.suffix in {".item", ".inter"} else read_table(path)


def _items(table: pl.DataFrame, path: Path, columns: Columns) -> Known:
    origin = Origin(path)
    ids = keys(table, columns.find(table, "item", path, required=True), origin)
    if ids.n_unique() < len(ids):
        raise DataError(f"{path}: item {ids.filter(ids.is_duplicated())[0]!r} stands twice", "keep one row per item")
    column = columns.find(table, "categories", path)
    if not column:
        return Known(tuple(ids), None)
    lists, _ = name_lists(table, column, None, origin)
    items = pl.DataFrame({"categories": lists.cast(pl.List(pl.String)), "count": 0})
    return Known(tuple(ids), make_axis(items, "categories"))


def _history(table: pl.DataFrame, path: Path, columns: Columns) -> pl.DataFrame:
    """``user_id, item_id``, each pair once."""
    origin = Origin(path)
    found = {
        f"{role}_id": keys(table, columns.find(table, role, path, required=True), origin) for role in ("user", "item")
    }
    return pl.DataFrame(found).unique(maintain_order=True)


def _positions(names: pl.Series, known: Known) -> Int32:
    place = pl.DataFrame({"item_id": pl.Series(known.item_ids, dtype=pl.String)}).with_row_index("item")
    found = names.alias("item_id").to_frame().join(place, on="item_id", how="left", maintain_order="left")
    if found["item"].null_count():
        unknown = found.filter(pl.col("item").is_null())["item_id"][0]
        raise DataError(f"item {unknown!r} is not among the items", "give the table of items that it comes from")
    return found["item"].to_numpy().astype(np.int32)


def _table(rows: pl.DataFrame, values: np.ndarray, users: int, k: int, padding: int) -> np.ndarray:
    """``(users, k)`` values by user (``at``) and ``rank``."""
    out = np.full((users, k), padding, np.int64)
    out[rows["at"].to_numpy(), rows["rank"].to_numpy()] = values
    return out
