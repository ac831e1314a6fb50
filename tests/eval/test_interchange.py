"""Round trips, files that others wrote, and a run file scored from the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import ir_measures
import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, Success, nDCG
from typer.testing import CliRunner

from agent.llm.failures import LLMFailure
from agent.llm.labels import LETTERS, Label
from eval.cli import evaluate
from eval.export_command import run_export, run_import
from eval.interchange.batch import read_batch, write_batch
from eval.interchange.lines import words
from eval.interchange.rankllm import read_rankllm, write_rankllm
from eval.interchange.recbole import read_atomic, write_atomic
from eval.interchange.scoring import Known, read_known, score_run
from eval.interchange.trec import in_order, read_qrels, read_run, run_of, write_qrels, write_run
from eval.report_pages import html
from eval.report_read import read_results
from eval.report_score import run_score
from eval.report_summary import leaderboard
from eval.suite.commands import planned, run_suite
from eval.suite.kept import unit_path
from eval.suite.offline_answers import read_answers
from eval.suite.run import make_plan
from prompts.template import Message
from retrieval.axes import make_axis
from retrieval.datasets.columns import Columns
from retrieval.datasets.dataset import assemble
from retrieval.errors import ConfigError, DataError
from tests.agent.faults import faulty_server

COMMAND = Path(sys.executable).parent / "polytaste"
PLAIN = {"name": "files", "data": ["ml-latest-small"], "retrievers": ["popularity"], "rerankers": ["top-k"], "lambdas": [0.9], "users": 12, "depth": 20, "k": 5}  # fmt: skip
ids = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=8)
texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("interchange")


def pairs(values):
    return st.dictionaries(st.tuples(ids, ids), values, min_size=1, max_size=12)


def frame(found, name):
    return pl.DataFrame(
        {"user_id": [u for u, _ in found], "item_id": [i for _, i in found], name: list(found.values())}
    )


@given(pairs(st.floats(allow_nan=False, allow_infinity=False)))
@settings(max_examples=100, deadline=None)
def test_runs_come_back(scratch, found):
    run = frame(found, "score")
    write_run(scratch / "run", run)
    back = read_run(scratch / "run")
    assert back.equals(in_order(run))
    lines = (scratch / "run").read_bytes().decode().split("\n")
    assert len(lines) == len(found) + 1
    write_run(scratch / "again", back)
    assert (scratch / "again").read_bytes() == (scratch / "run").read_bytes()


@given(pairs(st.integers(-2, 5)))
@settings(max_examples=100, deadline=None)
def test_judgements_come_back(scratch, found):
    qrels = frame(found, "relevance")
    write_qrels(scratch / "qrels", qrels)
    assert read_qrels(scratch / "qrels").equals(qrels)


def test_blanks_tabs_and_line_ends_of_others(scratch):
    (scratch / "odd").write_bytes(b"u1\tQ0  a 1 0.5 x\r\n\n  u1 Q0 b 2 1e1 x  \r\nu0 Q0 a 9 -3 y")
    assert read_run(scratch / "odd").rows() == [("u1", "b", 10.0), ("u1", "a", 0.5), ("u0", "a", -3.0)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("u Q0 a 1 .5\n", "line 1 is not"),
        ("u Q0 a 1 .5 t\nu Q0 b 1 many t\n", "line 2: score 'many'"),
        ("u Q0 a 1 nan t\n", "line 1: score"),
        ("u Q0 a 1 .5 t\nu Q0 a 2 .4 t\n", "line 2: user 'u' has item 'a' more than once"),
    ],
)
def test_a_bad_line_is_named(scratch, text, says):
    (scratch / "bad").write_text(text)
    with pytest.raises(DataError, match=says):
        read_run(scratch / "bad")


def test_what_cannot_be_written_is_refused(scratch):
    with pytest.raises(DataError, match="two words"):
        write_run(scratch / "x", pl.DataFrame({"user_id": ["u"], "item_id": ["two words"], "score": [1.0]}))
    with pytest.raises(DataError, match="finite"):
        write_run(scratch / "x", pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "score": [float("inf")]}))
    with pytest.raises(DataError, match="no such file"):
        read_qrels(scratch / "nothing here")


def test_lists_as_a_run_keep_their_order():
    run = run_of(np.array([[2, 0, -1], [1, -1, -1]], np.int32), ["x", "y"], ["a", "b", "c"])
    assert in_order(run).select("user_id", "item_id").rows() == [("x", "c"), ("x", "a"), ("y", "b")]


@pytest.fixture(scope="module")
def shared():
    """A thousand users: ties in the scores, no list, short lists, graded and negative and missing judgements."""
    rng = np.random.default_rng(12)
    run, qrels = {}, {}
    for u in range(1000):
        user = f"u{u}"
        qrels[user] = {f"i{i}": int(rng.integers(-1, 4)) for i in rng.choice(80, rng.integers(1, 12), replace=False)}
        listed = rng.choice(80, rng.choice([0, 1, 4, 25], p=[0.1, 0.2, 0.2, 0.5]), replace=False)
        scores = rng.choice([0.1, 0.2, 0.3, 0.30000001, 7.0], len(listed))
        if len(listed):
            run[user] = {f"i{i}": float(s) for i, s in zip(listed, scores, strict=True)}
    return run, qrels


def as_frame(nested, name):
    return frame({(u, i): v for u, items in nested.items() for i, v in items.items()}, name)


def test_scores_equal_ir_measures_with_ties(shared):
    run, qrels = shared
    scored = score_run(as_frame(run, "score"), as_frame(qrels, "relevance"), [1, 5, 20, 30])
    assert scored.unlisted == 1000 - len(run) > 50
    named = {"nDCG": nDCG, "R": R, "P": P, "RR": RR, "AP": AP, "HR": Success}
    for k in (1, 5, 20, 30):
        for name, measure in named.items():
            # ir-measures cuts RR off by another rule for ties: the whole of trec_eval's is cut off here.
            asked_for = RR if measure is RR else measure @ k
            oracle = {m.query_id: m.value for m in ir_measures.iter_calc([asked_for], qrels, run)}
            if measure is RR:
                oracle = {u: v if v >= 1 / k - 1e-12 else 0.0 for u, v in oracle.items()}
            asked = [any(r > 0 for r in qrels[u].values()) for u in scored.users]
            theirs = [oracle.get(u, 0.0) if ask else np.nan for u, ask in zip(scored.users, asked, strict=True)]
            np.testing.assert_allclose(scored.values[f"{name}@{k}"], theirs, atol=1e-9, err_msg=f"{name}@{k}")
    assert np.isnan(scored.values["nDCG@5"]).any()


def test_a_constant_scorer_gains_nothing_by_order_in_the_file():
    """trec_eval's rule: the id that comes later stands higher, wherever the file has it."""
    run = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["b", "a", "c"], "score": [1.0] * 3})
    assert in_order(run)["item_id"].to_list() == ["c", "b", "a"]


