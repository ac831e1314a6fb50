"""Every deterministic strategy by name, each with one lambda of one direction: 0 is only relevance."""

from __future__ import annotations

from collections.abc import Callable

from agent.rerank.calibrated import Calibrated, CalibratedConfig, leap_ramp, steck_greedy
from agent.rerank.diversity import Diversity, DiversityConfig
from agent.rerank.exact import Exact, ExactConfig
from agent.rerank.flow import FlowConfig, MinCostFlow
from agent.rerank.iterated import Iterated, IteratedConfig
from agent.rerank.pm2 import PM2, PM2Config
from agent.rerank.popularity_penalty import PopularityPenalty, PopularityPenaltyConfig
from agent.rerank.protocol import Reranker
from agent.rerank.random_order import RandomOrder
from agent.rerank.rxquad import RxQuAD
from agent.rerank.topk import TopK
from agent.rerank.xquad import XQuAD, XQuADConfig
from retrieval.errors import ConfigError

STRATEGIES: dict[str, Callable[[float], Reranker]] = {
    "calibrated": lambda lam: Calibrated(CalibratedConfig(lam=lam)),
    "chains": lambda lam: Calibrated(CalibratedConfig(lam=lam, chains=True), "chains"),
    "iterated": lambda lam: Iterated(IteratedConfig(lam=lam)),
    "steck-greedy": steck_greedy,
    "ramp": leap_ramp,
    "jensen-shannon": lambda lam: Calibrated(CalibratedConfig(lam=lam, divergence="jensen-shannon"), "jensen-shannon"),
    "hellinger": lambda lam: Calibrated(CalibratedConfig(lam=lam, divergence="hellinger"), "hellinger"),
    "overlap": lambda lam: Calibrated(CalibratedConfig(lam=lam, divergence="overlap"), "overlap"),
    "min-cost-flow": lambda lam: MinCostFlow(FlowConfig(lam=lam)),
    "exact": lambda lam: Exact(ExactConfig(lam=lam)),
    "xquad": lambda lam: XQuAD(XQuADConfig(lam=lam)),
    "rxquad": lambda lam: RxQuAD(XQuADConfig(lam=lam)),
    "pm-2": lambda lam: PM2(PM2Config(lam=lam)),
    "mmr": lambda lam: Diversity(DiversityConfig(strategy="mmr", lam=lam)),
    "msd": lambda lam: Diversity(DiversityConfig(strategy="msd", lam=lam)),
    "dpp": lambda lam: Diversity(DiversityConfig(strategy="dpp", lam=lam)),
    "ssd": lambda lam: Diversity(DiversityConfig(strategy="ssd", lam=lam)),
    "popularity-penalty": lambda lam: PopularityPenalty(PopularityPenaltyConfig(lam=lam)),
    "top-k": lambda _lam: TopK(),
    "random": lambda _lam: RandomOrder(),
}
WITHOUT_LAMBDA = frozenset(("top-k", "random"))


def make(name: str, lam: float) -> Reranker:
    """A strategy by name.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in STRATEGIES:
        raise ConfigError(f"no strategy {name!r}", f"known: {', '.join(STRATEGIES)}")
    return STRATEGIES[name](lam)
