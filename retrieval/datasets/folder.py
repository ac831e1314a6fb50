"""Which files of a folder hold the interactions and the items: by their usual names, and else what is there is said."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars.exceptions as plx

from retrieval.datasets.table import TABLE_SUFFIXES
from retrieval.errors import DataError

_INTERACTIONS = (
    "interactions", "ratings", "events", "reviews", "train", "orders", "purchases", "transactions", "sales",
)  # fmt: skip
_ITEMS = (
    "items", "movies", "products", "catalog", "catalogue", "books", "tracks", "articles", "games", "films", "songs",
    "recipes", "wines",
)  # fmt: skip
_MOST_FILES, _MOST_COLUMNS = 6, 8


def interactions_in(folder: Path) -> Path:
    """The file of interactions of a folder.

    Raises:
        DataError: None has a usual name; names the tables that are there, with their columns.
    """
    found = _find(folder, _INTERACTIONS)
    if found is None:
        seen = tables_in(folder)
        raise DataError(
            f"{folder}: found no file of interactions" + (f"; there is {seen}" if seen else ", and no table at all"),
            "say which it is in dataset.yaml (interactions: FILE), or call it interactions.csv, ratings.csv or orders.csv",
        )
    return found


def items_in(folder: Path) -> Path | None:
    """The file of items of a folder, None where none has a usual name."""
    return _find(folder, _ITEMS)


def tables_in(folder: Path, but: Path | None = None) -> str:
    """The tables of a folder with their columns, in words; empty where there are none.

    Args:
        folder: Where to look.
        but: A file that is known already.
    """
    paths = sorted(p for p in folder.iterdir() if p.name.endswith(TABLE_SUFFIXES) and p.is_file() and p != but)
    said = [f"{path.name} ({_columns(path)})" for path in paths[:_MOST_FILES]]
    return ", ".join([*said, *([f"{len(paths) - _MOST_FILES} more"] if len(paths) > _MOST_FILES else [])])


def _columns(path: Path) -> str:
    try:
        if path.suffix == ".parquet":
            names = list(pl.read_parquet_schema(path))
        else:
            separator = "\t" if path.suffix == ".tsv" else ","
            names = pl.read_csv(path, separator=separator, n_rows=0, infer_schema=False).columns
    except (plx.PolarsError, OSError):
        return "unreadable"
    return ", ".join([*names[:_MOST_COLUMNS], *(["..."] if len(names) > _MOST_COLUMNS else [])])


def _find(folder: Path, stems: tuple[str, ...]) -> Path | None:
    names = (folder / f"{stem}{suffix}" for stem in stems for suffix in TABLE_SUFFIXES)
    return next((path for path in names if path.is_file()), None)
