"""The sweep over dimensions and the feedback loop as tables, a picture, and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from agent.console import err, out, progress_bar
from eval.dimensions import Width, sweep
from eval.feedback_loop import Round, feedback_loop
from eval.retrieve import METRICS
from eval.retrieve_options import GroundOptions
from eval.significance import paired_bootstrap
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.errors import ConfigError
from retrieval.threads import report as thread_report


def run_dimensions(
    options: GroundOptions, models: list[str], dimensions: list[int], settings: int | None, rounds: int, chart: Path | None,
    *, as_json: bool,
) -> None:  # fmt: skip
    """Sweep, close the loop if asked, and show.

    Raises:
        ConfigError: A loop without iALS, whose training is what is repeated.
    """
    if rounds and "ials" not in models:
        raise ConfigError(f"--loop {rounds}: the feedback loop is of iALS", "add ials to --models, or leave --loop out")
    dataset, ground = options.load()
    loops: dict[int, list[Round]] = {}
    with progress_bar("sweeping") as (bar, task):

        def told(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        found = sweep(ground, models, dimensions, told, settings)
        for width in _ends(found) if rounds else []:
            config = width.measured.best.setting.config
            if isinstance(config, IalsConfig):
                loops[width.dimension] = feedback_loop(ground.matrix, lambda x, c=config: Ials(x, c), rounds, told)
    if chart is not None:
        chart.parent.mkdir(parents=True, exist_ok=True)
        draw(found, loops, f"{dataset.name}, {ground.protocol}", chart)
        err.print(Text(f"drew {chart}", style="green"), soft_wrap=True)
    if as_json:
        out.file.write(json.dumps(as_dict(found, loops), indent=2) + "\n")
        return
    out.print(_sweep_table(found, f"{dataset.name}, {ground.protocol}: {ground.note}"))
    for dimension, rows in loops.items():
        out.print(_loop_table(dimension, rows))


def as_dict(found: Sequence[Width], loops: Mapping[int, Sequence[Round]]) -> dict[str, Any]:
    """Every width with its settings, and every round, for machines."""
    return {
        "widths": [
            {
                "model": w.family, "d": w.dimension, **_means(w), "tried": [
                    {**t.setting.varied, "validation": t.validation, "seconds": t.seconds} for t in w.measured.tried
                ],
                "minus_widest": _gap(w, _widest(found, w.family)),
            }
            for w in found
        ],
        "loops": {
            str(d): [{name: getattr(r, name) for name in Round.__dataclass_fields__} for r in rows]
            for d, rows in loops.items()
        },
        "threads": thread_report(),
    }  # fmt: skip


def draw(found: Sequence[Width], loops: Mapping[int, Sequence[Round]], title: str, path: Path) -> None:
    """Recall@20 against ARP, coverage and negative Gini, one line per model; below, the loop by round."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    rows = 2 if loops else 1
    figure, grid = plt.subplots(rows, 3, figsize=(11, 3.6 * rows), layout="constrained", squeeze=False)
    for axes, name in zip(grid[0], ("ARP@20", "coverage@20", "negative Gini@20"), strict=True):
        for family in dict.fromkeys(w.family for w in found):
            line = [w for w in found if w.family == family]
            x, y = [_means(w)[name] for w in line], [_means(w)["Recall@20"] for w in line]
            axes.plot(x, y, "o-", markersize=4, linewidth=1.2, label=family)
            for at, label in _labels([w.dimension for w in line], x, y):
                axes.annotate(label, (x[at], y[at]), textcoords="offset points", xytext=(4, 4), fontsize=7)
        axes.set(xlabel=name, ylabel="Recall@20")
    for axes, name in zip(grid[1] if loops else [], ("found", "coverage", "popularity"), strict=False):
        for dimension, line in loops.items():
            axes.plot(
                range(1, len(line) + 1),
                [getattr(r, name) for r in line],
                "o-",
                markersize=4,
                label=f"iALS, d = {dimension}",
            )
        axes.set(xlabel="round of the loop", ylabel=_LOOP[name], xticks=range(1, max(map(len, loops.values())) + 1))
    for axes in grid.ravel():
        axes.spines[["top", "right"]].set_visible(False)
    for row in grid:
        row[0].legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _labels(dimensions: Sequence[int], x: Sequence[float], y: Sequence[float]) -> list[tuple[int, str]]:
    """Where a label stands and what it says: points that nearly coincide with one before share its label."""
    wide, high = (max(max(v) - min(v), 1e-12) for v in (x, y))
    labels: list[tuple[int, list[int]]] = []
    for at, dimension in enumerate(dimensions):
        near = [
            shared for place, shared in labels
            if max(abs(x[at] - x[place]) / wide, abs(y[at] - y[place]) / high) < _NEAR
        ]  # fmt: skip
        if near:
            near[0].append(dimension)
        else:
            labels.append((at, [dimension]))
    return [(place, ", ".join(map(str, shared))) for place, shared in labels]


