"""Slates for a file of candidates of any length: read in parts, reranked, written part by part, resumed where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from agent.rerank.protocol import Pool, Reranker
from retrieval.arrays import Float32, Float64, Int32
from retrieval.axes import Axis
from retrieval.errors import ConfigError, DataError
from retrieval.schema import Catalog

ROWS = 2_000_000
"""Candidates in memory at once."""

_PADDING = 4
"""Most cells of a padded table, in units of the candidates in memory."""

Progress = Callable[[str, int, int], None]
Targets = Callable[[pl.Series], Float64]
"""External user ids to ``(B, G)`` targets."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is reranked, and how.

    Attributes:
        candidates: Parquet file, or folder of them, with ``user_id``, ``item_id`` and ``score``; the rows of a user
            stand together.
        out: Folder of the slates.
        catalog: The items.
        axis: Along which slates are calibrated.
        targets: Proportions of each user.
        reranker: Makes the slates.
        settings: What the result depends on beside the candidates, in words: a folder begun with others is refused.
        k: Length of a slate.
    """

    candidates: Path
    out: Path
    catalog: Catalog
    axis: Axis
    targets: Targets
    reranker: Reranker
    settings: str
    k: int


def rerank_file(job: Job, progress: Progress, rows: int = ROWS) -> int:
    """Write ``user_id, rank, item_id, score, c_kl`` to ``part-*.parquet``; parts that are there are kept.

    Returns:
        Number of users.

    Raises:
        DataError: A column is missing, an item is unknown, or a user's rows do not stand together.
        ConfigError: The folder holds the result of other settings.
    """
    table = _scan(job.candidates)
    parts = list(_parts(table, job.candidates, rows))
    _claim(job, parts)
    ids = job.catalog.table.select("item_id").with_row_index("item")
    users = 0
    for number, (start, stop, count) in enumerate(parts):
        users += count
        path = job.out / f"part-{number:05d}.parquet"
        if not path.exists():
            progress(f"reranking {users:,} users", number, len(parts))
            part = _read(table.slice(start, stop - start), job.candidates)
            made = _rerank_part(job, part, ids, rows)
            partial = path.with_suffix(".partial")
            made.write_parquet(partial)
            partial.replace(path)
    progress(f"{users:,} users", len(parts), len(parts))
    return users


def read_table(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """A Parquet file or folder of ``user_id``, ``item_id`` and perhaps ``score``, in memory.

    Raises:
        DataError: It is not there, is no Parquet, or lacks a column.
    """
    return _read(_scan(path, columns), path)


def _scan(path: Path, wanted: tuple[str, ...] = ("user_id", "item_id", "score")) -> pl.LazyFrame:
    if not path.exists():
        raise DataError(f"{path} does not exist", "name a Parquet file, or a folder of them")
    try:
        table = pl.scan_parquet(path / "*.parquet" if path.is_dir() else path)
        columns = table.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as why:
        raise DataError(
            f"{path}: no Parquet ({str(why).splitlines()[0]})", "write candidates with polars or pandas"
        ) from why
    missing = set(wanted) - set(columns)
    if missing:
        raise DataError(f"{path} lacks the columns {sorted(missing)}", f"it needs {', '.join(wanted)}")
    return table.select(pl.col(name).cast(pl.Float32 if name == "score" else pl.String) for name in wanted)


def _read(table: pl.LazyFrame, path: Path) -> pl.DataFrame:
    try:
        return table.collect()
    except pl.exceptions.PolarsError as why:
        raise DataError(
            f"{path}: {str(why).splitlines()[0]}", "user_id and item_id are names, score is a number"
        ) from why


def _parts(table: pl.LazyFrame, path: Path, rows: int) -> Iterator[tuple[int, int, int]]:
    """First row, row after the last, and users of each part; users are not cut."""
    total = int(_read(table.select(pl.len()), path).item())
    column = table.select(pl.col("user_id").hash())
    known = np.empty(0, np.uint64)
    start = 0
    while start < total:
        read = _read(column.slice(start, rows + 1), path).to_series().to_numpy()
        starts = np.flatnonzero(np.concatenate([[True], read[1:] != read[:-1]]))
        if start + len(read) < total and len(starts) == 1:
            raise DataError(f"one user has more than {rows:,} candidates", "keep a few hundred of each user")
        stop = total if start + len(read) >= total else start + int(starts[-1])
        here = read[starts[starts < stop - start]]
        if len(np.unique(here)) < len(here) or np.isin(here, known).any():
            raise DataError("the candidates of a user do not stand together", "sort the file by user_id")
        known = np.concatenate([known, here])
        yield start, stop, len(here)
        start = stop


def _claim(job: Job, parts: list[tuple[int, int, int]]) -> None:
    files = sorted(job.candidates.glob("*.parquet")) if job.candidates.is_dir() else [job.candidates]
    stamps = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    text = f"{job.settings} k={job.k} parts={parts} of {stamps}"
    claim = json.dumps({"settings": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}, indent=2)
    job.out.mkdir(parents=True, exist_ok=True)
    note = job.out / "job.json"
    begun = note.exists() and any(job.out.glob("part-*.parquet"))
    if begun and note.read_text(encoding="utf-8") != claim:
        raise ConfigError(
            f"{job.out} holds the result of another job", f"name another folder, or remove it; see {note}"
        )
    note.write_text(claim, encoding="utf-8")


def _rerank_part(job: Job, part: pl.DataFrame, ids: pl.DataFrame, limit: int) -> pl.DataFrame:
    for column, missing in zip(part.columns, part.null_count().row(0), strict=True):
        if missing:
            raise DataError(f"{job.candidates}: {missing:,} rows without {column}", "fill them in, or leave them out")
    twice = part.select("user_id", "item_id").is_duplicated()
    if twice.any():
        user, item, _ = part.filter(twice).row(0)
        raise DataError(f"user {user!r} has item {item!r} more than once", "keep one row of each")
    found = part.join(ids, on="item_id", how="left", maintain_order="left")
    if found["item"].null_count():
        unknown = found.filter(pl.col("item").is_null())["item_id"][0]
        raise DataError(f"item {unknown!r} is not in the catalogue", "use the data that the candidates were made from")
    runs = part["user_id"].rle().struct
    users, lengths = runs.field("value"), runs.field("len").to_numpy().astype(np.int64)
    if len(users) > 1 and len(users) * int(lengths.max()) > _PADDING * limit:
        # One user with very many candidates would pad everybody else's: halves, until he is nearly alone.
        cut = int(lengths[: len(users) // 2].sum())
        return pl.concat([_rerank_part(job, half, ids, limit) for half in (part[:cut], part[cut:])])
    items, scores = padded(found["item"].to_numpy().astype(np.int32), found["score"].to_numpy(), lengths)
    popularity = job.catalog.counts[np.maximum(items, 0)].astype(np.float32)
    pool = Pool(scores, job.axis.rows(items), job.targets(users), popularity=popularity)
    slates = job.reranker(pool, job.k)
    held = slates.positions >= 0
    rows, ranks = np.nonzero(held)
    places = slates.positions[held]
    names = job.catalog.table["item_id"]
    return pl.DataFrame(
        {
            "user_id": users.gather(rows),
            "rank": (ranks + 1).astype(np.int32),
            "item_id": names.gather(items[rows, places]),
            "score": scores[rows, places],
            "c_kl": slates.kl[rows].astype(np.float32),
        }
    )


def padded(items: Int32, scores: Float32, lengths: np.ndarray) -> tuple[Int32, Float32]:
    """Ragged rows as ``(B, n)``, best first, ties to the lower item; -1 and ``-inf`` pad."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((items, -scores, owner))
    column = np.arange(len(items)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    shape = (len(lengths), int(lengths.max(initial=0)))
    out_items, out_scores = np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32)
    out_items[owner, column], out_scores[owner, column] = items[order], scores[order]
    return out_items, out_scores
