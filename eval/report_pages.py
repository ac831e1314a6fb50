"""A suite's results as one self-contained page, as Markdown with pictures, and as a table for LaTeX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from eval.metrics import cost, slot_bias
from eval.report_examples import examples
from eval.report_figures import curves_png, curves_svg
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
        cells=sum(len(field.cells) for field in results.fields),
        k=results.k,
        depth=manifest["suite"]["depth"],
        lam=f"{lam:g}",
        against=against or "the plain list",
        shown=[METRICS[name] for name in SHOWN],
        fields=[_field(field, rows, results.k, lam) for field, rows in zip(results.fields, boards, strict=True)],
        cost=f"{_cost(results)} {_makers(results)}".strip(),
        manifest=json.dumps({"suite": manifest["suite"], "made by": manifest["made_by"]}, indent=2, ensure_ascii=False),
    )


def _field(field: Field, rows: list[Row], k: int, lam: float) -> dict[str, Any]:
    best, chosen_by = best_retriever(field, rows)
    found = examples(field, best, lam)
    return {
        "title": field.title,
        "facts": field.facts,
        "seeing": seeing(field, best, lam),
        "rows": [_row(field, row) for row in rows],
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


def _row(field: Field, row: Row) -> dict[str, Any]:
    part = row.users if row.users < int(np.isfinite(field.plain(row.cell.retriever).values["ndcg"]).sum()) else 0
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
        "users": part,
    }


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


def _cost(results: Results) -> str:
    seconds = sum(results.timings.values())
    said = f"Training, retrieval, reranking and measuring took {seconds:,.{0 if seconds >= 10 else 1}f} s."
    if not results.calls:
        return said
    read, wrote = (np.array([call[name] for call in results.calls]) for name in ("prompt_tokens", "completion_tokens"))
    # Answers that were read from a file took no time that is known.
    took = np.array([np.nan if call["ms"] is None else call["ms"] for call in results.calls])
    spent = cost(read, wrote, took, np.array([call["reason"] is not None for call in results.calls]))
    times = f"; half of them took less than {spent.p50_ms:,.0f} ms, 95 % less than {spent.p95_ms:,.0f} ms"
    return (
        f"{said} {len(results.calls):,} calls of a language model read {spent.prompt_tokens:,} tokens and wrote "
        f"{spent.completion_tokens:,}{times if spent.calls else ''}; {spent.fallback:.1%} failed."
    )


def _makers(results: Results) -> str:
    """Said where not all cells are of one making."""
    makers = results.manifest["made_by"]
    return f"The cells were made by {len(makers):,} combinations of versions and machine." if len(makers) > 1 else ""


def markdown(results: Results, boards: Sequence[list[Row]], lam: float, against: str = "") -> str:
    """The same in text, with the pictures beside it."""
    lines = [f"# {results.name}", ""]
    for number, (field, rows) in enumerate(zip(results.fields, boards, strict=True), start=1):
        best, chosen_by = best_retriever(field, rows)
        said = (
            f"{field.facts['users']:,} test users; slates of {results.k}, lambda {lam:g} (fixed beforehand); means with 95 % "
            f"bootstrap intervals; nDCG minus that of {against or 'the plain list'} on the same candidates paired by user, p by permutation, Holm. "
            f"{seeing(field, best, lam)}"
        )
        names = " | ".join(METRICS[name] for name in SHOWN)
        head = f"| retriever | reranker | {names} | coverage | difference | p |"
        lines += [f"## {field.title}", "", said, "", head, "|---" * (len(SHOWN) + 5) + "|"]
        for line in rows:
            row = _row(field, line)
            values = " | ".join(f"{v['mean']} [{v['range'].replace(' to ', ', ')}]" for v in row["values"])
            gap = "" if row["gap"] is None else f"{row['gap']['mean']} [{row['gap']['range'].replace(' to ', ', ')}]"
            lines.append(
                f"| {row['retriever']} | {row['reranker']} | {values} | {row['coverage']} | {gap} | {row['p']} |"
            )
        lines += ["", f"![Accuracy against calibration](curves-{number}.png)", ""]
        groups = tails(field, best, lam)
        if groups:
            lines += [f"Thirds of the users, {best} ({chosen_by}):", "", "| users by | band | users | nDCG plain | nDCG calibrated | difference | C_KL plain | C_KL calibrated |", "|---" * 8 + "|"]  # fmt: skip
            lines += [
                f"| {t.by} | {t.band} | {t.users} | {t.plain[0].mean:.4f} | {t.calibrated[0].mean:.4f} | {t.gap} | {t.plain[1].mean:.4f} | {t.calibrated[1].mean:.4f} |"
                for t in groups
            ]
            lines.append("")
        lines += [f"- {x.what}: {x.users:,} of {x.of:,} users" for x in failures(field)]
        lines.append("")
    lines += [f"{_cost(results)} {_makers(results)}".strip(), ""]
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
                _tex(row.cell.retriever),
                _tex(row.cell.title),
                *(f"{row.means[name].mean:.4f}" if np.isfinite(row.means[name].mean) else "--" for name in names),
                f"${row.gap.mean:+.4f}$" if row.gap else "--",
                f"{row.p:.4f}" if row.p is not None and np.isfinite(row.p) else "--",
            ]
        )
        for row in rows
    ]
    lines = [
        f"% {field.title}: {field.facts['users']} users",
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
