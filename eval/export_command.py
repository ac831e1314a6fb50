"""``polytaste eval export`` and ``import``: files for the tools of others, and what these made of them."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from agent.commands import load_data, say_notes
from agent.console import err, out, progress_bar
from eval.interchange.export import export_candidates, export_runs
from eval.interchange.recbole import write_atomic
from eval.suite.commands import planned
from eval.suite.offline import read_answers, write_questions
from retrieval.errors import ConfigError

KINDS = ("trec", "rankllm", "recbole", "run-batch")


def run_export(
    source: str, to: Path, kind: str, lam: float, tokenizer: str | None, columns: list[str], like_above: float | None, separator: str
) -> None:  # fmt: skip
    """Write files of one kind.

    Raises:
        ConfigError: There is no such kind.
    """
    if kind == "trec":
        written = export_runs(Path(source), to, lam)
    elif kind == "rankllm":
        written = export_candidates(Path(source), to)
    elif kind == "recbole":
        written, notes = write_atomic(to, load_data(source, columns, None, like_above), separator)
        say_notes(notes)
    elif kind == "run-batch":
        with progress_bar("training") as (bar, task):
            written = write_questions(
                to, planned(Path(source)), tokenizer,
                lambda what, done, total: bar.update(task, description=what, completed=done, total=max(total, 1e-9)),
            )  # fmt: skip
    else:
        raise ConfigError(f"--to {kind!r}: no such kind of file", f"choose among {', '.join(KINDS)}")
    err.print(Text(f"wrote {len(written):,} files in {to}", style="green"), soft_wrap=True)
    for path in written if kind == "run-batch" else ():
        with path.open(encoding="utf-8") as lines:
            name = json.loads(next(lines))["body"]["model"]
        words = "; ".join((
            shlex.join(["vllm", "run-batch", "-i", str(path), "-o", "ANSWERED.jsonl", "--model", "FOLDER", "--served-model-name", name]),
            shlex.join(["polytaste", "eval", "import", source, "ANSWERED.jsonl", "--out", str(to)]),
            shlex.join(["polytaste", "eval", "run", source, "--out", str(to)]),
        ))  # fmt: skip
        err.print(Text(words, style="dim"), soft_wrap=True)


def run_import(suite: Path, answered: Path, folder: Path, *, as_json: bool) -> None:
    """Keep answers, and say how many there were."""
    with progress_bar("reading"):
        read = read_answers(folder, planned(suite), answered)
    if as_json:
        out.file.write(json.dumps(asdict(read), indent=2) + "\n")
        return
    failed = "".join(f", {count:,} of them {reason}" for reason, count in read.failed.items())
    err.print(Text(f"kept {read.kept:,} answers{failed}", style="green"), soft_wrap=True)
    if read.unanswered:
        words = f"note: {read.unanswered:,} questions have no answer there; export asks for them again"
        err.print(Text(words, style="yellow"), soft_wrap=True)
