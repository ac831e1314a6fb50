"""A suite's slates as TREC runs with their judgements, for the tools of others."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from eval.interchange.trec import run_of, write_qrels, write_run
from eval.report_read import Field, read_results
from eval.report_summary import at_lambda


def export_runs(folder: Path, out: Path, lam: float) -> list[Path]:
    """Write ``NUMBER.qrels`` for each data set and split, and a ``.run`` for each reranker at the lambda nearest to one.

    Args:
        folder: Results of a suite.
        out: Folder of the files; made if it is not there.
        lam: lambda.

    Raises:
        NotFoundError: The folder holds no finished suite.
        DataError: An id holds a blank, which TREC's format has no place for.
    """
    results = read_results(folder)
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for number, field in enumerate(results.fields, start=1):
        judged = out / f"{number}.qrels"
        write_qrels(judged, _judgements(field))
        written.append(judged)
        for retriever in field.retrievers:
            for cell in at_lambda(field.of(retriever), lam):
                tag = _word(f"{retriever}-{cell.title}")
                path = out / f"{number}-{tag}.run"
                write_run(
                    path, run_of(cell.items, field.users["user_id"].to_list(), field.items["item_id"].to_list()), tag
                )
                written.append(path)
    return written


def _judgements(field: Field) -> pl.DataFrame:
    """Hidden items, each of relevance 1."""
    pairs = field.users.select("user_id", pl.col("hidden_items").alias("item")).explode("item").drop_nulls("item")
    names = field.items["item_id"].gather(pairs["item"])
    return pl.DataFrame({"user_id": pairs["user_id"], "item_id": names, "relevance": 1})


def _word(text: str) -> str:
    """A title as one word of letters that every file system takes."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text.replace("λ", "lambda")).strip("-")
