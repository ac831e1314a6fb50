"""A capacity sheet: users an hour, and what a million of them cost, against nodes and servers, from the rates that a batch measured.

Bounds of operational analysis (Denning and Buzen, ACM Computing Surveys 10, 1978): P processes of which each spends c seconds of a
processor on a user, then waits w seconds for a server that ranks r users a second, or w / G for G servers that share the block, make at most

    X = min(P / (c + w / G), G r)      with G servers,      X = P / c      without

users a second. They are reached as far as blocks are many and nodes are alike; neither start-up nor a network is counted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from agent.console import out, show_whole
from eval.suite.lines import read
from retrieval.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True)
class Rates:
    """Of a batch.

    Attributes:
        cpu_s: Seconds of one processor for a user.
        ask_s: Seconds of waiting for one server, by a process that asks about a block at once; 0 without a language model.
        users: That this was measured on.
    """

    cpu_s: float
    ask_s: float
    users: int


@dataclass(frozen=True, slots=True)
class Row:
    """One size of an installation.

    Attributes:
        nodes: Machines.
        gpus: Servers of the language model.
        users_hour: Users an hour.
        cost_million: Price of a million users.
        bound: What there is too little of: ``processors`` or ``GPUs``.
    """

    nodes: int
    gpus: int
    users_hour: float
    cost_million: float
    bound: str


def read_rates(lists: Path) -> Rates:
    """Rates of a batch; measured best by one process and one server, in a new folder.

    Raises:
        DataError: Nothing was timed there.
    """
    lines = [line for _, line in read(lists / "timings.jsonl")]
    if not lines:
        raise DataError(f"{lists} holds no timings", "make lists first: polytaste batch --out")
    users = sum(line["users"] for line in lines)
    asked = sum(line["rank"] * line["servers"] for line in lines)
    cpu = sum(line["retrieve"] + line["score"] + (0.0 if line["servers"] else line["rank"]) for line in lines)
    return Rates(cpu / users, asked / users, users)


def sheet(
    rates: Rates, nodes: Sequence[int], gpus: Sequence[int], cores: int, node_hour: float, gpu_hour: float, llm_rate: float | None
) -> list[Row]:  # fmt: skip
    """A row for each number of nodes and servers; of nodes alone, where no language model was asked."""
    wait = 1.0 / llm_rate if llm_rate is not None else rates.ask_s
    found: list[Row] = []
    for machines in nodes:
        for servers in gpus if wait else (0,):
            by_processors = machines * cores / (rates.cpu_s + (wait / servers if servers else 0.0))
            by_servers = servers / wait if wait else float("inf")
            hour = 3600.0 * min(by_processors, by_servers)
            price = machines * node_hour + servers * gpu_hour
            bound = "processors" if by_processors <= by_servers else "GPUs"
            found.append(Row(machines, servers, hour, 1e6 * price / hour, bound))
    return found


def run_capacity(
    lists: Path, nodes: str, gpus: str, cores: int, node_hour: float, gpu_hour: float, llm_rate: float | None, *, as_json: bool
) -> None:  # fmt: skip
    """Show the sheet of a batch."""
    rates = read_rates(lists)
    rows = sheet(rates, _counts("--nodes", nodes), _counts("--gpus", gpus), cores, node_hour, gpu_hour, llm_rate)
    if as_json:
        said: dict[str, Any] = {"rates": asdict(rates), "rows": [asdict(row) for row in rows]}
        out.file.write(json.dumps(said, indent=2) + "\n")
        return
    measured = f"{1e3 * rates.cpu_s:.2f} ms of a processor"
    if rates.ask_s:
        measured += f" and {1e3 * rates.ask_s:.1f} ms of a server"
    title = f"{measured} for a user ({rates.users:,} measured); nodes of {cores} cores"
    table = Table(title=title, box=None, padding=(0, 2), header_style="dim", title_justify="left")
    for name in ("nodes", "GPUs", "users an hour", "a million cost", "bound by"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(str(row.nodes), str(row.gpus), f"{row.users_hour:,.0f}", f"{row.cost_million:,.2f}", row.bound)
    show_whole(table)


def _counts(option: str, text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1:
        raise ConfigError(f"{option} {text!r}: not numbers from 1 on", f"for example {option} 1,2,4")
    return found
