"""What a person sees in a terminal: slates, progress, errors. Everything but a result goes to stderr."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segments
from rich.table import Table
from rich.text import Text

from agent.slate import Slate
from retrieval.errors import PolytasteError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red", "bright_cyan", "bright_magenta")
_BAR = 22
_WIDE = 400
_VISIBLE = 0.005  # a smaller share is shown as 0 %


@contextmanager
def progress_bar(title: str) -> Generator[tuple[Progress, TaskID]]:
    """A progress bar on stderr, with the time it took and the time it may still take; yields it with its task."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left", style="dim"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=False) as progress:
        yield progress, progress.add_task(title, total=None)


def show_error(error: PolytasteError) -> None:
    """The message in red, the remedy below it."""
    err.print(Text.assemble(("error: ", "bold red"), error.message), soft_wrap=True)
    if error.remedy:
        err.print(Text(f"  {error.remedy}", style="yellow"), soft_wrap=True)


def show_whole(table: Table) -> None:
    """A table with all that is in it: where the terminal is too narrow its lines run on, and no figure is cut."""
    options = out.options.update(max_width=_WIDE)
    wide = max(out.measure(table, options=options).maximum, 1)
    out.print(Segments(out.render(table, options.update(width=wide))), soft_wrap=True, end="")


def show_slate(slate: Slate, title: str) -> None:
    """A slate with the tastes it serves, who ranked it, and how well it keeps the proportions."""
    out.print(Panel(Text(title, style="bold"), border_style="dim", expand=False))
    if slate.understood:
        out.print(Text("understood  ", style="dim") + Text(_understood(slate)))
    for p in slate.personas:
        colour = _colour(p.number)
        bar = "\u2588" * max(1, round(p.share * _BAR))
        words = f" \u2014 {'; '.join(p.exemplars[:2])}" if p.exemplars else ""
        out.print(
            Text.assemble((f"taste {p.number}  ", "dim"), (f"{bar:<{_BAR}}", colour), f" {p.share:4.0%} ", (p.name, "bold"), (words, "dim")),
            overflow="ellipsis", no_wrap=True,
        )  # fmt: skip
    table = Table(box=None, padding=(0, 1), header_style="dim", expand=True)
    table.add_column("#", justify="right", no_wrap=True, min_width=2)
    table.add_column("title", no_wrap=True, overflow="ellipsis", ratio=5)
    table.add_column("taste", justify="right", no_wrap=True, min_width=5)
    table.add_column("why", overflow="ellipsis", no_wrap=True, ratio=6)
    for item in slate.items:
        colour = _colour(item.persona or 0)
        taste = Text("" if item.persona is None else str(item.persona), style=colour)
        table.add_row(str(item.rank), Text(item.title, style=colour), taste, Text(item.evidence, style="dim"))
    if slate.items:
        out.print(table)
        out.print(_shares(slate))
    else:
        out.print(Text("nothing in the catalogue meets the request; loosen a condition", style="yellow"))
    for line in _conditions(slate):
        out.print(line, soft_wrap=True)
    out.print(_provenance(slate))


def _conditions(slate: Slate) -> list[Text]:
    """What was asked of the slate beside relevance, and whether it could be kept; and how the slate was made."""
    lines: list[Text] = []
    if (promise := slate.promise) is not None:
        kept = f"C_KL at most {promise.max_kl:g}: " + ("kept" if promise.met else "cannot be kept")
        lines.append(
            Text(
                f"{kept} (lambda {slate.lam:g}; {promise.floor:.3f} is the least)",
                style="green" if promise.met else "yellow",
            )
        )
    if (limits := slate.limits) is not None and limits.met:
        lines.append(Text(f"kept: {'; '.join(limits.asked)}", style="green"))
    elif limits is not None:
        lines.append(Text(f"these clash: {'; '.join(limits.clash)}", style="bold yellow"))
        lines.append(Text(f"  the nearest list has {'; '.join(limits.relaxed)}", style="yellow"))
    for number, step in enumerate(slate.making or (), start=1):
        instead = f" instead of {step.instead_of} ({step.gain:+.4f})" if step.instead_of else ""
        lines.append(Text(f"{number:>3} {step.step} {step.title}{instead}", style="dim"))
    return lines


def _shares(slate: Slate) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column(f"{slate.axis}: aimed at / in the list")
    table.add_column("")
    table.add_column("", justify="right")
    seen = [g for g, target in slate.target.items() if max(target, slate.achieved.get(g, 0.0)) >= _VISIBLE]
    top = sorted(seen, key=lambda g: -slate.target[g])[:6]
    for group in top:
        target, achieved = slate.target[group], slate.achieved.get(group, 0.0)
        both = Text("\u2588" * round(min(target, achieved) * 2 * _BAR), style="green")
        rest = round(abs(target - achieved) * 2 * _BAR)
        both.append(("\u2591" if target > achieved else "\u2593") * rest, style="yellow")
        table.add_row(Text(group), both, f"{target:.0%} / {achieved:.0%}")
    return table


def _provenance(slate: Slate) -> Text:
    kl = "n/a" if slate.kl is None else f"{slate.kl:.3f}"
    if slate.ranker_used == "llm":
        read = f"{slate.tokens.prompt}+{slate.tokens.completion} tokens"
        if slate.tokens.kept and slate.tokens.kept == slate.tokens.calls:
            read = "as answered before"
        mass = f"label mass {slate.label_mass:.2f}, {read}, prompt {slate.prompt_hash}"
        who = Text.assemble(("ranked by ", "dim"), ("llm", "bold green"), (f" {slate.model} ({mass})", "dim"))
    else:
        why = f" {slate.degraded_reason}: {slate.degraded_detail}" if slate.degraded_reason else ""
        who = Text.assemble(("ranked by ", "dim"), (slate.ranker_used, "bold yellow"), (why, "dim"))
    cold = " \u00b7 cold start: nothing is known of this user" if slate.cold_start else ""
    return who + Text(f" \u00b7 C_KL {kl} \u00b7 {slate.latency_ms:.0f} ms{cold}\n", style="dim")


def _understood(slate: Slate) -> str:
    said = slate.understood.items()
    return "; ".join(f"{key.replace('_', ' ')}: {', '.join(v) if isinstance(v, list) else v}" for key, v in said)


def _colour(number: int) -> str:
    return COLOURS[(number - 1) % len(COLOURS)] if number else "default"
