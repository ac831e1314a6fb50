"""What holds the results of a suite together: what was asked, where each cell is, and what each was made by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.suite.config import SuiteConfig
from eval.suite.ground import Ground
from eval.suite.plan import PoolUnit, RerankUnit, grounds
from eval.suite.store import digest


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
        "suite": suite.model_dump(mode="json", exclude={"data": {"__all__": {"path", "items"}}}),
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
