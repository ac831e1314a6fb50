"""``polytaste eval claims``: what a person sees of the claims that are tried."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from rich.table import Table
from rich.text import Text

from agent.commands import load_data
from agent.console import err, out, progress_bar
from eval.claims.finding import Finding, overall
from eval.claims.ground import make_ground
from eval.claims.pages import write_pages
from eval.claims.protocol import Claim, Statement
from eval.claims.run import all_claims, chosen_claims, kept_finding, run_claims
from retrieval.datasets import BUNDLED
from retrieval.errors import ConfigError

_COLOURS = {"confirmed": "green", "refuted": "red", "undecided": "yellow", "mixed": "yellow", "not run": "dim"}


def try_claims(
    data: list[str],
    columns: list[str],
    like_above: float | None,
    axis: str,
    users: int | None,
    seeds: str,
    only: list[str],
    llm: tuple[str | None, str | None],
    folder: Path,
    pages: Path | None,
    *,
    as_json: bool,
) -> None:
    """Run, keep, write pages and show.

    Raises:
        ConfigError: An unknown claim, or seeds that are no numbers.
        DataError: Data cannot be read or held out.
    """
    drawn = _seeds(seeds)
    model = _model(*llm)
    every = all_claims(model)
    claims = chosen_claims(only, every)
    grounds = [
        # What columns are called is said of one's own tables; the bundled data describe themselves.
        make_ground(load_data(name, [] if name == BUNDLED else columns, None, like_above), users, axis, folder / "candidates")
        for name in dict.fromkeys(BUNDLED if name == "bundled" else name for name in data)
    ]  # fmt: skip
    with progress_bar("claims") as (bar, task):
        found = run_claims(
            claims, grounds, drawn, folder,
            lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
        )  # fmt: skip
    if pages is not None:
        run = {claim.statement.letter: rows for claim, rows in zip(claims, found, strict=True)}
        others = {
            letter: [one for ground in grounds if (one := kept_finding(claim, ground, drawn, folder)) is not None]
            for letter, claim in every.items()
            if letter not in run
        }
        rows = [(claim.statement, run.get(letter) or others[letter]) for letter, claim in every.items()]
        options = _options(data, columns, like_above, axis, users, seeds)
        write_pages(pages, rows, lambda statement: _command(options, model.partition("@")[0], statement))
        err.print(Text(f"wrote {pages / 'README.md'}", style="green"), soft_wrap=True)
    if as_json:
        findings = [{**one.model_dump(mode="json"), "verdict": one.verdict} for rows in found for one in rows]
        out.file.write(json.dumps(findings, indent=2) + "\n")
    else:
        out.print(_table(claims, found))


def _options(
    data: list[str], columns: list[str], like_above: float | None, axis: str, users: int | None, seeds: str
) -> list[str]:
    """Every option that the figures depend on, as it was given."""
    words = [word for name in data for word in ("--data", name)] + [
        word for one in columns for word in ("--column", one)
    ]
    words += [] if like_above is None else ["--like-above", f"{like_above:g}"]
    words += ["--axis", axis] + ([] if users is None else ["--users", str(users)])
    return [*words, "--seeds", seeds]


def _command(options: list[str], model: str, statement: Statement | None) -> str:
    """The command line of one claim, or of all."""
    words = ["polytaste", "eval", "claims", *options]
    if model and (statement is None or statement.asks_model):
        words += ["--llm-url", "URL", "--llm-model", model]
    words += ["--out", "claims"] + ([] if statement is None else ["--only", statement.letter])
    return shlex.join(words)


def _table(claims: list[Claim], found: list[list[Finding]]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for name in ("", "claim", "verdict"):
        table.add_column(name, overflow="fold")
    for finding in found[0]:
        table.add_column(finding.data, overflow="fold")
    for claim, rows in zip(claims, found, strict=True):
        verdict = overall(rows)
        cells = [Text(one.verdict, style=_COLOURS[one.verdict]) for one in rows]
        table.add_row(
            claim.statement.letter, claim.statement.claim, Text(verdict, style=f"bold {_COLOURS[verdict]}"), *cells
        )
    return table


def _model(url: str | None, name: str | None) -> str:
    """NAME@URL of the language model that was named, or of the embedded one; empty if none runs."""
    from agent.llm.endpoint import find_endpoint  # noqa: PLC0415  (slow to import, seldom needed)

    found = find_endpoint(url, name)
    return "" if found is None else f"{found.model}@{found.url}"


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = [-1]
    if min(seeds) < 0:
        raise ConfigError(f"--seeds {text!r}: not whole numbers", "for example --seeds 0,1,2")
    return list(dict.fromkeys(seeds))
