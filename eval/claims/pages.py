"""Findings as pages to read: one per claim, and the table of verdicts. Only reads what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from eval.claims.figure import draw
from eval.claims.finding import NOT_RUN, RULE, Condition, Finding, overall
from eval.claims.protocol import Statement
from eval.suite.store import write_whole

READING = "reading.md"
_NOTE = (
    f"{RULE} Rule, bounds and protocol are code (`eval/claims/`), whose hash each finding names. Everything that was chosen was chosen in each part "
    "by its validation users. Intervals are over users and not adjusted for their number; p-values are, by Holm. What another training "
    "would give is in them only where a page says that it has seeds."
)


def write_pages(
    folder: Path, found: Sequence[tuple[Statement, Sequence[Finding]]], command: Callable[[Statement | None], str]
) -> list[Path]:
    """Write a page and a picture for each claim, and the README.

    Args:
        folder: Of the pages.
        found: Claims with their findings, one per data set; a claim without any gets no page, only a line in the table.
        command: That makes the page of a claim, or all of them, for the reader.
    """
    written: list[Path] = []
    for statement, findings in found:
        if not findings:
            continue
        path = folder / f"{statement.letter}-{statement.slug}.md"
        picture = folder / f"{statement.letter}-{statement.slug}.png"
        drawn = draw(findings, picture)
        text = page(statement, findings, command(statement), picture.name if drawn else None)
        write_whole(path, lambda out, text=text: out.write(text.encode()))
        written.append(path)
    readme = folder / "README.md"
    text = table_of_verdicts(found, command(None))
    if (folder / READING).exists():  # written by people, who say what the verdicts mean together
        text += f"\nMore: [what the verdicts say together]({READING}).\n"
    write_whole(readme, lambda out: out.write(text.encode()))
    return [*written, readme]


def page(statement: Statement, findings: Sequence[Finding], command: str, picture: str | None) -> str:
    """One claim."""
    lines = [
        f"# {statement.letter}: {statement.claim}",
        "",
        f"**{overall(findings)}.** " + "; ".join(_said(finding) for finding in findings),
        "",
        f"    {command}",
        "",
        f"**Predicted.** {statement.prediction}",
        "",
        f"**Control.** {statement.control}",
        "",
    ]
    if picture is not None:
        lines += [f"![{statement.claim}]({picture})", ""]
    for finding in findings:
        lines += _section(finding)
    return "\n".join([*lines, "---", "", _NOTE, ""])


def table_of_verdicts(found: Sequence[tuple[Statement, Sequence[Finding]]], command: str) -> str:
    """The README: every claim with its verdict."""
    lines = [
        "# The claims, tried",
        "",
        "Each claim that this project rests on is an experiment with a prediction, a control and a verdict by rule.",
        "",
        f"    {command} --pages docs/claims",
        "",
        "| | claim | verdict | on each data set |",
        "|---|---|---|---|",
    ]
    for statement, findings in found:
        link = f"[{statement.letter}]({statement.letter}-{statement.slug}.md)" if findings else statement.letter
        lines.append(f"| {link} | {statement.claim} | **{overall(findings)}** | {'; '.join(map(_said, findings))} |")
    return "\n".join([*lines, "", _NOTE, ""])


def _said(finding: Finding) -> str:
    if finding.verdict == NOT_RUN:
        return (
            f"{finding.data}: {finding.verdict} ({finding.remarks[0]})"
            if finding.remarks
            else f"{finding.data}: {NOT_RUN}"
        )
    outcomes = Counter(condition.outcome for condition in finding.conditions if not condition.control)
    counts = ", ".join(f"{outcomes[name]} {name}" for name in ("held", "broken", "open") if outcomes[name])
    guarded = all(condition.outcome == "held" for condition in finding.conditions if condition.control)
    return f"{finding.data}: {finding.verdict} ({counts}; control {'held' if guarded else 'not held'})"


def _section(finding: Finding) -> list[str]:
    lines = [
        f"## {finding.data}: {finding.verdict}",
        "",
        f"{finding.users:,} test users: {finding.protocol}.",
        "",
    ]
    if finding.made is not None:
        lines += [f"Found by {finding.made}; {finding.seconds:,.0f} s beside models kept from other claims.", ""]
    if finding.conditions:
        head = ("condition", "measured [95 %]", "outcome")
        lines += _table(head, [_condition(condition) for condition in finding.conditions])
    if finding.rows:
        lines += _table(finding.columns, finding.rows)
    return [*lines, *(f"- {remark}" for remark in finding.remarks), *([""] if finding.remarks else [])]


def _condition(condition: Condition) -> tuple[str, ...]:
    outcome = condition.outcome if condition.outcome == "open" else f"**{condition.outcome}**"
    return condition.says, str(condition.estimate), outcome


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    ruler = "|" + "---|" * len(head)
    return [_row(head), ruler, *(_row(row) for row in rows), ""]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
