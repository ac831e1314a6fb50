"""How fast the metrics are: the same lists through the libraries of others, in one process and one run, as ratios.

Every library gets its own input format ready made, so that only its metrics are timed; what it says is compared with what we say.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from agent.console import out, progress_bar, show_whole
from eval import metrics
from retrieval.arrays import Int32
from retrieval.schema import Histories

NAMES = ("nDCG", "recall", "precision", "RR", "AP")
"""Means of these, at the length of the lists, come of every library."""

_ROUNDS = 7
_SLOW_S = 1.0  # what takes longer is timed once
_SAME = 1e-6

Means = Callable[[], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Lists:
    """What is judged.

    Attributes:
        lists: ``(B, k)`` items, best first.
        hidden: B sets of relevant items.
        n_items: Size of the catalogue.
    """

    lists: Int32
    hidden: Histories
    n_items: int


@dataclass(frozen=True, slots=True)
class Timed:
    """One library.

    Attributes:
        name: Of it.
        ms: Milliseconds of the best round; None where it is not installed.
        differs: Which of its means are not ours.
    """

    name: str
    ms: float | None
    differs: tuple[str, ...] = ()


def draw(users: int, n_items: int, k: int, seed: int = 0) -> Lists:
    """Lists and relevant items by the same long-tailed popularity, so that hits are as rare as in practice."""
    random = np.random.default_rng(seed)
    appeal = np.log(1.0 / np.arange(1, n_items + 1))

    def best(size: int) -> Int32:
        noise = random.gumbel(size=(users, n_items))  # the first of a perturbed order are a draw without replacement
        return np.argpartition(-(appeal + noise), size, axis=1)[:, :size].astype(np.int32)

    counts = random.integers(1, 40, users)
    return Lists(best(k), Histories.of([row[:n] for row, n in zip(best(40), counts, strict=True)]), n_items)


def ours(given: Lists) -> Means:
    """The metrics of this project, from lists and relevant items."""
    k, relevant = given.lists.shape[1], given.hidden.lengths

    def means() -> dict[str, float]:
        hit = metrics.hits(given.lists, given.hidden, given.n_items)
        values = (
            metrics.ndcg(hit, relevant, k), metrics.recall(hit, relevant, k, capped=False), metrics.precision(hit, relevant, k),
            metrics.reciprocal_rank(hit, relevant, k), metrics.average_precision(hit, relevant, k),
        )  # fmt: skip
        return {name: float(value.mean()) for name, value in zip(NAMES, values, strict=True)}

    return means


def measure(given: Lists, progress: Callable[[str, int, int], None]) -> list[Timed]:
    """Time ours and every library that is installed; a first round, which compiles and warms, is not counted."""
    from eval.metrics_peers import PEERS  # noqa: PLC0415  (what others have is imported by nobody else)

    mine = ours(given)
    right, found = mine(), [Timed("ours", _best(mine))]
    for at, (name, prepare) in enumerate(PEERS.items()):
        progress(name, at, len(PEERS))
        try:
            means = prepare(given)
        except ImportError:
            found.append(Timed(name, None))
            continue
        said = means()
        found.append(Timed(name, _best(means), tuple(n for n in said if abs(said[n] - right[n]) > _SAME)))
    progress("done", len(PEERS), len(PEERS))
    return found


def run_bench(users: int, n_items: int, k: int, *, as_json: bool) -> None:
    """Show the ratios."""
    with progress_bar("timing") as (bar, task):
        found = measure(
            draw(users, n_items, k),
            lambda name, at, of: bar.update(task, description=name, completed=at, total=of),
        )
    base = found[0].ms or 1.0
    if as_json:
        rows: list[dict[str, Any]] = [
            {"name": f.name, "ms": f.ms, "ratio": f.ms and f.ms / base, "differs": f.differs} for f in found
        ]
        out.file.write(json.dumps(rows, indent=2) + "\n")
        return
    title = f"{users:,} lists of {k} from {n_items:,} items: {', '.join(NAMES)}"
    table = Table(title=title, box=None, padding=(0, 2), header_style="dim", title_justify="left")
    for name in ("library", "ms", "times ours", "another value"):
        table.add_column(name, justify="right" if name in {"ms", "times ours"} else "left", no_wrap=True)
    for f in found:
        if f.ms is None:
            table.add_row(f.name, "", "not installed", "")
        else:
            table.add_row(f.name, f"{f.ms:,.1f}", f"{f.ms / base:,.1f}", ", ".join(f.differs))
    show_whole(table)


def _best(work: Callable[[], object]) -> float:
    times: list[float] = []
    while len(times) < _ROUNDS and sum(times) < _SLOW_S * 1e3:
        started = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - started))
    return min(times)
