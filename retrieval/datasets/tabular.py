"""A user's own data: CSV or Parquet with a mapping of columns, stated or recognised by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retrieval.datasets.dataset import Dataset, assemble
from retrieval.datasets.table import TABLE_SUFFIXES, keys, numbers, read_table
from retrieval.errors import ConfigError, DataError

# Names that sources use, best first; compared without case and underscores.
_KNOWN: dict[str, tuple[str, ...]] = {
    "user": ("user", "userid", "uid", "customer", "customerid", "visitorid", "sessionid", "reviewerid", "account"),
    "item": (
        "item", "itemid", "movieid", "sid", "product", "productid", "asin", "parentasin", "sku", "bookid", "isbn",
        "trackid", "songid", "artistid", "albumid", "gameid", "articleid", "newsid", "contentid", "venueid",
        "poiid", "businessid", "recipeid", "id",
    ),
    "rating": ("rating", "ratings", "stars", "score", "liked", "value", "count", "plays", "weight", "overall"),
    "time": ("timestamp", "time", "datetime", "date", "ts", "unixreviewtime", "createdat", "seqpos", "position"),
    "title": ("title", "name", "itemname", "productname", "track", "label", "headline"),
    "categories": ("categories", "category", "genres", "genre", "tags", "topics", "topic", "type", "department"),
    "year": ("year", "releaseyear", "publicationyear", "published"),
}  # fmt: skip
_INTERACTION_FILES = ("interactions", "ratings", "events", "reviews", "train")
_ITEM_FILES = ("items", "movies", "products", "catalog", "catalogue", "books", "tracks", "articles")


class Columns(BaseModel):
    """Which column of the files holds what. Unset fields are recognised by their usual names."""

    model_config = ConfigDict(extra="forbid")

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    time: str | None = None
    title: str | None = None
    categories: str | None = None
    year: str | None = None


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
    except yaml.YAMLError as why:
        raise ConfigError(f"{path}: not valid YAML ({str(why).splitlines()[0]})") from why
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
    if path.is_dir():
        events = folder / source.interactions if source.interactions else _find(folder, _INTERACTION_FILES)
    else:
        events = path
    if events is None:
        raise DataError(
            f"{path}: found no file of interactions",
            f"name one {' or '.join(n + '.csv' for n in _INTERACTION_FILES[:2])}, or say it in dataset.yaml",
        )
    described = folder / source.items if source.items else None
    if described is None and path.is_dir():
        described = _find(folder, _ITEM_FILES)
    tables = {file: read_table(file) for file in (events, described) if file is not None}
    _check_stated(source.columns, tables)
    rows, notes = _interactions(tables[events], events, source)
    items = None if described is None else _items(tables[described], described, source)
    return assemble(
        name=source.name or (folder.name if path.is_dir() else path.stem),
        interactions=rows,
        items=items,
        like_above=source.like_above if like_above is None else like_above,
        licence=source.licence,
        notes=notes,
    )


def _check_stated(columns: Columns, tables: dict[Path, pl.DataFrame]) -> None:
    """Every column that was named must stand in one of the files."""
    present = {name for table in tables.values() for name in table.columns}
    for role, stated in columns:
        if stated is not None and stated not in present:
            files = " and ".join(f"{path.name} ({', '.join(table.columns)})" for path, table in tables.items())
            raise ConfigError(f"no column {stated!r} for {role} in {files}", f"correct --column {role}=NAME")


def _interactions(table: pl.DataFrame, path: Path, source: TabularSource) -> tuple[pl.DataFrame, tuple[str, ...]]:
    mapped, notes = source.columns, ()
    frame = {
        "user": keys(table, _column(table, "user", mapped.user, path, required=True), path),
        "item": keys(table, _column(table, "item", mapped.item, path, required=True), path),
    }
    rating = _column(table, "rating", mapped.rating, path)
    frame["value"] = (
        numbers(table, rating, path, pl.Float32)
        if rating
        else pl.repeat(1.0, table.height, dtype=pl.Float32, eager=True)
    )
    if time := _column(table, "time", mapped.time, path):
        frame["time"] = numbers(table, time, path, pl.Int64)
        if missing := frame["time"].null_count():
            row = frame["time"].is_null().arg_max() or 0
            raise DataError(
                f"{path}: {missing:,} rows have no {time!r} (first: row {row + 2})",
                "fill them in, or remove the column so that the order of the rows counts",
            )
    out = pl.DataFrame(frame)
    if rating and (missing := out["value"].null_count()):
        if missing * 2 > out.height:
            raise DataError(
                f"{path}: column {rating!r} is empty in {missing:,} of {out.height:,} rows",
                "name the column that says what was liked: --column rating=NAME",
            )
        out = out.drop_nulls("value")
        notes = (f"{missing:,} rows without {rating!r} skipped in {path.name}",)
    return out, notes


def _items(table: pl.DataFrame, path: Path, source: TabularSource) -> pl.DataFrame:
    mapped = source.columns
    item = _column(table, "item", mapped.item, path, required=True)
    out = table.with_columns(keys(table, item, path).alias("item_id"))
    renamed: dict[str, pl.Series] = {}
    if title := _column(table, "title", mapped.title, path):
        renamed["title"] = table[title].cast(pl.String)
    if categories := _column(table, "categories", mapped.categories, path):
        renamed["categories"] = _name_lists(table[categories], source.category_separator)
    if year := _column(table, "year", mapped.year, path):
        renamed["year"] = _years(table, year, path)
    spent = {item, title, categories, year} - {"item_id", ""}
    rest = out.drop(list(spent), strict=False)
    return rest.with_columns(**renamed)


def _years(table: pl.DataFrame, column: str, path: Path) -> pl.Series:
    """A year as a number, or the first four digits of a date."""
    values = table[column]
    if values.dtype.is_temporal():
        return values.dt.year().cast(pl.Int32)
    if values.dtype == pl.String:
        return values.str.extract(r"(\d{4})").cast(pl.Int32)
    return numbers(table, column, path, pl.Int32)


def _name_lists(values: pl.Series, separator: str | None) -> pl.Series:
    """A column of categories as lists of names, whether lists already or joined by a separator."""
    if isinstance(values.dtype, pl.List):
        lists = values.cast(pl.List(pl.String)).list.eval(pl.element().str.strip_chars())
        return lists.list.eval(pl.element().filter(pl.element() != "")).list.unique(maintain_order=True)
    text = values.cast(pl.String)
    cut = separator or next((s for s in ("|", ";") if text.str.contains(s, literal=True).any()), ",")
    lists = text.fill_null("").str.split(cut).list.eval(pl.element().str.strip_chars())
    return lists.list.eval(pl.element().filter(pl.element() != "")).list.unique(maintain_order=True)


def _column(table: pl.DataFrame, role: str, stated: str | None, path: Path, *, required: bool = False) -> str:
    """The column that plays a role; an empty string where there is none."""
    if stated is not None and stated in table.columns:
        return stated
    plain = {re.sub(r"[ _-]", "", name.lower()): name for name in reversed(table.columns)}
    found = next((plain[known] for known in _KNOWN[role] if known in plain), "")
    if required and not found:
        raise ConfigError(
            f"{path} has no column that looks like the {role}; its columns: {', '.join(table.columns)}",
            f"say which one: --column {role}=NAME",
        )
    return found


def _find(folder: Path, stems: tuple[str, ...]) -> Path | None:
    names = (folder / f"{stem}{suffix}" for stem in stems for suffix in TABLE_SUFFIXES)
    return next((path for path in names if path.is_file()), None)
