"""The commands ``polytaste rerank batch``, ``bench`` and ``gap``: loading, progress, and what is shown."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar, show_whole
from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.calibration import normalised, target_shares
from agent.rerank.protocol import Pool
from agent.rerank.strategies import make
from eval.quick import best_items
from eval.rerank_batch import Job, Targets, rerank_file
from eval.rerank_bench import measure
from retrieval.arrays import Float64, Int32
from retrieval.axes import Axis, blended, parse_axes
from retrieval.baselines.linear import LinearAutoencoder
from retrieval.datasets.dataset import Dataset
from retrieval.errors import DataError
from retrieval.schema import Histories
from retrieval.threads import report as thread_report

_RIDGE = 500.0
_PART_USERS = 20_000


def run_batch(
    candidates: Path,
    folder: Path,
    data: str,
    columns: list[str],
    items: str | None,
    like_above: float | None,
    strategy: str,
    lam: float,
    axis_name: str,
    k: int,
) -> None:
    """Rerank a file."""
    dataset = load_data(data, columns, items, like_above)
    named = parse_axes(axis_name)
    axis = blended([dataset.catalog.axis(name) for name in named], list(named.values()))
    likes = f"{len(dataset.likes())} likes above {dataset.like_above:g}, columns {sorted(columns)}, items {items}"
    settings = f"{strategy} lam={lam:g} axis={axis_name} data={data} ({likes})"
    job = Job(candidates, folder, dataset.catalog, axis, targets_by_id(dataset, axis), make(strategy, lam), settings, k)
    with progress_bar("reranking") as (bar, task):
        users = rerank_file(
            job, lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)
        )
    err.print(Text(f"slates of {users:,} users in {folder}", style="green"), soft_wrap=True)


def targets_by_id(dataset: Dataset, axis: Axis) -> Targets:
    """Targets from the likes of users of the data; a user without any gets everyone's shares."""
    histories = dataset.histories()
    known = target_shares(histories, axis.rows(histories.items))
    everyone = np.asarray(dataset.catalog.counts @ axis.share, np.float64).ravel()
    everyone /= max(everyone.sum(), 1e-12)
    table = np.where(known.sum(axis=1, keepdims=True) > 0, known, everyone)
    table = np.concatenate([table, everyone[None]])
    place = pl.DataFrame({"user_id": dataset.interactions.user_ids, "at": np.arange(len(known))})

    def find(users: pl.Series) -> Float64:
        at = users.to_frame("user_id").join(place, on="user_id", how="left", maintain_order="left")["at"]
        return table[at.fill_null(len(known)).to_numpy()]

    return find


def run_bench(
    data: str,
    columns: list[str],
    items: str | None,
    like_above: float | None,
    users: int,
    candidates: int,
    scale: int,
    k: int,
    lam: float,
    *,
    as_json: bool,
) -> None:
    """Time the rerankers."""
    dataset = load_data(data, columns, items, like_above)
    axis = dataset.catalog.axis()
    _, pool = ease_pool(dataset, axis, users, candidates)
    with progress_bar("timing") as (bar, task):
        times = measure(pool, k, lam, lambda stage, at, n: bar.update(task, description=stage, completed=at, total=n))
    ratios: dict[str, Any] = {
        "batched NumPy, same algorithm / default": times.numpy / times.calibrated,
        "plain Python, same algorithm / default": times.python / times.calibrated,
        "plain Python, textbook greedy / default": times.textbook / times.calibrated,
        "default in one thread / its floor": times.one_thread / times.floor,
    }
    if scale:
        ratios.update(_at_scale(dataset, axis, candidates, scale, k, lam))
    if as_json:
        out.file.write(json.dumps({**asdict(times), "ratios": ratios, "threads": thread_report()}, indent=2) + "\n")
        return
    shape = f"{times.users:,} users x {candidates} candidates -> {k}, {len(axis.labels)} groups"
    table = Table(title=shape, box=None, padding=(0, 2), header_style="dim", title_justify="left")
    table.add_column("what")
    table.add_column("", justify="right", no_wrap=True)
    for name, value in ratios.items():
        table.add_row(name, f"{value:,.1f}")
    table.add_row("one request, kernel, median", f"{times.request_us:.0f} \u00b5s")
    show_whole(table)


def _at_scale(dataset: Dataset, axis: Axis, candidates: int, scale: int, k: int, lam: float) -> dict[str, Any]:
    """Rerank a file of many users: those of the data over and over, each time with other scores."""
    ids, pool = ease_pool(dataset, axis, len(dataset.interactions.user_ids), candidates)
    names = dataset.catalog.table["item_id"]
    draw = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temporary, progress_bar("writing candidates") as (bar, task):
        folder = Path(temporary)
        (folder / "candidates").mkdir()
        for start in range(0, scale, _PART_USERS):
            bar.update(task, completed=start, total=scale)
            user = np.arange(start, min(start + _PART_USERS, scale))
            row = user % len(ids)
            held = ids[row] >= 0
            scores = normalised(pool)[row] + draw.normal(0.0, 0.1, held.shape)
            pl.DataFrame(
                {
                    "user_id": np.repeat(user, held.sum(axis=1)),
                    "item_id": names.gather(ids[row][held]),
                    "score": scores[held].astype(np.float32),
                }
            ).write_parquet(folder / "candidates" / f"{start:09d}.parquet")

        def targets(users: pl.Series) -> Float64:
            return pool.target[users.cast(pl.Int64).to_numpy() % len(ids)]

        job = Job(
            folder / "candidates", folder / "slates", dataset.catalog, axis, targets,
            Calibrated(CalibratedConfig(lam=lam)), f"bench {scale}", k,
        )  # fmt: skip
        count = rerank_file(
            job, lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)
        )
        peak = psutil.Process().memory_info().rss / 2**30
    return {"users of the file": count, "memory of the process afterwards, GiB": peak}


def ease_pool(dataset: Dataset, axis: Axis, users: int, candidates: int) -> tuple[Int32, Pool]:
    """Candidates of EASE for the first users with five likes, from their whole histories."""
    everyone = dataset.histories()
    long = np.flatnonzero(everyone.lengths >= 5)[:users]
    if len(long) == 0:
        raise DataError(f"{dataset.name}: nobody has five liked items", "lower --like-above")
    touched = np.flatnonzero(dataset.catalog.counts > 0)
    matrix = everyone.matrix(len(dataset.catalog)).tocsr()[:, touched]
    model = LinearAutoencoder(matrix, _RIDGE)
    universe = np.ones(len(touched), bool)
    ids: list[Int32] = []
    scores: list[np.ndarray] = []
    for start in range(0, len(long), 1000):
        chunk = [np.searchsorted(touched, everyone.row(int(u))).astype(np.int32) for u in long[start : start + 1000]]
        histories = Histories.of(chunk)
        found = model.scores(histories)
        best = best_items(found, histories, universe, candidates)
        ids.append(np.where(best >= 0, touched[np.maximum(best, 0)], -1).astype(np.int32))
        scores.append(np.where(best >= 0, np.take_along_axis(found, np.maximum(best, 0), axis=1), -np.inf))
    items = np.concatenate(ids)
    histories = Histories.of([everyone.row(int(u)) for u in long])
    target = target_shares(histories, axis.rows(histories.items))
    return items, Pool(np.concatenate(scores).astype(np.float32), axis.rows(items), target)
