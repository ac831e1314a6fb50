"""``polytaste prompts factorial``: asks and shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar, show_whole
from agent.llm.endpoint import needed_endpoint
from eval.prompt_answers import METRICS
from eval.prompt_cache import kept_scorer
from eval.prompt_effects import Effect, cells_of
from eval.prompt_factorial import MEASURED, Factorial, FactorialConfig, factorial
from eval.prompt_page import said
from eval.prompt_sequential import LEVEL
from eval.prompt_settings import checked

_INTERACTIONS = 6


def run_factorial(
    data: str, columns: list[str], items: str | None, like_above: float | None, settings: dict[str, Any],
    llm_url: str | None, llm_model: str | None, cache: Path | None, *, as_json: bool,
) -> None:  # fmt: skip
    """Ask and say what each part does."""
    config = checked(FactorialConfig, settings, "polytaste prompts factorial")
    endpoint = needed_endpoint(llm_url, llm_model, "ask")
    dataset = load_data(data, columns, items, like_above)
    with kept_scorer(endpoint, cache) as scorer, progress_bar("reading") as (bar, task):
        found = factorial(
            dataset, scorer, config,
            lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
        )  # fmt: skip
    if as_json:
        out.file.write(json.dumps(as_dict(found), indent=2, ensure_ascii=False) + "\n")
        return
    _show(found)


def as_dict(found: Factorial) -> dict[str, Any]:
    """Everything, for machines."""
    factors = found.config.factors()
    return {
        "model": found.model, "data": found.data, "users": len(set(found.users.tolist())), "observations": len(found.seen),
        "failed": found.failed, "stopped": found.stopped, "tokens_paid": found.spending.paid,
        "seconds": round(found.spending.seconds, 1), "calls_from_disk": found.spending.kept,
        "config": found.config.model_dump(mode="json"), "factors": {name: list(levels) for name, levels in factors.items()},
        "cells": [
            {
                "levels": dict(zip(factors, cell, strict=True)), "observations": int((found.seen == at).sum()),
                **{m: float(found.values[found.seen == at, i].mean()) if (found.seen == at).any() else None for i, m in enumerate(MEASURED)},
            }
            for at, cell in enumerate(cells_of(factors))
        ],
        "effects": [
            {
                "metric": metric, "factors": list(one.factors), "levels": list(one.levels),
                "effect": [one.interval.mean, one.interval.low, one.interval.high], "p": one.p,
            }
            for metric, several in zip(MEASURED, found.effects, strict=True)
            for one in several
        ],
    }  # fmt: skip


def _show(found: Factorial) -> None:
    factors = found.config.factors()
    users = len(set(found.users.tolist()))
    out.print(
        Text(f"{found.model}, {found.data}: {users} users, each in {found.config.cells} of {len(cells_of(factors))} cells", style="bold")
    )  # fmt: skip
    mains = _table(
        "main effects, averaged over all other parts [95 %]",
        "part",
        "level",
        "against",
        *(METRICS[m] for m in MEASURED),
    )
    pairs: list[tuple[float, list[str | Text]]] = []
    for each in zip(*found.effects, strict=True):
        one = each[0]
        told = [_said(effect) for effect in each]
        if len(one.factors) == 1:
            mains.add_row(one.factors[0], one.levels[0], factors[one.factors[0]][0], *told)
        else:
            name = " with ".join(f"{f} {level}" for f, level in zip(one.factors, one.levels, strict=True))
            pairs.append((min(effect.p for effect in each), [name, *told]))
    show_whole(mains)
    if pairs:
        table = _table(
            f"\ninteractions, the {min(_INTERACTIONS, len(pairs))} clearest of {len(pairs)}",
            "both",
            *(METRICS[m] for m in MEASURED),
        )
        for _, row in sorted(pairs, key=lambda pair: pair[0])[:_INTERACTIONS]:
            table.add_row(*row)
        show_whole(table)
    spending = found.spending
    words = f"*: p < {LEVEL} after Holm over all effects and metrics. Ended: {found.stopped}; {spending.paid:,} tokens paid, {spending.seconds:.0f} s of asking"
    out.print(Text(f"\n{words}", style="dim"), soft_wrap=True)
    if found.failed:
        err.print(
            Text(f"{found.failed} of {len(found.seen)} not answered, counted as the calibrated slate", style="yellow")
        )


def _said(effect: Effect) -> Text:
    both = said([effect.interval.mean, effect.interval.low, effect.interval.high], sign=True)
    stands = effect.p < LEVEL
    return Text(f"{both['mean']} [{both['range']}]{'*' if stands else ' '}", style="bold" if stands else "")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    words = len(columns) - len(MEASURED)
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at < words else "right", no_wrap=True)
    return table
