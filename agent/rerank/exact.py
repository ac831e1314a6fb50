"""The optimum of the calibrated objective, by mixed-integer programming: slow, exact, for small pools and for proof.

maximise (1 - lambda) sum_i s_i x_i + lambda sum_g p_g z_g  over x in {0, 1}^n with sum_i x_i = k, where
z_g <= log(alpha p_g + (1 - alpha) / k sum_i p(g|i) x_i). The logarithm is concave, so z_g lies under all of its
tangents; tangents are added where the solution lies until its value is real (outer approximation: Duran and
Grossmann, Mathematical Programming 36, 1986).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint

from agent.rerank.calibration import ALPHA, normalised, slates_of
from agent.rerank.feasible import nearest, rule_matrix
from agent.rerank.protocol import Clash, Pool, Slates
from agent.rerank.solver import solve
from retrieval.arrays import Csr, Float64, Int32

Bound = tuple[Csr, Any, Any]
"""Rules of the candidates as a matrix, least and largest counts."""


class ExactConfig(BaseModel):
    """Settings of :class:`Exact`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lam: float = Field(default=0.9, ge=0.0, le=1.0, description="0 is only relevance, 1 only calibration")
    alpha: float = Field(default=ALPHA, gt=0.0, lt=1.0, description="smoothing of the slate's shares")
    tolerance: float = Field(default=1e-6, gt=0.0, description="how far below the optimum the slate may be")
    seconds: float = Field(default=60.0, gt=0.0, description="most time of one solve; then the best found counts")


class Exact:
    """The slate of the largest objective, shown by relevance; of equal ones any."""

    name = "exact"

    def __init__(self, config: ExactConfig | None = None) -> None:
        self.config = config or ExactConfig()

    def __call__(self, pool: Pool, k: int) -> Slates:
        """Rerank a batch, user by user.

        Raises:
            ValueError: k is not positive.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        scores = normalised(pool)
        positions = np.full((len(scores), k), -1, np.int32)
        clashes: dict[int, Clash] = {}
        for user, row in enumerate(scores):
            valid = np.flatnonzero(np.isfinite(row))
            if len(valid) > 0:
                size = min(k, len(valid))
                shares = pool.groups[user, valid].astype(np.float64)
                bound: Bound | None = None
                if pool.limits is not None:
                    found = nearest(pool.limits, user, row, size)
                    bound = (rule_matrix(pool.limits, user)[:, valid], found.low, found.high)
                    if found.clash is not None:
                        clashes[user] = found.clash
                chosen = valid[self._solve(row[valid], shares, pool.target[user], size, bound)]
                positions[user, :size] = chosen[np.argsort(-row[chosen], kind="stable")]
        return slates_of(pool, positions, self.config.alpha, clashes)

    def _solve(self, scores: Float64, shares: Float64, target: Float64, size: int, bound: Bound | None) -> Int32:
        lam, alpha = self.config.lam, self.config.alpha
        shares, target = shares[:, target > 0], target[target > 0]
        n, groups = shares.shape
        step = (1.0 - alpha) / size
        cost = -np.concatenate([(1.0 - lam) * scores, lam * target])
        reach = np.sort(shares, axis=0)[::-1][:size].sum(axis=0)
        low, high = np.log(alpha * target), np.log(alpha * target + step * reach)
        # SciPy's stubs know these as single numbers only.
        least: Any = np.concatenate([np.zeros(n), low - 1.0])
        most: Any = np.concatenate([np.ones(n), high])
        bounds = Bounds(least, most)
        count = LinearConstraint(sparse.csr_matrix(np.concatenate([np.ones(n), np.zeros(groups)])[None]), size, size)
        fixed = [count]
        best = np.argsort(-scores, kind="stable")[:size]
        if bound is not None:
            carried, few, many = bound  # SciPy's stubs know the last two as single numbers only
            fixed.append(LinearConstraint(sparse.hstack([carried, sparse.csr_matrix((len(few), groups))]), few, many))
            best = self._feasible(scores, fixed, bounds, groups, size)
        floor = alpha * target
        cuts = [_tangents(shares, step, floor + step * part * reach, floor) for part in (0.0, 0.1, 0.25, 0.5, 1.0)]
        best_value = -np.inf
        for _ in range(60):
            rows = sparse.csr_matrix(np.concatenate([c[0] for c in cuts]))
            heights: Any = np.concatenate([c[1] for c in cuts])
            under = LinearConstraint(rows, -np.inf, heights)
            found = solve(
                cost, constraints=[*fixed, under], bounds=bounds, integrality=np.repeat([1, 0], [n, groups]),
                options={"time_limit": self.config.seconds, "mip_rel_gap": 0.0},
            )  # fmt: skip
            if found.x is None:
                break
            chosen = np.argsort(-found.x[:n], kind="stable")[:size]
            q = alpha * target + step * shares[chosen].sum(axis=0)
            value = float((1.0 - lam) * scores[chosen].sum() + lam * (target @ np.log(q)))
            if value > best_value:
                best, best_value = chosen, value
            if -found.fun - best_value <= self.config.tolerance:
                break
            cuts.append(_tangents(shares, step, q, floor))
        return best.astype(np.int32)

    @staticmethod
    def _feasible(scores: Float64, fixed: list[LinearConstraint], bounds: Bounds, groups: int, size: int) -> Int32:
        """The most relevant slate within the limits, should the time run out before a better one is found."""
        cost = -np.concatenate([scores, np.zeros(groups)])
        found = solve(cost, constraints=fixed, bounds=bounds, integrality=np.repeat([1, 0], [len(scores), groups]))
        return np.argsort(-found.x[: len(scores)], kind="stable")[:size].astype(np.int32)


def _tangents(shares: Float64, step: float, at: Float64, floor: Float64) -> tuple[Float64, Float64]:
    """Rows and right-hand sides of z_g - step / at_g sum_i p(g|i) x_i <= log at_g - 1 + floor_g / at_g."""
    rows = np.concatenate([-(step / at)[:, None] * shares.T, np.eye(len(at))], axis=1)
    return rows, np.log(at) - 1.0 + floor / at
