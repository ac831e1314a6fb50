"""Candidates of every test user, once per retriever and seed: its settings are chosen on validation users and kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from agent.rerank.protocol import Pool
from eval import metrics
from eval.retrieve_fitting import Fitting
from eval.retrieve_models import MODELS
from eval.retrieve_setting import Trainable
from eval.suite.config import RetrieverConfig, SuiteConfig
from eval.suite.ground import Ground
from eval.suite.store import code, digest, write_json, write_whole
from retrieval.arrays import Bool, Float32, Float64, Int32
from retrieval.baselines.protocol import Progress, Scorer, Touched
from retrieval.datasets.splits import HeldOut
from retrieval.errors import ConfigError
from retrieval.personas.encoder import EncoderConfig

_CELLS = 8_000_000  # scores held at once
_JUDGED_AT = 100


@dataclass(frozen=True)
class Candidates:
    """A retriever's candidates, best first.

    Attributes:
        key: Hash of all that they depend on.
        items: ``(B, n)`` internal ids, -1 pads.
        scores: ``(B, n)``.
        hit: ``(B, n)`` which are hidden items.
        pool: The same for rerankers.
    """

    key: str
    items: Int32
    scores: Float32
    hit: Bool
    pool: Pool

    def of(self, rows: Int32) -> Candidates:
        """The same for some of the users."""
        pool = self.pool
        vectors = None if pool.vectors is None else pool.vectors[rows]
        popularity = None if pool.popularity is None else pool.popularity[rows]
        part = Pool(pool.relevance[rows], pool.groups[rows], pool.target[rows], vectors=vectors, popularity=popularity)
        return Candidates(self.key, self.items[rows], self.scores[rows], self.hit[rows], part)


def seeded(retriever: RetrieverConfig) -> bool:
    """Whether training draws from the suite's seeds: another seed is then another result."""
    return "seed" in type(MODELS[retriever.name].grid[0].config).model_fields and "seed" not in retriever.config


def settings(retriever: RetrieverConfig, seed: int) -> list[BaseModel]:
    """The settings that are tried.

    Raises:
        ConfigError: A value of ``config`` is wrong, or the retriever has no such setting.
    """
    found: dict[str, BaseModel] = {}
    for point in MODELS[retriever.name].grid:
        values = _merged(point.config.model_dump(), retriever.config)
        if seeded(retriever):
            values["seed"] = seed
        try:
            config = type(point.config).model_validate(values)
        except ValidationError as why:
            first = why.errors()[0]
            raise ConfigError(
                f"retriever {retriever.name}: config.{'.'.join(map(str, first['loc']))}: {first['msg']}",
                f"settings: {', '.join(type(point.config).model_fields) or 'none'}",
            ) from why
        if _personas(point.config) == 1 != _personas(config):
            raise ConfigError(
                f"retriever {retriever.name}: config.encoder.personas: it has one", "name the one with personas"
            )
        found[config.model_dump_json()] = config
    return list(found.values())


def _personas(config: BaseModel) -> int | None:
    """K, of those that have personas."""
    shape = getattr(config, "encoder", None)
    return shape.personas if isinstance(shape, EncoderConfig) else None


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Settings over those of the grid, also within a setting that has settings of its own."""
    both = {
        k: _merged(base[k], v) if isinstance(v, dict) and isinstance(base.get(k), dict) else v for k, v in over.items()
    }
    return {**base, **both}


def pool_key(suite: SuiteConfig, ground_key: str, retriever: RetrieverConfig, seed: int) -> str:
    """Hash of all that candidates depend on."""
    tried = [config.model_dump(mode="json") for config in settings(retriever, seed)]
    return digest(
        {"code": code(), "ground": ground_key, "retriever": retriever.name, "tried": tried, "depth": suite.depth}
    )


def fit_pool(
    folder: Path, suite: SuiteConfig, ground: Ground, retriever: RetrieverConfig, seed: int, progress: Progress
) -> None:
    """Train, choose on validation, retrieve for the test users, and keep the candidates."""

    def judge(scorer: Scorer) -> float:
        held = ground.validation
        lists, _ = _best(Touched(scorer, ground.touched), held, ground.touched, _JUDGED_AT)
        hit = metrics.hits(lists, held.hidden, len(ground.touched))
        return float(np.nanmean(metrics.ndcg(hit, held.hidden.lengths, _JUDGED_AT)))

    fit = Fitting(Trainable(ground.matrix, ground.categories, judge, progress))
    tried: list[dict[str, Any]] = []
    best: tuple[float, Scorer] | None = None
    for config in settings(retriever, seed):
        scorer = fit(config)
        value = judge(scorer)
        tried.append({"config": config.model_dump(mode="json"), f"validation nDCG@{_JUDGED_AT}": value})
        if best is None or value > best[0]:
            best = value, scorer
    if best is None:
        raise ConfigError(f"retriever {retriever.name}: nothing to try", "leave config out")
    items, scores = _best(Touched(best[1], ground.touched), ground.test, ground.touched, suite.depth)
    key = pool_key(suite, ground.key, retriever, seed)
    write_json(folder / "pools" / f"{key}.json", {"retriever": retriever.name, "tried": tried})
    write_whole(folder / "pools" / f"{key}.npz", lambda out: np.savez_compressed(out, items=items, scores=scores))


def read_pool(folder: Path, key: str, ground: Ground) -> Candidates:
    """Candidates that were kept."""
    with np.load(folder / "pools" / f"{key}.npz") as kept:
        items, scores = kept["items"], kept["scores"]
    hit = metrics.hits(items, ground.test.hidden, len(ground.touched))
    at = np.maximum(items, 0)
    pool = Pool(
        scores, ground.axis.rows(items), ground.target, vectors=ground.vectors[at],
        popularity=ground.counts[at].astype(np.float32),
    )  # fmt: skip
    return Candidates(key, items, scores, hit, pool)


def ceilings(candidates: Candidates, ground: Ground, k: int) -> dict[str, Float64]:
    """What no reranker of these candidates can surpass, by user."""
    relevant = ground.test.hidden.lengths
    return {
        "recall_ceiling": metrics.recall_ceiling(candidates.hit, relevant, k),
        "ndcg_ceiling": metrics.ndcg_ceiling(candidates.hit, relevant, k),
        "c_kl_floor": metrics.calibration_floor(candidates.pool, k),
    }


def _best(scorer: Scorer, held: HeldOut, universe: Bool, depth: int) -> tuple[Int32, Float32]:
    step = max(1, _CELLS // len(universe))
    parts: list[tuple[Int32, Float32]] = []
    for start in range(0, len(held.users), step):
        seen = held.fold_in.slice(start, min(start + step, len(held.users)))
        scores = scorer.scores(seen)
        items = metrics.ranked(scores, seen, universe, depth)
        taken = np.take_along_axis(scores, np.maximum(items, 0), axis=1)
        parts.append((items, np.where(items >= 0, taken, -np.inf).astype(np.float32)))
    return np.concatenate([items for items, _ in parts]), np.concatenate([scores for _, scores in parts])
