"""One place that decides about threads, because torch, FAISS and BLAS each bring a pool of their own.

Interleaved OpenMP pools wait for each other by spinning: a four-query search took 60 ms instead of 4
until the waiting was made passive. The setting is read when a library loads, so import this first.
"""

from __future__ import annotations

import os
from typing import Any

from threadpoolctl import threadpool_info

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def report() -> list[dict[str, Any]]:
    """Thread pools of the loaded numerical libraries: ``[{library, version, threads}]``, for logs and reports."""
    return [
        {
            "library": pool.get("internal_api", "?"),
            "version": pool.get("version") or "",
            "threads": pool.get("num_threads", 0),
        }
        for pool in threadpool_info()
    ]
