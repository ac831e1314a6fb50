"""``polytaste llm modes``: measures and shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar, show_whole
from agent.llm.endpoint import needed_endpoint
from agent.llm.failures import LLMFailure
from agent.llm.scorer import LabelScorer
from eval.llm_modes import Row, Study, chosen, compare, variants
from eval.llm_order_effects import SLOTS, OrderEffects, order_effects
from eval.llm_speed import NAMES, Speed, speeds
from eval.significance import Interval, paired_bootstrap
from retrieval.errors import ServerError


def run_modes(
    data: str,
    columns: list[str],
    items: str | None,
    like_above: float | None,
    users: int,
    timed: int,
    at_once: Sequence[int],
    long: int,
    seed: int,
    llm_url: str | None,
    llm_model: str | None,
    *,
    only: tuple[str, ...],
    words: bool,
    as_json: bool,
) -> None:
    """Measure and say what came of it.

    Raises:
        ConfigError: ``only`` names an unknown way of asking.
        DataError: Too few users.
        ServerError: No model, or it stopped answering.
    """
    plan = chosen(variants(long), only)
    endpoint = needed_endpoint(llm_url, llm_model, "measure")
    dataset = load_data(data, columns, items, like_above)
    scorer = LabelScorer(endpoint)
    with progress_bar("training on the other users") as (bar, task):
        study = Study(dataset, users, 0 if only else timed * len(at_once), long, words=words, seed=seed)

        def step(name: str, done: int, total: int) -> None:
            bar.update(task, description=name, completed=done, total=total)

        def advance() -> None:
            bar.advance(task)

        rows = compare(study, plan, scorer, step)
        effects, fast = list[OrderEffects](), list[Speed]()
        try:
            if not only:
                bar.reset(task, description="order effects", total=len(study.cases))
                effects = order_effects(study, scorer, advance)
                bar.reset(task, description="requests a second", total=len(NAMES) * len(at_once))
                fast = speeds(study, scorer, at_once, advance)
        except LLMFailure as failure:
            raise ServerError(
                f"the model stopped answering: {failure.detail}", "try again: polytaste llm modes"
            ) from failure
    if as_json:
        found = {"model": endpoint.model, "data": dataset.name, "users": len(study.cases), "words": words, "seed": seed}
        found |= {"modes": [_numbers(row, rows[0]) for row in rows]}
        found |= {"order_effects": [_bias(one) for one in effects], "speed": [_speed(one, fast) for one in fast]}
        out.file.write(json.dumps(found, indent=2) + "\n")
        return
    out.print(
        _modes_table(rows, f"{endpoint.model}, {dataset.name}, {len(study.cases)} users, each the same candidates")
    )
    if not only:
        show_whole(_effects_table(effects))
        show_whole(_speed_table(fast))
    for row in rows:
        if row.failures:
            why = ", ".join(f"{reason} {count}" for reason, count in sorted(row.failures.items()))
            err.print(Text(f"{row.name}: not answered, counted as the calibrated slate: {why}", style="yellow"))


def _numbers(row: Row, base: Row) -> dict[str, Any]:
    gain = paired_bootstrap(row.ndcg, base.ndcg)
    return {
        "name": row.name,
        "ndcg": float(row.ndcg.mean()),
        "gain": [gain.mean, gain.low, gain.high],
        "kl": float(row.kl.mean()),
        "kl_change": _triple(paired_bootstrap(row.kl, base.kl)),
        "compliance": float(row.compliance.mean()),
        "compliance_change": _triple(paired_bootstrap(row.compliance, base.compliance)),
        "valid": float(row.whole.mean()),
        "read": float(row.tokens[:, 0].mean()),
        "written": float(row.tokens[:, 1].mean()),
        "calls": float(row.calls.mean()),
        "ms": float(row.ms.mean()),
        "failures": row.failures,
    }


def _triple(interval: Interval) -> list[float]:
    return [interval.mean, interval.low, interval.high]


def _bias(one: OrderEffects) -> dict[str, Any]:
    spread = paired_bootstrap(one.by_slot[:, 0], one.by_slot[:, -1])
    by_slot = dict(zip(map(str, SLOTS), one.by_slot.mean(axis=0).tolist(), strict=True))
    return {"orders": one.orders, "users": len(one.tau), "ndcg_by_slot": by_slot, "first_minus_last": _triple(spread), "tau": float(one.tau.mean())}  # fmt: skip


def _speed(one: Speed, all_of_them: Sequence[Speed]) -> dict[str, Any]:
    return {"name": one.name, "at_once": one.at_once, "requests_per_second": one.per_second, "label_is_faster": _faster(one, all_of_them)}  # fmt: skip


def _faster(one: Speed, all_of_them: Sequence[Speed]) -> float:
    label = next(other for other in all_of_them if other.name == NAMES[0] and other.at_once == one.at_once)
    return label.per_second / one.per_second


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at else "left", no_wrap=True)
    return table


def _modes_table(rows: Sequence[Row], title: str) -> Table:
    table = _table(
        title, "asked", "NDCG@10", "gain [95 %]", "C_KL", "compliance", "whole", "read", "written", "calls", "ms"
    )
    for row in rows:
        n = _numbers(row, rows[0])
        mean, low, high = n["gain"]
        table.add_row(
            row.name, f"{n['ndcg']:.3f}", f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]", f"{n['kl']:.3f}", f"{n['compliance']:.3f}",
            f"{n['valid']:.0%}", f"{n['read']:.0f}", f"{n['written']:.0f}", f"{n['calls']:.1f}", f"{n['ms']:.0f}",
        )  # fmt: skip
    return table


def _effects_table(effects: Sequence[OrderEffects]) -> Table:
    table = _table(
        "one item moved through the list: NDCG by where it stood",
        "orders",
        "users",
        *map(str, SLOTS),
        "first - last [95 %]",
        "tau",
    )
    for one in effects:
        n = _bias(one)
        mean, low, high = n["first_minus_last"]
        slots = [f"{value:.3f}" for value in n["ndcg_by_slot"].values()]
        table.add_row(
            str(one.orders), str(n["users"]), *slots, f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]", f"{n['tau']:.2f}"
        )
    return table


def _speed_table(fast: Sequence[Speed]) -> Table:
    table = _table("requests a second", "asked", "at once", "users", "a second", "label is faster")
    for one in fast:
        faster = f"{_faster(one, fast):.1f} times"
        table.add_row(one.name, str(one.at_once), str(one.requests), f"{one.per_second:.2f}", faster)
    return table
