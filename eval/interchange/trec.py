"""TREC runs (``user Q0 item rank score tag``) and judgements (``user 0 item relevance``), read and written.

A run is ordered by score alone, as trec_eval does it: the ranks of the file are not believed, scores are compared in
single precision, and of items that tie the one whose id comes later (by bytes) is ranked higher.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from retrieval.arrays import Int32
from retrieval.errors import DataError

RUN = {"user_id": pl.String, "item_id": pl.String, "score": pl.Float64}
QRELS = {"user_id": pl.String, "item_id": pl.String, "relevance": pl.Int64}

_WORD = r"[^ \t]+"
_GAP = r"[ \t]+"
_BLANKS = r"[ \t\r\n\x0b\x0c\x00]"


def read_run(path: Path) -> pl.DataFrame:
    """A run, each user's items in the order that trec_eval ranks them by.

    Returns:
        ``user_id, item_id, score``; users in order of first appearance.

    Raises:
        DataError: The file is missing or no run; names the line.
    """
    table = _fields(path, ("user_id", None, "item_id", None, "score", None), "user Q0 item rank score tag")
    table = _numbers(table, "score", pl.Float64, path)
    _once(table, path)
    return in_order(table)


def in_order(run: pl.DataFrame) -> pl.DataFrame:
    """A run sorted by trec_eval's rule; see the module."""
    first = run.select("user_id").unique(maintain_order=True).with_row_index("user_at")
    return (
        run.join(first, on="user_id", how="left", maintain_order="left")
        .with_columns(pl.col("score").cast(pl.Float32).alias("single"))
        .sort("user_at", "single", "item_id", descending=[False, True, True])
        .select(*RUN)
    )


def write_run(path: Path, run: pl.DataFrame, tag: str = "polytaste") -> None:
    """Write a run; ranks are counted from 1 in trec_eval's order.

    Args:
        path: File.
        run: ``user_id, item_id, score``.
        tag: Name of the run, one word.

    Raises:
        DataError: An id or the tag is empty or holds a blank, or a score is not finite.
    """
    _writable(pl.DataFrame({"tag": [tag]}), path)
    _writable(run.select("user_id", "item_id"), path)
    if not run["score"].is_finite().all():
        raise DataError(f"{path}: a score is not a finite number", "leave out what was not ranked")
    table = in_order(run).with_columns((pl.int_range(pl.len()).over("user_id") + 1).alias("rank"))
    rows = table.select("user_id", "item_id", "rank", "score").iter_rows()
    _write(path, (f"{user} Q0 {item} {rank} {score!r} {tag}" for user, item, rank, score in rows))


def read_qrels(path: Path) -> pl.DataFrame:
    """Judgements: ``user_id, item_id, relevance``; above zero is relevant.

    Raises:
        DataError: The file is missing or holds no judgements; names the line.
    """
    table = _fields(path, ("user_id", None, "item_id", "relevance"), "user 0 item relevance")
    table = _numbers(table, "relevance", pl.Int64, path)
    _once(table, path)
    return table.select(*QRELS)


def write_qrels(path: Path, qrels: pl.DataFrame) -> None:
    """Write judgements.

    Raises:
        DataError: An id is empty or holds a blank.
    """
    _writable(qrels.select("user_id", "item_id"), path)
    rows = qrels.select(*QRELS).iter_rows()
    _write(path, (f"{user} 0 {item} {relevance}" for user, item, relevance in rows))


def run_of(lists: Int32, user_ids: Sequence[str], item_ids: Sequence[str]) -> pl.DataFrame:
    """Slates as a run: scores k, k - 1, ... keep the order that the slates are shown in.

    Args:
        lists: ``(B, k)`` internal ids, -1 pads.
        user_ids: B names.
        item_ids: Names by internal id.
    """
    users, ranks = np.nonzero(lists >= 0)
    names = pl.Series(item_ids, dtype=pl.String).gather(lists[users, ranks])
    score = (lists.shape[1] - ranks).astype(np.float64)
    return pl.DataFrame(
        {"user_id": pl.Series(user_ids, dtype=pl.String).gather(users), "item_id": names, "score": score}
    )


def _fields(path: Path, names: tuple[str | None, ...], layout: str) -> pl.DataFrame:
    """Named words of each line, and its number; lines without a word are skipped."""
    if not path.is_file():
        raise DataError(f"{path}: no such file", "name a file in TREC's format")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as why:
        raise DataError(f"{path}: not UTF-8 text ({why})", "save the file as UTF-8") from why
    lines = pl.DataFrame({"text": pl.Series(text.split("\n"), dtype=pl.String).str.strip_suffix("\r")})
    lines = lines.with_row_index("line", offset=1).filter(pl.col("text").str.contains(r"[^ \t]"))
    pattern = r"^[ \t]*" + _GAP.join(f"({_WORD})" if name else _WORD for name in names) + r"[ \t]*$"
    found = [name for name in names if name]
    groups = [pl.col("text").str.extract(pattern, at).alias(name) for at, name in enumerate(found, start=1)]
    table = lines.select("line", *groups)
    bad = table.filter(pl.col(found[0]).is_null())
    if bad.height:
        raise DataError(f"{path}: line {bad['line'][0]} is not '{layout}'", f"each line holds {len(names)} words")
    return table


def _numbers(table: pl.DataFrame, column: str, dtype: type[pl.DataType], path: Path) -> pl.DataFrame:
    read = table[column].cast(dtype, strict=False)
    bad = read.is_null() | ~read.cast(pl.Float64).is_finite().fill_null(value=False)
    if bad.any():
        at = bad.arg_max() or 0
        raise DataError(
            f"{path}: line {table['line'][at]}: {column} {table[column][at]!r} is no number", "write one there"
        )
    return table.with_columns(read.alias(column))


def _once(table: pl.DataFrame, path: Path) -> None:
    twice = table.filter(table.select("user_id", "item_id").is_duplicated())
    if twice.height:
        line, user, item = twice.select("line", "user_id", "item_id").row(-1)
        raise DataError(f"{path}: line {line}: user {user!r} has item {item!r} more than once", "keep one line of each")


def _writable(table: pl.DataFrame, path: Path) -> None:
    for column in table.columns:
        names = table[column].cast(pl.String)
        bad = names.is_null() | (names == "") | names.str.contains(_BLANKS)
        if bad.any():
            name = names.filter(bad)[0]
            raise DataError(f"{path}: {column} {name!r} cannot stand in a TREC file", "use names without blanks")


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(f"{line}\n" for line in lines)
