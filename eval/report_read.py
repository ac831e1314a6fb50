"""The results of a suite as they are reported: cells with one value per user, seeds averaged, users aligned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from eval.metrics import coverage, gini
from eval.suite.lines import read
from eval.suite.measure import METRICS
from retrieval.arrays import Bool, Float64, Int32
from retrieval.errors import DataError, NotFoundError

PLAIN = ("top-k", "calibrated")
"""What differences are against: the accuracy-only list, or the calibrated one at the smallest lambda where it was not made."""


@dataclass(frozen=True)
class Cell:
    """One reranker at one lambda on one retriever's candidates.

    Attributes:
        retriever: In words.
        reranker: In words; prompt and model for a language model.
        lam: lambda; None for a reranker that has none.
        values: Metric to ``(B,)``, the mean over seeds; NaN where the cell says nothing of a user.
        by_seed: Mean nDCG of each seed of training; one where training does not draw.
        items: ``(B, k)`` slates of the first seed, -1 where there is none.
        coverage: Share of the ranked items that stand in one of these slates.
        gini: How unequally items are shown in them.
    """

    retriever: str
    reranker: str
    lam: float | None
    values: dict[str, Float64]
    by_seed: tuple[float, ...]
    items: Int32
    coverage: float
    gini: float

    @property
    def title(self) -> str:
        """For people."""
        return self.reranker if self.lam is None else f"{self.reranker} λ {self.lam:g}"

    @property
    def users(self) -> int:
        """How many have an nDCG."""
        return int(np.isfinite(self.values["ndcg"]).sum())


@dataclass(frozen=True)
class Field:
    """All cells on one data set and split.

    Attributes:
        facts: Of the manifest: data, split, axis, sizes.
        users: A row for each test user: history, hidden, head_share, minority_share, target, fold_in, hidden_items.
        items: A row for each item by internal id: item_id, title, groups, shares.
        ceilings: Retriever to what no reranker of its candidates surpasses, a row for each user; of the first seed.
        chosen: Retriever to the nDCG on validation users that its settings were chosen by, the mean over seeds; NaN where there is none.
        cells: All of them.
        answers: Reranker in words to what the language model said of the first seed's candidates, if one was asked.
    """

    facts: dict[str, Any]
    users: pl.DataFrame
    items: pl.DataFrame
    ceilings: dict[str, pl.DataFrame]
    chosen: dict[str, float]
    cells: tuple[Cell, ...]
    answers: dict[str, pl.DataFrame]

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.facts['data']}, {self.facts['split']}"

    def of(self, retriever: str) -> list[Cell]:
        """Cells on one retriever's candidates."""
        return [cell for cell in self.cells if cell.retriever == retriever]

    def plain(self, retriever: str) -> Cell:
        """What the others are compared with; see :data:`PLAIN`."""
        mine = self.of(retriever)
        for name in PLAIN:
            found = [cell for cell in mine if cell.reranker == name]
            if found:
                return min(found, key=lambda cell: cell.lam or 0.0)
        return mine[0]

    def part(self, cell: Cell) -> int:
        """How many users a cell is of, if of fewer than the plain list on the same candidates; else 0. Its means are not comparable."""
        return cell.users if cell.users < self.plain(cell.retriever).users else 0

    @property
    def retrievers(self) -> list[str]:
        """In the order of the suite."""
        return list(dict.fromkeys(cell.retriever for cell in self.cells))


@dataclass(frozen=True)
class Results:
    """A whole suite.

    Attributes:
        manifest: As it was written.
        fields: Data sets under their splits.
        timings: Seconds that each unit took when it was made last, by its key; without those whose time nobody kept.
        calls: What language models answered, with milliseconds.
    """

    manifest: dict[str, Any]
    fields: tuple[Field, ...]
    timings: dict[str, float]
    calls: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        """Of the suite."""
        return str(self.manifest["suite"]["name"])

    @property
    def k(self) -> int:
        """Length of a slate."""
        return int(self.manifest["suite"]["k"])


