"""A suite's slates and candidates for the tools of others: TREC runs and RankLLM's requests, with the judgements of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from eval.interchange.lines import words
from eval.interchange.rankllm import write_rankllm
from eval.interchange.trec import run_of, write_qrels, write_run
from eval.report_read import Field, read_results
from eval.report_summary import at_lambda

_LATEST = 20
"""Likes that RankLLM's query names."""


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
    written: list[Path] = []
    for number, field in enumerate(read_results(folder).fields, start=1):
        written.append(_judged(out, number, field))
        cells = {f"{name}-{cell.title}": cell for name in field.retrievers for cell in at_lambda(field.of(name), lam)}
        for title, tag in words(cells).items():
            path = out / f"{number}-{tag}.run"
            write_run(
                path,
                run_of(cells[title].items, field.users["user_id"].to_list(), field.items["item_id"].to_list()),
                tag,
            )
            written.append(path)
    return written


def export_candidates(folder: Path, out: Path) -> list[Path]:
    """Write ``NUMBER.qrels`` for each data set and split, and for each retriever its candidates as RankLLM reads them.

    A user's query is what he liked last, a document an item's title with its groups. Of several seeds it is the first.

    Args:
        folder: Results of a suite.
        out: Folder of the files; made if it is not there.

    Raises:
        NotFoundError: The folder holds no finished suite.
    """
    results = read_results(folder)
    written: list[Path] = []
    for number, field in enumerate(results.fields, start=1):
        written.append(_judged(out, number, field))
        documents, queries = _documents(field), _queries(field)
        names = field.items["item_id"]
        done: set[str] = set()
        files = words(pool["retriever"] for pool in results.manifest["pools"])
        for pool in results.manifest["pools"]:
            if pool["ground"] != number - 1 or pool["retriever"] in done:
                continue
            done.add(pool["retriever"])
            with np.load(folder / "pools" / f"{pool['key']}.npz") as kept:
                items, scores = kept["items"], kept["scores"]
            users, ranks = np.nonzero(items >= 0)
            run = pl.DataFrame(
                {
                    "user_id": field.users["user_id"].gather(users),
                    "item_id": names.gather(items[users, ranks]),
                    "score": scores[users, ranks].astype(np.float64),
                }
            )
            path = out / f"{number}-{files[pool['retriever']]}.jsonl"
            write_rankllm(path, run, queries, documents)
            written.append(path)
    return written


def _documents(field: Field) -> dict[str, str]:
    labels = field.facts["groups"]
    return {
        item: f"{title} ({', '.join(labels[g] for g in groups)})" if groups else title
        for item, title, groups in field.items.select("item_id", "title", "groups").iter_rows()
    }


def _queries(field: Field) -> dict[str, str]:
    titles = field.items["title"]
    return {
        user: "what would someone like next who liked, the latest last: "
        + "; ".join(titles[item] for item in liked[-_LATEST:])
        for user, liked in field.users.select("user_id", "fold_in").iter_rows()
    }


def _judged(out: Path, number: int, field: Field) -> Path:
    """Hidden items, each of relevance 1."""
    out.mkdir(parents=True, exist_ok=True)
    pairs = field.users.select("user_id", pl.col("hidden_items").alias("item")).explode("item").drop_nulls("item")
    names = field.items["item_id"].gather(pairs["item"])
    path = out / f"{number}.qrels"
    write_qrels(path, pl.DataFrame({"user_id": pairs["user_id"], "item_id": names, "relevance": 1}))
    return path
