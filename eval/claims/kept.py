"""Arrays that took long to make, in a folder, under the hash of all they depend on: a claim that is stopped goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from eval.suite.store import digest, write_whole

DEPTH = 100
"""Candidates of a user."""

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


def kept(folder: Path | None, facts: dict[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """What was made of the same facts before, or is made now.

    Args:
        folder: None keeps nothing.
        facts: That JSON can say, and that determine the arrays: data, code, settings, seed.
        make: Makes them.
    """
    path = None if folder is None else folder / f"{digest(facts)}.npz"
    if path is not None and path.exists():
        with np.load(path) as held:
            return {name: held[name] for name in held.files}
    arrays = make()
    if path is not None:
        named: Any = arrays
        write_whole(path, lambda out: np.savez_compressed(out, **named))
    return arrays
