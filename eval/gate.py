"""A gate against regressions: the means of a suite against stored ones, with a band that each metric may move within."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.table import Table
from rich.text import Text

from agent.console import err, out
from eval.report_read import Results, read_results
from eval.suite.measure import HIGHER, LOWER
from retrieval.errors import ConfigError, PolytasteError

GATED: tuple[str, ...] = ("ndcg", "recall", "c_kl", "minority", "tdd")
_BAND = 0.005


class Stored(BaseModel):
    """Means that are held, and how far they may move for the worse.

    Attributes:
        suite: Name of the suite.
        bands: Metric to the absolute band; set by hand where one should be wider or narrower, and kept when figures are stored again.
        asked: Data and split in words to the hash of who was asked for what: users, what was shown of them and what was hidden.
        cells: Cell in words to metric to mean.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    bands: dict[str, float] = Field(default=dict.fromkeys(GATED, _BAND))
    asked: dict[str, str]
    cells: dict[str, dict[str, float | None]] = Field(min_length=1)


class RegressionError(PolytasteError):
    """A figure is worse than its band allows."""

    exit_code = 6


@dataclass(frozen=True, slots=True)
class Moved:
    """A figure outside its band.

    Attributes:
        cell: In words.
        metric: Name.
        stored: Mean that was stored; None if there was none.
        found: Mean now; None if there is none.
        worse: Whether it moved for the worse, or is gone.
    """

    cell: str
    metric: str
    stored: float | None
    found: float | None
    worse: bool


def means_of(results: Results) -> dict[str, dict[str, float | None]]:
    """Mean of each gated metric by cell in words; None where no user has a value."""
    found: dict[str, dict[str, float | None]] = {}
    for field in results.fields:
        for cell in field.cells:
            row: dict[str, float | None] = {}
            for name in GATED:
                values = cell.values[name][np.isfinite(cell.values[name])]
                row[name] = round(float(values.mean()), 6) if len(values) else None
            found[f"{field.title}; {cell.retriever}; {cell.title}"] = row
    return found


def asked_of(results: Results) -> dict[str, str]:
    """Data and split in words to a hash of the test users, what was shown of each and what was hidden, by name: the same wherever it was read."""
    found: dict[str, str] = {}
    for field in results.fields:
        seen, names = hashlib.sha256(), field.items["item_id"]
        for user, *parts in field.users.select("user_id", "fold_in", "hidden_items").iter_rows():
            seen.update(json.dumps([user, *(names.gather(part).to_list() for part in parts)]).encode())
        found[field.title] = seen.hexdigest()[:20]
    return found


def compare(stored: Stored, results: Results) -> list[Moved]:
    """Every figure outside its band, and every stored cell that is gone.

    Raises:
        ConfigError: The stored results are of another suite, data or users, or name a metric without a band or direction.
    """
    if stored.suite != results.name:
        raise ConfigError(
            f"stored results of suite {stored.suite!r} against {results.name!r}", "compare the same suite"
        )
    asked = asked_of(results)
    if other := [title for title in stored.asked if title in asked and asked[title] != stored.asked[title]]:
        raise ConfigError(
            f"{other[0]}: other users, histories or hidden items than those stored: figures of the two say nothing of each other",
            "run the suite on the data that were stored; or, if the change is meant, store the new figures: --write",
        )
    now = means_of(results)
    moved: list[Moved] = []
    for cell, metrics in stored.cells.items():
        for name, before in metrics.items():
            if name not in stored.bands or name not in (HIGHER | LOWER):
                raise ConfigError(f"stored metric {name!r} has no band or no direction", f"known: {', '.join(GATED)}")
            after = now.get(cell, {}).get(name)
            if before is None or after is None:
                if before is not after:
                    moved.append(Moved(cell, name, before, after, worse=after is None))
                continue
            loss = before - after if name in HIGHER else after - before
            if abs(loss) > stored.bands[name]:
                moved.append(Moved(cell, name, before, after, worse=loss > 0))
    return moved


def run_gate(folder: Path, against: Path, *, write: bool, as_json: bool) -> None:
    """Compare, or store.

    Raises:
        RegressionError: A figure is worse than its band allows.
        ConfigError: The stored file is missing or malformed, or of other data or users.
    """
    results = read_results(folder)
    if write:
        _store(against, results)
        return
    stored = _read(against)
    moved = compare(stored, results)
    new = [cell for cell in means_of(results) if cell not in stored.cells]
    if new:
        words = f"not held, as not stored: {new[0]}{f' and {len(new) - 1:,} more' if new[1:] else ''}; --write stores what is there now"
        err.print(Text(words, style="yellow"), soft_wrap=True)
    if as_json:
        facts: list[dict[str, Any]] = [
            {"cell": m.cell, "metric": m.metric, "stored": m.stored, "found": m.found, "worse": m.worse} for m in moved
        ]
        out.file.write(json.dumps({"cells": len(stored.cells), "moved": facts, "new": new}, indent=2) + "\n")
    elif moved:
        out.print(_table(moved))
    worse = sum(m.worse for m in moved)
    if worse:
        raise RegressionError(
            f"{worse:,} of {len(stored.cells) * len(GATED):,} figures are worse than their bands allow",
            "mend it; or, if it is meant, store the new figures: --write",
        )
    if not as_json:
        err.print(Text(f"{len(stored.cells):,} cells within their bands, {len(moved):,} figures better", style="green"))


def _store(path: Path, results: Results) -> None:
    """Store figures; bands that stand there already are a person's, and stay."""
    cells, bands = means_of(results), dict.fromkeys(GATED, _BAND)
    if not cells:
        raise ConfigError(f"suite {results.name!r} has no cells to store", "run one that has")
    if path.exists():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            bands |= {name: float(band) for name, band in before.get("bands", {}).items()}
        except (ValueError, AttributeError, TypeError) as why:
            raise ConfigError(f"{path}: its bands cannot be read ({why})", "mend it, or remove it") from why
    stored = Stored(suite=results.name, bands=bands, asked=asked_of(results), cells=cells)
    path.write_text(json.dumps(stored.model_dump(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    err.print(Text(f"stored {len(cells):,} cells in {path}", style="green"), soft_wrap=True)


def _read(path: Path) -> Stored:
    try:
        return Stored.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise ConfigError(f"{path}: {why.strerror}", "store results first: --write") from why
    except ValidationError as why:
        first = why.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigError(f"{path}: {where}: {first['msg']}", "store results again: --write") from why


def _table(moved: list[Moved]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("cell", "metric", "stored", "found", ""):
        table.add_column(column, overflow="fold")
    for m in moved:
        style = "red" if m.worse else "green"
        values = ("none" if v is None else f"{v:.4f}" for v in (m.stored, m.found))
        table.add_row(m.cell, m.metric, *values, Text("worse" if m.worse else "better", style=style))
    return table
