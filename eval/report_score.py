"""A scored run as a table, or JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.table import Table

from agent.commands import mapped, say_notes
from agent.console import out, show_whole
from eval.interchange.rankllm import read_rankllm
from eval.interchange.scoring import Known, Scored, read_known, score_run
from eval.interchange.trec import read_qrels, read_run
from eval.significance import bootstrap_many, effect_size, holm, permutation_p
from retrieval.arrays import Float64
from retrieval.datasets.columns import Columns
from retrieval.errors import ConfigError, DataError


def run_score(
    run: Path,
    qrels: Path,
    items: Path | None,
    history: Path | None,
    baseline: Path | None,
    at: str,
    per_user: Path | None,
    columns: list[str],
    *,
    as_json: bool,
) -> None:
    """Read, measure and show.

    Raises:
        ConfigError: A cut-off is no whole number above zero, or a history or columns are given without items.
        DataError: A file cannot be read, or a run has no list of a judged user.
    """
    cutoffs = _cutoffs(at)
    if history is not None and items is None:
        raise ConfigError("--history needs the items that it speaks of", "add --items FILE")
    if columns and items is None:
        raise ConfigError("--column speaks of the tables of items and of history", "add --items FILE")
    known = None if items is None else read_known(items, history, mapped(columns, Columns()))
    judgements = read_qrels(qrels)
    scored = _scored(run, judgements, cutoffs, known)
    other = None if baseline is None else _scored(baseline, judgements, cutoffs, known)
    if per_user is not None:
        pl.DataFrame({"user_id": scored.users, **scored.values}).write_parquet(per_user)
    figures = _figures(scored, other)
    figures["notes"] = _notes(scored, other, run.name, "" if baseline is None else baseline.name, cutoffs)
    if as_json:
        out.file.write(json.dumps(figures, indent=2) + "\n")
        return
    show_whole(_table(figures, run.name, None if baseline is None else baseline.name))
    say_notes(figures["notes"])


def _scored(path: Path, judgements: pl.DataFrame, cutoffs: list[int], known: Known | None) -> Scored:
    try:
        return score_run(_read(path), judgements, cutoffs, known)
    except DataError as why:
        named = why.message if str(path) in why.message else f"{path}: {why.message}"
        raise DataError(named, why.remedy) from why


def _notes(scored: Scored, other: Scored | None, run: str, baseline: str, cutoffs: list[int]) -> list[str]:
    """What a reader of the figures must know."""
    notes: list[str] = []
    for name, one in ((run, scored), (baseline, other)):
        if one is None:
            continue
        if one.unlisted:
            notes.append(f"{name}: {one.unlisted:,} judged users have no list: they found nothing, and count")
        if one.unjudged:
            notes.append(f"{name}: {one.unjudged:,} users have no judgement: they are left out")
        if not one.found:
            notes.append(
                f"{name}: no list holds a judged item of its user: are the items' ids those of the judgements?"
            )
    if other is not None and scored.longest != other.longest:
        short, long = sorted(((scored.longest, run), (other.longest, baseline)))
        if beyond := [k for k in cutoffs if k > short[0]]:
            at = " and ".join(f"@{k}" for k in beyond)
            notes.append(
                f"differences {at} are of lists of unlike length: those of {short[1]} hold {short[0]:,} items at most, "
                f"those of {long[1]} {long[0]:,}; compare with --at {short[0]} at most, or with longer lists"
            )
    return notes


def _read(path: Path) -> pl.DataFrame:
    return read_rankllm(path) if path.suffix == ".jsonl" else read_run(path)


def _cutoffs(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1:
        raise ConfigError(f"--at {text!r}: not whole numbers above zero", "for example --at 10,20")
    return list(dict.fromkeys(found))


def _figures(scored: Scored, other: Scored | None) -> dict[str, Any]:
    names = list(scored.values)
    rows = np.stack([scored.values[name] for name in names])
    means = bootstrap_many(rows, np.zeros(rows.shape[1]))
    metrics: dict[str, Any] = {
        name: {**_interval(row), "users": int(np.isfinite(rows[at]).sum())}
        for at, (name, row) in enumerate(zip(names, means, strict=True))
    }
    if other is not None:
        base = np.stack([other.values[name] for name in names])
        p = permutation_p(rows, base)
        for at, (name, row) in enumerate(zip(names, bootstrap_many(rows, base), strict=True)):
            effect = effect_size(rows[at], base[at])
            metrics[name]["minus_baseline"] = {
                **_interval(row), "p": _plain(p[at]), "p_holm": _plain(holm(p)[at]),
                "cohen_d": _plain(effect.cohen_d), "dominance": _plain(effect.dominance),
            }  # fmt: skip
    totals = {name: _plain(value) for name, value in scored.totals.items()}
    return {
        "users": len(scored.users), "unlisted": scored.unlisted, "unjudged": scored.unjudged, "metrics": metrics,
        "totals": totals,
    }  # fmt: skip


def _interval(row: Float64) -> dict[str, float | None]:
    return {"mean": _plain(row[0]), "low": _plain(row[1]), "high": _plain(row[2])}


def _plain(value: float) -> float | None:
    """JSON knows no NaN."""
    return float(value) if np.isfinite(value) else None


def _table(figures: dict[str, Any], run: str, baseline: str | None) -> Table:
    title = f"{run}: {figures['users']:,} judged users"
    table = Table(title=title, box=None, padding=(0, 2), header_style="dim", title_justify="left")
    table.add_column("metric", no_wrap=True)
    table.add_column("mean [95 %]", no_wrap=True)
    if baseline is not None:
        table.add_column(f"minus {baseline} [95 %]", no_wrap=True)
        table.add_column("p (Holm)", no_wrap=True)
    for name, found in figures["metrics"].items():
        cells = [_said(found)]
        if baseline is not None:
            gap = found["minus_baseline"]
            cells += [_said(gap, sign="+"), "" if gap["p_holm"] is None else f"{gap['p_holm']:.4f}"]
        table.add_row(name, *cells)
    for name, value in figures["totals"].items():
        table.add_row(name, "n/a" if value is None else f"{value:.4f}")
    return table


def _said(found: dict[str, Any], sign: str = "") -> str:
    if found["mean"] is None:
        return "n/a"
    return f"{found['mean']:{sign}.4f} [{found['low']:{sign}.4f}, {found['high']:{sign}.4f}]"
