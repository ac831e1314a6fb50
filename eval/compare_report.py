"""The comparison of rerankers as a table, a picture for print, a page to look around in, and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar, show_whole
from eval.compare import Comparison, Point, compare
from eval.compare_sources import from_files, from_retriever
from eval.significance import Interval, paired_bootstrap
from retrieval.threads import report as thread_report

_ZERO = np.zeros(1)
CALIBRATING = frozenset(
    ("calibrated", "chains", "iterated", "ramp", "jensen-shannon", "hellinger", "overlap", "min-cost-flow", "exact")
)
"""Strategies that aim at the same as the textbook greedy, so that a difference at one lambda means something."""


def run_compare(
    data: str,
    columns: list[str],
    items: str | None,
    like_above: float | None,
    strategies: list[str],
    lambdas: list[float],
    source: str,
    files: tuple[Path, Path] | None,
    axis: str,
    ridge: float,
    folds: int,
    min_items: int,
    k: int,
    depth: int,
    folder: Path | None,
    *,
    as_json: bool,
) -> None:
    """Compare, draw and show."""
    dataset = load_data(data, columns, items, like_above)
    if files is None:
        ground = from_retriever(dataset, source, ridge=ridge, folds=folds, min_items=min_items, depth=depth)
    else:
        ground = from_files(dataset, *files, depth)
    with progress_bar("comparing") as (bar, task):
        result = compare(
            dataset, strategies, lambdas,
            lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
            ground=ground, axis=axis, k=k,
        )  # fmt: skip
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        draw_png(result, folder / "rerank.png")
        draw_html(result, folder / "rerank.html")
        err.print(Text(f"drew {folder / 'rerank.png'} and {folder / 'rerank.html'}", style="green"), soft_wrap=True)
    if as_json:
        out.file.write(json.dumps(as_dict(result), indent=2) + "\n")
    else:
        show_whole(_table(result, dataset.name))


def mean_of(values: np.ndarray) -> Interval:
    """Mean over users with its bootstrap interval; users without a value (NaN) are left out."""
    return paired_bootstrap(values, _ZERO)


def against_textbook(result: Comparison, point: Point) -> tuple[Interval, Interval] | None:
    """NDCG and C_KL of a point minus the textbook greedy's at the same lambda, paired by user."""
    textbook = result.points.get(("steck-greedy", point[1]))
    if point[0] not in CALIBRATING or textbook is None:
        return None
    ours = result.points[point]
    return paired_bootstrap(ours[:, 0], textbook[:, 0]), paired_bootstrap(ours[:, 1], textbook[:, 1])


def as_dict(result: Comparison) -> dict[str, Any]:
    """Means, intervals and differences, for machines."""
    points: list[dict[str, Any]] = []
    for point, values in result.points.items():
        gap = against_textbook(result, point)
        points.append({
            "strategy": point[0],
            "lambda": point[1],
            "ndcg": _dict(mean_of(values[:, 0])),
            "c_kl": _dict(mean_of(values[:, 1])),
            "minus_textbook_greedy": None if gap is None else {"ndcg": _dict(gap[0]), "c_kl": _dict(gap[1])},
        })  # fmt: skip
    return {
        "users": result.users, "k": result.k, "candidates": result.depth, "axis": result.axis,
        "retriever": result.source, "points": points, "threads": thread_report(),
    }  # fmt: skip


