"""A user's own data: CSV or Parquet with a mapping of columns, stated or recognised by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retrieval.datasets.categories import name_lists
from retrieval.datasets.columns import Columns, roles_note
from retrieval.datasets.dataset import Dataset, assemble
from retrieval.datasets.events import Events, read_events
from retrieval.datasets.folder import interactions_in, items_in, tables_in
from retrieval.datasets.moments import FEW, dated, maybe_dated, moments
from retrieval.datasets.quantities import with_numbers
from retrieval.datasets.table import Origin, keys, numbers, read_table, readable, scan, without_gaps
from retrieval.errors import ConfigError, DataError

__all__ = ["Columns", "TabularSource", "load_tabular", "read_source"]


class TabularSource(BaseModel):
    """What ``dataset.yaml`` may say about a folder of tables."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    interactions: str = ""
    items: str = ""
    licence: str = ""
    like_above: float | None = None
    category_separator: Annotated[str, Field(min_length=1)] | None = None
    columns: Columns = Columns()


def read_source(folder: Path) -> TabularSource:
    """The ``dataset.yaml`` of a folder.

    Raises:
        ConfigError: It is not YAML, or a field is unknown or of the wrong type.
    """
    path = folder / "dataset.yaml"
    try:
        return TabularSource.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except UnicodeDecodeError as why:
        raise ConfigError(f"{path}: not UTF-8 text ({why})", "save the file as UTF-8") from why
    except yaml.YAMLError as why:
        first = str(why).splitlines()[0]
        raise ConfigError(
            f"{path}: not valid YAML ({first})", "correct its syntax; it holds lines of field: value"
        ) from why
    except ValidationError as why:
        first = why.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        allowed = ", ".join([*TabularSource.model_fields, *(f"columns.{c}" for c in Columns.model_fields)])
        raise ConfigError(f"{path}: field {where!r}: {first['msg']}", f"known fields: {allowed}") from why


def load_tabular(path: Path, source: TabularSource | None = None, like_above: float | None = None) -> Dataset:
    """Read a folder of tables, or one table of interactions.

    Args:
        path: A folder (with or without ``dataset.yaml``) or a file of interactions.
        source: Overrides ``dataset.yaml``; unset fields are recognised by their usual names.
        like_above: Overrides the source's; None leaves it.

    Raises:
        DataError: A file is missing or malformed; names file, row and column.
        ConfigError: A mapped column does not exist.
    """
    folder = path if path.is_dir() else path.parent
    if source is None:
        source = read_source(folder) if path.is_dir() and (folder / "dataset.yaml").is_file() else TabularSource()
    events = interactions_file(path, source)
    described = folder / source.items if source.items else None
    if described is None and path.is_dir():
        described = items_in(folder)
    with readable(events):
        head = scan(events).head(FEW).collect()
    described_by = None if described is None else read_table(described)
    source.columns.check(
        {events: head, **({} if described is None or described_by is None else {described: described_by})}
    )
    source = source.model_copy(update={"columns": source.columns.told_by_ids(head)})
    rows, rating, notes = _interactions(head, events, source)
    items = None
    if described is None or described_by is None:
        seen = tables_in(path, but=events) if path.is_dir() else ""
        there = f"; there is {seen}: say items: FILE in dataset.yaml if one of these has them" if seen else ""
        notes = (*notes, f"no table of items: their ids stand for titles, and they have no categories{there}")
    else:
        items, note = _items(described_by, described, source)
        notes = (*notes, note)
    return assemble(
        name=source.name or (folder.name if path.is_dir() else path.stem),
        interactions=rows,
        items=items,
        rating=rating,
        declared=bool(rating) and rating == source.columns.rating,
        like_above=source.like_above if like_above is None else like_above,
        licence=source.licence,
        notes=notes,
    )


def interactions_file(path: Path, source: TabularSource) -> Path:
    """The file of interactions of a folder, or the file that was given.

    Raises:
        DataError: There is none in the folder.
    """
    if not path.is_dir():
        return path
    return path / source.interactions if source.interactions else interactions_in(path)


