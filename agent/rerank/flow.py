"""Calibration as a minimum-cost flow: exact where every item has one category, an approximation elsewhere.

Abdollahpouri et al., "Calibrated Recommendations as a Minimum-Cost Flow Problem", WSDM 2023. A unit of flow is an
item that takes the next seat of one of its categories; the m-th seat of category g is worth
lambda p_g [log(alpha p_g + c m) - log(alpha p_g + c (m - 1))], c = (1 - alpha) / k: less than the one before, so
seats fill in order by themselves. The constraint matrix is totally unimodular: a vertex of the linear programme
is a slate.
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import sparse
from scipy.optimize import linprog

from agent.rerank.calibration import ALPHA, normalised, slates_of
from agent.rerank.protocol import Pool, Slates
from retrieval.arrays import Bool, Float64, Int32


class FlowConfig(BaseModel):
    """Settings of :class:`MinCostFlow`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lam: float = Field(default=0.9, ge=0.0, le=1.0, description="0 is only relevance, 1 only calibration")
    alpha: float = Field(default=ALPHA, gt=0.0, lt=1.0, description="smoothing of the slate's shares")


class MinCostFlow:
    """The best assignment of items to seats, shown by relevance. An item with several categories fills one seat."""

    name = "min-cost-flow"

    def __init__(self, config: FlowConfig | None = None) -> None:
        self.config = config or FlowConfig()

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch, user by user.

        Raises:
            ValueError: k is not positive.
        """
        pool.refuse_limits(self.name)
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        scores = normalised(pool)
        positions = np.full((len(scores), k), -1, np.int32)
        for user, row in enumerate(scores):
            valid = np.flatnonzero(np.isfinite(row))
            if len(valid) > 0:
                size = min(k, len(valid))
                chosen = valid[self._solve(row[valid], pool.groups[user, valid] > 0, pool.target[user], size)]
                positions[user, :size] = chosen[np.argsort(-row[chosen], kind="stable")]
        return slates_of(pool, positions, self.config.alpha)

    def _solve(self, scores: Float64, has: Bool, target: Float64, size: int) -> Int32:
        lam, alpha = self.config.lam, self.config.alpha
        n, asked = len(scores), np.flatnonzero(target > 0)
        step = (1.0 - alpha) / size
        # One more category, worth nothing, for seats that no category asks for.
        item, category = np.nonzero(np.concatenate([has[:, asked], np.ones((n, 1), bool)], axis=1))
        mass = alpha * target[asked][:, None] + step * np.arange(size + 1)
        worth = np.zeros((len(asked) + 1, size))
        worth[:-1] = lam * target[asked][:, None] * np.diff(np.log(mass), axis=1)
        arcs, seats = len(item), worth.size
        per_item = sparse.csr_matrix((np.ones(arcs), (item, np.arange(arcs))), shape=(n, arcs + seats))
        into = sparse.csr_matrix((np.ones(arcs), (category, np.arange(arcs))), shape=(len(worth), arcs))
        out = sparse.kron(sparse.eye(len(worth)), np.ones((1, size)))
        balance = sparse.hstack([into, -out])
        total = sparse.csr_matrix(np.repeat([1.0, 0.0], [arcs, seats])[None])
        found = linprog(
            -np.concatenate([(1.0 - lam) * scores[item], worth.ravel()]),
            A_ub=per_item, b_ub=np.ones(n),
            A_eq=sparse.vstack([balance, total]), b_eq=np.concatenate([np.zeros(len(worth)), [size]]),
            bounds=(0.0, 1.0), method="highs-ds",
        )  # fmt: skip
        flow = np.bincount(item, weights=found.x[:arcs], minlength=n)
        return np.argsort(-flow, kind="stable")[:size].astype(np.int32)
