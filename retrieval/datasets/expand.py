"""A larger data set with the shape of a real one: a randomised Kronecker product, written block by block.

Belletti et al., "Scalable Realistic Recommendation Datasets through Fractal Expansions", 2019 (arXiv 1901.08910). With R
the ``(N, M)`` likes and P a small ``(r, c)`` picture of them with values in [0, 1], the expansion is

    R' = [F_ij],   i = 1..r, j = 1..c,   F_ij = the rows of R, shuffled, each like kept with probability s P_ij

(equation 2 and section III.4 there), P by their algorithm 2: the leading singular values of R between its singular
vectors resized to r and c. The factor s, ours, sets how many likes there are. Two further things are ours. The rows and
columns of R are sorted by their sums before they are resized, so that P has heads and tails as R has. And in a
block only users are shuffled, among those of like activity, while they shuffle items as well: what goes with what within
a block of items would otherwise differ from one block of users to the next, and there would be nothing to learn.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import linalg as sparse_linalg

from retrieval.arrays import Csr, Float64, Int64
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError
from retrieval.schema import Histories

_svds: Any = sparse_linalg.svds  # annotated too loosely to check against

FOLDERS = {"train": ".", "held_out": "held-out"}


class ExpansionConfig(BaseModel):
    """Size and shape of an expansion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    users: int = Field(default=18, ge=1, description="r, copies of every user")
    items: int = Field(default=6, ge=1, description="c, copies of every item")
    likes: int = Field(default=20_500_000, ge=1, description="expected number of likes, held-out users left aside")
    held_out: float = Field(default=0.05, ge=0, lt=1, description="share of the users all of whose copies are held out")
    neighbours: int = Field(default=32, ge=1, description="users of like activity that are shuffled among each other")
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        likes: Rows by part (``train``, ``held_out``).
        users: With at least one like, by part.
        items: With at least one like in ``train``.
        kept: ``(r, c)`` s P, what share of the likes each block kept.
    """

    likes: dict[str, int]
    users: dict[str, int]
    items: int
    kept: Float64


def small_picture(matrix: Csr, rows: int, columns: int) -> Float64:
    """P: ``(rows, columns)`` in [0, 1] with the leading singular values of the matrix up to a factor, before the absolute
    value is taken (Belletti et al. 2019, algorithm 2).

    Raises:
        ConfigError: The picture is not smaller than the matrix.
    """
    rank = min(rows, columns)
    if rows > matrix.shape[0] or columns > matrix.shape[1] or rank >= min(matrix.shape):
        raise ConfigError(
            f"{rows} x {columns} copies of {matrix.shape[0]:,} users and {matrix.shape[1]:,} items",
            "the factors must be smaller than the data: lower --users or --items",
        )
    by_rows, by_columns = (np.argsort(-np.asarray(matrix.sum(axis=axis)).ravel(), kind="stable") for axis in (1, 0))
    left, values, right = _svds(matrix[by_rows][:, by_columns].astype(np.float64), k=rank, rng=0)
    picture = np.abs(_orthogonal(_resized(left, rows)) * values @ _orthogonal(_resized(right.T, columns)).T)
    return picture / picture.max()


def kept_shares(picture: Float64, likes: int, wanted: int) -> Float64:
    """min(1, s P), with s such that blocks of ``likes`` likes each keep ``wanted`` in all.

    Raises:
        ConfigError: All blocks together hold fewer.
    """
    if wanted > picture.size * likes:
        raise ConfigError(
            f"{picture.size} copies of {likes:,} likes are fewer than {wanted:,}",
            "raise --users or --items, or lower --likes",
        )
    low, high = 0.0, 1.0 / picture[picture > 0].min()
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if likes * np.minimum(1.0, middle * picture).sum() < wanted else (low, middle)
    return np.minimum(1.0, high * picture)


def expand(dataset: Dataset, folder: Path, config: ExpansionConfig) -> Written:
    """Write the expansion of the likes of a data set as ``interactions.parquet`` and ``items.parquet``.

    Rows are sorted by user; the times of the source are kept. All copies of a held-out user go to a folder of
    their own, because the copies of one person are alike: whoever is evaluated was never trained on. Memory holds the source
    and one block of users.

    Args:
        dataset: Source.
        folder: Where to write; ``held-out`` in it holds the held-out users.
        config: Settings.

    Raises:
        ConfigError: The folder exists, or the settings do not fit the data.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty", "name a new folder: --out FOLDER")
    likes = dataset.likes()
    histories = likes.histories()
    times = likes.times  # rows of likes are those of the histories: both sorted by user, each pair once
    n_items = len(dataset.catalog)
    draw = np.random.default_rng(config.seed)
    is_held = np.zeros(len(histories), bool)
    is_held[draw.permutation(len(histories))[: int(config.held_out * len(histories))]] = True
    parts = {"train": np.flatnonzero(~is_held), "held_out": np.flatnonzero(is_held)}
    picture = small_picture(histories.matrix(n_items).tocsr(), config.users, config.items)
    kept = kept_shares(picture, int(histories.lengths[parts["train"]].sum()), config.likes)
    items = dataset.catalog.table.drop("count")
    ids = np.array(dataset.catalog.item_ids)
    totals: dict[str, int] = {}
    present: dict[str, int] = {}
    touched = np.zeros((config.items, n_items), bool)
    for part, users in parts.items():
        if not len(users):
            continue
        place = folder / FOLDERS[part]
        pieces = place / "pieces"
        pieces.mkdir(parents=True)
        totals[part] = present[part] = 0
        for i, (owner, copy, at) in enumerate(_blocks(histories, users, kept, config.neighbours, draw)):
            item = histories.items[at]
            if part == "train":
                touched[copy, item] = True
            totals[part] += len(at)
            present[part] += len(np.unique(owner))
            frame = pl.DataFrame({
                "user": pl.Series(np.array(likes.user_ids)[owner]),
                "item": pl.Series(ids[item]),
                "copy": copy,
            })  # fmt: skip
            frame = frame.select(
                pl.format(f"{i}-{{}}", pl.col("user")).alias("user"), pl.format("{}-{}", "copy", "item").alias("item")
            )
            if times is not None:
                frame = frame.with_columns(pl.Series("timestamp", times[at]))
            frame.write_parquet(pieces / f"{i:05d}.parquet")
        pl.scan_parquet(pieces / "*.parquet").sink_parquet(place / "interactions.parquet")
        shutil.rmtree(pieces)
        _items(items, config.items).write_parquet(place / "items.parquet")
    return Written(totals, present, int(touched.sum()), kept)