def test_items_and_histories_add_what_they_can():
    table = pl.DataFrame({"categories": [["x"], ["y"], ["x", "y"], ["y"]], "count": 0})
    history = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"]})
    known = Known(("a", "b", "c", "d"), make_axis(table, "categories"), history)
    run = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["c", "d"], "score": [2.0, 1.0]})
    qrels = pl.DataFrame({"user_id": ["u"], "item_id": ["d"], "relevance": [1]})
    scored = score_run(run, qrels, [2], known)
    assert scored.totals["coverage@2"] == 0.5
    assert scored.values["ARP@2"][0] == 0 and scored.values["popularity lift@2"][0] == -1
    assert scored.values["ILD@2"][0] == pytest.approx(1 - np.sqrt(0.5))
    p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    mixed = 0.99 * q + 0.01 * p
    assert scored.values["C_KL@2"][0] == pytest.approx((p * np.log(p / mixed)).sum())
    with pytest.raises(DataError, match="'z' is not among the items"):
        score_run(run.with_columns(item_id=pl.lit("z")), qrels, [2], known)


@given(
    st.lists(st.tuples(ids, ids, st.sampled_from([1.0, 2.5, 5.0]), st.integers(0, 2**40)), min_size=1, max_size=12),
    st.dictionaries(ids, st.tuples(texts, st.none() | st.integers(1000, 2999), st.lists(ids, max_size=3, unique=True)), max_size=6),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_atomic_files_come_back(scratch, rows, described):
    events = pl.DataFrame(
        rows, schema={"user": pl.String, "item": pl.String, "value": pl.Float32, "time": pl.Int64}, orient="row"
    )
    items = pl.DataFrame(
        {
            "item_id": list(described), "title": [t for t, _, _ in described.values()],
            "year": [y for _, y, _ in described.values()], "categories": [c for _, _, c in described.values()],
        },
        schema={"item_id": pl.String, "title": pl.String, "year": pl.Int32, "categories": pl.List(pl.String)},
    )  # fmt: skip
    data = assemble(name="set", interactions=events, items=items, rating="rating", like_above=3.0)
    write_atomic(scratch / "set", data, separator="\x1f")
    back = read_atomic(scratch / "set", 3.0, separator="\x1f")
    assert back.interactions.user_ids == data.interactions.user_ids
    for name in ("users", "items", "values", "times"):
        np.testing.assert_array_equal(getattr(back.interactions, name), getattr(data.interactions, name))
    columns = ["item_id", "title", "year", "categories", "count"]
    assert back.catalog.table.select(columns).equals(data.catalog.table.select(columns))


def test_atomic_files_as_recbole_ships_them(scratch):
    folder = scratch / "ml"
    folder.mkdir()
    (folder / "ml.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t7\t4\t881250949\n"
    )
    (folder / "ml.item").write_text("item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n7\tToy Story\t1995\tAnimation Comedy\n")  # fmt: skip
    data = read_atomic(folder, 3.5)
    assert data.catalog.table.select("item_id", "title", "year", "categories").row(0) == ("7", "Toy Story", 1995, ["Animation", "Comedy"])  # fmt: skip
    (folder / "ml.inter").write_text("user_id:token\titem_id:token\trating:float\n1\t7\tgood\n")
    with pytest.raises(DataError, match="rating: 'good'"):
        read_atomic(folder)
    (folder / "ml.inter").write_text("user_id,item_id\n1,2\n")
    with pytest.raises(DataError, match="line 1 is no header"):
        read_atomic(folder)


def test_a_category_that_holds_the_separator_is_refused(dataset, scratch):
    table = dataset.catalog.table.with_columns(pl.lit(["two words"]).alias("categories"))
    other = type(dataset)("x", type(dataset.catalog)(table), dataset.interactions, 3.5)
    with pytest.raises(DataError, match="two words"):
        write_atomic(scratch / "spaces", other)


def test_the_bundled_data_through_atomic_files(dataset, scratch):
    write_atomic(scratch / "bundled", dataset, separator="|")
    back = read_atomic(scratch / "bundled", dataset.like_above, separator="|")
    assert len(back.likes()) == len(dataset.likes())
    np.testing.assert_array_equal(np.sort(back.catalog.counts), np.sort(dataset.catalog.counts))


@given(pairs(st.floats(-1e6, 1e6)))
@settings(max_examples=60, deadline=None)
def test_rankllm_lines_come_back_in_order(scratch, found):
    run = in_order(frame(found, "score"))
    users, items = {u: f"likes {u}" for u, _ in found}, {i: f"about {i}" for _, i in found}
    write_rankllm(scratch / "r.jsonl", run, users, items)
    back = read_rankllm(scratch / "r.jsonl")
    assert back.select("user_id", "item_id").equals(run.select("user_id", "item_id"))
    assert in_order(back).select("item_id").equals(back.select("item_id"))


def test_rankllm_wants_words(scratch):
    run = pl.DataFrame({"user_id": ["u"], "item_id": ["i"], "score": [1.0]})
    with pytest.raises(DataError, match="item 'i' has no words"):
        write_rankllm(scratch / "r.jsonl", run, {"u": "?"}, {})
    (scratch / "r.jsonl").write_text('{"query": {"text": "x"}, "candidates": []}\n')
    with pytest.raises(DataError, match=r"line 1: query\.qid"):
        read_rankllm(scratch / "r.jsonl")


LABELS = (Label("A", 32), Label("B", 33), Label("C", 34))


def answer(custom_id, logprobs, status=200):
    top = [{"token": f"token_id:{t}", "logprob": v} for t, v in logprobs.items()]
    body = {
        "choices": [{"message": {"content": "A"}, "logprobs": {"content": [{"top_logprobs": top}]}}],
        "usage": {"prompt_tokens": 90, "completion_tokens": 1, "total_tokens": 91},
    }
    return json.dumps(
        {"id": "1", "custom_id": custom_id, "response": {"status_code": status, "body": body}, "error": None}
    )


def test_batches_ask_and_are_read(scratch):
    asked = [(f"u{n}", (Message("system", "choose"), Message("user", "A. Tetris")), n) for n in (2, 3)]
    assert write_batch(scratch / "in.jsonl", asked, "small", LABELS) == 2
    first = json.loads((scratch / "in.jsonl").read_text().splitlines()[0])
    assert (first["custom_id"], first["method"], first["url"]) == ("u2", "POST", "/v1/chat/completions")
    assert first["body"]["messages"][1] == {"role": "user", "content": "A. Tetris"}
    assert first["body"]["logprob_token_ids"] == [32, 33]
    assert first["body"]["max_tokens"] == 1 and first["body"]["temperature"] == 0
    lines = [answer("u3", {32: -0.1, 33: -3.0, 34: -4.0}), answer("u2", {32: -1.0}), answer("u9", {}, status=500)]
    (scratch / "out.jsonl").write_text("\n".join(lines) + "\n")
    found = read_batch(scratch / "out.jsonl", {"u2": 2, "u3": 3, "u9": 2, "lost": 2}, LABELS)
    np.testing.assert_allclose(found["u3"].logprobs, [-0.1, -3, -4], rtol=1e-6)
    assert (found["u3"].prompt_tokens, found["u3"].completion_tokens) == (90, 1)
    assert all(isinstance(found[name], LLMFailure) for name in ("u2", "u9", "lost"))
    with pytest.raises(DataError, match="'u3', which was not asked"):
        read_batch(scratch / "out.jsonl", {"u2": 2}, LABELS)
    with pytest.raises(DataError, match="stands twice"):
        write_batch(scratch / "in.jsonl", [asked[0], asked[0]], "small", LABELS)


def test_a_run_from_the_command_line(shared, scratch):
    run, qrels = shared
    write_run(scratch / "a.run", as_frame(run, "score"))
    write_run(scratch / "b.run", as_frame(run, "score").with_columns(score=-pl.col("score")))
    write_qrels(scratch / "q", as_frame(qrels, "relevance"))
    items = pl.DataFrame(
        {"item_id": [f"i{i}" for i in range(80)], "categories": [f"c{i % 3}|c{i % 5}" for i in range(80)]}
    )
    items.write_csv(scratch / "items.csv")
    pl.DataFrame({"user_id": ["u1", "u2"], "item_id": ["i3", "i4"]}).write_parquet(scratch / "h.parquet")
    options = [
        "--qrels",
        scratch / "q",
        "--at",
        "5",
        "--items",
        scratch / "items.csv",
        "--history",
        scratch / "h.parquet",
    ]
    done = subprocess.run(
        [COMMAND, "eval", "score", scratch / "a.run", *options, "--baseline", scratch / "b.run", "--per-user", scratch / "u.parquet", "--json"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    oracle = ir_measures.calc_aggregate([nDCG @ 5], qrels, run)
    values = pl.read_parquet(scratch / "u.parquet")["nDCG@5"].fill_nan(None)
    assert told["metrics"]["nDCG@5"]["mean"] == pytest.approx(values.mean())
    assert oracle[nDCG @ 5] <= told["metrics"]["nDCG@5"]["mean"]  # which counts users that nothing is relevant to as 0
    gap = told["metrics"]["nDCG@5"]["minus_baseline"]
    assert gap["low"] <= gap["mean"] <= gap["high"] and gap["p"] <= gap["p_holm"] <= 1
    assert {"C_KL@5", "ARP@5", "ILD@5"} <= set(told["metrics"]) and "Gini@5" in told["totals"]
    shown = subprocess.run(
        [COMMAND, "eval", "score", scratch / "a.run", "--qrels", scratch / "q"], capture_output=True, text=True
    )
    assert "1,000 judged users" in shown.stdout and "nDCG@20" in shown.stdout
    wrong = subprocess.run(
        [COMMAND, "eval", "score", scratch / "a.run", "--qrels", scratch / "q", "--at", "x"],
        capture_output=True,
        text=True,
    )
    assert wrong.returncode == 2 and "--at 'x'" in wrong.stderr


def test_tables_of_items_and_histories(dataset, scratch):
    write_atomic(scratch / "tables", dataset, separator="|")
    known = read_known(scratch / "tables" / "tables.item", scratch / "tables" / "tables.inter", Columns())
    assert len(known.item_ids) == len(dataset.catalog)
    assert known.history.height == len(dataset.interactions.distinct())
    pl.DataFrame({"song": ["a", "b"], "style": ["x|y", "x"]}).write_csv(scratch / "songs.csv")
    (scratch / "touched.qrels").write_text("u 0 a 1\n")
    named = Columns(item="song", categories="style")
    known = read_known(scratch / "songs.csv", scratch / "touched.qrels", named)
    assert known.item_ids == ("a", "b") and known.axis.labels == ("x", "y") and known.history.height == 1
    with pytest.raises(ConfigError, match="no column that looks like the item"):
        read_known(scratch / "songs.csv", None, Columns())
    with pytest.raises(ConfigError, match="no column 'sung' for item"):
        read_known(scratch / "songs.csv", None, Columns(item="sung"))


SCORED = {
    "empty": "", "strangers": "x Q0 a 1 1 t\n", "other items": "u Q0 z 1 1 t\nv Q0 z 1 1 t\n",
    "short": "u Q0 b 1 2 t\nv Q0 a 1 1 t\n", "long": "u Q0 b 1 3 t\nu Q0 c 2 2 t\nu Q0 a 3 1 t\nx Q0 a 1 1 t\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def scored(scratch):
    """The command on small runs of one item per user and more, and what it says."""
    (scratch / "few.qrels").write_text("u 0 a 1\nv 0 a 1\nv 0 b 0\n")
    for name, text in SCORED.items():
        (scratch / f"{name}.run").write_text(text)

    def score(run, *options):
        words = ["score", str(scratch / f"{run}.run"), "--qrels", str(scratch / "few.qrels"), *options]
        return CliRunner().invoke(evaluate, words)

    return score


@pytest.mark.parametrize(
    ("run", "says", "remedy"),
    [
        ("empty", "empty.run: the run has no lines", "a line for each of its items"),
        ("strangers", "strangers.run: no user of the run is judged: it has 'x' and the like, the judgements 'u'", "under the same ids"),
    ],
)  # fmt: skip
def test_a_run_that_says_nothing_of_the_judged_users_is_refused(scored, scratch, run, says, remedy):
    for options in ((run,), ("long", "--baseline", str(scratch / f"{run}.run"))):
        error = scored(*options).exception
        assert isinstance(error, DataError) and error.exit_code == 3
        assert says in error.message and remedy in error.remedy


def test_what_makes_figures_misleading_is_said_beside_them(scored, scratch):
    notes = json.loads(scored("long", "--baseline", str(scratch / "short.run"), "--at", "1,2,5", "--json").stdout)[
        "notes"
    ]
    assert notes[:2] == [
        "long.run: 1 judged users have no list: they found nothing, and count",
        "long.run: 1 users have no judgement: they are left out",
    ]
    assert "@2 and @5" in notes[2] and "those of short.run hold 1 items at most, those of long.run 3" in notes[2]
    assert "--at 1" in notes[2] and len(notes) == 3
    assert json.loads(scored("short", "--baseline", str(scratch / "short.run"), "--json").stdout)["notes"] == []
    assert (
        json.loads(scored("long", "--baseline", str(scratch / "short.run"), "--at", "1", "--json").stdout)["notes"]
        == notes[:2]
    )
    assert (
        "are the items' ids those of the judgements?" in json.loads(scored("other items", "--json").stdout)["notes"][0]
    )


def test_no_figure_is_cut_on_a_pipe(scored, scratch):
    done = subprocess.run(
        [COMMAND, "eval", "score", scratch / "long.run", "--qrels", scratch / "few.qrels", "--baseline", scratch / "short.run"],
        capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    figures = json.loads(scored("long", "--baseline", str(scratch / "short.run"), "--json").stdout)["metrics"]
    rows = {name: line for line in done.stdout.splitlines() for name in figures if line.split("  ")[1:2] == [name]}
    assert set(rows) == set(figures)
    for name, line in rows.items():
        assert line.count("[") == line.count("]") == 2 and "\u2026" not in line
        assert f"{figures[name]['minus_baseline']['p_holm']:.4f}" in line


NOTHING = {"kept": 0, "failed": {}, "replaced": 0, "before": 0, "invalid": 0, "errors": 0, "unanswered": 0, "cells": 0}


def answered_by(asked, lost=()):
    """What ``vllm run-batch`` would write of a model that likes titles by their last letter."""
    lines = []
    for line in map(json.loads, asked.read_text().splitlines()):
        tokens, text = line["body"]["logprob_token_ids"], line["body"]["messages"][-1]["content"]
        shown = text.split("Candidates:\n")[1].splitlines()
        titles = [next(row for row in shown if row.startswith(f"{letter}. ")) for letter in LETTERS[: len(tokens)]]
        values = {token: -1.0 - ord(title.split(" [")[0][-3]) % 7 for token, title in zip(tokens, titles, strict=True)}
        if line["custom_id"] not in lost:
            lines.append(answer(line["custom_id"], values))
    return "\n".join(lines) + "\n"


def test_a_language_model_is_asked_through_files(scratch, capsys, monkeypatch):
    """Questions out, answers in, and the cells are made while no server is there any more."""
    plans = []

    def once(suite):  # the same suite each time: data are split once
        plans.append(plans[0] if plans else make_plan(suite))
        return plans[0]

    monkeypatch.setattr("eval.suite.commands.make_plan", once)
    suite, out, answers = scratch / "suite.yaml", scratch / "results", scratch / "answered.jsonl"
    with faulty_server("good") as (url, chats):
        llm = {"models": [f"m@{url}"], "users": 5, "weight": [0.0, 1.0], "orders": 2}
        suite.write_text(yaml.safe_dump({**PLAIN, "rerankers": ["calibrated"], "llm": llm}))
        export = (str(suite), out, "run-batch", 0.9, None, [], None, " ")
        run_export(*export)
        asked = out / "asked" / "m.jsonl"
        lines = [json.loads(line) for line in asked.read_text().splitlines()]
        assert len(lines) == 10 == len({line["custom_id"] for line in lines}) and not chats
        answers.write_text(answered_by(asked, lost={lines[0]["custom_id"]}))
        capsys.readouterr()
        run_import(suite, answers, out, as_json=True)
        assert json.loads(capsys.readouterr().out) == {**NOTHING, "kept": 4, "unanswered": 1}
        run_export(*export)  # what was not answered is asked again, and nothing else
        assert {line["custom_id"] for line in map(json.loads, asked.read_text().splitlines())} == {lines[n]["custom_id"] for n in (0, 1)}  # fmt: skip
        answers.write_text(answered_by(asked))
        done = CliRunner().invoke(evaluate, ["import", str(suite), str(answers), "--out", str(out), "--json"])
        assert json.loads(done.stdout) == {**NOTHING, "kept": 1, "before": 4}, done.output
    run_suite(suite, out, None, 0.0, dry=False)
    (field,) = read_results(out).fields
    heard, unheard, plain = (
        next(c for c in field.cells if name in c.title) for name in ("weight 1", "weight 0", "calibrated")
    )
    users = np.flatnonzero(heard.items[:, 0] >= 0)
    assert len(users) == 5
    np.testing.assert_array_equal(unheard.items[users], plain.items[users])
    assert (heard.items[users] != unheard.items[users]).any()
    assert field.answers["popularity: m, rerank-shares, weight 1"]["reason"].null_count() == 5
    assert "calls of a language model" in html(read_results(out), [leaderboard(field)], 0.9)
    answers.write_text(answer("another", {32: -1.0}))
    with pytest.raises(DataError, match="answers nothing that was asked"):
        run_import(suite, answers, out, as_json=True)


def test_answers_that_are_none_are_not_kept_and_better_ones_take_their_place(scratch, capsys):
    """Without log-probabilities, errors of the server's, a model that does not answer in labels: what is kept, told and made anew."""
    suite, out, answers = scratch / "better.yaml", scratch / "better", scratch / "better.jsonl"

    def imported(lines):
        answers.write_text("\n".join(lines) + "\n")
        done = CliRunner().invoke(evaluate, ["import", str(suite), str(answers), "--out", str(out), "--json"])
        return json.loads(done.stdout), done.exception

    with faulty_server("good") as (url, _):
        llm = {"models": [f"m@{url}"], "users": 4, "weight": 1.0}
        suite.write_text(yaml.safe_dump({**PLAIN, "rerankers": ["calibrated"], "llm": llm}))
        export = (str(suite), out, "run-batch", 0.9, None, [], None, " ")
        run_export(*export)
        asked = out / "asked" / "m.jsonl"
        good, lines = answered_by(asked).splitlines(), asked.read_text().splitlines()
        names = [json.loads(line)["custom_id"] for line in good]
        read, error = imported([answer(name, {}) for name in names])
        assert read == {**NOTHING, "invalid": 4}
        assert isinstance(error, DataError) and "4 are answered without the log-probabilities" in error.message
        assert f"--out {out}" in error.remedy and not any(path.read_text() for path in out.glob("calls/*"))
        unlabelled = dict.fromkeys(json.loads(lines[0])["body"]["logprob_token_ids"], -20.0)
        weak = [answer(name, unlabelled) for name in names[:2]]
        read, error = imported([*weak, answer(names[2], {}, status=500)])
        assert error is None
        assert read == {**NOTHING, "kept": 2, "failed": {"llm_low_label_mass": 2}, "errors": 1, "unanswered": 1}
        run_suite(suite, out, None, 0.0, dry=False)  # the server answers the other two
        made = reasons(out)
        assert made.count("llm_low_label_mass") == 2 and made.count(None) == 2
        read, error = imported(good)
        assert read == {**NOTHING, "kept": 2, "replaced": 2, "before": 2, "cells": 1} and error is None
    run_suite(suite, out, None, 0.0, dry=False)
    assert reasons(out) == [None] * 4
    capsys.readouterr()
    run_import(suite, answers, out, as_json=False)
    assert "kept 0 answers; 4 were there before and stay" in " ".join(capsys.readouterr().err.split())


def reasons(folder):
    (table,) = read_results(folder).fields[0].answers.values()
    return table["reason"].to_list()


def test_titles_of_the_same_letters_are_words_of_their_own():
    found = words(["a/b", "a-b", "A b", "ease (ridge 100.0)-calibrated λ 0.9"])
    assert found["ease (ridge 100.0)-calibrated λ 0.9"] == "ease-ridge-100.0-calibrated-lambda-0.9"
    assert len({word.lower() for word in found.values()}) == 4
    assert all(word.lower().startswith("a-b-") for word in list(found.values())[:3])
    assert words(["a/b", "c"]) == {"a/b": "a-b", "c": "c"}


def test_models_of_the_same_letters_have_files_of_their_own(scratch):
    suite = scratch / "alike.yaml"
    with faulty_server("good") as (url, _):
        llm = {"models": [f"a/b@{url}", f"a-b@{url}"], "users": 2}
        suite.write_text(yaml.safe_dump({**PLAIN, "rerankers": ["calibrated"], "llm": llm}))
        run_export(str(suite), scratch / "alike", "run-batch", 0.9, None, [], None, " ")
    asked = [path.read_text().splitlines() for path in (scratch / "alike" / "asked").glob("*.jsonl")]
    assert sorted({json.loads(line)["body"]["model"] for line in lines}.pop() for lines in asked) == ["a-b", "a/b"]
    assert [len(lines) for lines in asked] == [2, 2]


def test_files_for_others_and_what_they_make_of_them(scratch, capsys):
    """Data to RecBole and back into a suite; its candidates to RankLLM, and a reordering of them scored; all by commands."""
    told = CliRunner().invoke(
        evaluate, ["export", "ml-latest-small", "--to", "recbole", "--separator", "|", "--out", str(scratch / "atomic")]
    )
    assert told.exit_code == 0, told.output
    suite, out = scratch / "atomic.yaml", scratch / "ranked"
    suite.write_text(yaml.safe_dump({**PLAIN, "data": [{"path": str(scratch / "atomic"), "separator": "|"}]}))
    run_suite(suite, out, None, 0.0, dry=False)
    bundled = scratch / "bundled.yaml"
    bundled.write_text(yaml.safe_dump(PLAIN))
    run_suite(bundled, scratch / "same", None, 0.0, dry=False)
    (field,), (same,) = read_results(out).fields, read_results(scratch / "same").fields
    assert field.users["user_id"].equals(same.users["user_id"])
    assert all(field.facts[name] == same.facts[name] for name in ("train_users", "items", "interactions", "groups"))
    run_export(str(out), scratch / "files", "rankllm", 0.9, None, [], None, " ")
    requests = [json.loads(line) for line in (scratch / "files" / "1-popularity.jsonl").read_text().splitlines()]
    assert len(requests) == 12 and all(len(request["candidates"]) == 20 for request in requests)
    assert requests[0]["query"]["qid"] == field.users["user_id"][0] and requests[0]["candidates"][0]["doc"]["contents"]
    capsys.readouterr()

    def scored():
        run_score(
            scratch / "files" / "1-popularity.jsonl",
            scratch / "files" / "1.qrels",
            None,
            None,
            None,
            "5",
            None,
            [],
            as_json=True,
        )
        return json.loads(capsys.readouterr().out)["metrics"]["nDCG@5"]["mean"]

    before = scored()
    assert before == pytest.approx(np.nanmean(field.plain("popularity").values["ndcg"]))
    qrels = read_qrels(scratch / "files" / "1.qrels")
    wanted = set(qrels.select("user_id", "item_id").iter_rows())
    for request in requests:  # as a perfect reranker would leave them
        request["candidates"].sort(key=lambda c: (request["query"]["qid"], c["docid"]) not in wanted)
    (scratch / "files" / "1-popularity.jsonl").write_text("\n".join(map(json.dumps, requests)) + "\n")
    assert scored() > before
    with pytest.raises(ConfigError, match="no such kind"):
        run_export(str(out), scratch / "files", "csv", 0.9, None, [], None, " ")


def test_cells_go_before_answers_come_and_only_where_they_can_be_made_again(scratch, monkeypatch):
    """Stopped while it keeps answers, an import is told again; one answer of four leaves a finished cell as it is."""
    suite, out, answers = scratch / "partial.yaml", scratch / "partial", scratch / "partial.jsonl"
    with faulty_server("good") as (url, _):
        llm = {"models": [f"m@{url}"], "users": 4, "weight": 1.0}
        suite.write_text(yaml.safe_dump({**PLAIN, "rerankers": ["calibrated"], "llm": llm}))
        run_export(str(suite), out, "run-batch", 0.9, None, [], None, " ")
        good = answered_by(out / "asked" / "m.jsonl").splitlines()
    plan = planned(suite)
    cells = [unit_path(out, unit) for unit in plan.units if unit.reranker == "llm"]
    for path in cells:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made of what failed")
    answers.write_text(answer(json.loads(good[3])["custom_id"], {}, status=400) + "\n")
    assert read_answers(out, plan, answers).failed == {"llm_refused_request": 1}  # as a server's refusal is
    answers.write_text(good[0] + "\n")
    assert read_answers(out, plan, answers).cells == 0 and all(path.exists() for path in cells)
    answers.write_text("\n".join(good) + "\n")
    with monkeypatch.context() as patch:
        patch.setattr("eval.suite.calls.Calls.add", lambda *_: (_ for _ in ()).throw(OSError("the disk is full")))
        with pytest.raises(OSError, match="full"):
            read_answers(out, plan, answers)
    assert not any(path.exists() for path in cells)
    assert read_answers(out, plan, answers).kept == 3
