"""Data sets as RecBole's atomic files: ``name.inter``, ``name.item`` and ``name.user``.

Zhao et al., "RecBole: Towards a Unified, Comprehensive and Efficient Framework for Recommendation Algorithms", CIKM 2021.

The files keep no threshold above which a rating is a like. What was liked is therefore written as RecBole's own column of 0 and 1,
``label``, beside the value that it was read from.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl

from eval.interchange.atomic import BREAKS, read_table, write_table
from retrieval.arrays import Bool, Float32
from retrieval.datasets.dataset import Dataset, assemble
from retrieval.datasets.liking import like_threshold
from retrieval.errors import DataError

# RecBole lets a data set name its columns; these are the names of its own data sets.
_ROLES = {
    "title": ("title", "name", "movie_title", "item_name", "product_title", "track_name"),
    "categories": ("categories", "genres", "genre", "class", "category", "tags"),
    "year": ("year", "release_year"),
}
_OURS = ("item_id", "title", "year", "categories", "count")
_YEAR = r"^(-?\d{4}|-?\d+$)"


def read_atomic(folder: Path, like_above: float | None = None, separator: str = " ") -> Dataset:
    """A data set from a folder of atomic files.

    Args:
        folder: Holds one ``.inter`` file, and may hold an ``.item`` file; ``.user`` is not needed.
        like_above: Ratings above this count as liked; None goes by the column ``label``, and guesses from the values without one.
        separator: Between the entries of a ``_seq`` column (RecBole's ``seq_separator``).

    Raises:
        DataError: A file is missing or malformed; names file, line and column.
    """
    path = _one(folder, "inter")
    if path is None:
        raise DataError(f"{folder}: no .inter file", "name the folder of RecBole's atomic files")
    rows = read_table(path, separator)
    for needed in ("user_id", "item_id"):
        if needed not in rows.columns:
            raise DataError(f"{path}: no column {needed}", f"the file has {', '.join(rows.columns)}")
    for column in {"user_id", "item_id", "rating", "label", "timestamp"} & set(rows.columns):
        if empty := rows[column].null_count():
            raise DataError(f"{path}: column {column} is empty in {empty:,} rows", "fill them in, or take the rows out")
    rating, values, threshold, notes = _liked(rows, like_above)
    frame = {"user": rows["user_id"].cast(pl.String), "item": rows["item_id"].cast(pl.String), "value": values}
    if "timestamp" in rows.columns:
        frame["time"] = rows["timestamp"].cast(pl.Int64)
    described = _one(folder, "item")
    items = None if described is None else _items(read_table(described, separator), described)
    read = f"read as RecBole's atomic files: {path.name}" + (f", {described.name}" if described else "")
    return assemble(
        name=path.stem, interactions=pl.DataFrame(frame), items=items, rating=rating, like_above=threshold,
        notes=(read, *notes),
    )  # fmt: skip


def write_atomic(folder: Path, dataset: Dataset, separator: str = " ") -> tuple[list[Path], tuple[str, ...]]:
    """Write a data set as ``folder/name.inter``, ``.item`` and ``.user``, ``name`` being the folder's.

    Rows stand in the order of the source, by which published splits draw. :func:`read_atomic` finds the same likes and items.

    Returns:
        The three files, and what a person should know of them.

    Raises:
        DataError: An id, a title or a name in a list holds what separates columns, lines or names.
    """
    rows, catalog = dataset.interactions, dataset.catalog
    folder.mkdir(parents=True, exist_ok=True)
    order = np.argsort(rows.source_rows, kind="stable")
    users, items = pl.Series(rows.user_ids, dtype=pl.String), pl.Series(catalog.item_ids, dtype=pl.String)
    liked = rows.values[order] > dataset.like_above
    events = {
        "user_id:token": users.gather(rows.users[order]),
        "item_id:token": items.gather(rows.items[order]),
        "rating:float": _floats(pl.Series(rows.values[order])),
        "label:float": pl.Series(liked).cast(pl.Int8).cast(pl.String),
    }
    if rows.times is not None:
        events["timestamp:float"] = pl.Series(rows.times[order]).cast(pl.String)
    described = {
        "item_id:token": items,
        "title:token": catalog.table["title"],
        "year:token": catalog.table["year"].cast(pl.String),
        "categories:token_seq": _joined(catalog.table["categories"], separator),
    }
    left: list[str] = []
    for name in (name for name in catalog.table.columns if name not in _OURS):
        written = _column(catalog.table[name], separator)
        if isinstance(written, str):
            left.append(f"{name} ({written})")
        else:
            described[f"{name}:{written.name}"] = written
    files = {"inter": events, "item": described, "user": {"user_id:token": users}}
    paths = {kind: folder / f"{folder.resolve().name}.{kind}" for kind in files}
    for kind, columns in files.items():
        write_table(paths[kind], columns)
    notes = [f"not written of the items: {', '.join(left)}"] if left else []
    if not liked.all():
        few = f"{np.count_nonzero(liked):,} of {len(liked):,} rows are likes, by the column label"
        notes.append(
            few + "; RecBole takes these alone with val_interval: {'label': '[1,inf)'}, and label in its load_col"
        )
    return list(paths.values()), tuple(notes)


def _liked(rows: pl.DataFrame, like_above: float | None) -> tuple[str, pl.Series, float | None, tuple[str, ...]]:
    """The column that says how much an item was liked, its values, the threshold (None guesses), and notes."""
    rating = "rating" if "rating" in rows.columns else ""
    ones = pl.repeat(1.0, rows.height, dtype=pl.Float32, eager=True)
    values = rows[rating].cast(pl.Float32) if rating else ones
    if "label" not in rows.columns or like_above is not None or not rows.height:
        return rating, values, like_above, ()
    label = rows["label"].cast(pl.Float32)
    liked = (label > 0).to_numpy()
    if not rating or (border := _border(values.to_numpy(), liked, rating)) is None:
        return "label", label, 0.0, ()
    return rating, values, border, (f"'label' says what was liked, as {rating!r} above {border:g} does",)


def _border(values: Float32, liked: Bool, rating: str) -> float | None:
    """Above which values are liked: the usual threshold if it says so, else the largest value that is not; None if there is none."""
    low = values.min()
    usual, _ = like_threshold(values, rating, None)
    below = min(0.0, float(np.nextafter(low, np.float32(-np.inf))))
    most = below if liked.all() else float(values[~liked].max())
    return next((at for at in (usual, most) if bool(((values > at) == liked).all())), None)


def _column(values: pl.Series, separator: str) -> pl.Series | str:
    """The cells of a column of items, named by their type; or why they cannot be written."""
    kind = values.dtype
    if re.search(f"{BREAKS}|:", values.name):
        return "its name holds a colon, a tab or a line break"
    if kind == pl.List(pl.String):
        return _joined(values, separator).alias("token_seq")
    if kind.is_float():
        return _floats(values).alias("float")
    if kind.is_integer():
        return values.cast(pl.String).alias("float")
    if not isinstance(kind, pl.String | pl.Boolean | pl.Null):
        return f"neither names nor numbers: {kind}"
    text = values.cast(pl.String).alias("token")
    return "a tab or a line break" if text.str.contains(BREAKS).any() else text


def _floats(values: pl.Series) -> pl.Series:
    return pl.Series([None if value is None else repr(float(value)) for value in values], dtype=pl.String)


def _joined(lists: pl.Series, separator: str) -> pl.Series:
    held = lists.explode().drop_nulls()
    bad = held.filter(held.str.contains(separator, literal=True))
    if len(bad):
        raise DataError(
            f"{lists.name}: {bad[0]!r} holds the separator {separator!r}",
            "write with another one: --separator '|', and say so to RecBole: seq_separator",
        )
    return lists.list.join(separator)


def _items(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    if "item_id" not in table.columns:
        raise DataError(f"{path}: no column item_id", f"the file has {', '.join(table.columns)}")
    roles = {role: next((name for name in names if name in table.columns), None) for role, names in _ROLES.items()}
    read: dict[str, pl.Series] = {"item_id": table["item_id"].cast(pl.String)}
    if title := roles["title"]:
        values = table[title]
        read["title"] = values.list.join(" ") if isinstance(values.dtype, pl.List) else values.cast(pl.String)
    if categories := roles["categories"]:
        values = table[categories]
        listed = isinstance(values.dtype, pl.List)
        read["categories"] = values if listed else pl.select(pl.concat_list(values.cast(pl.String))).to_series()
    if year := roles["year"]:
        read["year"] = table[year].cast(pl.String).str.extract(_YEAR).cast(pl.Int32)
    rest = table.drop([name for name in roles.values() if name])
    return rest.with_columns(**read)


def _one(folder: Path, suffix: str) -> Path | None:
    found = sorted(folder.glob(f"*.{suffix}"))
    if len(found) > 1:
        raise DataError(f"{folder}: {len(found)} files end with .{suffix}", "keep one data set in a folder")
    return found[0] if found else None