def _blocks(
    histories: Histories, users: Int64, kept: Float64, neighbours: int, draw: np.random.Generator
) -> Iterator[tuple[Int64, Int64, Int64]]:
    """Per copy of the users: the user, the copy of the item and the like of the source of each like, by user."""
    active = users[np.argsort(-histories.lengths[users], kind="stable")]
    for shares in kept:
        owners: list[Int64] = []
        copies: list[Int64] = []
        sources: list[Int64] = []
        for j, share in enumerate(shares):
            source = np.concatenate([
                draw.permutation(active[a : a + neighbours]) for a in range(0, len(active), neighbours)
            ])  # fmt: skip
            lengths = histories.lengths[source]
            owner = np.repeat(active, lengths)
            within = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            at = np.repeat(histories.indptr[source], lengths) + within
            stays = draw.random(len(at)) < share
            owners.append(owner[stays])
            copies.append(np.full(int(stays.sum()), j))
            sources.append(at[stays])
        owner, copy, at = (np.concatenate(values) for values in (owners, copies, sources))
        order = np.argsort(owner, kind="stable")
        yield owner[order], copy[order], at[order]


def _items(items: pl.DataFrame, copies: int) -> pl.DataFrame:
    return pl.concat([
        items.with_columns(pl.format(f"{j}-{{}}", "item_id").alias("item_id"), pl.format(f"[{j}] {{}}", "title").alias("title"))
        for j in range(copies)
    ])  # fmt: skip


def _resized(vectors: Float64, rows: int) -> Float64:
    """``(rows, k)`` means of neighbouring rows."""
    return np.stack([part.mean(axis=0) for part in np.array_split(vectors, rows)])


def _orthogonal(matrix: Float64) -> Float64:
    """The nearest matrix with orthonormal columns: the polar factor."""
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return left @ right
