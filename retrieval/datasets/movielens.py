"""The standard MovieLens folders as GroupLens ships them: 100K, 1M, 10M, 20M, 25M, 32M, latest.

Harper and Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 5(4), 2015.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from retrieval.arrays import Float32, Int64
from retrieval.datasets.dataset import Dataset, assemble
from retrieval.datasets.events import Events, codes, read_events
from retrieval.datasets.table import Origin, keys, numbers, read_table, readable, scan
from retrieval.errors import DataError

LICENCE = "MovieLens by GroupLens: research use with acknowledgement, no commercial use without permission"
LIKE_ABOVE = 3.5
_NO_GENRE = ("(no genres listed)", "unknown", "")
_RATINGS = ("userId", "movieId", "rating", "timestamp")
# A mapping of columns does not apply to these layouts, so no remedy may speak of one.
_REMEDY = "the file may be cut off or edited; correct that row, or fetch the archive again"


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
        ratings, items, read = _layout_100k(folder)
    elif (folder / "ratings.dat").is_file():
        ratings, items, read = _layout_dat(folder)
    else:
        ratings, items, read = _layout_csv(folder)
    return assemble(
        name=folder.name,
        interactions=ratings,
        items=items,
        rating="rating",
        like_above=LIKE_ABOVE if like_above is None else like_above,
        licence=LICENCE,
        notes=(f"read as a MovieLens folder: {read}",),
    )


def _layout_csv(folder: Path) -> tuple[Events, pl.DataFrame, str]:
    """20M, 25M, 32M and latest: CSV with headers, genres joined by a bar."""
    path = folder / "movies.csv"
    ratings = _events(Origin(folder / "ratings.csv", _REMEDY))
    movies = read_table(path)
    _need(movies, ("movieId", "title"), path)
    read = "ratings.csv, movies.csv"
    if "genres" not in movies.columns:
        movies, read = movies.with_columns(genres=pl.lit("")), f"{read}, which has no column 'genres': no categories"
    return ratings, _movies(movies.rename({"movieId": "item_id"}), Origin(path, _REMEDY)), read


def _layout_dat(folder: Path) -> tuple[Events, pl.DataFrame, str]:
    """1M and 10M: fields joined by a double colon, no header."""
    ratings, from_ratings = _split(folder / "ratings.dat", "::", _RATINGS)
    movies, from_movies = _split(folder / "movies.dat", "::", ("item_id", "title", "genres"))
    return _rows(ratings, from_ratings), _movies(movies, from_movies), "ratings.dat, movies.dat"


def _layout_100k(folder: Path) -> tuple[Events, pl.DataFrame, str]:
    """100K: tabs for ratings; bars for items, the genres as nineteen flags at the end, named in a file of their own."""
    ratings, from_ratings = _split(folder / "u.data", "\t", _RATINGS)
    head = ("item_id", "title", "release_date", "video_release_date", "imdb_url")
    read = "u.data, u.item, u.genre"
    if (folder / "u.genre").is_file():
        genres = [line.split("|")[0] for line in _text(folder / "u.genre").splitlines() if line.strip()]
    else:
        genres, read = [], "u.data, u.item; u.genre, which names the genres, is missing: no categories"
    movies, from_movies = _split(folder / "u.item", "|", (*head, *genres), more=not genres)
    flags = [pl.when(pl.col(g) == "1").then(pl.lit(g)) for g in genres]
    named = pl.concat_list(flags).list.drop_nulls().list.join("|") if flags else pl.lit("")
    movies = movies.with_columns(named.alias("genres"))
    return _rows(ratings, from_ratings), _movies(movies, from_movies), read


def _split(path: Path, separator: str, columns: tuple[str, ...], *, more: bool = False) -> tuple[pl.DataFrame, Origin]:
    """Fields of a file without a header, and where each row stands; ``more`` allows for fields without a name."""
    text = pl.DataFrame({"line": _text(path).split("\n")}).with_row_index("number", offset=1)
    text = text.with_columns(pl.col("line").str.strip_chars_end("\r")).filter(pl.col("line") != "")
    fields = text["line"].str.split(separator)
    # A title may itself hold the separator of neighbouring fields, so too many fields is malformed too.
    wrong = fields.list.len() < len(columns) if more else fields.list.len() != len(columns)
    if wrong.any():
        row = wrong.arg_max() or 0
        raise DataError(
            f"{path}: row {text['number'][row]} has {len(fields[row])} fields where {len(columns)} are expected: "
            f"{', '.join(columns)}",
            _REMEDY,
        )
    return fields.list.to_struct(fields=list(columns)).struct.unnest(), Origin(path, _REMEDY, text["number"])


def _text(path: Path) -> str:
    """UTF-8, or Latin-1 as in 100K and 1M."""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _need(table: pl.DataFrame, columns: tuple[str, ...], path: Path) -> None:
    for name in columns:
        if name not in table.columns:
            raise DataError(
                f"{path}: no column {name!r} (it has {', '.join(table.columns)})",
                "fetch the archive again, or put a dataset.yaml into the folder to describe the files yourself",
            )


def _events(origin: Origin) -> Events:
    """The ratings of a file with a header."""
    with readable(origin.path):
        _need(scan(origin.path).head(0).collect(), _RATINGS, origin.path)
    users, items, table = read_events(origin, "userId", "movieId", ("rating", "timestamp"))
    return Events(users, items, *_numbers(table, origin))


def _rows(table: pl.DataFrame, origin: Origin) -> Events:
    users, items = (codes(keys(table, name, origin)) for name in ("userId", "movieId"))
    return Events(users, items, *_numbers(table, origin))


def _numbers(table: pl.DataFrame, origin: Origin) -> tuple[Float32, Int64]:
    columns: list[pl.Series] = []
    for name, dtype in (("rating", pl.Float32), ("timestamp", pl.Int64)):
        values = numbers(table, name, origin, dtype)
        if values.null_count():
            raise DataError(f"{origin.place(values.is_null().arg_max() or 0, name)} is empty", _REMEDY)
        columns.append(values)
    return columns[0].to_numpy(writable=True), columns[1].to_numpy(writable=True)


def _movies(table: pl.DataFrame, origin: Origin) -> pl.DataFrame:
    genre_lists = pl.col("genres").str.split("|").list.eval(pl.element().filter(~pl.element().is_in(_NO_GENRE)))
    return table.select(
        keys(table, "item_id", origin).alias("item_id"),
        pl.col("title").str.strip_chars(),
        genre_lists.alias("categories"),
    )
