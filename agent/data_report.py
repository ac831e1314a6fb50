"""``polytaste data check``: the facts for a person, or for a machine."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out
from retrieval.datasets.check import BANDS, Facts, check
from retrieval.datasets.dataset import Dataset
from retrieval.errors import DataError

_BAR = 30


def run_check(data: str, columns: list[str], items: str | None, like_above: float | None, *, as_json: bool) -> None:
    """Read, look and show.

    Raises:
        DataError: Training would refuse the data; the facts are shown before.
    """
    dataset = load_data(data, columns, items, like_above)
    facts = check(dataset)
    command = _train_command(data, columns, items, like_above)
    if as_json:
        found = {
            "name": dataset.name,
            **asdict(facts),
            "trainable": facts.trainable,
            "notes": dataset.notes,
            "next": command,
        }
        out.file.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    else:
        _show(dataset, facts, command)
    fatal = next((finding for finding in facts.findings if finding.fatal), None)
    if fatal is not None:
        raise DataError(f"{dataset.name}: {fatal.what}", fatal.remedy)


def _show(dataset: Dataset, facts: Facts, command: str) -> None:
    out.print(Text(dataset.name, style="bold"))
    table = Table(box=None, padding=(0, 2), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, text in _lines(facts):
        table.add_row(name, Text(text))
    out.print(table)
    out.print(Text("\nusers by number of likes", style="dim"))
    most = max(*facts.lengths, 1)
    for (low, high), count in zip(BANDS, facts.lengths, strict=True):
        label = f"{low}" if low == high else f"{low}+" if high is None else f"{low}-{high}"
        bar = "\u2588" * max(round(count / most * _BAR), 1 if count else 0)
        out.print(Text.assemble(f"{label:>8}  ", (f"{bar:<{_BAR}}", "cyan"), f" {count:,}"))
    for finding in facts.findings:
        mark = ("!! ", "bold red") if finding.fatal else ("!  ", "yellow")
        out.print(Text.assemble("\n" if finding is facts.findings[0] else "", mark, finding.what), soft_wrap=True)
        out.print(Text(f"   {finding.remedy}", style="dim"), soft_wrap=True)
    if dataset.licence:
        out.print(Text(f"\nlicence: {dataset.licence}", style="dim"), soft_wrap=True)
    if facts.trainable:
        err.print(Text.assemble("\nnext: ", (command, "bold green")), soft_wrap=True)
        then = shlex.join(["polytaste", "recommend", "--user", dataset.interactions.user_ids[0]])
        err.print(Text.assemble("then: ", (then, "bold green")), soft_wrap=True)


def _lines(facts: Facts) -> list[tuple[str, str]]:
    unused = facts.items - facts.touched
    values = ", ".join(f"{value:g}" for value in facts.values[:6]) + (", \u2026" if len(facts.values) > 6 else "")
    rule = f"values above {facts.like_above:g} of {values}" if len(facts.values) > 1 else "every row"
    when = (
        " to ".join(facts.period)
        if facts.period
        else ("known, not as dates" if facts.ordered else "none: rows in order")
    )
    lines = [
        (
            "events",
            f"{facts.events:,}" + (f", {facts.repeats:,} of them repeat a user and an item" if facts.repeats else ""),
        ),
        ("users", f"{facts.users:,}; half of those who like anything like {facts.median:g} items or more"),
        ("items", f"{facts.items:,}" + (f", {unused:,} of them without an event" if unused else "")),
        ("likes", f"{facts.likes:,} ({rule}); {facts.density:.2%} of all pairs"),
        ("top 1 %", f"of the liked items take {facts.top_share:.0%} of the likes"),
        ("times", when),
    ]
    for number, axis in enumerate(facts.axes):
        more = "" if axis.groups <= len(axis.examples) else ", \u2026"
        text = f"{axis.name} ({axis.groups:,} groups: {', '.join(axis.examples)}{more}"
        text += "" if axis.described > 0.999 else f"; {axis.described:.0%} of the items"
        lines.append(("axes" if number == 0 else "", text + ")"))
    return lines


def _train_command(data: str, columns: list[str], items: str | None, like_above: float | None) -> str:
    words = ["polytaste", "train", "--data", data]
    for pair in columns:
        words += ["--column", pair]
    words += ["--items", items] if items else []
    words += ["--like-above", f"{like_above:g}"] if like_above is not None else []
    return shlex.join(words)
