"""What of a suite is there already: a unit counts as made if all of its files can be read, so that one that was cut off is made anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from eval.suite.plan import PoolUnit, RerankUnit

_Unit = TypeVar("_Unit", PoolUnit, RerankUnit)


def pool_path(folder: Path, unit: PoolUnit) -> Path:
    """Where candidates are kept; written last."""
    return folder / "pools" / f"{unit.key}.npz"


def unit_path(folder: Path, unit: RerankUnit) -> Path:
    """Where the results of a reranker are kept; written last."""
    return folder / "units" / f"{unit.key}.parquet"


def missing(folder: Path, units: Sequence[_Unit]) -> list[_Unit]:
    """Those of which a file is not there, or cannot be read."""
    return [unit for unit in units if not all(map(readable, _files(folder, unit)))]


def damaged(folder: Path, units: Sequence[PoolUnit | RerankUnit]) -> list[Path]:
    """Files that are there and cannot be read."""
    return [path for unit in units for path in _files(folder, unit) if path.exists() and not readable(path)]


def readable(path: Path) -> bool:
    """Whether a file is there and all of it can be read: Parquet, NumPy's archive (which has checksums) or JSON."""
    try:
        if path.suffix == ".parquet":
            pl.read_parquet(path)
        elif path.suffix == ".npz":
            with np.load(path) as kept:
                for name in kept.files:
                    kept[name]
        else:
            json.loads(path.read_text(encoding="utf-8"))
    except (MemoryError, PermissionError):
        raise  # which the file has no part in
    except Exception:  # noqa: BLE001  (what a damaged file makes a reader raise is of many kinds)
        return False
    return True


def _files(folder: Path, unit: PoolUnit | RerankUnit) -> list[Path]:
    made_by = folder / "made_by" / f"{unit.key}.json"
    if isinstance(unit, PoolUnit):
        return [made_by, folder / "pools" / f"{unit.key}.json", pool_path(folder, unit)]
    said = [folder / "answers" / f"{unit.key}.parquet"] if unit.reranker == "llm" else []
    return [made_by, *said, unit_path(folder, unit)]
