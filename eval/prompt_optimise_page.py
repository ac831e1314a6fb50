"""The page of a search: its way as a chart and a table, and the judgement as :mod:`eval.prompt_page` has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.prompt_optimise import Optimised
from eval.prompt_page import context, said, template

_WIDTH, _HEIGHT = 900.0, 260.0
_APART = 14.0
"""Between two figures beside the chart, that both can be read."""


def write_search_page(found: Optimised, facts: dict[str, Any], titles: Sequence[str], path: Path) -> None:
    """Write the page; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(search_html(found, facts, titles), encoding="utf-8")


def search_html(found: Optimised, facts: dict[str, Any], titles: Sequence[str]) -> str:
    """The page.

    Args:
        found: What was found.
        facts: As :func:`eval.prompt_optimise.facts_of` has them.
        titles: Of all items.
    """
    judged = found.judgement
    told: dict[str, Any] = context(judged.comparison, titles) if judged else {"names": [], "facts": None}
    return template("prompt_optimise_page.html.j2").render(
        **told, search=facts, chart=chart_of(facts["trials"]), judged=bool(judged),
        worth=said(facts["judged"]["worth_minus_start"], sign=True) if judged else None, p=f"{judged.p:.4f}" if judged else "",
        search_settings=json.dumps(facts["config"], indent=2, ensure_ascii=False), lam=f"{found.config.worth.lam:g}", cost=f"{found.config.worth.cost:g}",
    )  # fmt: skip


def chart_of(trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Where things stand in the chart of worth by trial.

    A prompt that was left is drawn at the first prompt's worth plus their difference on the users that both were asked about.

    Returns:
        Points, the line of the best so far, the height of the first prompt, ticks.
    """
    worths = [trials[0]["worth"] + one["minus_start"] for one in trials]
    low, high = min(worths), max(worths)
    spread = (high - low) or 1.0

    def x(at: float) -> float:
        return round(60 + at * (_WIDTH - 80) / max(len(trials) - 1, 1), 1)

    def y(value: float) -> float:
        return round(20 + (high - value) / spread * (_HEIGHT - 60), 1)

    best = worths[0]
    line = f"M{x(0)} {y(best)}"
    for at, one in enumerate(trials):
        best = max(best, worths[at]) if one["whole"] else best
        line += f"H{x(at)}V{y(best)}"
    middle = [worths[0]] if min(y(low) - y(worths[0]), y(worths[0]) - y(high)) > _APART else []
    return {
        "width": _WIDTH, "height": _HEIGHT, "start": y(worths[0]), "line": line,
        "points": [
            {"x": x(at), "y": y(worths[at]), "whole": one["whole"], "best": one["best"], "said": f"trial {at}: {worths[at]:.4f}"}
            for at, one in enumerate(trials)
        ],
        "heights": [{"y": y(value), "said": f"{value:.3f}"} for value in dict.fromkeys((low, *middle, high))],
        "numbers": [{"x": x(at), "said": at} for at in range(0, len(trials), max(1, len(trials) // 10))],
    }  # fmt: skip
