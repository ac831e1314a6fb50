"""Paired comparisons over users: intervals, p-values, effect sizes, power. Never a bare average.

Everything takes one value per user and leaves a user out of a comparison in whom either value is missing (NaN). Many
comparisons are resampled by the same draws, as one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from retrieval.arrays import Float64

_CELLS = 4_000_000
_LEVEL = (0.025, 0.975)
_MOST_DRAWS = 8_000_000

Method = Literal["percentile", "bca"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


@dataclass(frozen=True, slots=True)
class Effect:
    """How large a paired difference is, in units that do not grow with the number of users.

    Attributes:
        cohen_d: Mean difference by its standard deviation (d_z of paired data; Cohen 1988). NaN if all differ alike.
        dominance: Share of users who gain minus share who lose (Cliff's within-pair delta, 1993): -1 to 1.
    """

    cohen_d: float
    dominance: float


@dataclass(frozen=True, slots=True)
class Power:
    """What a test on these users can see.

    Attributes:
        users: Users that a two-sided paired test needs for the asked difference.
        smallest: Smallest difference that the users at hand would show with the same power.
        have: Users at hand.
    """

    users: int
    smallest: float
    have: int


def paired_bootstrap(
    values: Float64, baseline: Float64, *, draws: int = 2000, seed: int = 0, method: Method = "percentile"
) -> Interval:
    """Bootstrap of the mean per-user difference ``values - baseline`` (Efron 1979), 95 %.

    Args:
        values: ``(B,)``.
        baseline: ``(B,)``, or one number for all.
        draws: Resamples.
        seed: Of the draws.
        method: ``percentile``, or ``bca``: corrected for bias and skewness (Efron 1987), of use for few users.

    Returns:
        NaN throughout if no user has both values.
    """
    difference = values - baseline
    difference = difference[np.isfinite(difference)]
    if not len(difference):
        return Interval(float("nan"), float("nan"), float("nan"))
    draw = np.random.default_rng(seed)
    block = max(1, _CELLS // len(difference))  # bounded memory for any number of users
    sizes = [min(block, draws - start) for start in range(0, draws, block)]
    means = np.concatenate(
        [difference[draw.integers(0, len(difference), (n, len(difference)))].mean(axis=1) for n in sizes]
    )
    levels = _LEVEL if method == "percentile" else _bca_levels(difference, means)
    low, high = np.quantile(means, levels)
    return Interval(float(difference.mean()), float(low), float(high))


def _bca_levels(difference: Float64, means: Float64) -> tuple[float, float]:
    """Quantiles to read instead of 2.5 % and 97.5 %; for a mean the jackknife's acceleration has a closed form."""
    observed, centred = difference.mean(), difference - difference.mean()
    spread = float((centred**2).sum())
    below = np.mean(np.append(means < observed, means <= observed))
    if spread == 0 or not 0 < below < 1:
        return _LEVEL
    bias = ndtri(below)
    acceleration = float((centred**3).sum()) / (6.0 * spread**1.5)
    z = bias + ndtri(np.array(_LEVEL))
    low, high = ndtr(bias + z / (1.0 - acceleration * z))
    return float(low), float(high)


def bootstrap_many(values: Float64, baseline: Float64, *, draws: int = 2000, seed: int = 0) -> Float64:
    """Percentile intervals of many comparisons on the same users, all from the same draws.

    Args:
        values: ``(C, B)``.
        baseline: ``(C, B)``, ``(B,)`` or a number.
        draws: Resamples.
        seed: Of the draws.

    Returns:
        ``(C, 3)`` mean, low, high; NaN where no user has both values.
    """
    difference = values - baseline
    known = np.isfinite(difference)
    filled = np.where(known, difference, 0.0)
    sums, counts = _resampled(filled, known, draws, seed)
    out = np.full((len(difference), 3), np.nan)
    size = known.sum(axis=1)
    some = size > 0
    if some.any():
        means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)[:, some]
        out[some, 0] = filled[some].sum(axis=1) / size[some]
        out[some, 1:] = np.nanquantile(means, _LEVEL, axis=0).T
    return out


