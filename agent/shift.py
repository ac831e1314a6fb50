"""Steering by shares: a group of the calibration axis is to have more or less of the list than the history says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from rapidfuzz import process

from retrieval.arrays import Float64
from retrieval.errors import NotFoundError

LEAST_TO_GROW = 0.05
"""A share that is to grow starts from at least this: twice nothing would be nothing."""


def shifted(target: Float64, labels: Sequence[str], shift: Mapping[str, float]) -> Float64:
    """A target with some of its shares multiplied, and the rest scaled so that they sum to what they did.

    ``p'(g) ~ f(g) max(p(g), .05 [f(g) > 1])``, ``f(g) = 1`` for groups that are not named.

    Args:
        target: ``(B, G)`` shares.
        labels: The G groups.
        shift: Factors by name; case does not matter, and "taste 2" is "taste 2: ...".

    Raises:
        NotFoundError: There is no such group; carries the closest.
    """
    out = np.array(target, np.float64)
    mass = out.sum(axis=1, keepdims=True)
    for name, factor in shift.items():
        at = found(labels, name)
        if at is None:
            near = tuple(label for label, _, _ in process.extract(name, labels, limit=3))
            raise NotFoundError(
                f"shift: no group {name!r} to have more or less of", f"groups are like {', '.join(near)}", near
            )
        base = np.maximum(out[:, at], LEAST_TO_GROW) if factor > 1.0 else out[:, at]
        out[:, at] = factor * base
    total = out.sum(axis=1, keepdims=True)
    return np.divide(out * np.where(mass > 0, mass, 1.0), total, out=np.array(target, np.float64), where=total > 0)


def grown(shift: Mapping[str, float]) -> list[str]:
    """Groups whose share is to grow."""
    return [group for group, factor in shift.items() if factor > 1.0]


def found(labels: Sequence[str], name: str, axis: str = "") -> int | None:
    """Place of a group: by its label, by what follows "axis: ", or as "taste 2"."""
    wanted = name.casefold().strip()
    wanted = wanted.removeprefix(f"{axis.casefold()}: ") if axis else wanted
    for i, label in enumerate(labels):
        said = label.casefold()
        if (
            wanted == said
            or said.endswith(f": {wanted}")
            or (wanted.startswith("taste ") and said.startswith(f"{wanted}:"))
        ):
            return i
    return None
