"""``polytaste llm published``: measures and shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar, show_whole
from agent.llm.endpoint import needed_endpoint
from agent.llm.scorer import LabelScorer
from eval.published.measure import AT, CHOSEN_BY
from eval.published.sets import read_sets
from eval.published.study import Plan, Study, found_share, study
from eval.significance import Interval, paired_bootstrap
from eval.suite.store import alone
from retrieval.arrays import Float64


def run_published(
    file: Path,
    data: str,
    columns: list[str],
    source: str,
    plan: Plan,
    folder: Path,
    llm_url: str | None,
    llm_model: str | None,
    *,
    with_truth: bool,
    no_llm: bool,
    as_json: bool,
) -> None:
    """Measure and say what came of it.

    Raises:
        ConfigError: An unknown source or retriever.
        DataError: The file and the data do not belong together.
        ServerError: No model, or it stopped answering.
    """
    scorer = None if no_llm else LabelScorer(needed_endpoint(llm_url, llm_model, "compare"))
    dataset = load_data(data, columns)
    sets = read_sets(dataset, file, source, with_truth=with_truth)
    with alone(folder), progress_bar("ranking") as (bar, task):
        found = study(
            dataset, sets, plan, scorer, folder,
            lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
        )  # fmt: skip
    if sets.leaks:
        words = (
            f"note: {sets.held:.1%} of the sets that {source} retrieved hold the truth by themselves. In the others it was put in, and is"
            f" there because it is the truth: figures among candidates of {source}, not of what {source} finds"
        )
        err.print(Text(words, style="yellow"), soft_wrap=True)
    if as_json:
        out.file.write(json.dumps(_as_dict(found), indent=2) + "\n")
        return
    kind = "the truth put in" if with_truth else "as retrieved"
    what = f"{dataset.name}, candidates of {source}, {kind}"
    test = sets.test
    show_whole(_table(f"{what}: {len(test):,} test users, found {found_share(sets, test):.1%}", found.whole, found))
    if found.asked:
        asked = test[: len(found.said)]
        show_whole(_table(f"{what}: {len(asked):,} of them, found {found_share(sets, asked):.1%}", found.asked, found))
    if found.failures:
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(found.failures.items()))
        err.print(Text(f"not answered, counted as the order of {found.best}: {why}", style="yellow"))


def _base(values: dict[str, Float64], found: Study) -> Float64:
    return values[found.rankers[found.best].title]


def _gain(rows: Float64, values: dict[str, Float64], found: Study) -> Interval:
    return paired_bootstrap(rows[:, CHOSEN_BY], _base(values, found)[:, CHOSEN_BY])


def _table(title: str, values: dict[str, Float64], found: Study) -> Table:
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    against = f"N@10 - {found.rankers[found.best].title} [95 %]"
    for column in ("ranked by", *(f"N@{k}" for k in AT), "N@10 [95 %]", against):
        table.add_column(column, justify="left" if column == "ranked by" else "right", no_wrap=True)
    for name, rows in values.items():
        alone_, gain = paired_bootstrap(rows[:, CHOSEN_BY], np.zeros(len(rows))), _gain(rows, values, found)
        table.add_row(
            name, *(f"{v:.3f}" for v in rows.mean(axis=0)), f"[{alone_.low:.3f}, {alone_.high:.3f}]",
            f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]",
        )  # fmt: skip
    return table


def _as_dict(found: Study) -> dict[str, Any]:
    def rows(values: dict[str, Float64]) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "ndcg": dict(zip(map(str, AT), one.mean(axis=0).tolist(), strict=True)),
                "interval": _triple(paired_bootstrap(one[:, CHOSEN_BY], np.zeros(len(one)))),
                "gain": _triple(_gain(one, values, found)),
            }
            for name, one in values.items()
        ]

    sets, said = found.sets, found.said
    return {
        "source": sets.source,
        "with_truth": sets.with_truth,
        "held": sets.held,
        "users": len(sets.test),
        "found": found_share(sets, sets.test),
        "best": found.best,
        "settings": {name: ranker.config.model_dump(mode="json") for name, ranker in found.rankers.items()},
        "whole": rows(found.whole),
        "asked": rows(found.asked),
        "asked_users": len(said),
        "asked_found": found_share(sets, sets.test[: len(said)]) if said else None,
        "weights": {
            str(orders): {"weight": f.weight, "validation": f.validation} for orders, f in found.fusions.items()
        },
        "tokens": sum(one.tokens for one in said),
        "mass": float(np.mean([one.mass for one in said])) if said else None,
        "ms": float(np.median([one.ms for one in said])) if said else None,
        "failures": found.failures,
    }


def _triple(interval: Interval) -> list[float]:
    return [interval.mean, interval.low, interval.high]