def read_results(folder: Path) -> Results:
    """Read a folder that ``polytaste eval run`` has filled.

    Raises:
        NotFoundError: It holds no finished suite.
        DataError: A file that the manifest names is missing or damaged.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise NotFoundError(f"{folder} holds no finished suite", "run polytaste eval run SUITE --out to its end first")
    manifest = _json(path)
    fields = tuple(_field(folder, manifest, number) for number in range(len(manifest["grounds"])))
    calls = tuple(line for file in sorted(folder.glob("calls/*.jsonl")) for _, line in read(file))
    made = {unit["key"] for unit in [*manifest["pools"], *manifest["units"]]}
    timings = {line["key"]: float(line["seconds"]) for _, line in read(folder / "timings.jsonl") if line["key"] in made}
    return Results(manifest, fields, timings, calls)


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as why:
        raise _broken(path, why) from why


def _parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as why:
        raise _broken(path, why) from why


def _broken(path: Path, why: Exception) -> DataError:
    said = f"{path}: {str(why).splitlines()[0]}"
    return DataError(said, "run the suite again: what is missing or damaged is made anew")


def _field(folder: Path, manifest: dict[str, Any], number: int) -> Field:
    facts = manifest["grounds"][number]
    users = _parquet(folder / "users" / f"{facts['key']}.parquet")
    items = _parquet(folder / "items" / f"{facts['key']}.parquet")
    pools = {pool["key"]: pool for pool in manifest["pools"] if pool["ground"] == number}
    ceilings: dict[str, pl.DataFrame] = {}
    for pool in pools.values():
        ceilings.setdefault(pool["retriever"], _parquet(folder / "ceilings" / f"{pool['key']}.parquet"))
    chosen = {name: _validated(folder, [p for p in pools.values() if p["retriever"] == name]) for name in ceilings}
    merged: dict[tuple[str, str, float | None], list[pl.DataFrame]] = {}
    answers: dict[str, pl.DataFrame] = {}
    for unit in manifest["units"]:
        if unit["pool"] not in pools:
            continue
        retriever = pools[unit["pool"]]["retriever"]
        asked = f"{unit['model']}, {unit['prompt']}" + (f", weight {unit['weight']:g}" if "weight" in unit else "")
        name = unit["reranker"] if unit["reranker"] != "llm" else asked
        table = _parquet(folder / "units" / f"{unit['key']}.parquet")
        if unit["reranker"] == "llm":
            title = f"{retriever}: {name}"
            if title not in answers:
                answers[title] = _parquet(folder / "answers" / f"{unit['key']}.parquet")
        single = unit["lambdas"] == [0.0]
        for (lam,), part in table.group_by("lambda", maintain_order=True):
            merged.setdefault((retriever, name, None if single else float(lam)), []).append(part)  # pyright: ignore[reportArgumentType]
    cells = tuple(_cell(key, parts, users, int(facts["items"])) for key, parts in merged.items())
    return Field(facts, users, items, ceilings, chosen, cells, answers)


def _validated(folder: Path, pools: list[dict[str, Any]]) -> float:
    """Of one retriever: what the best of its settings had on validation users."""
    best: list[float] = []
    for pool in pools:
        tried = _json(folder / "pools" / f"{pool['key']}.json")["tried"]
        best.append(max(float(value) for one in tried for name, value in one.items() if name.startswith("validation")))
    return float(np.mean(best))


def _cell(key: tuple[str, str, float | None], parts: list[pl.DataFrame], users: pl.DataFrame, n_items: int) -> Cell:
    aligned = [_aligned(part, users) for part in parts]
    values: dict[str, Float64] = {}
    for name in METRICS:
        rows = np.stack([_column(part, name) for part in aligned])
        values[name] = rows[0] if len(rows) == 1 else _mean(rows)
    by_seed = _mean(np.stack([_column(part, "ndcg") for part in aligned], axis=1))
    lists = _lists(aligned[0]["items"])
    return Cell(*key, values, tuple(by_seed.tolist()), lists, coverage(lists, n_items), gini_of(lists, n_items))


def _column(part: pl.DataFrame, name: str) -> Float64:
    return part[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _lists(items: pl.Series) -> Int32:
    """``(B, k)``; -1 throughout for a user of whom there is no slate."""
    known = items.drop_nulls().to_numpy()
    out = np.full((len(items), known.shape[1]), -1, np.int32)
    out[items.is_not_null().to_numpy()] = known
    return out


def _aligned(part: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    if part["user_id"].equals(users["user_id"]):
        return part
    return users.select("user_id").join(part, on="user_id", how="left", maintain_order="left")


def gini_of(lists: Int32, n_items: int) -> float:
    """Gini over the ranked items: ids are renumbered by first use, since only how often each is shown matters."""
    shown, inverse = np.unique(lists, return_inverse=True)
    places = np.where(lists >= 0, inverse.reshape(lists.shape) - int((shown < 0).any()), -1)
    return gini(places.astype(np.int32), max(n_items, int(places.max(initial=0)) + 1))


def _mean(rows: Float64) -> Float64:
    """Over rows, of what is known in each column."""
    known: Bool = np.isfinite(rows)
    count = known.sum(axis=0)
    return np.divide(np.where(known, rows, 0.0).sum(axis=0), count, out=np.full(rows.shape[1], np.nan), where=count > 0)
