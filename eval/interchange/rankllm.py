"""RankLLM's requests: candidates of one user a line.

Sharifymoghaddam et al., "RankLLM: A Python Package for Reranking with LLMs", SIGIR 2025.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from eval.interchange.lines import Open, first_error, numbered_lines
from eval.interchange.trec import RUN
from retrieval.errors import DataError


class _Query(Open):
    text: str
    qid: str | int


class _Candidate(Open):
    docid: str | int
    score: float
    doc: dict[str, Any]


class _Request(Open):
    query: _Query
    candidates: list[_Candidate]


def write_rankllm(path: Path, run: pl.DataFrame, queries: Mapping[str, str], documents: Mapping[str, str]) -> None:
    """Candidates as RankLLM reads them: one user a line.

    Args:
        path: File.
        run: ``user_id, item_id, score``, each user's best first.
        queries: What stands for the user, in words.
        documents: What is said of each item.

    Raises:
        DataError: A user has no words, or an item has none.
    """
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for (user,), rows in run.group_by("user_id", maintain_order=True):
            query = {"text": _said(queries, str(user), "user"), "qid": user}
            candidates = [
                {"docid": item, "score": score, "doc": {"contents": _said(documents, item, "item")}}
                for item, score in rows.select("item_id", "score").iter_rows()
            ]
            out.write(json.dumps({"query": query, "candidates": candidates}, ensure_ascii=False) + "\n")


def read_rankllm(path: Path) -> pl.DataFrame:
    """Candidates, or what RankLLM made of them, as a run: the order of the lines' lists counts, not their scores.

    RankLLM reorders the candidates and keeps or renumbers their scores, so scores are set to k, k - 1, ...

    Raises:
        DataError: A line is no request; names it.
    """
    users: list[str] = []
    items: list[str] = []
    scores: list[float] = []
    for number, line in numbered_lines(path):
        try:
            read = _Request.model_validate_json(line)
        except ValidationError as why:
            raise DataError(
                f"{path}: line {number}: {first_error(why)}", "each line holds query and candidates"
            ) from why
        users += [str(read.query.qid)] * len(read.candidates)
        items += [str(candidate.docid) for candidate in read.candidates]
        scores += [float(s) for s in range(len(read.candidates), 0, -1)]
    return pl.DataFrame({"user_id": users, "item_id": items, "score": scores}, schema=RUN)


def _said(words: Mapping[str, str], name: str, what: str) -> str:
    if name not in words:
        raise DataError(f"{what} {name!r} has no words", f"say something of every {what}")
    return words[name]
