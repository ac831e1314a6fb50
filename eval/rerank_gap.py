"""How far the rerankers are from the optimum of the calibrated objective, measured against the exact programme."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from rich.table import Table

from agent.commands import load_data
from agent.console import out, progress_bar, show_whole
from agent.rerank.calibrated import Calibrated, CalibratedConfig, steck_greedy
from agent.rerank.exact import Exact, ExactConfig
from agent.rerank.flow import FlowConfig, MinCostFlow
from agent.rerank.iterated import Iterated, IteratedConfig, objective
from agent.rerank.topk import TopK
from eval.rerank_jobs import ease_pool
from eval.significance import paired_bootstrap

_NAMES = ("top-k", "steck-greedy", "min-cost-flow", "calibrated", "chains", "iterated")


def run_gap(
    data: str,
    columns: list[str],
    items: str | None,
    like_above: float | None,
    users: int,
    candidates: int,
    lambdas: list[float],
    k: int,
    *,
    as_json: bool,
) -> None:
    """Compare with the optimum."""
    dataset = load_data(data, columns, items, like_above)
    _, pool = ease_pool(dataset, dataset.catalog.axis(), users, candidates)
    rows: list[dict[str, Any]] = []
    with progress_bar("solving") as (bar, task):
        for at, lam in enumerate(lambdas):
            bar.update(task, description=f"exact, lambda {lam:g}", completed=at, total=len(lambdas))
            rerankers = (
                Exact(ExactConfig(lam=lam)),
                TopK(),
                steck_greedy(lam),
                MinCostFlow(FlowConfig(lam=lam)),
                Calibrated(CalibratedConfig(lam=lam)),
                Calibrated(CalibratedConfig(lam=lam, chains=True)),
                Iterated(IteratedConfig(lam=lam)),
            )
            best, *rest = (objective(pool, r(pool, k).positions, lam) for r in rerankers)
            for name, value in zip(_NAMES, rest, strict=True):
                gaps = paired_bootstrap((best - value) / np.abs(best), np.zeros(len(best)))
                row = {"lambda": lam, "strategy": name, "mean": gaps.mean, "low": gaps.low, "high": gaps.high}
                # The objective passes zero as lambda grows, where a part of it means nothing: of what top-k lacks, too.
                lacking = float((best - rest[0]).sum())
                row["of_top_k"] = float((best - value).sum()) / lacking if lacking > 0 else 0.0
                rows.append({**row, "optimal": float(np.mean(best - value <= 1e-6))})
        bar.update(task, completed=len(lambdas), total=len(lambdas))
    if as_json:
        out.file.write(json.dumps({"users": len(pool.relevance), "k": k, "relative_gap": rows}, indent=2) + "\n")
        return
    title = (
        f"{dataset.name}: gap to the optimum, relative, {len(pool.relevance):,} users, {candidates} candidates of EASE"
    )
    table = Table(title=title, box=None, padding=(0, 2), header_style="dim", title_justify="left")
    for column in ("\u03bb", "strategy", "gap / |optimum| [95 %]", "of top-k's", "optimal"):
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(
            f"{row['lambda']:g}",
            row["strategy"],
            f"{row['mean']:.4f} [{row['low']:.4f}, {row['high']:.4f}]",
            f"{row['of_top_k']:.4f}",
            f"{row['optimal']:.0%}",
        )
    show_whole(table)
