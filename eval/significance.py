"""Paired intervals: never a bare average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def paired_bootstrap(
    values: npt.NDArray[np.float64], baseline: npt.NDArray[np.float64], *, draws: int = 2000, seed: int = 0
) -> Interval:
    """Percentile bootstrap of the mean per-user difference ``values - baseline`` (Efron 1979).

    Users for whom either is NaN are left out of both.
    """
    difference = values - baseline
    difference = difference[np.isfinite(difference)]
    draw = np.random.default_rng(seed)
    block = max(1, _CELLS // max(len(difference), 1))  # bounded memory for any number of users
    sizes = [min(block, draws - start) for start in range(0, draws, block)]
    means = np.concatenate(
        [difference[draw.integers(0, len(difference), (n, len(difference)))].mean(axis=1) for n in sizes]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(difference.mean()), float(low), float(high))
