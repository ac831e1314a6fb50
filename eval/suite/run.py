"""Runs a suite: units that are there are kept, the others made one after another, each written whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import polars as pl

from agent.commands import load_data, say_notes
from eval.interchange.recbole import read_atomic
from eval.nodes import Nodes
from eval.suite.config import DataConfig, SuiteConfig
from eval.suite.ground import Ground, make_ground
from eval.suite.kept import missing, readable
from eval.suite.llm import Asked, llm_slates
from eval.suite.manifest import claim, manifest
from eval.suite.plan import PoolUnit, RerankUnit, grounds, pool_seconds, pool_units, rerank_seconds, rerank_units
from eval.suite.pools import Candidates, ceilings, fit_pool, read_pool
from eval.suite.store import alone, maker, write_json, write_whole
from eval.suite.units import keep_maker, keep_time, reranked, spread, title_of, write_unit
from retrieval.baselines.protocol import silent
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError

Progress = Callable[[str, float, float], None]
"""Told what is done now, and estimated seconds done and in all."""


@dataclass(frozen=True)
class Plan:
    """All units of a suite.

    Attributes:
        suite: What was asked.
        grounds: Data sets as they are split.
        pools: Retrievers.
        units: Rerankers on their candidates.
    """

    suite: SuiteConfig
    grounds: tuple[Ground, ...]
    pools: tuple[PoolUnit, ...]
    units: tuple[RerankUnit, ...]

    def todo(self, folder: Path) -> tuple[list[PoolUnit], list[RerankUnit]]:
        """What is not there yet, or cannot be read."""
        return missing(folder, self.pools), missing(folder, self.units)

    def seconds(self, pools: list[PoolUnit], units: list[RerankUnit]) -> float:
        """About how long they take."""
        return sum(self.pool_cost(unit) for unit in pools) + sum(self.unit_cost(unit) for unit in units)

    def pool_cost(self, unit: PoolUnit) -> float:
        """Estimated seconds of one."""
        matrix = self.grounds[unit.ground].matrix
        return pool_seconds(unit, sum(matrix.shape), matrix.nnz)

    def unit_cost(self, unit: RerankUnit) -> float:
        """Estimated seconds of one."""
        return rerank_seconds(self.suite, unit, len(self.grounds[unit.pool.ground].user_ids))


def make_plan(suite: SuiteConfig) -> Plan:
    """Load and split the data, and list the units.

    Raises:
        DataError: Data cannot be read or split.
        ConfigError: A setting is wrong.
    """
    made: list[Ground] = []
    pools: list[PoolUnit] = []
    for data, parts in groupby(grounds(suite), itemgetter(0)):
        dataset = _read(data)
        for _, split in parts:
            made.append(make_ground(suite, data, split, dataset))
            pools += pool_units(suite, len(made) - 1, made[-1].key)
    units = [unit for pool in pools for unit in rerank_units(suite, pool)]
    return Plan(suite, tuple(made), tuple(pools), tuple(units))


def _read(data: DataConfig) -> Dataset:
    folder = Path(data.path)
    if folder.is_dir() and any(folder.glob("*.inter")):
        if data.columns or data.items:
            raise ConfigError(f"{folder}: RecBole's files name their columns themselves", "leave out columns and items")
        dataset = read_atomic(folder, data.like_above, data.separator)
        say_notes(dataset.notes)
        return dataset
    return load_data(data.path, [f"{role}={name}" for role, name in data.columns.items()], data.items, data.like_above)


def run(folder: Path, plan: Plan, progress: Progress, nodes: Nodes | None = None) -> None:
    """Make what is missing, then write what holds it together.

    With ``nodes``, they make what they can first, and this machine goes on as if it had been stopped after that.

    Results are a function of the suite, the data and the code alone; what depends on the day (how long things took) is in
    ``timings.jsonl``, which nothing is computed from.

    Raises:
        ConfigError: Another process works in the folder, or it holds another suite.
        ServerError: Nodes are lost for good, or a language model cannot be reached; what was finished is kept.
    """
    with alone(folder):
        claim(folder, plan.suite)
        for ground in plan.grounds:
            write_whole(folder / "users" / f"{ground.key}.parquet", ground.groups().write_parquet)
            write_whole(folder / "items" / f"{ground.key}.parquet", ground.items().write_parquet)
        pools, units = plan.todo(folder)
        # Units that share candidates stand together, so that each pool is read once.
        total, done = plan.seconds(pools, units), 0.0
        if nodes is not None:
            for_nodes = _Counted(plan, progress, total)
            spread(folder, plan.suite, plan.grounds, pools, units, nodes, for_nodes)
            done = for_nodes.done
            pools, units = plan.todo(folder)
        wanted = {unit.key for unit in units}
        untrained = {unit.key for unit in pools}
        for pool in plan.pools:
            ground = plan.grounds[pool.ground]
            if pool.key in untrained:
                progress(title_of(ground, pool), done, total)
                _fit(folder, plan, pool)
                done += plan.pool_cost(pool)
            mine = [unit for unit in plan.units if unit.pool is pool and unit.key in wanted]
            ceiling = folder / "ceilings" / f"{pool.key}.parquet"
            bounded = readable(ceiling)
            if not mine and bounded:
                continue
            candidates = read_pool(folder, pool.key, ground)
            if not bounded:
                table = pl.DataFrame({"user_id": ground.user_ids, **ceilings(candidates, ground, plan.suite.k)})
                write_whole(ceiling, table.write_parquet)
            for unit in mine:
                title = title_of(ground, unit)
                progress(title, done, total)
                keep_maker(folder, unit.key, maker())
                with _timed(folder, unit.key, title):
                    table = _rerank(
                        folder,
                        plan.suite,
                        ground,
                        candidates,
                        unit,
                        _calls(progress, title, done, total, plan.unit_cost(unit)),
                    )
                    write_unit(folder, unit, table)
                done += plan.unit_cost(unit)
        write_json(folder / "manifest.json", manifest(folder, plan.suite, plan.grounds, plan.pools, plan.units))
        progress("done", total, total)


def train(folder: Path, plan: Plan, progress: Progress) -> None:
    """Train the retrievers that are missing, and nothing else.

    Raises:
        ConfigError: Another process works in the folder, or it holds another suite.
    """
    with alone(folder):
        claim(folder, plan.suite)
        pools, _ = plan.todo(folder)
        done, total = 0.0, plan.seconds(pools, [])
        for unit in pools:
            progress(title_of(plan.grounds[unit.ground], unit), done, total)
            _fit(folder, plan, unit)
            done += plan.pool_cost(unit)


def _fit(folder: Path, plan: Plan, unit: PoolUnit) -> None:
    ground = plan.grounds[unit.ground]
    keep_maker(folder, unit.key, maker())
    with _timed(folder, unit.key, title_of(ground, unit)):
        fit_pool(folder, plan.suite, ground, unit.retriever, unit.seed, silent)


def _rerank(
    folder: Path,
    suite: SuiteConfig,
    ground: Ground,
    candidates: Candidates,
    unit: RerankUnit,
    told: Callable[[int, int], None],
) -> pl.DataFrame:
    """One row per lambda and user: metrics, and the slate as internal ids."""
    if unit.reranker == "llm":
        asked = Asked(unit.key, unit.prompt, unit.model, unit.lambdas, unit.weight)
        return llm_slates(folder, suite, ground, candidates, asked, told)
    return reranked(suite, ground, candidates, unit)


class _Counted:
    """Passes on what nodes have finished.

    Args:
        plan: Of the suite.
        progress: Told.
        total: Estimated seconds in all.
    """

    def __init__(self, plan: Plan, progress: Progress, total: float) -> None:
        self._plan, self._progress, self._total = plan, progress, total
        self.done = 0.0

    def __call__(self, title: str, unit: PoolUnit | RerankUnit) -> None:
        cost = self._plan.pool_cost(unit) if isinstance(unit, PoolUnit) else self._plan.unit_cost(unit)
        self.done += cost
        self._progress(title, self.done, self._total)


def _calls(progress: Progress, title: str, done: float, total: float, cost: float) -> Callable[[int, int], None]:
    def told(asked: int, of: int) -> None:
        progress(f"{title}: {asked}/{of} calls", done + cost * asked / of, total)

    return told


@contextmanager
def _timed(folder: Path, key: str, title: str) -> Generator[None]:
    began = time.perf_counter()
    yield
    keep_time(folder, key, title, time.perf_counter() - began)