def _resampled(filled: Float64, known: npt.NDArray[np.bool_], draws: int, seed: int) -> tuple[Float64, Float64]:
    """``(draws, C)`` resampled sums, and the number of users in each."""
    users = filled.shape[1]
    draw = np.random.default_rng(seed)
    block = max(1, _CELLS // max(users, 1))
    whole = bool(known.all())
    sums: list[Float64] = []
    counts: list[Float64] = []
    for start in range(0, draws, block):
        n = min(block, draws - start)
        picked = draw.integers(0, users, (n, users)) + np.arange(n)[:, None] * users
        weight = np.bincount(picked.ravel(), minlength=n * users).reshape(n, users).astype(np.float64)
        sums.append(weight @ filled.T)
        counts.append(np.full((n, len(filled)), float(users)) if whole else weight @ known.T.astype(np.float64))
    return np.concatenate(sums), np.concatenate(counts)


def permutation_p(
    values: Float64, baseline: Float64, *, draws: int = 9999, seed: int = 0, finest: float = 0.0
) -> Float64:
    """Two-sided p-values of paired sign-flip permutation tests, ``p = (count + 1) / (draws + 1)``: never exactly zero.

    Under the hypothesis that the two are exchangeable within a user, every difference may have either sign (Fisher 1935);
    counted are the sign vectors whose mean is at least as far from zero. Phipson and Smyth 2010 for the added one.

    Args:
        values: ``(C, B)``, or ``(B,)`` for one comparison.
        baseline: Of a shape that broadcasts.
        draws: Sign vectors.
        seed: Of the draws, shared by all comparisons.
        finest: Level at which it must be able to reject. Where the draws are too few for that and none of them counted, ten times as many
            are drawn, and so on, unless 8,000,000 would be too few. At any level this rejects only where a fixed one of these numbers would, so it keeps its
            level (after Besag and Clifford 1991).

    Returns:
        ``(C,)``; NaN where no user has both values.
    """
    difference = np.atleast_2d(values - baseline)
    known = np.isfinite(difference)
    filled = np.where(known, difference, 0.0)
    users = filled.shape[1]
    observed = np.abs(filled.sum(axis=1))
    # Sums of the same numbers in another order differ in the last digits: an equal one must count.
    least = observed - 1e-12 * np.maximum(1.0, np.abs(filled).sum(axis=1))
    draw = np.random.default_rng(seed)
    block = max(1, _CELLS // max(users, 1))

    def counted(rows: Float64, bounds: Float64, times: int) -> Float64:
        count = np.zeros(len(rows))
        for start in range(0, times, block):
            signs = draw.integers(0, 2, (min(block, times - start), users)) * 2.0 - 1.0
            count += (np.abs(signs @ rows.T) >= bounds).sum(axis=0)
        return count

    count = counted(filled, least, draws)
    p = (count + 1) / (draws + 1)
    wanted = int(np.ceil(2 / finest)) if finest else 0
    most = wanted if wanted <= _MOST_DRAWS else 0  # beyond that nothing could be decided
    open_ = np.flatnonzero((count == 0) & known.any(axis=1))
    while draws < most and len(open_):
        more = min(9 * draws, most - draws)
        further = counted(filled[open_], least[open_], more)
        draws += more
        p[open_] = (further + 1) / (draws + 1)
        open_ = open_[further == 0]
    return np.where(known.any(axis=1), p, np.nan)


def holm(p_values: Sequence[float] | Float64) -> Float64:
    """p-values adjusted for testing all of them at once: the step-down of Holm 1979; NaN stays NaN and is not counted."""
    p = np.asarray(p_values, np.float64)
    out = np.full(len(p), np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return out


def effect_size(values: Float64, baseline: Float64) -> Effect:
    """Effect size of a paired difference; see :class:`Effect`."""
    difference = values - baseline
    difference = difference[np.isfinite(difference)]
    if len(difference) < 2:
        return Effect(float("nan"), float("nan"))
    spread = float(difference.std(ddof=1))
    d = float(difference.mean() / spread) if spread > 0 else float("nan")
    return Effect(d, float(np.sign(difference).mean()))


def power(values: Float64, baseline: Float64, lift: float = 0.01, *, level: float = 0.05, wanted: float = 0.8) -> Power:
    """Users that a paired two-sided test needs to see a relative lift of the baseline's mean.

    n = ((z_(1 - level/2) + z_wanted) s / (lift mean))^2, s the standard deviation of the differences observed here: the
    normal approximation, which for per-user metrics of hundreds of users is as good as any.

    Args:
        values: ``(B,)``; a model as far from the baseline as those that will be compared.
        baseline: ``(B,)``.
        lift: Relative difference to be seen; .01 is +1 %.
        level: Of the test.
        wanted: Probability of seeing it.
    """
    kept = np.isfinite(values) & np.isfinite(baseline)
    have = int(kept.sum())
    spread = float((values - baseline)[kept].std(ddof=1)) if have > 1 else float("nan")
    z = float(ndtri(1 - level / 2) + ndtri(wanted))
    asked = lift * abs(float(baseline[kept].mean())) if have else float("nan")
    if not (np.isfinite(spread) and asked > 0):
        return Power(0, float("nan"), have)
    return Power(max(2, int(np.ceil((z * spread / asked) ** 2))), z * spread / np.sqrt(have), have)
