"""``polytaste batch``: what a person says, and sees, of a batch."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.table import Table
from rich.text import Text

from agent.console import err, out, progress_bar
from agent.llm.endpoint import Endpoint, find_endpoint
from agent.llm.failures import Reason
from agent.paths import models_folder
from agent.recommender import RecommenderConfig
from eval.batch.job import Batch, read_truth, read_users, results, run_batch, users_asked
from eval.batch.stages import METRICS
from eval.nodes import Here
from eval.ray_nodes import cluster
from eval.significance import Interval, paired_bootstrap
from eval.suite.store import digest
from retrieval import artifacts
from retrieval.arrays import Float64
from retrieval.errors import ConfigError, DataError

_MANY = 20_000
"""Values beyond which a mean is as good as normal, and a bootstrap of thousands of draws would tell nothing more."""


def run_command(
    users: Path | None,
    folder: Path,
    model: Path | None,
    truth: Path | None,
    ray: str | None,
    patience_s: float,
    urls: list[str],
    llm_model: str | None,
    config: dict[str, Any],
    k: int,
    *,
    as_json: bool,
) -> None:
    """Make the lists, and say what came of them."""
    place = model or models_folder() / "default"
    known = replace(artifacts.load(place), words=None)
    manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
    batch = Batch(
        model=known,
        identity=digest(manifest["sha256"]),
        users=known.user_ids if users is None else read_users(users),
        truth=None if truth is None else read_truth(truth),
        endpoints=_endpoints(urls, llm_model),
        config=RecommenderConfig.model_validate(config),
        k=k,
        out=folder,
    )
    if ray is not None:
        _own_servers(batch.endpoints)
    with (
        nullcontext(Here()) if ray is None else cluster(ray, patience_s) as nodes,
        progress_bar("batch") as (bar, task),
    ):
        run_batch(
            batch, nodes, lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)
        )
    said = summary(folder)
    if as_json:
        out.file.write(json.dumps(said, indent=2) + "\n")
        return
    out.print(_table(said))
    err.print(Text(f"lists in {folder}/slates, a row for each user in {folder}/users", style="green"), soft_wrap=True)


def _endpoints(urls: list[str], model: str | None) -> tuple[Endpoint, ...]:
    found = tuple(endpoint for url in urls if (endpoint := find_endpoint(url, model)) is not None)
    if model is not None and not found:
        raise ConfigError(f"--llm-model {model!r} without a server", "give --llm URL,URL")
    return found


def _own_servers(endpoints: tuple[Endpoint, ...]) -> None:
    for endpoint in endpoints:
        if not endpoint.through_proxy:
            words = f"note: {endpoint.url} is on each node that node's own: every node needs a server there"
            err.print(Text(words, style="yellow"), soft_wrap=True)


def summary(folder: Path) -> dict[str, Any]:
    """What came of a batch: users, who ranked and why not the language model, and means with their 95 % intervals.

    Raises:
        DataError: Users of the job have no lists.
    """
    table, wanted = results(folder, "users"), users_asked(folder)
    if table.height != wanted:
        raise DataError(
            f"{folder} holds lists of {table.height:,} of {wanted:,} users", "run the batch again: it makes the others"
        )
    means = {name: _mean(table[name]) for name in ("c_kl", *METRICS) if name in table.columns}
    reasons = table.filter(pl.col("reason") != Reason.OFF.value)["reason"].value_counts(sort=True)
    truth = {name: int(table[name].sum()) for name in ("hidden", "known", "untrained") if name in table.columns}
    if truth:
        truth["users"] = int((table["hidden"] > 0).sum())
    return {
        "users": table.height,
        "rankers": dict(table["ranker"].value_counts(sort=True).iter_rows()),
        "reasons": dict(reasons.iter_rows()),
        "tokens": int(table["tokens"].sum()),
        "means": {name: {"mean": i.mean, "low": i.low, "high": i.high} for name, i in means.items()},
        "truth": truth,
    }


def _mean(values: pl.Series) -> Interval:
    found: Float64 = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = found[np.isfinite(found)]
    if len(known) <= _MANY:
        return paired_bootstrap(known, np.zeros(len(known)))
    mean, half = float(known.mean()), 1.959964 * float(known.std(ddof=1)) / len(known) ** 0.5
    return Interval(mean, mean - half, mean + half)


def _table(said: dict[str, Any]) -> Table:
    table = Table(title=f"{said['users']:,} users", box=None, padding=(0, 2), show_header=False, title_justify="left")
    table.add_column("what")
    table.add_column("value", justify="right", no_wrap=True)
    for what, counted in (("ranked by", said["rankers"]), ("not by the model:", said["reasons"])):
        for name, count in counted.items():
            table.add_row(f"{what} {name}", f"{count:,}")
    if said["tokens"]:
        table.add_row("tokens", f"{said['tokens']:,}")
    if truth := said["truth"]:
        table.add_row(f"to find, by {truth['users']:,} users", f"{truth['hidden']:,}")
        table.add_row("left out of the truth: had before", f"{truth['known']:,}")
        table.add_row("left out of the truth: not in training", f"{truth['untrained']:,}")
    for name, value in said["means"].items():
        table.add_row(name, f"{value['mean']:.4f} [{value['low']:.4f}, {value['high']:.4f}]")
    return table
