"""What holds the results of a suite together: what was asked, where each cell is, and what each was made by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.suite.config import SuiteConfig
from eval.suite.ground import Ground
from eval.suite.plan import PoolUnit, RerankUnit, grounds
from eval.suite.store import digest, write_json
from retrieval.errors import ConfigError, DataError


def manifest(
    folder: Path, suite: SuiteConfig, made: Sequence[Ground], pools: Sequence[PoolUnit], units: Sequence[RerankUnit]
) -> dict[str, Any]:
    """The suite, where each cell's results are, and what each was made by: the place of it in ``made_by``."""
    makers: dict[str, dict[str, Any]] = {}

    def made_by(key: str) -> int:
        facts = json.loads((folder / "made_by" / f"{key}.json").read_text(encoding="utf-8"))
        makers.setdefault(digest(facts), facts)
        return list(makers).index(digest(facts))

    return {
        "suite": _facts(suite),
        "grounds": [
            {
                "key": ground.key, "data": ground.name, "split": split.title, "axis": ground.axis.name,
                "groups": list(ground.axis.labels), "users": len(ground.user_ids), "train_users": int(ground.matrix.shape[0]),
                "items": int(ground.matrix.shape[1]), "interactions": int(ground.matrix.nnz),
            }
            for ground, (_, split) in zip(made, grounds(suite), strict=True)
        ],
        "pools": [
            {
                "key": p.key, "ground": p.ground, "retriever": p.retriever.title, "seed": p.seed, "made_by": made_by(p.key),
            }
            for p in pools
        ],
        "units": [
            {
                "key": u.key, "pool": u.pool.key, "reranker": u.reranker, "lambdas": list(u.lambdas), "prompt": u.prompt,
                "model": u.model.partition("@")[0], "weight": u.weight, "made_by": made_by(u.key),
            }
            for u in units
        ],
        "made_by": list(makers.values()),
    }  # fmt: skip


def require_same(folder: Path, suite: SuiteConfig) -> bool:
    """Whether a folder holds results of this suite; those of older code are there under other hashes.

    Raises:
        ConfigError: It holds another suite.
        DataError: Its note of which one is damaged.
    """
    note = folder / "suite.json"
    if not note.exists():
        return False
    try:
        held = json.loads(note.read_text(encoding="utf-8"))
    except ValueError as why:
        raise DataError(
            f"{note} is damaged: {why}", "remove it, if the folder is this suite's: it is written anew"
        ) from why
    if digest(held) != digest(_facts(suite)):
        raise ConfigError(f"{folder} holds the results of another suite", f"name another folder; see {note}")
    return True


def claim(folder: Path, suite: SuiteConfig) -> None:
    """One folder, one suite: results of another are not mixed in.

    Raises:
        ConfigError: It holds another suite.
        DataError: Its note of which one is damaged.
    """
    if not require_same(folder, suite):
        write_json(folder / "suite.json", _facts(suite))


def _facts(suite: SuiteConfig) -> dict[str, Any]:
    return suite.model_dump(mode="json", exclude={"data": {"__all__": {"path", "items"}}})
