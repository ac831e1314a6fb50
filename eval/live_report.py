"""What came of an experiment in service: per arm, and minus the first arm with intervals from resampling people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table
from rich.text import Text

from agent.console import err, out, show_whole
from agent.experiment import Experiments, TakenOut
from agent.memory.database import Database
from agent.memory.trials import Outcome, Trials
from agent.paths import experiments_file
from agent.service.config import ServiceConfig
from retrieval.arrays import Float64
from retrieval.errors import NotFoundError

METRICS = ("likes per list", "dislikes per list", "ranked by the model")
_DRAWS = 2000
_LEAST = 8
"""People below whom no difference is told: resampling fewer says too little of how far others would differ."""


@dataclass(frozen=True, slots=True)
class ArmReport:
    """One arm.

    Attributes:
        arm: Its name.
        people: In it.
        lists: Shown to them.
        after: Of these, after a guard rail had taken the arm out.
        means: Of :data:`METRICS`, over lists.
        minus_first: ``(mean, low, high)`` of each metric minus the first arm's; None for the first, or where an arm has too few people.
        ms: Median time of the model.
    """

    arm: str
    people: int
    lists: int
    after: int
    means: tuple[float, ...]
    minus_first: tuple[tuple[float, float, float], ...] | None
    ms: float


def summarised(outcomes: dict[str, list[Outcome]], arms: list[str]) -> list[ArmReport]:
    """Reports in the order of the arms. A person's lists are not independent, so whole people are drawn with replacement."""
    counts = {arm: _counts(outcomes.get(arm, [])) for arm in arms}
    draws = {arm: _drawn(rows, seed) for seed, (arm, rows) in enumerate(counts.items())}
    reports: list[ArmReport] = []
    for arm, rows in counts.items():
        minus = None
        if arm != arms[0] and min(len(rows), len(counts[arms[0]])) >= _LEAST:
            gap = draws[arm] - draws[arms[0]]
            low, high = np.percentile(gap, [2.5, 97.5], axis=0)
            middle = _rates(rows.sum(axis=0)) - _rates(counts[arms[0]].sum(axis=0))
            minus = tuple((float(m), float(a), float(b)) for m, a, b in zip(middle, low, high, strict=True))
        took = [ms for one in outcomes.get(arm, []) for ms in one.ms]
        means = tuple(float(v) for v in _rates(rows.sum(axis=0))) if len(rows) else (float("nan"),) * len(METRICS)
        after = sum(one.after for one in outcomes.get(arm, []))
        typical = float(np.median(took)) if took else float("nan")
        reports.append(ArmReport(arm, len(rows), int(rows[:, 0].sum()), after, means, minus, typical))
    return reports


def _counts(outcomes: list[Outcome]) -> Float64:
    """``(people, 4)`` lists, likes, dislikes, lists ranked by the model."""
    rows = [(one.lists, len(one.liked), len(one.disliked), one.by_model) for one in outcomes]
    return np.array(rows, np.float64).reshape(-1, 4)


def _rates(total: Float64) -> Float64:
    return total[..., 1:] / np.maximum(total[..., :1], 1.0)


def _drawn(rows: Float64, seed: int) -> Float64:
    """``(draws, metrics)``."""
    if not len(rows):
        return np.full((_DRAWS, len(METRICS)), np.nan)
    picked = np.random.default_rng(seed).integers(0, len(rows), (_DRAWS, len(rows)))
    return _rates(rows[picked].sum(axis=1))


def show_report(name: str | None, database: str | None, *, as_json: bool) -> None:
    """Read and show.

    Raises:
        NotFoundError: There is no experiment, or nothing of it was kept.
        StorageError: The database cannot be reached.
    """
    experiments = Experiments(experiments_file())
    if name is None:
        present = experiments.now()
        if present is None:
            raise NotFoundError(
                "no experiment is served", "name an earlier one, or start one: polytaste prompts live start"
            )
        name = present.name
    opened = Database(ServiceConfig(database=database).database_url())
    opened.upgrade()
    out_of = experiments.taken_out(name)
    outcomes = Trials(opened).outcomes(name, {arm: one.at for arm, one in out_of.items()})
    if not outcomes:
        raise NotFoundError(f"no list of experiment {name!r} was shown yet", "lists count for users whose id is given")
    named = experiments.named(name)
    own = [arm.name for arm in named.arms] if named is not None else []
    arms = [*(arm for arm in own if arm in outcomes), *sorted(set(outcomes) - set(own))]
    reports = summarised(outcomes, arms)
    if as_json:
        facts = [
            {"arm": r.arm, "people": r.people, "lists": r.lists, "lists_after_taken_out": r.after,
             "taken_out": out_of[r.arm].model_dump(mode="json", include={"why", "at"}) if r.arm in out_of else None, "means": dict(zip(METRICS, r.means, strict=True)), "median_ms": r.ms if np.isfinite(r.ms) else None,
             "minus_first": None if r.minus_first is None else dict(zip(METRICS, r.minus_first, strict=True))}
            for r in reports
        ]  # fmt: skip
        out.file.write(json.dumps({"experiment": name, "arms": facts}, indent=2) + "\n")
        return
    table = Table(
        title=f"{name}: minus {arms[0]} [95 %]", box=None, padding=(0, 1), header_style="dim", title_justify="left"
    )
    for column in ("arm", "people", "lists", *METRICS, "median ms"):
        table.add_column(column, justify="left" if column == "arm" else "right")
    for r in reports:
        cells = [
            f"{mean:.3f}" + (f"\n{gap[0]:+.3f} [{gap[1]:+.3f}, {gap[2]:+.3f}]" if gap else "")
            for mean, gap in zip(r.means, r.minus_first or (None,) * len(METRICS), strict=True)
        ]
        table.add_row(r.arm, str(r.people), str(r.lists), *cells, "" if np.isnan(r.ms) else f"{r.ms:.0f}")
    show_whole(table)
    for sentence in (*remarks(reports), *(told(one, r) for r in reports if (one := out_of.get(r.arm)))):
        err.print(Text(sentence, style="yellow"), soft_wrap=True)


def remarks(reports: Sequence[ArmReport]) -> list[str]:
    """What has to be known to read the table."""
    by_model = sum(r.means[2] * r.lists for r in reports if r.lists)
    shown = sum(r.lists for r in reports)
    if by_model >= shown:
        return []
    why = "it failed, or was not asked: without words it is not, of people with more than five likes, unless it has earned a weight (polytaste llm fit)"
    return [
        f"{shown - by_model:.0f} of {shown} lists were not ranked by the model, and no prompt had a part in them: {why}"
    ]


def told(one: TakenOut, report: ArmReport) -> str:
    """That an arm was taken out."""
    return (
        f"{one.arm} was taken out by a guard rail at {one.at:%Y-%m-%d %H:%M:%S} UTC ({one.why}); {report.after} of its {report.lists} lists "
        "are later, made with the first arm's prompt, and count for its people all the same"
    )
