"""The quick evaluation as tables, a picture, or JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar
from eval.quick import METRICS, Quick, evaluate
from eval.significance import paired_bootstrap
from retrieval.threads import report as thread_report

_OURS = "personas (K=4)"


def run_quick(
    data: str,
    columns: list[str],
    like_above: float | None,
    folds: int,
    min_items: int,
    plot: Path | None,
    *,
    as_json: bool,
) -> None:
    """Evaluate and show."""
    dataset = load_data(data, columns, None, like_above)
    with progress_bar("evaluating") as (bar, task):
        quick = evaluate(
            dataset, folds, min_items,
            lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
        )  # fmt: skip
    if plot is not None:
        draw_curve(quick, plot)
        err.print(Text(f"drew {plot}", style="green"))
    if as_json:
        out.file.write(json.dumps(as_dict(quick), indent=2) + "\n")
        return
    out.print(_retrievers(quick, dataset.name))
    out.print(_curve(quick))
    out.print(Text(
        f"retrieval certificate held for {quick.certified:.1%} of users; {quick.effective_personas:.2f} effective personas of 4",
        style="dim",
    ))  # fmt: skip


def as_dict(quick: Quick) -> dict[str, Any]:
    """Means and paired intervals, for machines."""
    ours = quick.retrievers[_OURS]
    retrievers = {
        name: {
            metric: {
                "mean": float(np.nanmean(values[:, i])),
                "personas_minus_this": _interval(ours[:, i], values[:, i]),
            }
            for i, metric in enumerate(METRICS)
        }
        for name, values in quick.retrievers.items()
    }
    curve = [
        {
            "lambda": lam,
            "ndcg@10": float(np.nanmean(values[:, 0])),
            "c_kl@10": float(np.nanmean(values[:, 1])),
            "ndcg_minus_accuracy_only": _interval(values[:, 0], quick.top[:, 0]),
        }
        for lam, values in quick.curve.items()
    ]
    return {
        "users": quick.users,
        "axis": quick.axis,
        "retrievers": retrievers,
        "accuracy_only": {"ndcg@10": float(np.nanmean(quick.top[:, 0])), "c_kl@10": float(np.nanmean(quick.top[:, 1]))},
        "curve": curve,
        "certified": quick.certified,
        "effective_personas": quick.effective_personas,
        "threads": thread_report(),
    }


def draw_curve(quick: Quick, path: Path) -> None:
    """NDCG@10 against C_KL@10 over lambda."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    points = np.array([np.nanmean(values, axis=0) for values in quick.curve.values()])
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.plot(points[:, 1], points[:, 0], "o-", color="#2a7f9e", label="calibrated, \u03bb from 0 to .99")
    for lam, (gain, error) in zip(quick.curve, points, strict=True):
        axes.annotate(f"{lam:g}", (error, gain), textcoords="offset points", xytext=(4, 5), fontsize=8)
    top = np.nanmean(quick.top, axis=0)
    axes.plot(top[1], top[0], "s", color="#c4562f", label="accuracy only (top 10)")
    axes.set(xlabel=f"C_KL@10 over {quick.axis} (0: the user's own proportions)", ylabel="NDCG@10")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _interval(values: np.ndarray, baseline: np.ndarray) -> dict[str, float]:
    interval = paired_bootstrap(values, baseline)
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def _retrievers(quick: Quick, name: str) -> Table:
    title = f"{name}: {quick.users} users, each held out once, full catalogue"
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    table.add_column("retriever", no_wrap=True)
    for metric in METRICS:
        table.add_column(metric, justify="right", no_wrap=True)
    table.add_column("personas minus this [95 %]", justify="right")
    ours = quick.retrievers[_OURS]
    for retriever, values in quick.retrievers.items():
        gap = "" if retriever == _OURS else str(paired_bootstrap(ours[:, 0], values[:, 0]))
        table.add_row(retriever, *(f"{np.nanmean(values[:, i]):.4f}" for i in range(len(METRICS))), gap)
    return table


def _curve(quick: Quick) -> Table:
    title = f"slates of 10 from the personas' 100 candidates, calibrated along {quick.axis}"
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    for column in ("\u03bb", "NDCG@10", "kept", "C_KL@10", "left", "NDCG@10 difference [95 %]"):
        table.add_column(column, justify="right", no_wrap=True)
    base = np.nanmean(quick.top, axis=0)
    table.add_row("top 10", f"{base[0]:.4f}", "100 %", f"{base[1]:.4f}", "100 %", "")
    for lam, values in quick.curve.items():
        gain, error = np.nanmean(values, axis=0)
        gap = paired_bootstrap(values[:, 0], quick.top[:, 0])
        table.add_row(
            f"{lam:g}", f"{gain:.4f}", f"{gain / base[0]:.1%}", f"{error:.4f}", f"{error / base[1]:.1%}", str(gap)
        )
    return table
