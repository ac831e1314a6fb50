"""``polytaste eval run``: what a person sees of a suite that runs, or would."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from agent.console import err, out
from eval.ray_nodes import cluster
from eval.suite.config import SuiteConfig, read_suite
from eval.suite.kept import damaged
from eval.suite.llm import asked_users, endpoint_of
from eval.suite.manifest import require_same
from eval.suite.plan import grounds
from eval.suite.run import Plan, make_plan, run

_PROMPT_TOKENS = 700
"""About as many as a prompt of 20 candidates has."""
_SEPARATORS = ("|", ";")
"""Of lists in one cell; a comma is found in names too."""


def run_suite(path: Path, folder: Path, ray: str | None, patience_s: float, *, dry: bool) -> None:
    """Run a suite, or tell what would be done.

    Raises:
        ConfigError: The suite is wrong, the folder holds another one, the language model has no server, or there is no cluster.
        DataError: Data cannot be read or split, or the folder's note of which suite it holds is damaged.
    """
    plan = make_plan(read_suite(path, os.environ)) if dry else planned(path)
    notes = _joined_groups(plan)
    notes += [f"{found} is damaged: it is made anew" for found in damaged(folder, (*plan.pools, *plan.units))]
    for note in notes:
        err.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
    if dry:
        if plan.suite.llm is None or all(plan.suite.llm.models):  # one without a name is what a server calls it
            require_same(folder, plan.suite)
        out.print(_estimate(plan, folder))
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn(), TextColumn("left about"), TimeRemainingColumn())  # fmt: skip
    with nullcontext() if ray is None else cluster(ray, patience_s) as nodes, Progress(*columns, console=err) as bar:
        task = bar.add_task(plan.suite.name, total=None)
        run(
            folder,
            plan,
            lambda what, done, total: bar.update(task, description=what, completed=done, total=max(total, 1e-9)),
            nodes,
        )
    cells = sum(len(unit.lambdas) for unit in plan.units)
    err.print(Text(f"{cells:,} cells in {folder}; polytaste eval report {folder}", style="green"), soft_wrap=True)


def planned(path: Path) -> Plan:
    """The plan of a suite file, each language model by its name.

    Raises:
        ConfigError: The suite is wrong, or a language model without a name has no server.
        DataError: Data cannot be read or split.
    """
    return make_plan(_named_models(read_suite(path, os.environ)))


def _joined_groups(plan: Plan) -> list[str]:
    """Axes most of whose groups look like lists that were read as one name each; only the role ``categories`` is split."""
    found: list[str] = []
    for ground in plan.grounds:
        labels = ground.axis.labels
        joined = [label for label in labels if any(mark in label for mark in _SEPARATORS)]
        if 2 * len(joined) > len(labels):
            found.append(
                f"{ground.name}: axis {ground.axis.name} has {len(labels):,} groups, each cell one, as {joined[0]!r}; "
                f"columns: {{categories: COLUMN}} without an axis divides the cells at their separator"
            )
    return list(dict.fromkeys(found))


def _named_models(suite: SuiteConfig) -> SuiteConfig:
    """Whichever model runs, by its name: results are kept under it."""
    if suite.llm is None:
        return suite
    models = [model or endpoint_of(model).model for model in suite.llm.models]
    return suite.model_copy(update={"llm": suite.llm.model_copy(update={"models": tuple(dict.fromkeys(models))})})


def _estimate(plan: Plan, folder: Path) -> Table:
    pools, units = plan.todo(folder)
    title = f"{plan.suite.name}, to do: {len(pools)} of {len(plan.pools)} retrievers, {len(units)} of {len(plan.units)} rerankers"
    table = Table(title=title, box=None, padding=(0, 2), header_style="dim", title_justify="left")
    for name in ("data", "users", "retriever", "cells", "about"):
        words = name in {"data", "retriever"}
        table.add_column(name, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    splits = [split for _, split in grounds(plan.suite)]
    for pool in plan.pools:
        ground = plan.grounds[pool.ground]
        mine = [unit for unit in units if unit.pool is pool]
        seconds = plan.seconds([pool] if pool in pools else [], mine)
        cells = sum(len(unit.lambdas) for unit in mine)
        retriever = f"{pool.retriever.title}, seed {pool.seed}"
        name = f"{ground.name}, {splits[pool.ground].title}"
        table.add_row(name, f"{len(ground.user_ids):,}", retriever, f"{cells:,}", _duration(seconds))
    table.add_section()
    table.add_row("all", "", "", f"{sum(len(u.lambdas) for u in units):,}", _duration(plan.seconds(pools, units)))
    llm = plan.suite.llm
    if llm is not None:
        asking = [unit for unit in units if unit.reranker == "llm"]
        calls = llm.orders * sum(
            len(asked_users(len(plan.grounds[unit.pool.ground].user_ids), llm.users)) for unit in asking
        )
        table.caption = f"at most {calls:,} calls of a language model, about {calls * _PROMPT_TOKENS:,} tokens read and {calls:,} written"
        table.caption_justify = "left"
    return table


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
