"""The comparison of retrievers as a table, or JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from agent.console import err, out, progress_bar, show_whole
from eval.retrieve import CHOSEN_BY, METRICS, Comparison, Measured, compare
from eval.retrieve_models import chosen_models
from eval.retrieve_options import GroundOptions
from eval.significance import Interval, paired_bootstrap
from retrieval.errors import ConfigError
from retrieval.threads import report as thread_report


def run_retrieve(
    options: GroundOptions, models: list[str], reference: str, *, settings: int | None = None, as_json: bool
) -> None:
    """Compare and show.

    Raises:
        ConfigError: An unknown model, or a reference that is not among the models.
    """
    names = list(chosen_models(models))
    if reference not in names:
        raise ConfigError(f"--reference {reference}: not among --models", f"name one of {', '.join(names)}")
    dataset, ground = options.load()
    with progress_bar("comparing") as (bar, task):
        result = compare(
            ground, names,
            lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
            settings=settings,
        )  # fmt: skip
    for name in result.left_out:
        err.print(
            Text(f"note: {name} left out, its closed form cannot be solved for data of this size", style="yellow")
        )
    if as_json:
        out.file.write(json.dumps(as_dict(result, reference), indent=2) + "\n")
        return
    show_whole(_figures(result, dataset.name))
    if reference in result.models and len(result.models) > 1:
        show_whole(_gaps(result, result.models[reference]))
    for measured in result.models.values():
        out.print(Text(f"{measured.title}: {_settings(measured)}", style="dim"), soft_wrap=True)


def as_dict(result: Comparison, reference: str) -> dict[str, Any]:
    """Means, paired intervals, and every setting with its value on validation, for machines."""
    base = result.models.get(reference)
    models = {
        name: {
            "settings": measured.best.setting.config.model_dump(),
            **{metric: float(np.nanmean(measured.values[:, i])) for i, metric in enumerate(METRICS)},
            "coverage@20": measured.coverage,
            "ARP@20": float(measured.popularity.mean()),
            "minus_reference": None if base is None else _differences(measured, base),
            "shared_training": measured.shared,
            "validation": [
                {**t.setting.varied, METRICS[CHOSEN_BY]: t.validation, "seconds": t.seconds} for t in measured.tried
            ],
        }
        for name, measured in result.models.items()
    }
    return {
        "protocol": result.protocol, "held_out": result.note, "reference": reference, "items": result.items,
        "users": {"train": result.train, "validation": result.validation, "test": result.test},
        "models": models, "left_out": list(result.left_out), "threads": thread_report(),
    }  # fmt: skip


def _differences(measured: Measured, base: Measured) -> dict[str, dict[str, float]]:
    gaps = {metric: paired_bootstrap(measured.values[:, i], base.values[:, i]) for i, metric in enumerate(METRICS)}
    return {metric: {"mean": gap.mean, "low": gap.low, "high": gap.high} for metric, gap in gaps.items()}


def _settings(measured: Measured) -> str:
    """What was chosen, among how many, and what training it took."""
    best = measured.best
    varied = ", ".join(f"{name} {value:g}" for name, value in best.setting.varied.items()) or "one setting"
    among = f" of {len(measured.tried)} settings" if len(measured.tried) > 1 else ""
    once = ", once for all settings" if measured.shared else ""
    return (
        f"{varied}{among}; validation {METRICS[CHOSEN_BY]} {best.validation:.4f}; trained in {best.seconds:.1f} s{once}"
    )


def _figures(result: Comparison, name: str) -> Table:
    title = f"{name}, {result.protocol}: {result.note}; {result.items:,} items ranked"
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    table.add_column("retriever", no_wrap=True)
    for column in (*METRICS, "cover@20", "ARP@20"):
        table.add_column(column, justify="right", no_wrap=True)
    for measured in result.models.values():
        means = (f"{value:.4f}" for value in np.nanmean(measured.values, axis=0))
        table.add_row(measured.title, *means, f"{measured.coverage:.1%}", f"{measured.popularity.mean():.0f}")
    return table


def _gaps(result: Comparison, base: Measured) -> Table:
    title = f"minus {base.title}, paired by user, 95 % bootstrap intervals"
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    table.add_column("retriever", no_wrap=True)
    for metric in METRICS:
        table.add_column(metric, justify="right", no_wrap=True)
    for measured in result.models.values():
        if measured is not base:
            gaps = (paired_bootstrap(measured.values[:, i], base.values[:, i]) for i in range(len(METRICS)))
            table.add_row(measured.title, *map(_short, gaps))
    return table


def _short(interval: Interval) -> str:
    low, mean, high = (f"{v:+.3f}".replace("0.", ".", 1) for v in (interval.low, interval.mean, interval.high))
    return f"{mean}[{low},{high}]"