def draw_png(result: Comparison, path: Path) -> None:
    """Mean NDCG@k against mean C_KL@k, one line per strategy, bars for the 95 % intervals."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(8.5, 5.5), layout="constrained")
    colours = plt.get_cmap("tab20").colors  # pyright: ignore[reportAttributeAccessIssue]
    for at, (name, rows) in enumerate(_lines(result).items()):
        gain, error = [mean_of(v[:, 0]) for _, v in rows], [mean_of(v[:, 1]) for _, v in rows]
        axes.errorbar(
            [e.mean for e in error], [g.mean for g in gain], xerr=_bars(error), yerr=_bars(gain),
            fmt="o-" if len(rows) > 1 else "s", color=colours[at % 20], markersize=4, linewidth=1.4, elinewidth=0.8,
            zorder=3 if name == "calibrated" else 2, label=name,
        )  # fmt: skip
    axes.set(xlabel=f"C_KL@{result.k} over {result.axis} (0: the user's own proportions)", ylabel=f"NDCG@{result.k}")
    axes.set_title(f"{result.users:,} users, {result.depth} candidates from {result.source}; up and left is better")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_html(result: Comparison, path: Path) -> None:
    """The same as a page of its own: hover for lambda and intervals, click the legend to hide a line."""
    import plotly.graph_objects as go  # noqa: PLC0415

    figure = go.Figure()
    for name, rows in _lines(result).items():
        gain, error = [mean_of(v[:, 0]) for _, v in rows], [mean_of(v[:, 1]) for _, v in rows]
        text = [
            f"{name}, \u03bb {lam:g}<br>NDCG {g.mean:.4f} [{g.low:.4f}, {g.high:.4f}]<br>C_KL {e.mean:.4f} [{e.low:.4f}, {e.high:.4f}]"
            for (lam, _), g, e in zip(rows, gain, error, strict=True)
        ]
        below, above = _bars(gain)
        figure.add_trace(
            go.Scatter(
                x=[e.mean for e in error], y=[g.mean for g in gain], name=name, mode="lines+markers", text=text,
                hoverinfo="text", error_y={"type": "data", "symmetric": False, "array": above, "arrayminus": below},
            )
        )  # fmt: skip
    figure.update_layout(
        title=f"{result.users:,} users, {result.depth} candidates from {result.source}; up and left is better",
        xaxis={"title": f"C_KL@{result.k} over {result.axis}", "rangemode": "tozero"},
        yaxis={"title": f"NDCG@{result.k}", "rangemode": "tozero"}, template="simple_white",
    )  # fmt: skip
    figure.write_html(path, include_plotlyjs=True)


def _lines(result: Comparison) -> dict[str, list[tuple[float, np.ndarray]]]:
    lines: dict[str, list[tuple[float, np.ndarray]]] = {}
    for (name, lam), values in result.points.items():
        lines.setdefault(name, []).append((lam, values))
    return {name: sorted(rows, key=lambda row: row[0]) for name, rows in lines.items()}


def _bars(intervals: list[Interval]) -> tuple[list[float], list[float]]:
    return [i.mean - i.low for i in intervals], [i.high - i.mean for i in intervals]


def _dict(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def _table(result: Comparison, name: str) -> Table:
    title = f"{name}: {result.users:,} users, slates of {result.k} from {result.source}'s {result.depth} candidates"
    table = Table(title=title, box=None, padding=(0, 1, 0, 0), header_style="dim", title_justify="left")
    table.add_column("strategy", no_wrap=True)
    for column in ("\u03bb", f"NDCG@{result.k}", f"C_KL@{result.k}", "\u0394 NDCG [95 %]", "\u0394 C_KL [95 %]"):
        table.add_column(column, justify="right", no_wrap=True)
    table.caption = "\u0394: minus the textbook greedy at the same \u03bb, paired by user"
    table.caption_justify = "left"
    for point, values in result.points.items():
        gap = against_textbook(result, point)
        gain, error = np.nanmean(values, axis=0)
        lam = "" if point[0] in {"top-k", "random"} else f"{point[1]:g}"
        table.add_row(point[0], lam, f"{gain:.4f}", f"{error:.4f}", *(("", "") if gap is None else map(_short, gap)))
    return table


def _short(interval: Interval) -> str:
    low, mean, high = (f"{v:+.3f}".replace("0.", ".", 1) for v in (interval.low, interval.mean, interval.high))
    return f"{mean}[{low},{high}]"
