"""``polytaste llm peers``: measures and shows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar, show_whole
from agent.llm.endpoint import needed_endpoint
from agent.llm.failures import LLMFailure
from agent.llm.scorer import LabelScorer
from eval.llm_modes import SHOWN, Study
from eval.llm_peers import Peer, peers
from retrieval.errors import ServerError


def run_peers(
    python: Path,
    data: str,
    columns: list[str],
    users: int,
    at_once: int,
    limit_s: float,
    seed: int,
    llm_url: str | None,
    llm_model: str | None,
    *,
    as_json: bool,
) -> None:
    """Measure and say what came of it.

    Raises:
        ConfigError: The interpreter has no RankLLM, or RankLLM does not run there.
        DataError: Too few users.
        ServerError: No model, or it stopped answering.
    """
    endpoint = needed_endpoint(llm_url, llm_model, "time")
    dataset = load_data(data, columns)
    with progress_bar("training on the other users") as (bar, task):
        study = Study(dataset, 0, 4 * users + 1, SHOWN, words=False, seed=seed)
        bar.reset(task, description="timing", total=6)
        try:
            found = peers(
                study, dataset.catalog, LabelScorer(endpoint), python, at_once, limit_s, lambda: bar.advance(task)
            )
        except LLMFailure as failure:
            raise ServerError(
                f"the model stopped answering: {failure.detail}", "try again: polytaste llm peers"
            ) from failure
    if as_json:
        rows = [{**asdict(one), "per_second": one.per_second} for one in found]
        out.file.write(json.dumps({"model": endpoint.model, "data": dataset.name, "peers": rows}, indent=2) + "\n")
        return
    show_whole(_table(found, f"{endpoint.model}, {dataset.name}, {users} users a run, {SHOWN} candidates"))
    for one in found:
        if one.failures:
            why = ", ".join(f"{kind} {count}" for kind, count in sorted(one.failures.items()))
            err.print(Text(f"{one.name}, {one.at_once} at once, calls that failed: {why}", style="yellow"))


def _table(found: list[Peer], title: str) -> Table:
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    for column in ("asked", "at once", "done", "a second", "label is faster", "whole", "named", "written"):
        table.add_column(column, justify="left" if column == "asked" else "right", no_wrap=True)
    label = {one.at_once: one.per_second for one in found if one.name == "label"}
    for one in found:
        faster = f"{label[one.at_once] / one.per_second:.1f} times" if one.requests else "none done"
        table.add_row(
            one.name, str(one.at_once), f"{one.requests} of {one.requests + one.left}", f"{one.per_second:.2f}", faster,
            _said(one.whole, 0), _said(one.named, 1), _said(one.written, 0),
        )  # fmt: skip
    return table


def _said(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
