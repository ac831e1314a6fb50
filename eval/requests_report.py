"""Requests in words, as a table and as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from eval.requests import Worded
from eval.significance import paired_bootstrap


def as_numbers(found: Mapping[str, Worded]) -> dict[str, Any]:
    """For machines: means, and the difference to no words with its interval."""
    return {
        asker: {
            "chosen": worded.chosen,
            "validation": {f"{weight:g}": round(value, 4) for weight, value in worded.validation.items()},
            "test": {f"{weight:g}": round(float(v.mean()), 4) for weight, v in worded.test.items()},
            "chosen_minus_none": _gain(worded),
            "requests": len(next(iter(worded.test.values()))),
        }
        for asker, worded in found.items()
    }


def as_table(title: str, worded: Worded) -> Table:
    """One row per weight; the one that was chosen is marked."""
    table = Table(title=title, title_justify="left")
    for heading in ("weight of the words", "chosen on: N@10", "told of: N@10"):
        table.add_column(heading, justify="right")
    for weight, values in worded.test.items():
        mark = " *" if weight == worded.chosen else ""
        table.add_row(f"{weight:g}{mark}", f"{worded.validation[weight]:.4f}", f"{values.mean():.4f}")
    gain = _gain(worded)
    table.caption = f"* chosen; minus no words {gain['mean']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
    table.caption_justify = "left"
    return table


def _gain(worded: Worded) -> dict[str, float]:
    interval = paired_bootstrap(worded.test[worded.chosen], worded.test[0.0])
    return {"mean": round(interval.mean, 4), "low": round(interval.low, 4), "high": round(interval.high, 4)}
