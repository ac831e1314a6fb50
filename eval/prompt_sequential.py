"""Looking at results while they come in, without fooling oneself: group-sequential tests, several hypotheses at once.

Who looks four times at a 5 % test rejects a true hypothesis far more often than in 5 %. Here every look may use up only a part of the
error, by the spending function of O'Brien and Fleming's kind (Lan and DeMets, "Discrete sequential boundaries for clinical trials",
Biometrika 70, 1983): alpha(t) = 4 - 4 Phi(z_{alpha/4} / sqrt t), two-sided, at the share t of the users. Critical values follow by
integrating over the looks before (Armitage, McPherson and Rowe, JRSS A 132, 1969). The sequential p-value is the smallest alpha at
which the test would have rejected at some look so far (Liu and Anderson, Statistica Sinica 18, 2008); a p-value like any other,
it goes into Holm's procedure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from eval.significance import holm, permutation_p
from retrieval.arrays import Float64, Int64

LEVEL = 0.05
_GRID = 801
_FAR = 8.0
"""Critical values beyond this are no event."""
_LEVELS = tuple(np.logspace(-6, np.log10(0.9), 48))


def critical(times: Sequence[float], level: float = LEVEL, *, ended: bool = True) -> Float64:
    """``(L,)`` critical values of |z| at each look.

    Args:
        times: Share of the planned users at each look, rising, at most 1.
        level: Error of all looks together.
        ended: Whether the last of them is the last there will be, and may use up all that is left. A run that stops because money or
            time is spent ends there: what stops it has nothing to do with what was found.

    Raises:
        ValueError: Times that do not rise, or leave (0, 1].
    """
    if not times or min(times) <= 0 or max(times) > 1 or any(b <= a for a, b in pairwise(times)):
        raise ValueError(f"shares of the users at the looks must rise within (0, 1], not {list(times)}")
    return _critical(tuple(float(t) for t in times), level, ended).copy()


@cache
def _critical(times: tuple[float, ...], level: float, ended: bool) -> Float64:
    at = np.asarray(times, np.float64)
    spent = 4.0 - 4.0 * ndtr(ndtri(1.0 - level / 4.0) / np.sqrt(at))
    if ended:
        spent[-1] = level
    allowed = np.diff(spent, prepend=0.0)
    bounds = np.empty(len(at))
    bounds[0] = min(float(ndtri(1.0 - allowed[0] / 2.0)), _FAR)
    grid, density = _first(bounds[0] * np.sqrt(at[0]), at[0])
    for look in range(1, len(at)):
        step = float(np.sqrt(at[look] - at[look - 1]))
        edge = _edge(grid, density, step, float(np.sqrt(at[look])), float(allowed[look]))
        bounds[look] = edge / np.sqrt(at[look])
        grid, density = _next(grid, density, step, edge)
    return bounds


def _first(edge: float, time: float) -> tuple[Float64, Float64]:
    grid = np.linspace(-edge, edge, _GRID)
    return grid, np.exp(-(grid**2) / (2 * time)) / np.sqrt(2 * np.pi * time)


def _next(grid: Float64, density: Float64, step: float, edge: float) -> tuple[Float64, Float64]:
    """The density of the sum at the next look, of those that crossed at none."""
    after = np.linspace(-edge, edge, _GRID)
    kernel = np.exp(-(((after[:, None] - grid) / step) ** 2) / 2) / (step * np.sqrt(2 * np.pi))
    return after, np.trapezoid(kernel * density, grid, axis=1)


def _edge(grid: Float64, density: Float64, step: float, unit: float, allowed: float) -> float:
    """Where to cut so that just what is allowed lies outside."""

    def beyond(edge: float) -> float:
        out = ndtr((grid - edge) / step) + ndtr((-edge - grid) / step)
        return float(np.trapezoid(out * density, grid)) - allowed

    far = _FAR * unit
    return far if beyond(far) > 0 else float(brentq(beyond, 0.0, far, xtol=1e-10))  # pyright: ignore[reportArgumentType]


@cache
def _nominal(times: tuple[float, ...], ended: bool) -> Float64:
    """``(levels, L)`` nominal two-sided level of each look, for every overall level of a grid."""
    return np.array([2.0 - 2.0 * ndtr(_critical(times, level, ended)) for level in _LEVELS])


def sequential_p(times: Sequence[float], nominal: Float64, *, ended: bool) -> Float64:
    """``(C,)`` sequential p-values of C comparisons.

    Args:
        times: As for :func:`critical`.
        nominal: ``(L, C)`` ordinary p-value of each comparison at each look; NaN where it has none.
        ended: As for :func:`critical`.

    Returns:
        At least the smallest level of the grid, 1e-6; NaN where a comparison has no value at the last look.
    """
    table = np.log(np.maximum(_nominal(tuple(float(t) for t in times), ended), 1e-300))
    out = np.ones(nominal.shape[1])
    for look in range(len(nominal)):
        known = np.isfinite(nominal[look])
        found = np.interp(np.log(nominal[look, known]), table[:, look], np.log(_LEVELS), right=0.0)
        out[known] = np.minimum(out[known], np.exp(found))
    return np.where(np.isfinite(nominal[-1]), out, np.nan)


@dataclass(frozen=True)
class Judged:
    """What can be said after some looks.

    Attributes:
        users: ``(L,)`` users at each look.
        nominal: ``(L, C)`` permutation p-values.
        p: ``(C,)`` sequential p-values, after Holm over all C.
        critical: Critical value at the last look, for repeated confidence intervals.
    """

    users: tuple[int, ...]
    nominal: Float64
    p: Float64
    critical: float


class Looks:
    """Looks at C comparisons as users come in.

    Args:
        planned: Users at the end.
        looks: How many looks, evenly spread.
        draws: Sign flips of each permutation test.
        seed: Of these.
    """

    def __init__(self, planned: int, looks: int, *, draws: int = 9999, seed: int = 0) -> None:
        self.planned = planned
        self.at: tuple[int, ...] = tuple(dict.fromkeys(max(2, round(planned * (n + 1) / looks)) for n in range(looks)))
        self._draws = draws
        self._seed = seed
        self._users: list[int] = []
        self._nominal: list[Float64] = []

    def due(self, users: int) -> bool:
        """Whether the next look should be taken now."""
        return len(self._users) < len(self.at) and users >= self.at[len(self._users)]

    def look(self, differences: Float64, *, ended: bool) -> Judged:
        """Take a look.

        Args:
            differences: ``(C, users)`` paired differences so far.
            ended: Whether it is the last; it may be a second look at the same users, once the run is known to end there.
        """
        users = differences.shape[1]
        if self._users and self._users[-1] == users:
            self._users.pop()
            self._nominal.pop()
        self._users.append(users)
        times = [min(n / self.planned, 1.0) for n in self._users]
        # An early look may reject only far below what a few thousand draws can show: the smallest of C must pass LEVEL / C.
        bound = critical(times, LEVEL / len(differences), ended=ended)[-1]
        finest = 2.0 * float(ndtr(-bound))
        p = permutation_p(differences, np.zeros(1), draws=self._draws, seed=self._seed, finest=finest)
        self._nominal.append(p)
        nominal = np.array(self._nominal)
        p = holm(sequential_p(times, nominal, ended=ended))
        return Judged(tuple(self._users), nominal, p, float(critical(times, ended=ended)[-1]))


def repeated_interval(difference: Float64, bound: float) -> tuple[float, float, float]:
    """Mean and the interval that holds at whichever look it is read: mean +- c standard errors (Jennison and Turnbull 1989)."""
    known = difference[np.isfinite(difference)]
    if len(known) < 2:
        return float("nan"), float("nan"), float("nan")
    mean, half = float(known.mean()), bound * float(known.std(ddof=1)) / np.sqrt(len(known))
    return mean, float(mean - half), float(mean + half)


def rejections(draw: Callable[[int], Float64], times: int, *, looks: int, draws: int, first: int = 0) -> Int64:
    """How often something is found where it should or should not be: the looks run over drawn differences.

    Args:
        draw: Differences ``(C, users)`` of a repetition.
        times: Repetitions.
        looks: In each.
        draws: Sign flips of each test.
        first: Number of the first repetition.

    Returns:
        ``(times,)`` the look, from 1, at which any of the C hypotheses was rejected; 0 if none was.
    """
    found = np.zeros(times, np.int64)
    for number in range(times):
        whole = draw(first + number)
        plan = Looks(whole.shape[1], looks, draws=draws, seed=number)
        for look, users in enumerate(plan.at, start=1):
            judged = plan.look(whole[:, :users], ended=users == plan.at[-1])
            if (judged.p < LEVEL).any():
                found[number] = look
                break
    return found
