"""Pictures of a report: curves of accuracy against calibration, as PNG for papers and as SVG that follows the page's colours."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from eval.report_read import Field
from eval.report_summary import means, pareto

_INK = "#010203"  # stands for the page's own colour of text
_COLOURS = (
    "#2a7f9e", "#c4562f", "#5a8f3c", "#8a5fb0", "#b8860b", "#d0638f", "#3f9c8f", "#7a6652", "#5b6fc0", "#a3a32a",
)  # fmt: skip
_DASHES = ("-", "--", ":", "-.")


def curves_png(field: Field, k: int, path: Path) -> None:
    """All retrievers of a field in one picture."""
    figure = _curves(field, k, field.retrievers)
    figure.savefig(path, dpi=160)
    _close(figure)


def curves_svg(field: Field, k: int) -> str:
    """The same as SVG without scripts, fonts or links: text takes the colour of the page."""
    figure = _curves(field, k, field.retrievers, ink=_INK)
    import matplotlib as mpl  # noqa: PLC0415

    out = StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "polytaste"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    _close(figure)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    said = f'role="img" aria-label="nDCG against C_KL, a panel for each of {len(field.retrievers)} retrievers"'
    text = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', rf"\1 {said}", text, count=1)
    return text.replace(_INK, "currentColor")


def _curves(field: Field, k: int, retrievers: list[str], ink: str = "#000000") -> Any:
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    across = min(3, len(retrievers))
    down = -(-len(retrievers) // across)
    inked = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink)
    with mpl.rc_context({**inked, "font.size": 9}):
        figure, grid = plt.subplots(
            down, across, figsize=(4.2 * across, 3.3 * down + 0.9), layout="constrained", squeeze=False
        )
        names = list(dict.fromkeys(cell.reranker for cell in field.cells))
        for axes, retriever in zip(grid.ravel(), retrievers, strict=False):
            _panel(axes, field, retriever, names, ink)
        for axes in grid.ravel()[len(retrievers) :]:
            axes.set_visible(False)
        for axes in grid[:, 0]:
            axes.set_ylabel(f"nDCG@{k}")
        for column in range(across):
            grid[min(down, (len(retrievers) - 1 - column) // across + 1) - 1, column].set_xlabel(
                f"C_KL@{k} over {field.facts['axis']}"
            )
        handles, labels = grid[0, 0].get_legend_handles_labels()
        wide = 0.5 + 0.065 * max(map(len, labels))  # inches of an entry: its mark, and letters of this size
        columns = max(1, min(6, len(labels), int(4.2 * across / wide)))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=8)
        figure.set_figheight(figure.get_figheight() + 0.18 * (-(-len(labels) // columns) - 1))
    return figure


def _panel(axes: Any, field: Field, retriever: str, names: list[str], ink: str) -> None:
    cells = field.of(retriever)
    points = means(cells)
    parts = {cell.reranker: field.part(cell) for cell in cells}
    whole = np.array([at for at, cell in enumerate(cells) if not parts[cell.reranker]], np.int64)
    front = whole[pareto(points[whole])]
    axes.plot(
        points[front, 0],
        points[front, 1],
        color=ink,
        alpha=0.18,
        linewidth=7,
        solid_capstyle="round",
        label="Pareto front",
    )
    for at, name in enumerate(names):
        rows = sorted((c.lam or 0.0, *points[i]) for i, c in enumerate(cells) if c.reranker == name)
        if not rows:
            continue
        line = np.array(rows)
        axes.plot(
            line[:, 1], line[:, 2], "o" if len(rows) == 1 else f"o{_DASHES[at // len(_COLOURS) % 4]}", markersize=3,
            color=_COLOURS[at % len(_COLOURS)], linewidth=1.3, label=f"{name} ({parts[name]:,} users)" if parts[name] else name, zorder=4 if name == "calibrated" else 2,
        )  # fmt: skip
    axes.set_title(retriever, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(left=0)


def _close(figure: Any) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415

    plt.close(figure)
