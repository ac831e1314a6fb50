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
from eval.suite.offline import write_questions
from eval.suite.offline_answers import read_answers
from retrieval.errors import ConfigError, DataError

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
    none = ": every question is answered" if kind == "run-batch" and not written else ""
    err.print(Text(f"wrote {len(written):,} files in {to}{none}", style="green"), soft_wrap=True)
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
    """Keep answers, and say how many there were and what is still to be answered.

    Raises:
        DataError: No question has an answer that could be kept, though some have none yet.
    """
    with progress_bar("reading"):
        read = read_answers(folder, planned(suite), answered)
    again = shlex.join(["polytaste", "eval", "export", str(suite), "--to", "run-batch", "--out", str(folder)])
    if as_json:
        out.file.write(json.dumps(asdict(read), indent=2) + "\n")
    lacks = [f"{count:,} {what}" for count, what in (
        (read.invalid, "are answered without the log-probabilities of all labels (llm_invalid_answer; vLLM 0.32 or newer?)"),
        (read.errors, "are answered with an error of the server's"),
        (read.unanswered, "are not answered there"),
    ) if count]  # fmt: skip
    if lacks and not read.kept:
        raise DataError(
            f"{answered}: no answer to keep: of the questions {' and '.join(lacks)}",
            f"ask them again: {again} writes them",
        )
    if as_json:
        return
    parts = [f"{count:,} of them {reason}" for reason, count in read.failed.items()]
    parts += [f"{read.replaced:,} in place of one that failed"] if read.replaced else []
    parts += [f"{read.before:,} were there before and stay"] if read.before else []
    parts += [f"{read.cells:,} cells that were made without them are to be made anew"] if read.cells else []
    err.print(Text("; ".join([f"kept {read.kept:,} answers", *parts]), style="green"), soft_wrap=True)
    if lacks:
        say_notes([f"of the questions {' and '.join(lacks)}: none of that is kept, and {again} writes them again"])
    if read.kept:
        run = shlex.join(["polytaste", "eval", "run", str(suite), "--out", str(folder)])
        err.print(Text(run, style="dim"), soft_wrap=True)
