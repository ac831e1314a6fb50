"""``polytaste llm fit``: measures, keeps and shows."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar, show_whole
from agent.llm import earned
from agent.llm.earned import SHORT
from agent.llm.endpoint import needed_endpoint
from agent.llm.modes.choice import PROMPTS, ModeName
from eval.llm_fit import WEIGHTS, Measured, fit


def run_fit(
    data: str,
    columns: list[str],
    items: str | None,
    like_above: float | None,
    prompt: str | None,
    mode: ModeName,
    orders: int,
    users: int,
    seed: int,
    llm_url: str | None,
    llm_model: str | None,
    *,
    keep: bool,
    as_json: bool,
) -> None:
    """Fit and say what came of it."""
    endpoint = needed_endpoint(llm_url, llm_model, "measure")
    dataset = load_data(data, columns, items, like_above)
    with progress_bar("asking") as (bar, task):
        measured = fit(
            dataset, endpoint, prompt=prompt or PROMPTS[mode], mode=mode, orders=orders, users=users, seed=seed,
            progress=lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
        )  # fmt: skip
    if keep:
        err.print(Text(f"kept in {earned.write(measured.earned)}", style="green"), soft_wrap=True)
    if as_json:
        means = [
            {"words": words, "short": short, "ndcg": dict(zip(map(str, WEIGHTS), rows.mean(axis=0).tolist(), strict=True))}
            for (words, short), rows in measured.values.items()
        ]  # fmt: skip
        found = {
            **measured.earned.model_dump(),
            "curves": means,
            "calibration": [
                {"words": words, "short": short, **asdict(good)}
                for (words, short), good in measured.calibration.items()
            ],
            "failures": measured.failures,
            "tokens": measured.tokens,
        }
        out.file.write(json.dumps(found, indent=2) + "\n")
        return
    show_whole(_table(measured))
    failed = sum(measured.failures.values())
    if failed:
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(measured.failures.items()))
        err.print(Text(f"{failed} requests were not answered and count as the calibrated slate: {why}", style="yellow"))


def _table(measured: Measured) -> Table:
    fitted = measured.earned
    title = f"{fitted.model}, prompt {fitted.prompt}, {fitted.data}: NDCG@10 of the slate"
    table = Table(title=title, box=None, padding=(0, 1), header_style="dim", title_justify="left")
    for column in ("request", "users", "without", "best", "gain [95 %]", "earned", "ECE before, after"):
        table.add_column(column, justify="left" if column == "request" else "right", no_wrap=True)
    for cell in fitted.cells:
        means = measured.values[cell.words, cell.short].mean(axis=0)
        best = int(means.argmax())
        table.add_row(
            f"{'words' if cell.words else 'no words'}, {'<=' if cell.short else '>'} {SHORT} likes",
            str(cell.users),
            f"{means[0]:.3f}",
            f"{means[best]:.3f} at {WEIGHTS[best]:g}",
            f"{cell.gain:+.3f} [{cell.low:+.3f}, {cell.high:+.3f}]",
            f"{cell.weight:g}",
            f"{good.before:.3f}, {good.after:.3f}"
            if (good := measured.calibration.get((cell.words, cell.short)))
            else "",
        )
    return table
