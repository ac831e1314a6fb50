"""Intervals for what a set of lists has and a single list has not: coverage, and how unequally the catalogue is shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from eval.significance import Interval
from retrieval.arrays import Int32

_Z = 1.959964


def jackknife_difference(
    lists: Int32, baseline: Int32, statistic: Callable[[Int32], float], *, groups: int = 50, seed: int = 0
) -> Interval:
    """T(lists) - T(baseline) with a 95 % interval, users left out of both a group at a time.

    se^2 = (G - 1) / G sum_g (T_(g) - mean T_(.))^2, the delete-a-group jackknife (Tukey 1958; Kott 2001). A bootstrap would
    draw a third of the users not at all, and coverage falls with every user who is missing.

    Args:
        lists: ``(B, k)``.
        baseline: ``(B, k)`` of the same users.
        statistic: Of a set of lists.
        groups: G, at most B.
        seed: Of how users are put into groups.
    """
    whole = statistic(lists) - statistic(baseline)
    place = np.random.default_rng(seed).permutation(len(lists)) % min(groups, len(lists))
    number = int(place.max()) + 1
    if number < 2:
        return Interval(whole, float("nan"), float("nan"))
    without = np.array([statistic(lists[place != g]) - statistic(baseline[place != g]) for g in range(number)])
    spread = float(np.sqrt((number - 1) / number * ((without - without.mean()) ** 2).sum()))
    return Interval(whole, whole - _Z * spread, whole + _Z * spread)
