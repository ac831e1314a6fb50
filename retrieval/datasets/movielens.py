"""The standard MovieLens folders as GroupLens ships them: 100K, 1M, 10M, 20M, 25M, 32M, latest.

Harper and Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 5(4), 2015.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from retrieval.datasets.dataset import Dataset, assemble
from retrieval.datasets.table import numbers, read_table
from retrieval.errors import DataError

LICENCE = "MovieLens by GroupLens: research use with acknowledgement, no commercial use without permission"
LIKE_ABOVE = 3.5
_NO_GENRE = ("(no genres listed)", "unknown", "")


def is_movielens(folder: Path) -> bool:
    """Whether a folder has one of the three layouts; a shop's own ``ratings.csv`` has another header."""
    for first, second in (("u.data", "u.item"), ("ratings.dat", "movies.dat"), ("ratings.csv", "movies.csv")):
        if (folder / first).is_file() and (folder / second).is_file():
            with (folder / first).open(encoding="latin-1") as lines:
                return first != "ratings.csv" or "userId" in lines.readline()
    return False


def load_movielens(folder: Path, like_above: float | None = None) -> Dataset:
    """Read a MovieLens folder; ratings above ``like_above`` (3.5 unless given) count as liked.

    Raises:
        DataError: A row is malformed; names file, row and column.
    """
    if (folder / "u.data").is_file():
        ratings, items = _layout_100k(folder)
    elif (folder / "ratings.dat").is_file():
        ratings, items = _layout_dat(folder)
    else:
        ratings, items = _layout_csv(folder)
    above = LIKE_ABOVE if like_above is None else like_above
    return assemble(name=folder.name, interactions=ratings, items=items, like_above=above, licence=LICENCE)


def _layout_csv(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """20M, 25M, 32M and latest: CSV with headers, genres joined by a bar."""
    ratings = _rows(read_table(folder / "ratings.csv"), folder / "ratings.csv")
    movies = read_table(folder / "movies.csv")
    return ratings, _movies(movies.rename({"movieId": "item_id"}))


def _layout_dat(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """1M and 10M: fields joined by a double colon, no header."""
    ratings = _split(folder / "ratings.dat", "::", ("userId", "movieId", "rating", "timestamp"))
    movies = _split(folder / "movies.dat", "::", ("item_id", "title", "genres"))
    return _rows(ratings, folder / "ratings.dat", header=False), _movies(movies)


def _layout_100k(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """100K: tabs for ratings; bars for items, the genres as nineteen flags at the end."""
    ratings = _split(folder / "u.data", "\t", ("userId", "movieId", "rating", "timestamp"))
    genres = [line.split("|")[0] for line in _text(folder / "u.genre").splitlines() if line.strip()]
    head = ("item_id", "title", "release_date", "video_release_date", "imdb_url")
    movies = _split(folder / "u.item", "|", (*head, *genres))
    flags = [pl.when(pl.col(g) == "1").then(pl.lit(g)) for g in genres]
    movies = movies.with_columns(pl.concat_list(flags).list.drop_nulls().list.join("|").alias("genres"))
    return _rows(ratings, folder / "u.data", header=False), _movies(movies.select("item_id", "title", "genres"))


def _split(path: Path, separator: str, columns: tuple[str, ...]) -> pl.DataFrame:
    lines = pl.Series("line", [line for line in _text(path).split("\n") if line.strip("\r")])
    fields = lines.str.strip_chars_end("\r").str.split(separator)
    # A title may itself hold the separator of neighbouring fields, so too many fields is malformed too.
    wrong = fields.list.len() != len(columns)
    if wrong.any():
        row = wrong.arg_max() or 0
        raise DataError(
            f"{path}: row {row + 1} has {len(fields[row])} fields where {len(columns)} are expected: {', '.join(columns)}",
            "the file may be cut off or edited; fetch it again",
        )
    return fields.list.to_struct(fields=list(columns)).struct.unnest()


def _text(path: Path) -> str:
    """UTF-8, or Latin-1 as in 100K and 1M."""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _rows(table: pl.DataFrame, path: Path, *, header: bool = True) -> pl.DataFrame:
    out: dict[str, pl.Series] = {}
    for name, role, dtype in (
        ("userId", "user", None), ("movieId", "item", None), ("rating", "value", pl.Float32), ("timestamp", "time", pl.Int64),
    ):  # fmt: skip
        if name not in table.columns:
            raise DataError(f"{path}: no column {name!r}", "this is not a MovieLens file of ratings")
        values = table[name] if dtype is None else numbers(table, name, path, dtype)
        if values.null_count():
            row = (values.is_null().arg_max() or 0) + (2 if header else 1)
            raise DataError(f"{path}: row {row}, column {name!r} is empty", "the file may be cut off; fetch it again")
        out[role] = values
    return pl.DataFrame(out)


def _movies(table: pl.DataFrame) -> pl.DataFrame:
    genre_lists = pl.col("genres").str.split("|").list.eval(pl.element().filter(~pl.element().is_in(_NO_GENRE)))
    return table.select("item_id", pl.col("title").str.strip_chars(), genre_lists.alias("categories"))
