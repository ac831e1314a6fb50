"""Paired intervals: never a bare average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


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
    picks = np.random.default_rng(seed).integers(0, len(difference), (draws, len(difference)))
    means = difference[picks].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(difference.mean()), float(low), float(high))