_NEAR = 0.05  # of an axis
_LOOP = {
    "found": "hidden likes found",
    "coverage": "coverage@50",
    "popularity": "ARP@50",
    "gini": "Gini@50",
    "reached": "items with feedback",
}


def _ends(found: Sequence[Width]) -> list[Width]:
    """The narrowest and the widest iALS."""
    factors = [w for w in found if w.family == "ials"]
    return [factors[0], factors[-1]] if len(factors) > 1 else factors


def _widest(found: Sequence[Width], family: str) -> Width:
    return [w for w in found if w.family == family][-1]


def _means(width: Width) -> dict[str, float]:
    means = np.nanmean(width.measured.values, axis=0)
    return {
        **{metric: float(means[i]) for i, metric in enumerate(METRICS)},
        "ARP@20": float(width.measured.popularity.mean()),
        "coverage@20": width.measured.coverage,
        "negative Gini@20": -width.gini,
    }


def _gap(width: Width, base: Width) -> dict[str, dict[str, float]]:
    pairs = {metric: (width.measured.values[:, i], base.measured.values[:, i]) for i, metric in enumerate(METRICS)}
    pairs["ARP@20"] = (width.measured.popularity, base.measured.popularity)
    gaps = {name: paired_bootstrap(*pair) for name, pair in pairs.items()}
    return {name: {"mean": gap.mean, "low": gap.low, "high": gap.high} for name, gap in gaps.items()}


def _sweep_table(found: Sequence[Width], title: str) -> Table:
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    table.add_column("model")
    for column in ("d", "chosen", "R@20", "R@50", "N@100", "ARP", "cover", "-Gini", "N@100 - widest [95 %]"):
        table.add_column(column, justify="right", no_wrap=True)
    for w in found:
        varied = "/".join(f"{value:g}" for value in w.measured.best.setting.varied.values())
        gap = _gap(w, _widest(found, w.family))["NDCG@100"]
        values = (f"{v:.0f}" if abs(v) > 2 else f"{v:.3f}".replace("0.", ".", 1) for v in _means(w).values())
        mean, low, high = (f"{gap[key]:+.3f}".replace("0.", ".", 1) for key in ("mean", "low", "high"))
        shown = f"{mean}[{low},{high}]"
        table.add_row(w.family, str(w.dimension), varied, *values, shown)
    return table


def _loop_table(dimension: int, rows: Sequence[Round]) -> Table:
    title = f"feedback loop, iALS, d = {dimension}"
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    for column in ("round", "trained on", *_LOOP.values()):
        table.add_column(column, justify="right")
    for number, r in enumerate(rows, start=1):
        values = (getattr(r, name) for name in _LOOP)
        table.add_row(str(number), f"{r.observed:,}", *(f"{v:.0f}" if v > 2 else f"{v:.3f}" for v in values))
    return table
