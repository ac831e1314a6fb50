"""The study of personas as tables, or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from rich.table import Table
from rich.text import Text

from agent.console import out, progress_bar, show_whole
from eval.metrics import coverage
from eval.persona_diagnostics import PROVED, Merging
from eval.persona_study import Studied, Study, inequality, study
from eval.retrieve import AT, METRICS
from eval.retrieve_options import GroundOptions
from eval.set_level import jackknife_difference
from eval.significance import Interval, paired_bootstrap
from retrieval.arrays import Float64
from retrieval.personas.training import TrainingConfig
from retrieval.threads import report as thread_report

_ONE = "one-vector"
_SMALLEST, _PRESENT = "smallest@10", "minority@10"
_SHORT = {
    "Recall@20": "R@20", "Recall@50": "R@50", "NDCG@100": "N@100", f"ARP@{AT}": "ARP", _SMALLEST: "small",
    _PRESENT: "minor", f"coverage@{AT}": "cover", f"Gini@{AT}": "Gini",
}  # fmt: skip
"""Heads of the figures in tables: small, the smallest minority taste is there; minor, share of the minority tastes there."""


def run_personas(
    options: GroundOptions,
    axis: str | None,
    settings: int | None,
    budget: int,
    factors: int,
    config: TrainingConfig,
    *,
    wide: bool,
    as_json: bool,
) -> None:
    """Study and show."""
    dataset, ground = options.load()
    with progress_bar("training") as (bar, task):
        result = study(
            dataset, ground, lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
            axis=axis, settings=settings, wide=wide, budget=budget, factors=factors, config=config,
        )  # fmt: skip
    if as_json:
        out.file.write(json.dumps(as_dict(result), indent=2) + "\n")
        return
    for table in _tables(result, dataset.name):
        show_whole(table)
    for note in _notes(result):
        out.print(Text(note, style="dim"), soft_wrap=True)


def as_dict(result: Study) -> dict[str, Any]:
    """Means and paired intervals, for machines."""
    base = result.models[_ONE]
    c, ground = result.collapse, result.ground
    return {
        "protocol": ground.protocol, "held_out": ground.note, "axis": result.axis, "reference": _ONE,
        "users": {"train": ground.matrix.shape[0], "test": len(ground.split.test.users)}, "items": ground.matrix.shape[1],
        "models": {name: _facts(m, base, result) for name, m in result.models.items()},
        "own_share": [
            {"share": o.share, "validation": o.validation, **_facts(o.studied, base, result)} for o in result.shares
        ],
        "mixture_minus_ials": {name: _dict(gap) for name, gap in _by_fold_in(result).items()},
        "matched_share": result.matched.share,
        "collapse": {
            "effective_personas": _dict(mean_of(c.effective)), "cosine_vectors": _dict(mean_of(c.vectors)),
            "cosine_themes": _dict(mean_of(c.themes)), "weights": c.weights.mean(axis=0).tolist(),
            f"won@{AT}": c.won.mean(axis=0).tolist(),
        },
        "depths": {
            "depths": list(result.depths.depths), "lists": list(PROVED),
            "certified": result.depths.certified.tolist(), "complete": result.depths.complete.tolist(),
        },
        "pools": _pools(result.merging), "threads": thread_report(),
    }  # fmt: skip


def mean_of(values: Float64) -> Interval:
    """Mean over users with its bootstrap interval."""
    return paired_bootstrap(values, np.zeros(1))


def differences(model: Studied, base: Studied, result: Study) -> dict[str, Interval]:
    """Paired differences of everything that is measured: bootstrap over users, jackknife for what only sets have."""
    trained = int(result.ground.touched.sum())
    lists, others = model.lists[:, :AT], base.lists[:, :AT]
    paired = {metric: (model.measured.values[:, i], base.measured.values[:, i]) for i, metric in enumerate(METRICS)}
    paired |= {
        f"ARP@{AT}": (model.measured.popularity, base.measured.popularity),
        _SMALLEST: (model.smallest, base.smallest),
        _PRESENT: (model.present, base.present),
    }
    return {
        **{name: paired_bootstrap(*pair) for name, pair in paired.items()},
        f"coverage@{AT}": jackknife_difference(lists, others, lambda rows: coverage(rows, trained)),
        f"Gini@{AT}": jackknife_difference(lists, others, lambda rows: inequality(rows, result.ground)),
    }


def _by_fold_in(result: Study) -> dict[str, Interval]:
    """The mixture against the single vector on the same item factors."""
    return differences(result.models["mixture"], result.models["ials"], result)


def _figures(model: Studied) -> dict[str, float]:
    means = np.nanmean(model.measured.values, axis=0)
    return {
        **{metric: float(means[i]) for i, metric in enumerate(METRICS)},
        f"ARP@{AT}": float(model.measured.popularity.mean()),
        _SMALLEST: _mean(model.smallest),
        _PRESENT: _mean(model.present),
        f"coverage@{AT}": model.measured.coverage,
        f"Gini@{AT}": model.gini,
    }


def _facts(model: Studied, base: Studied, result: Study) -> dict[str, Any]:
    tried = [{**t.setting.varied, "validation": t.validation, "seconds": t.seconds} for t in model.measured.tried]
    gaps = {name: _dict(gap) for name, gap in differences(model, base, result).items()}
    settings = model.measured.best.setting.config.model_dump(mode="json") if model.measured.tried else None
    return {**_figures(model), "settings": settings, "tried": tried, "minus_reference": gaps}


def _pools(result: Merging) -> list[dict[str, Any]]:
    base = result.pools[_ONE, "max"]
    rows: list[dict[str, Any]] = []
    for (name, rule), pool in result.pools.items():
        gaps = {
            "recall_ceiling": paired_bootstrap(pool.recall, base.recall),
            "c_kl_floor": paired_bootstrap(pool.floor, base.floor),
            "smallest": paired_bootstrap(pool.smallest, base.smallest),
        }
        rows.append({
            "model": name, "rule": rule, "candidates": result.budget, "recall_ceiling": _mean(pool.recall),
            "c_kl_floor": _mean(pool.floor), "smallest": _mean(pool.smallest),
            "minus_reference": {key: _dict(gap) for key, gap in gaps.items()},
        })  # fmt: skip
    return rows


def _tables(result: Study, name: str) -> Iterable[Table]:
    base, note = result.models[_ONE], result.ground.note
    yield _table(
        f"{name}, {result.ground.protocol}: {note}; minority tastes along {result.axis}",
        ("retriever", *_SHORT.values()),
        ((m.measured.title, *map(_short, (_figures(m)[key] for key in _SHORT))) for m in result.models.values()),
    )
    yield from _gap_tables(
        f"minus {base.measured.title}, paired by user, 95 %",
        {m.measured.title: differences(m, base, result) for m in result.models.values() if m is not base},
    )
    mixture, ials = (result.models[name].measured.title for name in ("mixture", "ials"))
    yield from _gap_tables(f"minus {ials}: what several vectors gain by fold-in alone", {mixture: _by_fold_in(result)})
    yield _table(
        "the same personas, less or more of a vector their own",
        ("own share", "validation", *_SHORT.values()),
        (
            (f"{o.share:g}", _short(o.validation), *map(_short, (_figures(o.studied)[key] for key in _SHORT)))
            for o in result.shares
        ),
    )
    matched = {f"own share {result.matched.share:g}": differences(result.matched.studied, base, result)}
    yield from _gap_tables(
        f"the largest own share that is as good as {base.measured.title} on validation, minus it", matched
    )
    yield _table(
        "each persona searched to a depth: share of users whose list is proved complete (and mean share of it found)",
        ("depth", *(f"first {n}" for n in PROVED)),
        (
            (str(d), *(f"{p:.1%} ({f:.2%})" for p, f in zip(result.depths.certified[i], result.depths.complete[i], strict=True)))
            for i, d in enumerate(result.depths.depths)
        ),
    )  # fmt: skip
    yield _table(
        f"pools of {result.merging.budget} candidates: recall they allow, C_KL@10 they force; minus {base.measured.title}'s",
        ("lists of, by", "ceil", "floor", "ceiling, minus", "floor, minus"),
        (
            (f"{row['model']}, {row['rule']}", *(_short(row[key]) for key in ("recall_ceiling", "c_kl_floor")),
             *(_gap(Interval(**row["minus_reference"][key])) for key in ("recall_ceiling", "c_kl_floor")))
            for row in _pools(result.merging)
        ),
    )  # fmt: skip


def _gap_tables(title: str, gaps: dict[str, dict[str, Interval]]) -> Iterable[Table]:
    """Three differences to a table, so that it fits a terminal."""
    for at, group in enumerate((METRICS, (f"ARP@{AT}", f"coverage@{AT}", f"Gini@{AT}"), (_SMALLEST, _PRESENT))):
        rows = ((name, *(_gap(found[column]) for column in group)) for name, found in gaps.items())
        yield _table(title if at == 0 else "", ("", *group), rows)


def _notes(result: Study) -> Iterable[str]:
    c = result.collapse
    yield f"effective personas {mean_of(c.effective)}; cosine of two persona vectors {mean_of(c.vectors)}, of their themes {mean_of(c.themes)}"
    held = ", ".join(
        f"{w:.0%} of the taste, {v:.0%} of the first {AT}"
        for w, v in zip(c.weights.mean(axis=0), c.won.mean(axis=0), strict=True)
    )
    yield f"personas by weight: {held}"
    yield _trained(result)
    for model in result.models.values():
        best = model.measured.best
        varied = ", ".join(f"{name} {value:g}" for name, value in best.setting.varied.items()) or "one setting"
        yield f"{model.measured.title}: {varied} of {len(model.measured.tried)}; validation {METRICS[-1]} {best.validation:.4f}"


def _trained(result: Study) -> str:
    """How the personas and their single vectors were trained."""
    config = cast("TrainingConfig", result.models["personas"].measured.best.setting.config)
    ridge, samples = ("by the data" if v is None else f"{v:g}" for v in (config.ridge, config.samples))
    return f"personas and single vectors: d={config.encoder.dimension}, ridge {ridge}, samples {samples}, {config.batch} users a step"


def _table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(title=title or None, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 else _bare(f"{value:.3f}")


def _gap(interval: Interval) -> str:
    digits = 1 if abs(interval.mean) > 1 else 3
    low, mean, high = (_bare(f"{v:+.{digits}f}") for v in (interval.low, interval.mean, interval.high))
    return f"{mean}[{low},{high}]"


def _bare(number: str) -> str:
    """Without the zero before the point."""
    return re.sub(r"\b0\.", ".", number)


def _mean(values: Float64) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _dict(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}
