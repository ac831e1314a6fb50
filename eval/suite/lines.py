"""Files of JSON lines that only grow: a line that a killed process left unfinished is no line, and the next one is not joined to it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retrieval.errors import DataError

_STEP = 1 << 12


def append(path: Path, facts: dict[str, Any], *, durable: bool = False) -> int:
    """Add a line, after an unfinished one was cut off.

    Args:
        path: File, made if need be.
        facts: What JSON can say.
        durable: On the disk when this returns.

    Returns:
        Where the line begins.
    """
    with path.open("a+b") as file:
        at = _cut(file)
        file.write(json.dumps(facts, ensure_ascii=False, sort_keys=True).encode() + b"\n")
        file.flush()
        if durable:
            os.fsync(file.fileno())
    return at


def read(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Where each line begins, and what it says; nothing where there is no file.

    Raises:
        DataError: A line is damaged.
    """
    if not path.is_file():
        return
    at = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield at, json.loads(line)
            except ValueError as why:
                raise DataError(f"{path}: line {number} is damaged", "take that line out: it is made again") from why
            at += len(line)


def read_at(path: Path, at: int) -> dict[str, Any]:
    """The line that begins there."""
    with path.open("rb") as file:
        file.seek(at)
        return json.loads(file.readline())


def _cut(file: Any) -> int:
    """Length of the file after its last whole line, to which it is cut."""
    end = at = file.seek(0, os.SEEK_END)
    while at > 0:
        start = max(0, at - _STEP)
        file.seek(start)
        found = file.read(at - start).rfind(b"\n")
        if found >= 0:
            at = start + found + 1
            break
        at = start
    if at < end:
        file.truncate(at)
        file.seek(0, os.SEEK_END)
    return at
