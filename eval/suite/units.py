"""The units of a suite as work that can be done anywhere: what a node makes comes back as bytes and is written here, under the same hashes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from agent.rerank.strategies import make
from eval.suite.config import SuiteConfig
from eval.suite.ground import Ground
from eval.suite.kept import pool_path, unit_path
from eval.suite.lines import append
from eval.suite.measure import measure
from eval.suite.plan import PoolUnit, RerankUnit
from eval.suite.pools import Candidates, fit_pool, read_pool
from eval.suite.store import maker, write_json, write_whole
from eval.suite.tables import rows
from retrieval.baselines.protocol import silent

if TYPE_CHECKING:
    from eval.nodes import Nodes

Told = Callable[[str, PoolUnit | RerankUnit], None]
"""Told what is finished, in words, and the unit."""


def title_of(ground: Ground, unit: PoolUnit | RerankUnit) -> str:
    """For people."""
    pool = unit if isinstance(unit, PoolUnit) else unit.pool
    what = f"{ground.name}: {pool.retriever.title}"
    return what if isinstance(unit, PoolUnit) else f"{what}, {unit.reranker}"


def reranked(suite: SuiteConfig, ground: Ground, candidates: Candidates, unit: RerankUnit) -> pl.DataFrame:
    """One row per lambda and user: metrics, and the slate as internal ids."""
    parts: list[pl.DataFrame] = []
    for lam in unit.lambdas:
        slates = make(unit.reranker, lam)(candidates.pool, suite.k)
        values = measure(ground, candidates, slates, suite.k)
        parts.append(rows(ground.user_ids, lam, values, slates.items(candidates.items)))
    return pl.concat(parts)


def write_unit(folder: Path, unit: RerankUnit, table: pl.DataFrame) -> None:
    """Keep the results of a reranker."""
    write_whole(unit_path(folder, unit), lambda out: table.write_parquet(out, compression="zstd"))


def keep_time(folder: Path, key: str, title: str, seconds: float) -> None:
    """What a unit took, for reports; nothing is computed from it."""
    append(folder / "timings.jsonl", {"key": key, "what": title, "seconds": round(seconds, 3)})


def keep_maker(folder: Path, key: str, facts: dict[str, Any]) -> None:
    """What makes a unit, written before it is: a unit that is kept stays with the versions and the machine that made it."""
    write_json(folder / "made_by" / f"{key}.json", facts)


@dataclass(frozen=True)
class Train:
    """Training and retrieval of one retriever on a node: its files by name, the seconds it took, and what made it.

    Attributes:
        suite: What was asked.
        grounds: Data sets as they are split.
    """

    suite: SuiteConfig
    grounds: tuple[Ground, ...]

    def __call__(self, unit: PoolUnit) -> tuple[dict[str, bytes], float, dict[str, Any]]:
        """Make one."""
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            fit_pool(folder, self.suite, self.grounds[unit.ground], unit.retriever, unit.seed, silent)
            found = sorted(folder.glob("pools/*"), key=lambda path: path.suffix == ".npz")
            return {path.name: path.read_bytes() for path in found}, time.perf_counter() - began, maker()


@dataclass(frozen=True)
class Rerank:
    """One reranker on a node, its candidates given as the bytes of their file: the table, the seconds it took, and what made it.

    Attributes:
        suite: What was asked.
        grounds: Data sets as they are split.
    """

    suite: SuiteConfig
    grounds: tuple[Ground, ...]

    def __call__(self, job: tuple[RerankUnit, bytes]) -> tuple[pl.DataFrame, float, dict[str, Any]]:
        """Make one."""
        unit, kept = job
        began, ground = time.perf_counter(), self.grounds[unit.pool.ground]
        with tempfile.TemporaryDirectory() as place:
            path = pool_path(Path(place), unit.pool)
            path.parent.mkdir()
            path.write_bytes(kept)
            candidates = read_pool(Path(place), unit.pool.key, ground)
        return reranked(self.suite, ground, candidates, unit), time.perf_counter() - began, maker()


def spread(
    folder: Path, suite: SuiteConfig, grounds: tuple[Ground, ...], pools: Sequence[PoolUnit], units: Sequence[RerankUnit],
    nodes: Nodes, told: Told,
) -> None:  # fmt: skip
    """Make units on nodes, retrievers before rerankers; those of a language model, which wait for its server, are left to this machine."""
    for at, (files, seconds, facts) in nodes.map(Train(suite, grounds), pools):
        keep_maker(folder, pools[at].key, facts)
        for name, content in files.items():
            write_whole(folder / "pools" / name, lambda out, content=content: out.write(content))
        title = title_of(grounds[pools[at].ground], pools[at])
        keep_time(folder, pools[at].key, title, seconds)
        told(title, pools[at])
    mine = [unit for unit in units if unit.reranker != "llm"]
    for at, (table, seconds, facts) in nodes.map(Rerank(suite, grounds), _jobs(folder, mine)):
        keep_maker(folder, mine[at].key, facts)
        write_unit(folder, mine[at], table)
        title = title_of(grounds[mine[at].pool.ground], mine[at])
        keep_time(folder, mine[at].key, title, seconds)
        told(title, mine[at])


def _jobs(folder: Path, units: Sequence[RerankUnit]) -> Iterator[tuple[RerankUnit, bytes]]:
    """Units with the bytes of their candidates, which are in memory for one retriever at a time: units that share them stand together."""
    pool, kept = "", b""
    for unit in units:
        if unit.pool.key != pool:
            pool, kept = unit.pool.key, pool_path(folder, unit.pool).read_bytes()
        yield unit, kept
