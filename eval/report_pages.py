"""A suite's results as one self-contained page, as Markdown with pictures, and as a table for LaTeX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from eval.metrics import slot_bias
from eval.report_examples import examples
from eval.report_figures import curves_png, curves_svg
from eval.report_made import cells_said, cost_said, makers_said, parts_said, seeds_said, spread_said
from eval.report_read import Field, Results, read_results
from eval.report_summary import REFERENCE, SHOWN, Row, best_retriever, failures, leaderboard, nearest, seeing, tails
from eval.significance import Interval
from eval.suite.measure import METRICS

_DIGITS = {"lift": 2}
_SLOT_USERS = 3
"""Slots with fewer users than this are not shown."""


def write_report(folder: Path, lam: float = REFERENCE, against: str = "") -> list[Path]:
    """Write ``report.html``, ``report.md``, ``leaderboard-*.tex`` and ``curves-*.png`` into the folder of results.

    Raises:
        NotFoundError: It holds no finished suite.
        ConfigError: There is no such reranker to compare with.
    """
    results = read_results(folder)
    boards = [leaderboard(field, lam, against) for field in results.fields]
    written: list[Path] = []
    for number, (field, rows) in enumerate(zip(results.fields, boards, strict=True), start=1):
        picture, table = folder / f"curves-{number}.png", folder / f"leaderboard-{number}.tex"
        curves_png(field, results.k, picture)
        table.write_text(latex(field, rows, results.k), encoding="utf-8")
        written += [picture, table]
    page, text = folder / "report.html", folder / "report.md"
    page.write_text(html(results, boards, lam, against), encoding="utf-8")
    text.write_text(markdown(results, boards, lam, against), encoding="utf-8")
    return [page, text, *written]


def html(results: Results, boards: Sequence[list[Row]], lam: float, against: str = "") -> str:
    """The page: no script, no font, no address of anything outside it."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string((files("eval") / "report_page.html.j2").read_text(encoding="utf-8"))
    manifest = results.manifest
    return template.render(
        name=results.name,
        cells=cells_said(results),
        k=results.k,
        depth=manifest["suite"]["depth"],
        lam=f"{lam:g}",
        against=against or "the plain list",
        shown=[METRICS[name] for name in SHOWN],
        fields=[_field(field, rows, results.k, lam) for field, rows in zip(results.fields, boards, strict=True)],
        cost=f"{cost_said(results)} {makers_said(results)}".strip(),
        manifest=json.dumps({"suite": manifest["suite"], "made by": manifest["made_by"]}, indent=2, ensure_ascii=False),
    )


def _field(field: Field, rows: list[Row], k: int, lam: float) -> dict[str, Any]:
    best, chosen_by = best_retriever(field, rows)
    found = examples(field, best, lam)
    return {
        "title": field.title,
        "facts": field.facts,
        "seeing": seeing(field, best, lam),
        "of_rows": _of_rows(field),
        "rows": [_row(row) for row in rows],
        "svg": curves_svg(field, k),
        "best": best,
        "chosen_by": chosen_by,
        "tails": [
            {
                "by": t.by, "band": t.band, "users": t.users,
                "values": [
                    _said(t.plain[0]), _said(t.calibrated[0]), _said(t.gap, sign=True), _said(t.plain[1]), _said(t.calibrated[1]),
                ],
            }
            for t in tails(field, best, lam)
        ],
        "examples": [
            {
                "user": e.user, "liked": e.liked, "likes": e.likes, "slates": e.slates, "bars": e.bars,
                "most": max((max(asked, *kept) for _, asked, kept in e.bars), default=1.0),
            }
            for e in found
        ],
        "llm": _llm(field, lam),
        "failures": failures(field),
    }  # fmt: skip


def _row(row: Row) -> dict[str, Any]:
    return {
        "retriever": row.cell.retriever,
        "reranker": row.cell.title,
        "values": [_said(row.means[name], _DIGITS.get(name, 4)) for name in SHOWN],
        "coverage": f"{row.cell.coverage:.1%}",
        "gini": f"{row.cell.gini:.3f}",
        "gap": _said(row.gap, sign=True) if row.gap else None,
        # Coloured only where the difference stands after all comparisons are counted.
        "sign": "" if row.gap is None or row.p is None or not row.p < 0.05 else "up" if row.gap.mean > 0 else "down",
        "p": "" if row.p is None or not np.isfinite(row.p) else f"{row.p:.4f}",
        "users": f"{row.part:,} users" if row.part else "",
        "seeds": spread_said(row.cell),
    }


def _of_rows(field: Field) -> str:
    return f"{parts_said(field)} {seeds_said(field)}".strip()


def _said(interval: Interval, digits: int = 4, *, sign: bool = False) -> dict[str, str]:
    form = f"{'+' if sign else ''}.{digits}f"
    if not np.isfinite(interval.mean):
        return {"mean": "n/a", "range": ""}
    return {"mean": f"{interval.mean:{form}}", "range": f"{interval.low:{form}} to {interval.high:{form}}"}


