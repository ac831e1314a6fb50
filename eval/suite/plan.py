"""Which units of work a suite is made of, what each depends on, and about what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from agent.rerank.strategies import WITHOUT_LAMBDA
from eval.retrieve_fitting import still_of
from eval.suite.config import DataConfig, RetrieverConfig, SplitConfig, SuiteConfig
from eval.suite.pools import pool_key, seeded, settings
from eval.suite.store import code, digest
from prompts.template import load
from retrieval.baselines.ials import IalsConfig
from retrieval.personas.tower_training import TowersConfig

# Microseconds per slate of 10 from 100 candidates in 18 groups, and seconds of training per setting and million interactions,
# measured on two cores of a busy machine, for an estimate beforehand.
_RERANK_US = {
    "calibrated": 30, "chains": 60, "iterated": 300, "steck-greedy": 15, "ramp": 30, "jensen-shannon": 60, "hellinger": 60,
    "overlap": 60, "min-cost-flow": 20_000, "exact": 60_000, "xquad": 100, "rxquad": 100, "pm-2": 100, "mmr": 500, "msd": 500,
    "dpp": 700, "ssd": 900, "popularity-penalty": 10, "top-k": 10, "random": 10,
}  # fmt: skip
_TRAIN_S = {
    "popularity": 0.1, "item-knn": 3, "ease": 10, "edlae": 10, "edlae-tuned": 10, "mult-vae": 120, "recvae": 400,
    "personas": 120, "one-vector": 60, "one-vector-wide": 120,
}  # fmt: skip
_MEASURE_US = 15
_IALS_ROW_S, _IALS_PRODUCT_S = 1.5e-5, 4e-11
"""Of an epoch of iALS: per row of either side, and per product of its system; measured with one thread at
d = 64 to 512 on MovieLens latest-small and 1M. Threads that share busy cores can take ten times as long."""


@dataclass(frozen=True, slots=True)
class PoolUnit:
    """Training and retrieval of one retriever.

    Attributes:
        ground: Position of data and split among the suite's grounds.
        retriever: Which.
        seed: Of training; the first of the suite where training does not draw.
        key: Hash of all it depends on.
    """

    ground: int
    retriever: RetrieverConfig
    seed: int
    key: str


@dataclass(frozen=True, slots=True)
class RerankUnit:
    """One reranker on one retriever's candidates, at all lambdas.

    Attributes:
        pool: Whose candidates.
        reranker: Name.
        lambdas: One of 0 where the reranker has none.
        key: Hash of all it depends on.
        prompt: Of the language model; empty for deterministic rerankers.
        model: NAME or NAME@URL; empty for deterministic rerankers, or whichever model runs.
        weight: Share of the model in the fused relevance.
    """

    pool: PoolUnit
    reranker: str
    lambdas: tuple[float, ...]
    key: str
    prompt: str = ""
    model: str = ""
    weight: float = 0.0


def grounds(suite: SuiteConfig) -> list[tuple[DataConfig, SplitConfig]]:
    """Every data set under every split."""
    return [(data, split) for data in suite.data for split in suite.splits]


def pool_units(suite: SuiteConfig, ground: int, ground_key: str) -> Iterator[PoolUnit]:
    """Every retriever once per seed, or once where training does not draw."""
    for retriever in suite.retrievers:
        for seed in suite.seeds if seeded(retriever) else suite.seeds[:1]:
            yield PoolUnit(ground, retriever, seed, pool_key(suite, ground_key, retriever, seed))


def rerank_units(suite: SuiteConfig, pool: PoolUnit) -> Iterator[RerankUnit]:
    """Every reranker, and the language model with every prompt and model, on these candidates."""
    facts = {"code": code(), "pool": pool.key, "k": suite.k}
    for name in suite.rerankers:
        lambdas = (0.0,) if name in WITHOUT_LAMBDA else suite.lambdas
        yield RerankUnit(pool, name, lambdas, digest({**facts, "reranker": name, "lambdas": lambdas}))
    if suite.llm is None:
        return
    shared = suite.llm.model_dump(exclude={"prompts", "models", "weight", "timeout_s"})
    for prompt, model, weight in product(suite.llm.prompts, suite.llm.models, suite.llm.weight):
        asked = {
            **facts,
            "llm": {**shared, "weight": weight},
            "prompt": load(prompt).version,
            "model": model.partition("@")[0],
            "lambdas": suite.lambdas,
        }
        yield RerankUnit(pool, "llm", suite.lambdas, digest(asked), prompt, model, weight)


def pool_seconds(unit: PoolUnit, rows: int, interactions: int) -> float:
    """About how long training takes.

    Args:
        unit: Which.
        rows: Users and items of the training matrix.
        interactions: Of them.
    """
    tried = settings(unit.retriever, unit.seed)
    each = _TRAIN_S.get(unit.retriever.name, 60) * interactions / 1e6
    if isinstance(tried[0], TowersConfig):
        return 0.5 + _TRAIN_S["recvae"] * interactions / 1e6 * max(tried[0].recvaes, 1)
    trained = {still_of(one).model_dump_json(): one for one in tried}.values()  # some only read what another trained
    return 0.5 + sum(_ials_seconds(one, rows, interactions) if isinstance(one, IalsConfig) else each for one in trained)


def _ials_seconds(config: IalsConfig, rows: int, interactions: int) -> float:
    """Of one setting: for each row of either side a system as large as the smaller of d and what it has seen."""
    seen = 2 * interactions / max(rows, 1)
    products = min(seen, config.dimension) ** 2 * max(seen, config.dimension)
    return config.epochs * rows * (_IALS_ROW_S + _IALS_PRODUCT_S * products)


def rerank_seconds(suite: SuiteConfig, unit: RerankUnit, users: int) -> float:
    """About how long reranking and measuring takes; of the language model, at a quarter of a second a call."""
    scale = users * len(unit.lambdas) * 1e-6
    asking = min(users, suite.llm.users) * 0.25 if unit.reranker == "llm" and suite.llm else 0.0
    return asking + scale * (_RERANK_US.get(unit.reranker, 30) * suite.depth / 100 * suite.k / 10 + _MEASURE_US)
