"""The table that every unit of work ends in."""

from __future__ import annotations

import numpy as np
import polars as pl

from eval.suite.measure import METRICS
from retrieval.arrays import Float64, Int32


def rows(user_ids: tuple[str, ...], lam: float, values: dict[str, Float64], items: Int32) -> pl.DataFrame:
    """One row per user: lambda, every metric, and the slate as internal ids, -1 padded."""
    return pl.DataFrame(
        {
            "user_id": pl.Series(user_ids, dtype=pl.String),
            "lambda": pl.repeat(lam, len(user_ids), dtype=pl.Float64, eager=True),
            **{name: pl.Series(values[name].astype(np.float32)) for name in METRICS},
            "items": pl.Series(items, dtype=pl.Array(pl.Int32, items.shape[1])),
        }
    )
