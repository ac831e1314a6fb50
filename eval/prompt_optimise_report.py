"""``polytaste prompts optimise``: searches, writes the prompt and the page, and shows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar, show_whole
from agent.llm.endpoint import needed_endpoint
from eval.prompt_cache import kept_scorer
from eval.prompt_optimise import Optimised, facts_of, optimise, tokens_of
from eval.prompt_optimise_page import write_search_page
from eval.prompt_page import said
from eval.prompt_report import show
from eval.prompt_search import SearchConfig
from eval.prompt_settings import checked
from eval.prompt_space import Space, space_of
from prompts.template import load
from prompts.wordings import wordings
from retrieval.errors import ConfigError

_CLEAREST = 12
"""Trials that are shown in a terminal; the page and the JSON have all."""


def run_optimise(
    data: str, columns: list[str], items: str | None, like_above: float | None, start: str, extra: Path | None, vary: Sequence[str],
    settings: dict[str, Any], llm_url: str | None, llm_model: str | None, cache: Path | None, place: Path, page: Path | None,
    store: str | None, *, dry: bool, as_json: bool,
) -> None:  # fmt: skip
    """Search, judge, and say what came of it."""
    config = checked(SearchConfig, settings, "polytaste prompts optimise")
    named = [name.strip() for one in vary for name in one.split(",") if name.strip()]
    space = space_of(load(start), wordings(extra), named)
    if dry:
        _show_plan(space, config, as_json=as_json)
        return
    if place.suffix != ".j2" or place.is_dir():
        raise ConfigError(f"--out {place}: prompts are .j2 files", "name it such as better.j2")
    endpoint = needed_endpoint(llm_url, llm_model, "ask")
    dataset = load_data(data, columns, items, like_above)
    with kept_scorer(endpoint, cache) as scorer, progress_bar("reading") as (bar, task):
        found = optimise(
            dataset, scorer, space, config, _other_than(space.start.front.name, place.stem),
            lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
        )  # fmt: skip
    titles = dataset.catalog.titles
    facts = facts_of(found, titles)
    if found.winner is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        place, text = _free(place, found.winner.text)
        place.write_text(text, encoding="utf-8")
        err.print(Text(f"wrote {place}", style="green"), soft_wrap=True)
    if page is not None:
        write_search_page(found, facts, titles, page)
        err.print(Text(f"wrote {page}", style="green"), soft_wrap=True)
    if as_json:
        out.file.write(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    else:
        _show(found, facts)
    if store is not None:  # last, so that a store that is away takes nothing else
        from eval.prompt_tracking import track_search  # noqa: PLC0415  (an extra)

        run = track_search(found, facts, titles, store)
        err.print(Text(f"kept as run {run} in {store}", style="green"), soft_wrap=True)


def _other_than(start: str, wanted: str) -> str:
    """The best prompt is compared with the first, and needs a name of its own."""
    return wanted if wanted != start else f"{wanted}-2"


def _free(place: Path, text: str) -> tuple[Path, str]:
    """The file and its text, or where another prompt is there already those of the next name that is free: nothing is overwritten."""
    at, named = place, text
    for number in count(2):
        if not at.exists() or at.read_text(encoding="utf-8", errors="replace") == named:
            break
        at = place.with_stem(f"{place.stem}-{number}")
        named = re.sub(r"(?m)^name: .*$", f"name: {at.stem}", text, count=1)
    return at, named


def _show_plan(space: Space, config: SearchConfig, *, as_json: bool) -> None:
    """What would be done, and about what it costs."""
    each = tokens_of(space.start)
    search, judging = config.trials * config.users, 2 * config.judges
    facts = {
        "start": space.start.front.name, "parts": space.parts, "sentences": space.groups, "prompts": space.size,
        "requests": {"search_at_most": search, "judging_at_most": judging}, "tokens_each": each,
        "tokens_at_most": each * (search + judging),
    }  # fmt: skip
    if as_json:
        out.file.write(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
        return
    table = _table(f"what may change in {space.start.front.name}", "name", "has", "or")
    for name, levels in (space.parts | space.groups).items():
        others = [escape(one) for one in levels if one != space.has[name]]
        table.add_row(name, escape(space.has[name]), "\n".join(others) if name in space.groups else ", ".join(others))
    show_whole(table)
    words = (
        f"\n{space.size:,} prompts, of which {config.trials} would be tried: at most {search:,} requests on {config.users} users, "
        f"{judging:,} to judge on {config.judges} others; at about {each:,} tokens each {each * (search + judging):,} tokens"
    )
    out.print(Text(words), soft_wrap=True)


def _show(found: Optimised, facts: dict[str, Any]) -> None:
    trials, config = facts["trials"], found.config
    title = f"{found.model}, {found.data}: {len(trials)} prompts on {config.users} users"
    table = _table(
        title, "trial", "worth", "minus start,\nsame users", "users", "NDCG", "C_KL", "tokens", "what changed"
    )
    order = sorted(trials, key=lambda one: (not one["best"], one["number"] != 0, not one["whole"], -one["minus_start"]))
    for one in order[:_CLEAREST]:
        table.add_row(
            f"{one['number']}{' best' if one['best'] else ''}", f"{one['worth']:.4f}", f"{one['minus_start']:+.4f}", str(one["users"]),
            f"{one['ndcg']:.3f}", f"{one['kl']:.3f}", f"{one['tokens']:.0f}", _what(one["changed"]), style="bold" if one["best"] else "",
        )  # fmt: skip
    show_whole(table)
    if len(trials) > _CLEAREST:
        out.print(Text(f"and {len(trials) - _CLEAREST} more, in the page and the JSON", style="dim"))
    for one in facts["refused"]:
        err.print(Text(f"not asked, {one['why']}: {_what(one['changed'])}", style="yellow"), soft_wrap=True)
    words = f"worth = NDCG - {config.worth.lam:g} C_KL - {config.worth.cost:g} per 1,000 tokens, of the model alone. Ended: {found.path.stopped}"
    out.print(Text(f"{words}\n", style="dim"), soft_wrap=True)
    if (judged := found.judgement) is not None:
        show(judged.comparison, facts["judged"]["comparison"], verdicts=False)
        both = said(facts["judged"]["worth_minus_start"], sign=True)
        out.print(Text(f"\nworth, judged: {both['mean']} [{both['range']}], p = {judged.p:.4f}"))
    out.print(Text(found.verdict(), style="bold"), soft_wrap=True)
    out.print(Text(f"{found.paid:,} tokens paid, {found.seconds:.0f} s of asking in all", style="dim"))


def _what(changed: Mapping[str, str]) -> str:
    return escape("; ".join(f"{name}: {value}" for name, value in changed.items()) or "nothing: the start")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    for column in columns:
        words = column in {"trial", "what changed", "name", "has", "or"}
        table.add_column(
            column, justify="left" if words else "right", no_wrap=not words, min_width=6 if words else None
        )
    return table
