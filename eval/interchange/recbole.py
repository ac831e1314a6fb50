"""RecBole's atomic files: ``name.inter``, ``name.item`` and ``name.user``, tables whose header says each column's type.

Zhao et al., "RecBole: Towards a Unified, Comprehensive and Efficient Framework for Recommendation Algorithms", CIKM 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from retrieval.datasets.dataset import Dataset, assemble
from retrieval.errors import DataError

_TYPES = ("token", "token_seq", "float", "float_seq")
# RecBole lets a data set name its columns; these are the names of its own data sets.
_ROLES = {
    "title": ("title", "name", "movie_title", "item_name", "product_title", "track_name"),
    "categories": ("categories", "genres", "genre", "class", "category", "tags"),
    "year": ("year", "release_year"),
}
_BREAKS = r"[\t\r\n]"


def read_atomic(folder: Path, like_above: float | None = None, separator: str = " ") -> Dataset:
    """A data set from a folder of atomic files.

    Args:
        folder: Holds one ``.inter`` file, and may hold an ``.item`` file; ``.user`` is not needed.
        like_above: Ratings above this count as liked; None guesses from the values.
        separator: Between the entries of a ``_seq`` column (RecBole's ``seq_separator``).

    Raises:
        DataError: A file is missing or malformed; names file, line and column.
    """
    events = _one(folder, "inter")
    if events is None:
        raise DataError(f"{folder}: no .inter file", "name the folder of RecBole's atomic files")
    rows = read_table(events, separator)
    for needed in ("user_id", "item_id"):
        if needed not in rows.columns:
            raise DataError(f"{events}: no column {needed}", f"the file has {', '.join(rows.columns)}")
    rating = "rating" if "rating" in rows.columns else ""
    frame: dict[str, pl.Series] = {
        "user": rows["user_id"],
        "item": rows["item_id"],
        "value": rows[rating].cast(pl.Float32) if rating else pl.repeat(1.0, rows.height, dtype=pl.Float32, eager=True),
    }
    if "timestamp" in rows.columns:
        frame["time"] = rows["timestamp"].cast(pl.Int64)
    described = _one(folder, "item")
    items = None if described is None else _items(read_table(described, separator), described)
    return assemble(
        name=events.stem, interactions=pl.DataFrame(frame), items=items, rating=rating, like_above=like_above,
        notes=(f"read as RecBole's atomic files: {events.name}" + (f", {described.name}" if described else ""),),
    )  # fmt: skip


def write_atomic(folder: Path, dataset: Dataset, separator: str = " ") -> list[Path]:
    """Write a data set as ``folder/name.inter``, ``.item`` and ``.user``, ``name`` being the folder's.

    Returns:
        The three files.

    Raises:
        DataError: An id, a title or a category holds what separates columns, lines or categories.
    """
    rows, catalog = dataset.interactions, dataset.catalog
    folder.mkdir(parents=True, exist_ok=True)
    users, items = pl.Series(rows.user_ids, dtype=pl.String), pl.Series(catalog.item_ids, dtype=pl.String)
    events = {
        "user_id:token": users.gather(rows.users),
        "item_id:token": items.gather(rows.items),
        "rating:float": pl.Series([repr(float(v)) for v in rows.values]),
    }
    if rows.times is not None:
        events["timestamp:float"] = pl.Series(rows.times).cast(pl.String)
    categories = catalog.table["categories"]
    held = categories.explode().drop_nulls()
    bad = held.filter(held.str.contains(separator, literal=True))
    if len(bad):
        raise DataError(
            f"category {bad[0]!r} holds the separator {separator!r}",
            "write with another one: --separator '|', and say so to RecBole: seq_separator",
        )
    described = {
        "item_id:token": items,
        "title:token": catalog.table["title"],
        "year:token": catalog.table["year"].cast(pl.String).fill_null(""),
        "categories:token_seq": categories.list.join(separator),
    }
    files = {"inter": events, "item": described, "user": {"user_id:token": users}}
    paths = {kind: folder / f"{folder.resolve().name}.{kind}" for kind in files}
    for kind, columns in files.items():
        _write(paths[kind], columns)
    return list(paths.values())


def read_table(path: Path, separator: str = " ") -> pl.DataFrame:
    """One atomic file as a table; ``_seq`` columns become lists, what is empty becomes null (or an empty list).

    Raises:
        DataError: The header has no types, or a value is not of its column's.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as why:
        raise DataError(f"{path}: cannot be read ({why})", "save the file as UTF-8") from why
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    header = [name.rpartition(":") for name in lines[0].split("\t")]
    if not all(name and kind in _TYPES for name, _, kind in header):
        raise DataError(
            f"{path}: line 1 is no header of an atomic file", "columns are name:type, types are " + ", ".join(_TYPES)
        )
    cells: list[list[str]] = []
    for number, line in enumerate(lines[1:], start=2):
        row = line.split("\t")
        if line and len(row) != len(header):
            raise DataError(f"{path}: line {number} has {len(row)} values for {len(header)} columns", "mend that line")
        if line:
            cells.append(row)
    columns = zip(*cells, strict=True) if cells else ([] for _ in header)
    table: dict[str, pl.Series] = {}
    for (name, _, kind), values in zip(header, columns, strict=True):
        table[name] = _typed(list(values), kind, separator, f"{path}: column {name}")
    return pl.DataFrame(table)


def _typed(values: Sequence[str], kind: str, separator: str, place: str) -> pl.Series:
    text = pl.Series(values, dtype=pl.String)
    if kind == "token":
        return pl.select(pl.when(text != "").then(text)).to_series()
    if kind == "float":
        read = text.cast(pl.Float64, strict=False)
        bad = read.is_null() & (text != "")
        if bad.any():
            at = bad.arg_max() or 0
            raise DataError(f"{place}: {text[at]!r} is no number", f"correct row {at + 2} of the file")
        return read
    return text.str.split(separator).list.eval(pl.element().filter(pl.element() != ""))


def _items(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    if "item_id" not in table.columns:
        raise DataError(f"{path}: no column item_id", f"the file has {', '.join(table.columns)}")
    roles = {role: next((name for name in names if name in table.columns), None) for role, names in _ROLES.items()}
    read: dict[str, pl.Series] = {}
    if title := roles["title"]:
        values = table[title]
        read["title"] = values.list.join(" ") if isinstance(values.dtype, pl.List) else values.cast(pl.String)
    if categories := roles["categories"]:
        values = (
            table[categories].cast(pl.String) if not isinstance(table[categories].dtype, pl.List) else table[categories]
        )
        read["categories"] = (
            values
            if isinstance(values.dtype, pl.List)
            else values.to_frame().select(pl.concat_list(categories)).to_series()
        )
    if year := roles["year"]:
        read["year"] = table[year].cast(pl.String).str.extract(r"^(\d{4})").cast(pl.Int32)
    rest = table.drop([name for name in roles.values() if name])
    return rest.with_columns(**read)


def _one(folder: Path, suffix: str) -> Path | None:
    found = sorted(folder.glob(f"*.{suffix}"))
    if len(found) > 1:
        raise DataError(f"{folder}: {len(found)} files end with .{suffix}", "keep one data set in a folder")
    return found[0] if found else None


def _write(path: Path, columns: dict[str, pl.Series]) -> None:
    for name, values in columns.items():
        bad = values.filter(values.str.contains(_BREAKS))
        if len(bad):
            raise DataError(f"{path}: {name.partition(':')[0]} {bad[0]!r} holds a tab or a line break", "take it out")
    rows = zip(*(values.to_list() for values in columns.values()), strict=True)
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write("\t".join(columns) + "\n")
        out.writelines("\t".join(row) + "\n" for row in rows)