def _interactions(head: pl.DataFrame, path: Path, source: TabularSource) -> tuple[Events, str, tuple[str, ...]]:
    """The rows of a file that begins so, the column of ratings (empty if there is none), and notes."""
    origin = Origin(path)
    user, item = (source.columns.find(head, role, path, required=True) for role in ("user", "item"))
    rating, time = (source.columns.find(head, role, path) for role in ("rating", "time"))
    perhaps = [] if time else maybe_dated(head.drop({user, item, rating} - {""}))
    users, items, table = read_events(origin, user, item, [column for column in (rating, time) if column] + perhaps)
    dates = dated(table.select(perhaps), origin)
    if len(dates) == 1:
        time = dates[0]
    notes = [
        roles_note(
            path,
            head,
            {"user": user, "item": item, "rating": rating, "time": time},
            {"rating": "a row is a like", "time": "the order of the rows counts"},
            "not used",
        )
    ]
    if len(dates) == 1:
        notes.append(f"{path.name}: {time!r} is taken for the time, since it holds dates")
    elif dates:
        notes.append(
            f"{path.name}: there are dates in {' and '.join(dates)}; say which is the time: --column time=NAME"
        )
    values = numbers(table, rating, origin, pl.Float32) if rating else None
    times = None
    if time:
        times, note = moments(table, time, origin)
        notes += [note] if note else []
        if missing := times.null_count():
            row = times.is_null().arg_max() or 0
            raise DataError(
                f"{origin.place(row, time)} is empty, the first of {missing:,} such rows",
                "fill them in, or remove the column so that the order of the rows counts",
            )
        times = times.to_numpy(writable=True).astype(np.int64, copy=False)
    out = Events(
        users, items, np.ones(len(users.at), np.float32) if values is None else values.to_numpy(writable=True), times
    )
    if values is not None and (missing := values.null_count()):
        if missing * 2 > len(out):
            raise DataError(
                f"{path}: column {rating!r} is empty in {missing:,} of {len(out):,} rows",
                f"name the column that says what was liked, --column rating=NAME, one of {', '.join(head.columns)}",
            )
        out = out.where(values.is_not_null().to_numpy())
        notes.append(f"{missing:,} rows without {rating!r} skipped in {path.name}")
    return out, rating, tuple(notes)


def _items(table: pl.DataFrame, path: Path, source: TabularSource) -> tuple[pl.DataFrame, str]:
    """Items with the columns that every catalogue has, and the note on how they were read."""
    origin = Origin(path)
    item = source.columns.find(table, "item", path, required=True)
    title, categories, year = (source.columns.find(table, role, path) for role in ("title", "categories", "year"))
    renamed: dict[str, pl.Series] = {}
    how = ""
    if title:
        renamed["title"] = table[title].cast(pl.String)
    if categories:
        renamed["categories"], how = name_lists(table, categories, source.category_separator, origin)
    if year:
        renamed["year"] = _years(table, year, origin)
    note = roles_note(
        path,
        table,
        {"item": item, "title": title, "categories": categories, "year": year},
        {"title": "ids instead", "categories": "nothing to calibrate by", "year": "unless a title ends with one"},
        "kept",
    )
    out = table.with_columns(keys(table, item, origin).alias("item_id"))
    rest = out.drop(list({item, title, categories, year} - {"item_id", ""}), strict=False)
    rest = rest.with_columns(without_gaps(rest[c]) for c in rest.columns if c != "item_id")
    rest, read = with_numbers(rest)
    note += f"; categories: {how}" if how else ""
    return rest.with_columns(**renamed), note + (f"; read as numbers: {', '.join(read)}" if read else "")


def _years(table: pl.DataFrame, column: str, origin: Origin) -> pl.Series:
    """A year as a number, or the first four digits of a date."""
    values = table[column]
    if isinstance(values.dtype, pl.Date | pl.Datetime):
        return values.dt.year().cast(pl.Int32)
    if values.dtype == pl.String:
        return values.str.extract(r"(\d{4})").cast(pl.Int32)
    return numbers(table, column, origin, pl.Int32)
