"""``polytaste prompts compare``: asks, writes the page and shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar, show_whole
from agent.llm.endpoint import needed_endpoint
from eval.prompt_answers import METRICS
from eval.prompt_cache import kept_scorer
from eval.prompt_compare import CompareConfig, Comparison, compare
from eval.prompt_page import said, write_page
from eval.prompt_sequential import LEVEL
from eval.prompt_settings import checked
from eval.prompt_stats import SLICED, as_dict
from prompts.template import load

_TOLD = ("ndcg", "slate_ndcg", "kl", "slate_kl", "compliance", "mass", "read", "ms")


def run_compare(
    data: str, columns: list[str], items: str | None, like_above: float | None, settings: dict[str, Any],
    llm_url: str | None, llm_model: str | None, cache: Path | None, page: Path | None, store: str | None, *, as_json: bool,
) -> None:  # fmt: skip
    """Compare and say what came of it."""
    config = checked(CompareConfig, settings, "polytaste prompts compare")
    prompts = tuple(load(name) for name in config.prompts)
    endpoint = needed_endpoint(llm_url, llm_model, "ask")
    dataset = load_data(data, columns, items, like_above)
    with kept_scorer(endpoint, cache) as scorer, progress_bar("reading") as (bar, task):
        found = compare(
            dataset, prompts, scorer, config,
            lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
        )  # fmt: skip
    titles = dataset.catalog.titles
    if page is not None:
        write_page(found, titles, page)
        err.print(Text(f"wrote {page}", style="green"), soft_wrap=True)
    facts = as_dict(found, titles)
    if as_json:
        out.file.write(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    else:
        show(found, facts)
    if store is not None:  # last, so that a store that is away takes nothing else
        from eval.prompt_tracking import track  # noqa: PLC0415  (an extra)

        err.print(Text(f"kept as run {track(found, facts, titles, store)} in {store}", style="green"), soft_wrap=True)


def show(found: Comparison, facts: dict[str, Any], *, verdicts: bool = True) -> None:
    """Tables for a terminal; what is left out is in the page and in the JSON.

    Args:
        found: The comparison.
        facts: The same for machines.
        verdicts: Whether it ends in what it says of each prompt; not where another question is asked of it.
    """
    title = f"{found.model}, {found.data}: {len(found.people)} users, each the same candidates"
    table = _table(title, "prompt", *(METRICS[m].replace(" ", "\n").replace(",", "") for m in _TOLD), "failed")
    for one in facts["prompts"]:
        values = [said(one["means"][m], m)["mean"] for m in _TOLD]
        table.add_row(escape(one["name"]), *values, str(sum(one["failures"].values())))
    show_whole(table)
    base = facts["calibrated"]
    out.print(
        Text(
            f"without a model, the calibrated slate: NDCG {base['ndcg'][0]:.3f}, C_KL {base['kl'][0]:.3f}\n",
            style="dim",
        )
    )
    table = _table(f"minus {found.config.prompts[0]} [95 %]", "prompt", "metric", "difference", "p", "rise - fall")
    for one in facts["differences"]:
        both = said(one["minus_first"], one["metric"], sign=True)
        stands = one["p"] is not None and one["p"] < LEVEL
        p = "" if one["p"] is None else f"{one['p']:.4f}"
        rise = "" if one["rise_minus_fall"] is None else f"{one['rise_minus_fall']:+.0%}"
        difference = Text(
            f"{both['mean']} [{both['range']}]" if both["range"] else "n/a", style="bold" if stands else ""
        )
        table.add_row(escape(one["prompt"]), METRICS[one["metric"]], difference, p, rise)
    show_whole(table)
    if found.config.bias_users:
        _places(facts)
    if facts["slices"]:
        _slices(facts)
    words = f"ended: {found.stopped}; {found.paid:,} tokens paid, {found.seconds:.0f} s of asking, {found.kept:.0%} of the calls from the disk"
    out.print(Text(f"\n{words}", style="dim"), soft_wrap=True)
    for sentence in facts["verdicts"] if verdicts else ():
        out.print(Text(f"{sentence}.", style="bold"), soft_wrap=True)
    for one in facts["prompts"]:
        if one["failures"]:
            why = ", ".join(f"{reason} {count}" for reason, count in one["failures"].items())
            err.print(Text(f"{one['name']}: not answered, counted as the calibrated slate: {why}", style="yellow"))


def _places(facts: dict[str, Any]) -> None:
    table = _table(
        "the candidates turned by half", "prompt", "users", "tau", "gain, first half - second", "by quarter of the list"
    )
    for one in facts["prompts"]:
        swayed = one["places"]
        tau, early = said(swayed["tau"]), said(swayed["early_minus_late"], sign=True)
        quarters = " ".join("n/a" if v is None else f"{v:.2f}" for v in swayed["gain_by_quarter"])
        table.add_row(
            escape(one["name"]), str(swayed["users"]), tau["mean"], f"{early['mean']} [{early['range']}]", quarters
        )
    out.print()
    show_whole(table)


def _slices(facts: dict[str, Any]) -> None:
    rows: dict[tuple[str, str], list[str]] = {}
    several = len(facts["prompts"]) > 2
    for one in facts["slices"]:
        whose = [one["slice"], str(one["users"]), *([escape(one["prompt"])] if several else [])]
        mean, low, high = ("n/a" if v is None else f"{v:+.3f}".replace("0.", ".", 1) for v in one["minus_first"])
        rows.setdefault((one["slice"], one["prompt"]), whose).append(f"{mean} [{low}, {high}]")
    headings = ["users", "", *(["prompt"] if several else []), *(METRICS[m] for m in SLICED)]
    table = _table("\nfor whom (looked at, not tested)", *headings)
    for row in rows.values():
        table.add_row(*row)
    show_whole(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    for at, column in enumerate(columns):
        # A heading may take two lines: figures decide how wide a column is.
        table.add_column(column.replace(", ", "\n"), justify="right" if at else "left", no_wrap=True)
    return table
