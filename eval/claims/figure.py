"""The picture of a claim: one panel per data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.claims.finding import Chart, Finding

_COLOURS = ("#2a7f9e", "#c4562f", "#5a8f3c", "#8a5fb0", "#b8860b", "#d0638f", "#3f9c8f", "#7a6652")


def draw(findings: Sequence[Finding], path: Path) -> bool:
    """Draw what the findings have to show as PNG; False if they have nothing."""
    shown = [(finding, finding.chart) for finding in findings if finding.chart is not None]
    if not shown:
        return False
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    with mpl.rc_context({"font.size": 9}):
        figure, grid = plt.subplots(1, len(shown), figsize=(4.8 * len(shown), 3.8), layout="constrained", squeeze=False)
        for axes, (finding, chart) in zip(grid[0], shown, strict=True):
            _panel(axes, chart)
            axes.set_title(f"{finding.data}, {finding.users:,} users: {finding.verdict}", fontsize=9)
        handles, labels = grid[0][0].get_legend_handles_labels()
        if len(labels) > 1:
            figure.legend(
                handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False, fontsize=8
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=90)
        plt.close(figure)
    return True


def _panel(axes: Any, chart: Chart) -> None:
    width = 0.8 / len(chart.lines)
    for at, line in enumerate(chart.lines):
        x, y = np.array(line.x), np.array(line.y)
        bars = [y - np.array(line.low), np.array(line.high) - y] if line.low else None
        colour = _COLOURS[at % len(_COLOURS)]
        if chart.kind == "bars":
            places = x + (at - (len(chart.lines) - 1) / 2) * width
            axes.bar(places, y, width, yerr=bars, label=line.name, color=colour, error_kw={"lw": 0.8})
        else:
            axes.errorbar(x, y, yerr=bars, fmt="o-", ms=3.5, lw=1.2, elinewidth=0.7, label=line.name, color=colour)
        for word, place, height in zip(line.words, x, y, strict=False):
            axes.annotate(word, (place, height), textcoords="offset points", xytext=(4, 4), fontsize=7, color=colour)
    if chart.ticks:
        axes.set_xticks(
            range(len(chart.ticks)),
            chart.ticks,
            rotation=30 if chart.kind == "bars" else 0,
            ha="right" if chart.kind == "bars" else "center",
        )
    if chart.log:
        axes.set_xscale("log", base=2)
    axes.set(xlabel=chart.across, ylabel=chart.up)
    axes.spines[["top", "right"]].set_visible(False)
