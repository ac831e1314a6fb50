"""Where claims ask a language model: users, candidates of two retrievers, and the folder of the calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from agent.rerank.calibrated import CalibratedConfig
from agent.rerank.calibration import slates_of
from agent.rerank.listing import Listing
from agent.rerank.protocol import Reranker
from eval.claims.candidates import K
from eval.claims.ground import Ground
from eval.claims.kept import DEPTH
from eval.retrieve_models import MODELS
from eval.suite import ground as suite_ground
from eval.suite.config import DataConfig, LlmConfig, RetrieverConfig, SplitConfig, SuiteConfig
from eval.suite.llm import Asked, asked_users, llm_slates
from eval.suite.measure import measure
from eval.suite.pools import Candidates, fit_pool, pool_key, read_pool
from eval.suite.store import digest
from retrieval.arrays import Float64
from retrieval.baselines.protocol import Progress, silent

USERS = 60
SHOWN = 20
LAM = 0.9

Values = dict[str, Float64]
"""``(B,)`` of every metric of a suite."""


@dataclass(frozen=True)
class Table:
    """The users who are asked for, the candidates of both retrievers, and the folder of the calls."""

    suite: SuiteConfig
    ground: suite_ground.Ground
    single: Candidates
    personas: Candidates
    folder: Path

    @property
    def rows(self) -> np.ndarray:
        """Those of the test users who are asked for."""
        return asked_users(len(self.ground.user_ids), USERS)

    def model(self, prompt: str, model: str, progress: Progress) -> Values:
        """The model's order of the candidates of one vector; whom it fails is scored by the plain top of them."""
        key = digest({"pool": self.single.key, "prompt": prompt, "model": model})

        def told(done: int, total: int) -> None:
            progress(f"{self.ground.name}: {prompt}", done, total)

        table = llm_slates(
            self.folder, self.suite, self.ground, self.single, Asked(key, prompt, model, (0.0,), 1.0), told
        )
        return {name: table[name].to_numpy().astype(np.float64) for name in ("ndcg", "c_kl", "tdd")}

    def failures(self, prompt: str, model: str) -> str:
        """How many of the calls came to nothing."""
        key = digest({"pool": self.single.key, "prompt": prompt, "model": model})
        said = pl.read_parquet(self.folder / "answers" / f"{key}.parquet")
        return f"{prompt}: {said['reason'].is_not_null().sum()} of {len(said)} users got the plain top {K} instead"

    def reranked(self, candidates: Candidates, reranker: Reranker) -> Values:
        """A deterministic reranker on the same users."""
        part, chosen = self.ground.of(self.rows), candidates.of(self.rows)
        return measure(part, chosen, reranker(chosen.pool, K), K)

    def chance(self, seed: int) -> Values:
        """A random order of what the model was shown."""
        part, chosen = self.ground.of(self.rows), self.single.of(self.rows)
        draw, listing = np.random.default_rng(seed), Listing(CalibratedConfig(lam=LAM))
        positions = np.full((len(self.rows), K), -1, np.int32)
        for at in range(len(self.rows)):
            shown = listing.shortlist(chosen.of(np.array([at], np.int32)).pool, K, SHOWN)
            positions[at, : min(K, len(shown))] = draw.permutation(shown)[:K]
        return measure(part, chosen, slates_of(chosen.pool, positions), K)


def make_table(
    ground: Ground, prompts: Sequence[str], model: str, seed: int, scratch: Path, progress: Progress
) -> Table:
    """Split as a suite does, train both retrievers, or read what they found before."""
    retrievers = tuple(RetrieverConfig(name=name) for name in ("one-vector", "personas"))
    suite = SuiteConfig(
        name="claims", data=(DataConfig(path=ground.name, axis=ground.parts[0].axis.name),), retrievers=retrievers, k=K, depth=DEPTH,
        llm=LlmConfig(prompts=tuple(prompts), models=(model,), users=USERS, candidates=SHOWN),
    )  # fmt: skip
    folder = ground.folder or scratch
    split = suite_ground.make_ground(suite, suite.data[0], SplitConfig(), ground.dataset)
    found: list[Candidates] = []
    for retriever in retrievers:
        progress(f"{ground.name}: {MODELS[retriever.name].title}", len(found), len(retrievers))
        key = pool_key(suite, split.key, retriever, seed)
        if not (folder / "pools" / f"{key}.npz").exists():
            fit_pool(folder, suite, split, retriever, seed, silent)
        found.append(read_pool(folder, key, split))
    return Table(suite, split, found[0], found[1], folder)
