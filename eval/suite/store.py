"""Results under the hash of all they depend on: a file is whole or it is not there, and is never made twice."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
from filelock import FileLock, Timeout

from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError
from retrieval.threads import report as thread_report

RESULTS = (
    "retrieval",
    "agent/rerank",
    "agent/llm",
    "prompts",
    "eval/metrics",
    "eval/suite",
    "eval/retrieve.py",
    "eval/retrieve_ground.py",
    "eval/retrieve_fitting.py",
    "eval/retrieve_models.py",
    "eval/retrieve_personas.py",
    "eval/retrieve_recent.py",
    "eval/retrieve_setting.py",
)
LISTS = (
    "retrieval",
    "prompts",
    "agent",
    "eval/metrics",
    "eval/batch/job.py",
    "eval/batch/stages.py",
    "eval/batch/truth.py",
    "eval/prompt_cache.py",
    "eval/suite/calls.py",
    "eval/suite/lines.py",
    "eval/suite/store.py",
)
"""Sources that lists of a batch are made by; what prompts say is not among them, for each has a version of its own."""
ROOMS = ("retrieval", "prompts", "agent", "eval")
"""All of our source."""
_LIBRARIES = ("numpy", "scipy", "polars", "numba", "torch", "faiss-cpu", "faiss-gpu", "pyversity", "polytaste")
_DIGITS = 20


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """The only process that works in a folder, which is made if need be.

    Raises:
        ConfigError: Another one does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as why:
        raise ConfigError(f"another process works in {folder}", "wait for it, or name another folder") from why
    try:
        yield
    finally:
        lock.release()


def digest(facts: Any) -> str:
    """Hash of facts that JSON can say, whatever the order of their fields."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def fingerprint(dataset: Dataset) -> str:
    """Hash of all rows and items of a data set, wherever it was read from."""
    seen = hashlib.sha256()
    rows, table = dataset.interactions, dataset.catalog.table
    for array in (rows.users, rows.items, rows.values, rows.times, rows.rows):
        seen.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    seen.update("\0".join((*rows.user_ids, *map(str, table.schema.items()))).encode())
    seen.update(table.hash_rows(seed=0).to_numpy().tobytes())
    seen.update(repr(dataset.like_above).encode())
    return seen.hexdigest()[:_DIGITS]


@cache
def code(sources: tuple[str, ...] = RESULTS) -> str:
    """Hash of the source that results are made by: a change in it makes them anew."""
    # How results are shown and planned changes none of them.
    return _hash(sources, (".py",), ("commands.py", "plan.py"))


def _hash(sources: tuple[str, ...], kinds: tuple[str, ...], without: tuple[str, ...] = ()) -> str:
    seen = hashlib.sha256()
    root = Path(__file__).parents[2]
    for source in sources:
        place = root / source
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.suffix in kinds and path.name not in without:
                seen.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return seen.hexdigest()[:_DIGITS]


@cache
def versions() -> dict[str, str]:
    """Of the libraries that figures depend on, those that are installed."""
    found: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def installed() -> dict[str, str]:
    """What must be alike on all machines that make one result: all of our files, Python, and :func:`versions`."""
    return {
        "code": _hash(ROOMS, (".py", ".j2", ".yaml")),
        "python": ".".join(platform.python_version_tuple()[:2]),
        **versions(),
    }


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file so that it is there whole or not at all, even if the machine stops."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as out:
        write(out)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(path)
    if hasattr(os, "O_DIRECTORY"):  # the name too must be on the disk, or what is written later may be there without it
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_json(path: Path, facts: Any) -> None:
    """Write JSON whole."""
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, lambda out: out.write(text.encode()))


def surroundings() -> dict[str, Any]:
    """Versions, hardware and threads; nothing that names a person or a place."""
    return {
        "code": code(),
        "versions": versions(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "threads": sorted(thread_report(), key=lambda pool: (pool["library"], pool["version"], pool["threads"])),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", ""),
    }


def maker() -> dict[str, Any]:
    """What one unit is made by, here and now: :func:`surroundings`, and of the threads, which depend on what else is loaded, the most."""
    found = surroundings()
    found["threads"] = max((pool["threads"] for pool in found["threads"]), default=1)
    return found


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
