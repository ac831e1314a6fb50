"""Arrays in one safetensors file that says its own checksum: a flipped bit in an embedding would load without a word."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from retrieval.errors import DataError, NotFoundError

_CHECKSUM = "sha256"


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, str]) -> None:
    """Write arrays and facts about them; the file appears whole or not at all.

    Args:
        path: File to write; its folder is made.
        arrays: By name.
        facts: Short texts to keep beside them.
    """
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    os.close(handle)
    try:
        save_file(whole, scratch, metadata={**facts, _CHECKSUM: _checksum(whole)})
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)


def load_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read what :func:`save_arrays` wrote: arrays by name, and the facts.

    Raises:
        NotFoundError: There is no such file.
        DataError: It is no safetensors file, or its checksum differs.
    """
    if not path.is_file():
        raise NotFoundError(f"{path}: no such file", "make it again")
    try:
        with safe_open(str(path), framework="numpy") as opened:
            stored: Any = opened  # its stubs know neither keys() nor metadata()
            arrays: dict[str, np.ndarray] = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            facts: dict[str, str] = dict(stored.metadata() or {})
    except SafetensorError as why:
        raise DataError(f"{path}: not a safetensors file ({why})", "make it again") from why
    if facts.pop(_CHECKSUM, "") != _checksum(arrays):
        raise DataError(f"{path}: damaged (checksum differs)", "make it again")
    return arrays, facts


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
