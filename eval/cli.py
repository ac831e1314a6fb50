"""``polytaste eval``: the quick table, suites, reports, and runs of others. Imports nothing heavy until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eval.claims_cli import claims

evaluate = typer.Typer(
    help="Quick table: personas against popularity, EASE and one vector; and the calibration curve. Suites beneath.",
    invoke_without_command=True,
)

Json = Annotated[bool, typer.Option("--json", help="The numbers alone, on stdout.")]
Folder = Annotated[Path, typer.Argument(help="Folder of a suite's results.")]


@evaluate.callback()
def quick(
    context: typer.Context,
    data: Annotated[
        str, typer.Option("--data", help="Folder or file of data; 'ml-latest-small' is bundled.")
    ] = "ml-latest-small",
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train.")] = None,
    like_above: Annotated[float | None, typer.Option("--like-above", help="Ratings above this count as liked.")] = None,
    folds: Annotated[int, typer.Option("--folds", min=2, max=20, help="Every user is held out once.")] = 5,
    min_items: Annotated[int, typer.Option("--min-items", min=5, help="Liked items for a user to count.")] = 10,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the curve as PNG, PDF or SVG.")] = None,
    as_json: Json = False,
) -> None:
    """Quick table: personas against popularity, EASE and one vector; and the calibration curve. Suites beneath."""
    if context.invoked_subcommand is not None:
        return
    from eval.report import run_quick  # noqa: PLC0415

    run_quick(data, column or [], like_above, folds, min_items, plot, as_json=as_json)


@evaluate.command("score")
def score(
    run: Annotated[Path, typer.Argument(help="TREC run, or RankLLM's lines (.jsonl).")],
    qrels: Annotated[Path, typer.Option("--qrels", help="TREC judgements.")],
    items: Annotated[
        Path | None,
        typer.Option("--items", help="Table of all items: adds coverage, Gini, and diversity by categories."),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            "--history", help="Table of training interactions: adds popularity and, with --items, calibration."
        ),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="Another run on the same judgements: paired differences.")
    ] = None,
    at: Annotated[str, typer.Option("--at", help="Cut-offs, joined by commas.")] = "10,20",
    per_user: Annotated[Path | None, typer.Option("--per-user", help="Write every user's values as Parquet.")] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", help="ROLE=NAME in --items and --history, as for train.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate a run file made by anyone."""
    from eval.report_score import run_score  # noqa: PLC0415

    run_score(run, qrels, items, history, baseline, at, per_user, column or [], as_json=as_json)


@evaluate.command("run")
def run(
    suite: Annotated[Path, typer.Argument(help="Suite file; some are in eval/suites.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the results; run again, it goes on where it stopped.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be done, and about what it costs.")
    ] = False,
    ray: Annotated[str | None, typer.Option("--ray", help="Use a Ray cluster: auto, or HOST:PORT of its head.")] = None,
    patience: Annotated[
        float,
        typer.Option(
            "--patience",
            min=0.0,
            help="Minutes to wait for a node where a cluster that answered has no processor left; one that does not answer is refused at once.",
        ),
    ] = 15.0,
) -> None:
    """Run a suite: data sets by splits by retrievers by rerankers by lambdas, per-user results as Parquet."""
    from eval.suite.commands import run_suite  # noqa: PLC0415

    run_suite(suite, out, ray, 60.0 * patience, dry=dry_run)


@evaluate.command("report")
def report(
    folder: Folder,
    lam: Annotated[float, typer.Option("--lam", min=0.0, max=1.0, help="Of the leaderboard; fix it beforehand.")] = 0.9,
    against: Annotated[
        str,
        typer.Option(
            "--against",
            help="Reranker that the others are compared with, as the leaderboard names it; default: the plain list.",
        ),
    ] = "",
) -> None:
    """Leaderboard, curves, tails, slates and failures: one HTML page, Markdown, PNG and LaTeX."""
    from eval.report_command import run_report  # noqa: PLC0415

    run_report(folder, lam, against)


@evaluate.command("gate")
def gate(
    folder: Folder,
    against: Annotated[Path, typer.Option("--against", help="Stored results, JSON.")],
    write: Annotated[bool, typer.Option("--write", help="Store these results there instead.")] = False,
    as_json: Json = False,
) -> None:
    """Fail, with exit code 6, if a figure is worse than the band around the stored one allows."""
    from eval.gate import run_gate  # noqa: PLC0415

    run_gate(folder, against, write=write, as_json=as_json)


@evaluate.command("export")
def export(
    source: Annotated[
        str,
        typer.Argument(
            help="Folder of a suite's results; for run-batch the suite file; for recbole data, as --data of train."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the files; for run-batch that of the suite's results.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="trec: runs and judgements. rankllm: candidates. recbole: atomic files. run-batch: the language model's questions.",
        ),
    ] = "trec",
    lam: Annotated[float, typer.Option("--lam", min=0.0, max=1.0, help="Of the runs; trec.")] = 0.9,
    tokenizer: Annotated[
        str | None,
        typer.Option("--tokenizer", help="Folder of the model's checkpoint, where no server of it runs; run-batch."),
    ] = None,
    column: Annotated[list[str] | None, typer.Option("--column", help="ROLE=NAME, as for train; recbole.")] = None,
    like_above: Annotated[
        float | None, typer.Option("--like-above", help="Ratings above this count as liked; recbole.")
    ] = None,
    separator: Annotated[
        str, typer.Option("--separator", help="Between categories, RecBole's seq_separator; recbole.")
    ] = " ",
) -> None:
    """Files for the tools of others: runs, candidates, data, or a language model's questions for vllm run-batch."""
    from eval.export_command import run_export  # noqa: PLC0415

    run_export(source, out, to, lam, tokenizer, column or [], like_above, separator)


@evaluate.command("import")
def import_answers(
    suite: Annotated[Path, typer.Argument(help="Suite file whose questions were exported: export --to run-batch.")],
    answered: Annotated[Path, typer.Argument(help="What vllm run-batch wrote.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the suite's results.")],
    as_json: Json = False,
) -> None:
    """Keep a language model's answers from vllm run-batch: eval run then makes its cells without a server."""
    from eval.export_command import run_import  # noqa: PLC0415

    run_import(suite, answered, out, as_json=as_json)


@evaluate.command("bench")
def bench(
    users: Annotated[int, typer.Option("--users", min=1, help="Lists to judge.")] = 6000,
    items: Annotated[int, typer.Option("--items", min=41, help="Size of the catalogue.")] = 3700,
    k: Annotated[int, typer.Option("--k", min=1, max=40, help="Length of the lists.")] = 10,
    as_json: Json = False,
) -> None:
    """How fast the metrics are, as ratios to the libraries of others that are installed, and whether they say the same."""
    from eval.metrics_bench import run_bench  # noqa: PLC0415

    run_bench(users, items, k, as_json=as_json)


evaluate.command("claims")(claims)
