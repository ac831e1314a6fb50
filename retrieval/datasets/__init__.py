"""Data sets: the bundled one, MovieLens folders, and a user's own tables."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from retrieval.datasets.dataset import Dataset
from retrieval.datasets.movielens import is_movielens, load_movielens
from retrieval.datasets.tabular import TabularSource, load_tabular
from retrieval.errors import ConfigError, DataError

BUNDLED = "ml-latest-small"

__all__ = ["BUNDLED", "Dataset", "TabularSource", "load", "load_bundled"]


def load(path: str | Path = BUNDLED, source: TabularSource | None = None, like_above: float | None = None) -> Dataset:
    """Load whatever is at a path: the bundled set by name, a MovieLens folder, or tables.

    Args:
        path: ``ml-latest-small``, a folder or a file of interactions.
        source: Column mapping for tables; see :class:`TabularSource`.
        like_above: Values above this count as liked; None leaves it to the source.

    Raises:
        DataError: Nothing is there, or a file is malformed.
        ConfigError: The mapping names a column that does not exist, or the layout needs no mapping.
    """
    if str(path) == BUNDLED and not Path(path).exists():
        if source is not None:
            raise ConfigError(f"--column and --items do not apply to {BUNDLED}", "it describes itself; leave them out")
        return load_bundled(like_above)
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder", f"give a folder of data, or {BUNDLED!r} for the bundled set")
    described = (path / "dataset.yaml").is_file()  # an own description goes before any guess
    if path.is_dir() and not described and is_movielens(path):
        if source is not None:
            raise ConfigError(
                f"--column and --items do not apply to {path}, which has the layout of MovieLens",
                "leave them out, or put a dataset.yaml into the folder to describe it yourself",
            )
        return load_movielens(path, like_above)
    return load_tabular(path, source, like_above)


def load_bundled(like_above: float | None = None) -> Dataset:
    """MovieLens latest-small, shipped with the package under its own licence (non-commercial)."""
    with as_file(files("retrieval.datasets") / "bundled" / BUNDLED) as folder:
        return load_tabular(folder, like_above=like_above)
