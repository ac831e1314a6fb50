"""SciPy's mixed-integer solver, with what its engine writes to the standard output kept out of results."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from scipy.optimize import milp

# File descriptors belong to the process: two threads must not swap them at once.
_one_at_a_time = threading.Lock()


def solve(cost: Any, **settings: Any) -> Any:
    """``scipy.optimize.milp``. HiGHS prints a stray line now and then, which would break a JSON on stdout."""
    with _one_at_a_time, _stdout_is_stderr():
        return milp(cost, **settings)


@contextmanager
def _stdout_is_stderr() -> Generator[None]:
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
