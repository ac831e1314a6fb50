"""MMR, MSD, DPP and SSD by pyversity: diversity between items, with no word about this user's proportions."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from pyversity import Strategy, diversify

from agent.rerank.calibration import normalised, slates_of
from agent.rerank.protocol import Pool, Slates


class DiversityConfig(BaseModel):
    """Settings of :class:`Diversity`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: Literal["mmr", "msd", "dpp", "ssd"] = "mmr"
    lam: float = Field(default=0.5, ge=0.0, le=1.0, description="0 is only relevance, 1 only diversity")


class Diversity:
    """One of the strategies, user by user; items are alike as far as their vectors, or else their groups, are.

    MMR: Carbonell and Goldstein, SIGIR 1998. MSD: Borodin et al., PODS 2012. DPP: Chen et al., NeurIPS 2018.
    SSD: Huang et al., KDD 2021.
    """

    def __init__(self, config: DiversityConfig | None = None) -> None:
        self.config = config or DiversityConfig()
        self.name = self.config.strategy

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch.

        Raises:
            ValueError: k is not positive.
        """
        pool.refuse_limits(self.name)
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        scores = normalised(pool)
        features = pool.groups if pool.vectors is None else pool.vectors
        positions = np.full((len(scores), k), -1, np.int32)
        for user, row in enumerate(scores):
            valid = np.flatnonzero(np.isfinite(row))
            # The library breaks ties by an unstable sort; best first, equal ones in the order of the pool.
            valid = valid[np.argsort(-row[valid], kind="stable")]
            if len(valid) == 0:
                continue
            if self.config.lam == 0.0:
                chosen = valid[:k]
            else:
                chosen = valid[
                    diversify(
                        features[user, valid].astype(np.float32), row[valid].astype(np.float32), min(k, len(valid)),
                        strategy=Strategy(self.config.strategy), diversity=self.config.lam,
                    ).indices
                ]  # fmt: skip
            positions[user, : len(chosen)] = chosen
        return slates_of(pool, positions)
