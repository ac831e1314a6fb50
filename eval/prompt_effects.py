"""Main effects and interactions of crossed factors, where every user saw only some of the cells.

The model is y_uc = user_u + sum of main effects + sum of two-way interactions + noise, by least squares on deviations from each user's
mean; interactions of three factors and more are taken to be nothing. A main effect is what a level changes on average over the levels of all
other factors; an interaction is how far the effect of one factor's level depends on another's. Intervals are from a bootstrap of
whole users (Efron 1979; Cameron, Gelbach and Miller, "Bootstrap-based improvements for inference with clustered errors", REStat 90, 2008).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from scipy.special import ndtr

from eval.significance import Interval, holm
from retrieval.arrays import Float64, Int64
from retrieval.errors import ConfigError

Cell = tuple[str, ...]
"""One level of each factor."""

_DRAWS = 2000
_DETERMINED = 0.95
"""Share of the draws of users that must determine the effects: intervals of the others alone would be of chosen users."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One contrast.

    Attributes:
        factors: One for a main effect, two for an interaction.
        levels: Of these, against the first level of each.
        interval: 95 %.
        p: After Holm over all effects of all metrics that are analysed together.
    """

    factors: tuple[str, ...]
    levels: tuple[str, ...]
    interval: Interval
    p: float


def cells_of(factors: Mapping[str, Sequence[str]]) -> list[Cell]:
    """All cells, the last factor changing fastest."""
    return list(product(*factors.values()))


def plan(cells: int, users: int, each: int, seed: int) -> list[Int64]:
    """Which cells each user sees: the same number for each, every cell seen equally often but for one.

    Args:
        cells: How many there are.
        users: How many users.
        each: Cells of a user.
        seed: Of the draw.
    """
    draw, waiting, out = np.random.default_rng(seed), list[int](), list[Int64]()
    for _ in range(users):
        mine: list[int] = []
        while len(mine) < each:
            if not any(cell not in mine for cell in waiting):
                waiting += draw.permutation(cells).tolist()
            mine.append(waiting.pop(next(at for at, cell in enumerate(waiting) if cell not in mine)))
        out.append(np.array(mine, np.int64))
    return out


def effects(
    factors: Mapping[str, Sequence[str]], users: Int64, seen: Int64, values: Float64, *, seed: int = 0
) -> list[list[Effect]]:
    """Every main effect and two-way interaction, for each metric.

    Args:
        factors: Levels of each factor, the first being what the others are compared with.
        users: ``(n,)`` number of the user of each observation.
        seen: ``(n,)`` its cell, as numbered by :func:`cells_of`.
        values: ``(n, M)``, one column per metric.
        seed: Of the bootstrap.

    Raises:
        ConfigError: What was seen does not determine the effects, or would not of other users like these.
    """
    design = _design(factors)
    rows = _within(design[seen], users)
    count = int(users.max()) + 1
    squares, products = (
        np.zeros((count, design.shape[1], design.shape[1])),
        np.zeros((count, design.shape[1], values.shape[1])),
    )
    np.add.at(squares, users, rows[:, :, None] * rows[:, None, :])
    np.add.at(products, users, rows[:, :, None] * _within(values, users)[:, None, :])
    if np.linalg.matrix_rank(squares.sum(axis=0)) < design.shape[1]:
        raise _too_few()
    named = _contrasts(factors, design)
    contrast = np.stack([row for _, _, row in named])
    found = contrast @ np.linalg.solve(squares.sum(axis=0), products.sum(axis=0))
    again = _resampled(squares, products, contrast, seed)
    if np.isfinite(again).all(axis=(1, 2)).mean() < _DETERMINED:
        raise _too_few()
    spread = np.nanstd(again, axis=0, ddof=1)
    z = np.divide(np.abs(found), spread, out=np.full(found.shape, np.inf), where=spread > 0)
    p = holm((2.0 * ndtr(-np.where(found == 0.0, 0.0, z))).ravel()).reshape(found.shape)
    low, high = np.nanquantile(again, (0.025, 0.975), axis=0)
    return [
        [
            Effect(of, levels, Interval(float(found[at, m]), float(low[at, m]), float(high[at, m])), float(p[at, m]))
            for at, (of, levels, _) in enumerate(named)
        ]
        for m in range(values.shape[1])
    ]


def _too_few() -> ConfigError:
    return ConfigError(
        "too few users and cells for these factors", "ask about more users, more cells each, or fewer factors"
    )


def _design(factors: Mapping[str, Sequence[str]]) -> Float64:
    """``(cells, parameters)``: a column for each level but the first, and for each pair of such levels of two factors."""
    mains: dict[str, Float64] = {}
    cells = cells_of(factors)
    for at, (name, levels) in enumerate(factors.items()):
        mains[name] = np.array([[cell[at] == level for level in levels[1:]] for cell in cells], np.float64)
    pairs = [(mains[a][:, :, None] * mains[b][:, None, :]).reshape(len(cells), -1) for a, b in combinations(factors, 2)]
    return np.concatenate([*mains.values(), *pairs], axis=1)


def _within(values: Float64, users: Int64) -> Float64:
    """Deviations from each user's mean."""
    counts = np.maximum(np.bincount(users), 1)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, users, values)
    return values - (sums / counts[:, None])[users]


def _contrasts(
    factors: Mapping[str, Sequence[str]], design: Float64
) -> list[tuple[tuple[str, ...], tuple[str, ...], Float64]]:
    cells, names = cells_of(factors), list(factors)

    def mean(**levels: str) -> Float64:
        held = [all(cell[names.index(name)] == level for name, level in levels.items()) for cell in cells]
        return design[held].mean(axis=0)

    out: list[tuple[tuple[str, ...], tuple[str, ...], Float64]] = []
    for a, levels in factors.items():
        out += [((a,), (one,), mean(**{a: one}) - mean(**{a: levels[0]})) for one in levels[1:]]
    for a, b in combinations(factors, 2):
        for one, two in product(factors[a][1:], factors[b][1:]):
            first, second = factors[a][0], factors[b][0]
            row = (
                mean(**{a: one, b: two})
                - mean(**{a: first, b: two})
                - mean(**{a: one, b: second})
                + mean(**{a: first, b: second})
            )
            out.append(((a, b), (one, two), row))
    return out


def _resampled(squares: Float64, products: Float64, contrast: Float64, seed: int) -> Float64:
    """``(draws, contrasts, M)``; a draw of users that does not determine the effects is NaN."""
    count = len(squares)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), _DRAWS).astype(np.float64)
    out = np.full((_DRAWS, len(contrast), products.shape[2]), np.nan)
    for at, weight in enumerate(drawn):
        left = np.tensordot(weight, squares, 1)
        if np.linalg.cond(left) < 1e10:
            out[at] = contrast @ np.linalg.solve(left, np.tensordot(weight, products, 1))
    return out