def _llm(field: Field, lam: float) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for title, said in field.answers.items():
        retriever, _, name = title.partition(": ")
        cell = nearest(field, retriever, name, lam)
        slots = ""
        if cell is not None:
            known = field.users.select("user_id").join(said, on="user_id", how="left", maintain_order="left")
            place = known["slot"].fill_null(-1).to_numpy().astype(np.int32)
            mean, count = slot_bias(cell.values["ndcg"], place, int(place.max(initial=0)) + 1)
            slots = ", ".join(
                f"{at + 1}: {mean[at]:.2f} ({count[at]})" for at in range(len(mean)) if count[at] >= _SLOT_USERS
            )
        mass = said["mass"].drop_nulls().mean()
        found.append(
            {
                "title": title,
                "asked": f"{said.height:,}",
                "failed": f"{said['reason'].is_not_null().mean():.1%}",
                "tokens": f"{said['prompt_tokens'].sum():,}",
                "mass": "n/a" if mass is None else f"{mass:.3f}",
                "slots": slots or "too few users for each slot",
            }
        )
    return found


def markdown(results: Results, boards: Sequence[list[Row]], lam: float, against: str = "") -> str:
    """The same in text, with the pictures beside it."""
    lines = [f"# {results.name}", "", f"{cells_said(results)}.", ""]
    for number, (field, rows) in enumerate(zip(results.fields, boards, strict=True), start=1):
        best, chosen_by = best_retriever(field, rows)
        said = (
            f"{field.facts['users']:,} test users; slates of {results.k}, lambda {lam:g} (fixed beforehand; 1 is each reranker's own aim alone); means with 95 % "
            f"bootstrap intervals; nDCG minus that of {against or 'the plain list'} on the same candidates paired by user, p by permutation, Holm. "
            f"{seeing(field, best, lam)} {_of_rows(field)}"
        ).strip()
        names = " | ".join(METRICS[name] for name in SHOWN)
        head = f"| retriever | reranker | {names} | coverage | difference | p |"
        lines += [f"## {field.title}", "", said, "", head, "|---" * (len(SHOWN) + 5) + "|"]
        for line in rows:
            row = _row(line)
            values = " | ".join(f"{v['mean']} [{v['range'].replace(' to ', ', ')}]" for v in row["values"])
            gap = "" if row["gap"] is None else f"{row['gap']['mean']} [{row['gap']['range'].replace(' to ', ', ')}]"
            retriever, reranker = (
                f"{row[name]} ({row[more]})" if row[more] else row[name]
                for name, more in (("retriever", "seeds"), ("reranker", "users"))
            )
            lines.append(f"| {retriever} | {reranker} | {values} | {row['coverage']} | {gap} | {row['p']} |")
        lines += ["", f"![Accuracy against calibration](curves-{number}.png)", ""]
        groups = tails(field, best, lam)
        if groups:
            lines += [f"Thirds of the users (fewer groups where many are alike), {best} ({chosen_by}):", "", "| users by | band | users | nDCG plain | nDCG calibrated | difference | C_KL plain | C_KL calibrated |", "|---" * 8 + "|"]  # fmt: skip
            lines += [
                f"| {t.by} | {t.band} | {t.users} | {t.plain[0].mean:.4f} | {t.calibrated[0].mean:.4f} | {t.gap} | {t.plain[1].mean:.4f} | {t.calibrated[1].mean:.4f} |"
                for t in groups
            ]
            lines.append("")
        lines += [f"- {x.what}: {x.users:,} of {x.of:,} users" for x in failures(field)]
        lines.append("")
    lines += [f"{cost_said(results)} {makers_said(results)}".strip(), ""]
    return "\n".join(lines)


def latex(field: Field, rows: Sequence[Row], k: int) -> str:
    """The leaderboard for a paper; needs ``booktabs``."""
    names = [name for name in SHOWN if name != "lift"]
    head = " & ".join(
        ["Retriever", "Reranker", *(f"{_tex(METRICS[name])}@{k}" for name in names), r"$\Delta$ nDCG", "$p$"]
    )
    body = [
        " & ".join(
            [
                _tex(row.cell.retriever) + (f" ({len(row.cell.by_seed)} seeds)" if row.cell.by_seed[1:] else ""),
                _tex(row.cell.title) + (f" ($n={row.part}$)" if row.part else ""),
                *(f"{row.means[name].mean:.4f}" if np.isfinite(row.means[name].mean) else "--" for name in names),
                f"${row.gap.mean:+.4f}$" if row.gap else "--",
                f"{row.p:.4f}" if row.p is not None and np.isfinite(row.p) else "--",
            ]
        )
        for row in rows
    ]
    lines = [
        f"% {field.title}: {field.facts['users']} users. {_of_rows(field)}".rstrip(),
        *(f"% {row.cell.retriever}, {row.cell.title}, {said}" for row in rows if (said := spread_said(row.cell))),
        r"\begin{tabular}{ll" + "r" * (len(names) + 2) + "}",
        r"\toprule",
        head + r" \\",
        r"\midrule",
        *(line + r" \\" for line in body),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _tex(text: str) -> str:
    for mark in "&%$#_{}":
        text = text.replace(mark, "\\" + mark)
    return text.replace("λ", r"$\lambda$")
