"""Reports and the gate, on a small suite that was really run."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.gate import RegressionError, Stored, asked_of, compare, means_of, run_gate
from eval.interchange.export import export_runs
from eval.interchange.scoring import score_run
from eval.interchange.trec import read_qrels, read_run
from eval.metrics import gini
from eval.report_examples import examples
from eval.report_figures import curves_svg
from eval.report_made import cells_said, cost_said
from eval.report_pages import html, latex, markdown, write_report
from eval.report_read import gini_of, read_results
from eval.report_summary import best_retriever, failures, leaderboard, nearest, pareto, seeing, tails
from eval.suite.config import SuiteConfig
from eval.suite.lines import append
from eval.suite.measure import METRICS
from eval.suite.run import make_plan, run
from retrieval.errors import ConfigError, NotFoundError

COMMAND = Path(sys.executable).parent / "polytaste"
SUITE = SuiteConfig.model_validate(
    {
        "name": "reported", "data": ["ml-latest-small"], "retrievers": ["popularity", {"name": "ease", "config": {"ridge": 100.0}}],
        "rerankers": ["top-k", "calibrated", "steck-greedy"], "lambdas": [0.5, 0.9], "users": 70, "depth": 40,
    }
)  # fmt: skip
VOID = {"meta", "br", "path", "use", "rect", "img"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reported")
    plan = make_plan(SUITE)
    run(folder, plan, lambda *_: None)
    return plan, folder, read_results(folder)


@pytest.fixture(scope="module")
def written(ran):
    _, folder, _ = ran
    return {path.name: path for path in write_report(folder)}


class Page(HTMLParser):
    """Open and closed tags, and everything that would fetch something."""

    def __init__(self):
        super().__init__()
        self.open, self.fetched, self.ids, self.links, self.text = [], [], set(), set(), []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids |= {found["id"]} if "id" in found else set()
        if tag == "a":
            self.links.add(found["href"])
        self.fetched += [(tag, k, v) for k, v in attrs if k in {"src", "srcset", "data", "action"} or (k in {"href", "xlink:href"} and not v.startswith("#"))]  # fmt: skip
        self.fetched += [(tag, "", "")] if tag in {"script", "link", "iframe", "object", "embed", "base"} else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_fetches_nothing(written):
    text = written["report.html"].read_text()
    page = Page()
    page.feed(text)
    assert page.open == [] and page.fetched == []
    assert {link[1:] for link in page.links} <= page.ids
    assert not re.search(r"@import|url\((?!#)|@font-face", text)
    assert "prefers-color-scheme: dark" in text and "currentColor" in text and 'name="viewport"' in text
    said = " ".join(page.text)
    for part in (
        "Leaderboard",
        "Accuracy against calibration",
        "Who gains",
        "Slates side by side",
        "Failures",
        "numpy",
    ):
        assert part in said
    assert "nan" not in re.sub(r"[a-z]*nan[a-z]+|[a-z]+nan", "", said.lower()).split()


def test_another_reranker_can_be_the_one_that_others_are_compared_with(ran):
    _, _, results = ran
    field = results.fields[0]
    against = {(r.cell.retriever, r.cell.reranker): r for r in leaderboard(field, against="calibrated")}
    plain = {(r.cell.retriever, r.cell.reranker): r for r in leaderboard(field)}
    for (retriever, reranker), row in against.items():
        if reranker == "calibrated":
            assert row.gap is None
            assert row.p is None
        elif reranker == "top-k":
            assert row.gap.mean == pytest.approx(-plain[retriever, "calibrated"].gap.mean)
    with pytest.raises(ConfigError, match="--against nothing"):
        leaderboard(field, against="nothing")


def test_the_leaderboard_says_the_means(ran, written):
    plan, folder, results = ran
    rows = leaderboard(results.fields[0])
    assert len(rows) == 6 and [r.means["ndcg"].mean for r in rows] == sorted(
        (r.means["ndcg"].mean for r in rows), reverse=True
    )
    unit = next(u for u in plan.units if u.reranker == "calibrated" and u.pool.retriever.name == "ease")
    table = pl.read_parquet(folder / "units" / f"{unit.key}.parquet").filter(pl.col("lambda") == 0.9)
    row = next(r for r in rows if r.cell.reranker == "calibrated" and r.cell.retriever.startswith("ease"))
    assert row.cell.lam == 0.9
    assert row.means["ndcg"].mean == pytest.approx(table["ndcg"].fill_nan(None).mean(), rel=1e-5)
    assert row.means["ndcg"].low <= row.means["ndcg"].mean <= row.means["ndcg"].high
    plain = next(r for r in rows if r.cell.reranker == "top-k" and r.cell.retriever == row.cell.retriever)
    assert plain.gap is None and plain.p is None
    difference = row.cell.values["ndcg"] - plain.cell.values["ndcg"]
    assert row.gap.mean == pytest.approx(np.nanmean(difference))
    assert 0 < row.p <= 1
    number = f"{row.means['ndcg'].mean:.4f}"
    assert all(number in written[name].read_text() for name in ("report.html", "report.md", "leaderboard-1.tex"))
    assert row.means["c_kl"].high < plain.means["c_kl"].low


def test_popularity_of_histories_is_a_mean(ran):
    plan, _, results = ran
    ground = plan.grounds[0]
    row = ground.test.fold_in.row(3)
    assert ground.history_arp[3] == pytest.approx(ground.counts[row].mean())
    head = results.fields[0].users["head_share"].to_numpy()
    assert 0 < head.mean() < 1 and len(np.unique(head)) > 10


def test_tails_are_the_whole_in_three(ran):
    _, _, results = ran
    field = results.fields[0]
    found = tails(field, "ease (ridge 100.0)")
    assert len(found) == 9
    plain = field.plain("ease (ridge 100.0)").values["ndcg"]
    for by in {t.by for t in found}:
        mine = [t for t in found if t.by == by]
        assert sum(t.users for t in mine) == 70
        assert all(t.plain[0].low <= t.plain[0].mean <= t.plain[0].high for t in mine)
    assert any(t.plain[0].mean > np.nanmean(plain) for t in found)


def test_examples_are_slates_that_were_made(ran):
    plan, _, results = ran
    field = results.fields[0]
    shown = examples(field, "ease (ridge 100.0)")
    assert len(shown) == 3
    for example in shown:
        at = field.users["user_id"].to_list().index(example.user)
        hidden = set(plan.grounds[0].test.hidden.row(at).tolist())
        for slate, cell in zip(example.slates, (field.plain("ease (ridge 100.0)"), None), strict=True):
            assert len(slate.items) == 10
            if cell is not None:
                assert [i.found for i in slate.items] == [i in hidden for i in cell.items[at].tolist()]
                assert slate.items[0].title == plan.grounds[0].catalog.titles[cell.items[at][0]]
        assert all(0 < asked <= 1 and all(0 <= q <= 1 for q in kept) for _, asked, kept in example.bars)
        largest = np.sort(plan.grounds[0].target[at])[::-1]
        np.testing.assert_allclose([asked for _, asked, _ in example.bars], largest[: len(example.bars)])


def test_failures_count_users(ran):
    _, _, results = ran
    field = results.fields[0]
    found = {f.what: f for f in failures(field)}
    none = next(f for what, f in found.items() if what.startswith("popularity: no hidden item"))
    assert none.users == int((field.ceilings["popularity"]["recall_ceiling"] == 0).sum())
    assert 0 < len(none.examples) <= 5
    assert "users show a difference" in seeing(field, "popularity")
    assert seeing(field, "popularity", 0.5) != seeing(field, "popularity", 0.9)


def test_what_is_looked_at_closely_is_chosen_by_validation(ran, written):
    _, _, results = ran
    field = results.fields[0]
    rows = leaderboard(field)
    assert field.chosen["ease (ridge 100.0)"] > field.chosen["popularity"] > 0
    worse = replace(field, chosen={name: -value for name, value in field.chosen.items()})
    assert best_retriever(worse, rows) == ("popularity", "the best on validation users")
    blind = replace(field, chosen=dict.fromkeys(field.chosen, float("nan")))
    assert best_retriever(blind, rows)[0] == rows[0].cell.retriever and "test users" in best_retriever(blind, rows)[1]
    for name in ("report.html", "report.md"):
        assert "the best on validation users" in written[name].read_text()


def test_seconds_are_those_of_each_unit_when_it_was_made_last(ran, tmp_path):
    plan, folder, _ = ran
    again = shutil.copytree(folder, tmp_path / "again")
    times, (pool, *_) = again / "timings.jsonl", plan.pools
    before = read_results(folder).timings
    assert set(before) == {unit.key for unit in [*plan.pools, *plan.units]}
    with times.open("a") as out:
        out.write(f'{{"key": "{pool.key}", "wh')  # no line: it was not finished
    assert read_results(again).timings == before
    for key, seconds in ((pool.key, 50.0), (pool.key, 100.0), ("of older code", 999.0)):
        append(times, {"key": key, "what": "x", "seconds": seconds})
    found = read_results(again)
    assert found.timings == {**before, pool.key: 100.0}
    took = sum(before.values()) - before[pool.key] + 100.0
    assert f"took {took:,.0f} s: the sum over the 8 retrievers and rerankers" in cost_said(found)
    times.unlink()
    assert "took 0.0 s: the sum over 0 of the 8" in cost_said(read_results(again))


def test_cells_are_those_that_were_run(ran):
    plan, _, results = ran
    made = sum(len(unit.lambdas) for unit in plan.units)
    assert cells_said(results) == f"{made} cells: 1 data set under 1 split"
    manifest = json.loads(json.dumps(results.manifest))
    manifest["units"] += manifest["units"]
    manifest["suite"]["data"] *= 2
    said = cells_said(replace(results, manifest=manifest))
    assert said == f"{2 * made} cells, {made} once seeds are averaged: 2 data sets under 1 split"


def test_rows_of_fewer_users_and_of_several_seeds_are_marked_wherever_they_stand(ran):
    """The best of all on ten users stands last, is on no front, and says of how many it is; seeds say how far apart they are."""
    _, _, results = ran
    (field,) = results.fields
    some = np.arange(len(field.users)) < 10
    model = [cell for cell in field.cells if cell.reranker == "steck-greedy" and cell.retriever == "popularity"]
    cells = tuple(
        replace(cell, values={name: np.where(some, 1.0 + row, np.nan) for name, row in cell.values.items()})
        if cell in model
        else replace(cell, by_seed=(0.1234, 0.1111, 0.1345))
        if cell.retriever.startswith("ease")
        else cell
        for cell in field.cells
    )
    mixed = replace(field, cells=cells)
    rows = leaderboard(mixed)
    part = next(row for row in rows if row.part)
    known = int(np.isfinite(part.cell.values["ndcg"]).sum())
    assert part is rows[-1] and part.part == known and part.means["ndcg"].mean > rows[0].means["ndcg"].mean
    both = replace(results, fields=(mixed,))
    text, page, table = markdown(both, [rows], 0.9), html(both, [rows], 0.9), latex(mixed, rows, 10)
    assert f"| steck-greedy λ 0.9 ({known} users) |" in text and f"<small>{known} users</small>" in page
    assert rf"steck-greedy $\lambda$ 0.9 ($n={known}$) &" in table
    assert "| ease (ridge 100.0) (3 seeds: 0.1111 to 0.1345) |" in text
    assert "<small>3 seeds: 0.1111 to 0.1345</small>" in page
    assert "ease (ridge 100.0) (3 seeds) &" in table and "% ease (ridge 100.0), top-k, 3 seeds: 0.1111 to" in table
    for said in (text, page, table):
        assert "stand last" in said and "over seeds of training" in said and "no match for the others" in said
    svg = curves_svg(mixed, 10)
    assert f"steck-greedy ({known} users)" in svg
    plain = markdown(results, [leaderboard(field)], 0.9)
    assert "users) |" not in plain and "seeds" not in plain and "stand last" not in plain


def test_users_who_are_alike_are_in_one_group(ran):
    (field,) = ran[2].fields
    alike = field.users.with_columns(
        history=pl.lit(1250), head_share=pl.when(pl.int_range(pl.len()) < 10).then(0.25).otherwise(0.5)
    )
    found = tails(replace(field, users=alike), "popularity")
    bands = [(t.band, t.users) for t in found if not t.by.startswith("share of minority")]
    assert bands == [
        ("all: 1,250 to 1,250", 70),
        ("all: 0.25 to 0.5", 70),
    ]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_nothing_beats_the_front(points):
    values = np.array(points, float)
    front = set(pareto(values).tolist())
    for at, (error, gain) in enumerate(values):
        beaten = any(e <= error and g >= gain and (e, g) != (error, gain) for e, g in values)
        assert beaten == ((error, gain) not in {tuple(values[f]) for f in front}), at
    assert len({tuple(values[f]) for f in front}) == len(front)


def test_curves_follow_the_page(ran):
    svg = curves_svg(ran[2].fields[0], 10)
    assert svg.startswith("<svg") and "currentColor" in svg and "#010203" not in svg
    assert "<text" in svg and "steck-greedy" in svg
    assert curves_svg(ran[2].fields[0], 10) == svg


def test_gini_needs_no_names():
    lists = np.array([[7, 90], [7, -1], [7, 3]], np.int32)
    assert gini_of(lists, 200) == pytest.approx(gini(lists, 200))
    assert gini_of(np.array([[7, 90]], np.int32), 2) == 0


def test_the_gate_sees_what_is_worse(ran, tmp_path):
    _, folder, results = ran
    stored = Stored(suite="reported", asked=asked_of(results), cells=means_of(results))
    assert compare(stored, results) == []
    cell = next(iter(stored.cells))
    worse = json.loads(stored.model_dump_json())
    worse["cells"][cell]["ndcg"] += 0.02
    worse["cells"][cell]["c_kl"] += 0.02  # less is better: this one got better
    worse["cells"][cell]["recall"] += 0.004  # within the band
    worse["cells"]["gone; x; y"] = {"ndcg": 0.5}
    moved = {(m.cell, m.metric): m.worse for m in compare(Stored.model_validate(worse), results)}
    assert moved == {(cell, "ndcg"): True, (cell, "c_kl"): False, ("gone; x; y", "ndcg"): True}
    file = tmp_path / "stored.json"
    run_gate(folder, file, write=True, as_json=False)
    run_gate(folder, file, write=False, as_json=False)
    file.write_text(json.dumps(worse))
    with pytest.raises(RegressionError, match="2 of"):
        run_gate(folder, file, write=False, as_json=False)
    with pytest.raises(ConfigError, match="another"):
        compare(stored.model_copy(update={"suite": "another"}), results)
    for text in (
        '{"suite": "x", "asked": {}, "sells": {}}',
        json.dumps({**worse, "cells": {}}),
    ):  # a gate that holds nothing is none
        file.write_text(text)
        with pytest.raises(ConfigError, match="cells"):
            run_gate(folder, file, write=False, as_json=False)


def test_the_gate_knows_its_data_its_bands_and_what_it_does_not_hold(ran, tmp_path, capsys):
    _, folder, results = ran
    (title,) = asked_of(results)
    field = results.fields[0]
    fewer = replace(results, fields=(replace(field, users=field.users[1:]),))
    assert asked_of(fewer) != asked_of(results)
    with pytest.raises(ConfigError, match="other users, histories or hidden items"):
        compare(Stored(suite="reported", asked={title: "0"}, cells=means_of(results)), results)
    file = tmp_path / "stored.json"
    run_gate(folder, file, write=True, as_json=False)
    mine = json.loads(file.read_text())
    mine["bands"]["ndcg"] = 0.05
    gone = mine["cells"].popitem()[0]
    file.write_text(json.dumps(mine))
    run_gate(folder, file, write=False, as_json=True)
    said = capsys.readouterr()
    assert json.loads(said.out)["new"] == [gone] and "not held, as not stored" in said.err
    run_gate(folder, file, write=True, as_json=False)
    again = json.loads(file.read_text())
    assert again["bands"]["ndcg"] == 0.05 and gone in again["cells"]


def test_exported_runs_score_as_the_suite_does(ran, tmp_path):
    """Another way to the same figures: through files, by way of trec_eval's definitions."""
    _, folder, results = ran
    written = export_runs(folder, tmp_path / "runs", 0.9)
    assert len(written) == 7
    qrels = read_qrels(written[0])
    scored = score_run(read_run(tmp_path / "runs" / "1-ease-ridge-100.0-calibrated-lambda-0.9.run"), qrels, [10])
    field = results.fields[0]
    cell = nearest(field, "ease (ridge 100.0)", "calibrated")
    at = [field.users["user_id"].to_list().index(user) for user in scored.users]
    assert len(at) == int((field.users["hidden"] > 0).sum())
    for theirs, ours in {"nDCG": "ndcg", "HR": "hit_rate", "RR": "rr", "AP": "ap", "P": "precision"}.items():
        np.testing.assert_allclose(scored.values[f"{theirs}@10"], cell.values[ours][at], atol=1e-6, err_msg=ours)


def test_command_line(ran, tmp_path):
    _, folder, _ = ran
    done = subprocess.run(
        [COMMAND, "eval", "gate", folder, "--against", tmp_path / "none.json"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "--write" in done.stderr and "Traceback" not in done.stderr
    with pytest.raises(NotFoundError, match="no finished suite"):
        read_results(tmp_path)


def test_all_metrics_are_there(ran):
    for cell in ran[2].fields[0].cells:
        assert set(cell.values) == set(METRICS)
        assert np.isfinite(cell.values["ndcg"]).sum() >= 60
