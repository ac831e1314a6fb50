"""Lists for many users: those of recommend, whatever the blocks; killed, resumed, and over two nodes of which one dies."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from agent.llm.earned import Earned
from agent.llm.endpoint import Endpoint
from agent.recommender import Recommender, RecommenderConfig
from eval.batch import stages
from eval.batch.capacity import read_rates, sheet
from eval.batch.commands import _mean, summary
from eval.batch.job import Batch, read_users, results, run_batch
from eval.batch.lists import Lists
from eval.metrics import ndcg
from eval.nodes import Here
from eval.suite.store import LISTS, code
from prompts.template import load
from retrieval.artifacts import save
from retrieval.errors import ConfigError, DataError, NotFoundError, ServerError
from tests.agent.faults import faulty_server
from tests.agent.test_cli import polytaste

ROOT = Path(__file__).parents[2]
USERS = 24
SIZE = 4


def quiet(*_):
    """No progress."""


def batch_of(model, out, urls=(), **changes):
    """The first users; a language model has half of the say, so that it changes lists."""
    endpoints = tuple(Endpoint(url=url, model="m") for url in urls)
    config = RecommenderConfig.model_validate({"llm": {"weight": 0.5 if urls else None}})
    whole = Batch(model, "model", model.user_ids[:USERS], None, endpoints, config, 10, out, SIZE)
    return replace(whole, **changes)


def made(out):
    return results(out, "slates"), results(out, "users")


def asked(server):
    """What a server was asked, each question once or more often."""
    return [json.dumps(payload["messages"]) for payload in server[1]]


@pytest.fixture(scope="module")
def single(model, tmp_path_factory):
    """Lists by the language model in one process, one block."""
    out = tmp_path_factory.mktemp("single")
    with faulty_server("good") as server:
        run_batch(batch_of(model, out, (server[0],), size=USERS), Here(), quiet)
        assert len(set(asked(server))) == len(asked(server)) == USERS
    kept = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    assert sum("labels" in line for line in kept) == 1  # verified once, for all that are asked at once
    return made(out)


def test_lists_are_those_of_recommend_whatever_the_blocks(model, tmp_path):
    run_batch(batch_of(model, tmp_path / "a"), Here(), quiet)
    run_batch(batch_of(model, tmp_path / "b", size=7), Here(), quiet)
    slates, users = made(tmp_path / "a")
    assert all(one.equals(other) for one, other in zip(made(tmp_path / "b"), (slates, users), strict=True))
    recommender = Recommender(model)
    for user in model.user_ids[:USERS]:
        slate = recommender.recommend(user=user, k=10)
        mine = slates.filter(pl.col("user_id") == user)
        assert mine["item_id"].to_list() == [item.item_id for item in slate.items]
        np.testing.assert_allclose(mine["score"], [item.score for item in slate.items], atol=1e-5)
        np.testing.assert_allclose(users.filter(pl.col("user_id") == user)["c_kl"], slate.kl, atol=1e-5)
    assert users["ranker"].unique().to_list() == ["calibrated"]


def test_a_stage_of_another_pipeline_makes_the_same_lists(model, single, tmp_path):
    run_batch(batch_of(model, tmp_path / "out"), Here(), quiet)
    users = {"user_id": np.array(model.user_ids[:USERS]), "segment": np.arange(USERS)}
    found = pl.DataFrame(Lists(save(model, tmp_path / "model"))(users))
    assert found.equals(made(tmp_path / "out")[0])
    with faulty_server("good") as (url, _):
        batch = batch_of(model, tmp_path, (url,))
        asked_of_it = pl.DataFrame(Lists(model, config=batch.config, endpoints=batch.endpoints)(users))
    assert asked_of_it.equals(single[0]) and not asked_of_it.equals(found)
    with pytest.raises(ConfigError, match="user_id"):
        Lists(model)({"customer": np.array(["1"])})


def test_metrics_are_those_of_the_lists(model, tmp_path):
    run_batch(batch_of(model, tmp_path / "plain"), Here(), quiet)
    slates, _ = made(tmp_path / "plain")
    truth = slates.filter(pl.col("rank") == 2).select("user_id", "item_id")[1:]
    run_batch(batch_of(model, tmp_path / "scored", truth=truth), Here(), quiet)
    again, users = made(tmp_path / "scored")
    assert again.equals(slates)
    wanted = float(ndcg(np.array([[False, True] + [False] * 8]), np.array([1]), 10)[0])
    np.testing.assert_allclose(users["ndcg"][1:], wanted, rtol=1e-6)
    assert np.isnan(users["ndcg"][0])  # of this user nothing is known
    said = summary(tmp_path / "scored")
    assert said["users"] == USERS and said["means"]["hit_rate"]["mean"] == 1.0


def test_a_truth_is_what_a_list_can_hold(model, tmp_path):
    """By the rule of the splits: what a user had, and what training did not touch, is left out and counted."""
    users = model.user_ids[:3]
    run_batch(batch_of(model, tmp_path / "plain", users=users), Here(), quiet)
    listed = made(tmp_path / "plain")[0].filter(pl.col("rank") == 1)["item_id"].to_list()
    names = model.catalog.item_ids
    (cold, *_) = np.setdiff1d(np.arange(len(model.catalog)), [*model.index.items, *model.seen_by(users[0])])
    had = names[model.seen_by(users[0])[0]], names[model.seen_by(users[1])[0]]
    rows = [
        (users[0], listed[0]),
        (users[0], listed[0]),
        (users[0], had[0]),
        (users[0], names[cold]),
        (users[0], "new since"),
        (users[1], had[1]),
    ]
    truth = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    run_batch(batch_of(model, tmp_path / "out", users=users, truth=truth), Here(), quiet)
    table = made(tmp_path / "out")[1]
    assert table.select("hidden", "known", "untrained").rows() == [(1, 1, 2), (0, 1, 0), (0, 0, 0)]
    assert table["ndcg"][0] == 1.0 and np.isnan(table["ndcg"][1:].to_numpy()).all()
    assert summary(tmp_path / "out")["truth"] == {"hidden": 1, "known": 2, "untrained": 2, "users": 1}


def test_a_mean_of_many_is_normal(model):
    values = np.random.default_rng(0).normal(0.3, 1.0, 40_000)
    many, few = _mean(pl.Series(values)), _mean(pl.Series(values[:20_000]))
    assert many.mean == values.mean() and many.high - many.mean == pytest.approx(1.96 / 200, rel=0.02)
    assert few.high - few.low == pytest.approx((many.high - many.low) * 2**0.5, rel=0.05)


def test_a_folder_has_one_code_one_prompt_and_one_weight(model, tmp_path, monkeypatch):
    from eval.batch import job

    def again(**changes):
        with faulty_server("good") as server:
            run_batch(
                batch_of(model, tmp_path / "out", (server[0],), users=model.user_ids[:6], **changes), Here(), quiet
            )

    first = {"config": RecommenderConfig()}
    again(**first)
    note = json.loads((tmp_path / "out" / "job.json").read_text())
    assert note["code"] == job.code(job.LISTS) and note["earned"] == "" and note["count"] == 6
    (tmp_path / "out" / "users" / "part-000001.parquet").unlink()
    with pytest.raises(DataError, match="4 of 6 users"):
        summary(tmp_path / "out")
    fit = Earned(model="m", prompt=note["prompt"], data=model.dataset, orders=1, seed=0, cells=())
    with monkeypatch.context() as patch:
        patch.setattr(job.earned, "read", lambda *_: fit)
        with pytest.raises(ConfigError, match="other earned") as refused:
            again(**first)
        assert "llm fit" in refused.value.remedy
    for what, changed in {"code": lambda *_: "0", "versions": lambda: {"numpy": "0"}}.items():
        with monkeypatch.context() as patch:
            patch.setattr(job, what, changed)
            with pytest.raises(
                ConfigError, match=f"other {what.replace('versions', 'libraries')}: they would be mixed"
            ):
                again(**first)
    prompt = tmp_path / "mine.j2"
    prompt.write_text(load("rerank-shares").text)
    mine = {"config": RecommenderConfig(prompt=str(prompt)), "out": tmp_path / "mine"}
    with faulty_server("good") as server:
        whole = replace(batch_of(model, tmp_path / "mine", (server[0],), users=model.user_ids[:6]), **mine)
        run_batch(whole, Here(), quiet)
        prompt.write_text(prompt.read_text().replace("You are a recommender", "You recommend"))
        with pytest.raises(ConfigError, match="other prompt"):
            run_batch(whole, Here(), quiet)
    again(**first)
    assert summary(tmp_path / "out")["users"] == 6


def test_servers_are_asked_in_turn_and_one_that_is_gone_is_passed_over(model, single, tmp_path):
    with faulty_server("good") as one, faulty_server("good") as other:
        run_batch(batch_of(model, tmp_path / "both", (one[0], other[0])), Here(), quiet)
        assert len(asked(one)) == len(asked(other)) == USERS / 2
        assert all(a.equals(b) for a, b in zip(made(tmp_path / "both"), single, strict=True))
        gone = "http://127.0.0.1:9"
        run_batch(batch_of(model, tmp_path / "half", (gone, other[0])), Here(), quiet)
        assert made(tmp_path / "half")[0].equals(single[0])
    assert single[1]["ranker"].unique().to_list() == ["llm"]
    with pytest.raises(ServerError, match="no server of m"):
        run_batch(batch_of(model, tmp_path / "none", (gone, gone)), Here(), quiet)


def test_who_the_model_fails_has_the_calibrated_list(model, tmp_path):
    with faulty_server("status 500") as server:
        run_batch(batch_of(model, tmp_path / "failed", (server[0],)), Here(), quiet)
    run_batch(batch_of(model, tmp_path / "plain"), Here(), quiet)
    slates, users = made(tmp_path / "failed")
    assert slates.equals(made(tmp_path / "plain")[0])
    assert users["reason"].unique().to_list() == ["llm_http_error"]


def test_trouble_of_one_server_is_no_trouble_while_another_answers(model, single, tmp_path):
    with faulty_server("status 500") as broken, faulty_server("good") as server:
        run_batch(batch_of(model, tmp_path / "two", (broken[0], server[0])), Here(), quiet)
        assert len(asked(broken)) > 0
    assert all(a.equals(b) for a, b in zip(made(tmp_path / "two"), single, strict=True))


def test_who_waits_for_a_turn_is_not_late(model, single, tmp_path, monkeypatch):
    """24 users, two at a time, .4 s each: longer in all than anybody's patience."""
    monkeypatch.setattr(stages, "PATIENT_MS", 3_000)
    few = RecommenderConfig.model_validate({"llm": {"weight": 0.5, "at_once": 2}})
    with faulty_server("slow") as server:
        run_batch(batch_of(model, tmp_path / "queue", (server[0],), config=few, size=USERS), Here(), quiet)
    assert made(tmp_path / "queue")[1]["ranker"].unique().to_list() == ["llm"]
    assert made(tmp_path / "queue")[0].equals(single[0])


def test_a_block_that_lost_a_part_is_made_again(model, tmp_path):
    run_batch(batch_of(model, tmp_path / "out"), Here(), quiet)
    before = made(tmp_path / "out")
    (tmp_path / "out" / "users" / "part-000001.parquet").unlink()
    run_batch(batch_of(model, tmp_path / "out"), Here(), quiet)
    assert all(a.equals(b) for a, b in zip(made(tmp_path / "out"), before, strict=True))


def test_killed_it_loses_nothing_and_asks_nothing_twice(model, single, tmp_path):
    folder, out = save(model, tmp_path / "model"), tmp_path / "out"
    with faulty_server("slow") as server:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.eval.batch_child", folder, out, server[0], code(LISTS)], cwd=ROOT
        )
        while len(list(out.glob("slates/part-*.parquet"))) < 2:
            assert child.poll() is None
            time.sleep(0.005)
        child.kill()
        assert child.wait() == -signal.SIGKILL
        kept = {path: path.stat().st_mtime_ns for path in out.glob("*/part-*.parquet")}
        run_batch(batch_of(model, out, (server[0],)), Here(), quiet)
        twice = len(asked(server)) - len(set(asked(server)))
    assert all(path.stat().st_mtime_ns == moment for path, moment in kept.items())
    assert twice <= SIZE  # those that were with the server at that moment, and no more
    assert all(a.equals(b) for a, b in zip(made(out), single, strict=True))


def test_what_is_wrong_is_said(model, tmp_path):
    with pytest.raises(NotFoundError, match="'nobody'"):
        run_batch(batch_of(model, tmp_path / "x", users=("1", "nobody")), Here(), quiet)
    with pytest.raises(DataError, match="'1' is named more than once"):
        run_batch(batch_of(model, tmp_path / "x", users=("1", "2", "1")), Here(), quiet)
    unknown = pl.DataFrame({"user_id": ["1"], "item_id": ["no such item"]})
    with pytest.raises(DataError, match="'no such item'"):
        run_batch(batch_of(model, tmp_path / "x", truth=unknown), Here(), quiet)
    assert not (tmp_path / "x").exists()
    run_batch(batch_of(model, tmp_path / "y", users=("1",)), Here(), quiet)
    with pytest.raises(ConfigError, match="another job"):
        run_batch(batch_of(model, tmp_path / "y", users=("2",)), Here(), quiet)
    with pytest.raises(DataError, match="no lists"):
        results(tmp_path / "z", "slates")
    (tmp_path / "u.csv").write_text("name\n1\n")
    with pytest.raises(DataError, match="no column user_id"):
        read_users(tmp_path / "u.csv")
    with pytest.raises(DataError, match="No such file"):
        read_users(tmp_path / "none.csv")


def test_commands(model, tmp_path):
    folder = save(model, tmp_path / "model")
    (tmp_path / "users.csv").write_text("user_id\n1\n2\n")
    done = polytaste("batch", tmp_path / "users.csv", "--out", tmp_path / "out", "--model", folder, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["users"] == 2 and said["rankers"] == {"calibrated": 2}
    assert results(tmp_path / "out", "slates").height == 20


def test_the_capacity_sheet_by_hand(tmp_path):
    """200 users: 1 s of a processor, 4 s of two servers. So 5 ms and 40 ms each; one server makes 25 a second, 8 processes before 100 servers 8 / .0054."""
    lines = [{"users": 100, "servers": 2, "retrieve": 0.4, "rank": 2.0, "score": 0.1}] * 2
    (tmp_path / "timings.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines) + '{"users": 9'
    )  # killed while it wrote
    rates = read_rates(tmp_path)
    assert (rates.cpu_s, rates.ask_s, rates.users) == (0.005, 0.04, 200)
    few, many = sheet(rates, [1], [1, 100], 8, 0.4, 2.5, None)
    assert few.users_hour == pytest.approx(3600 * 25) and few.bound == "GPUs"
    assert few.cost_million == pytest.approx(2.9 / 90_000 * 1e6)
    assert many.users_hour == pytest.approx(3600 * 8 / 0.0054) and many.bound == "processors"
    (alone,) = sheet(replace(rates, ask_s=0.0), [2], [1, 2], 8, 0.4, 2.5, None)
    assert alone.users_hour == pytest.approx(3600 * 16 / 0.005) and alone.gpus == 0
    assert sheet(rates, [1], [1], 8, 0.4, 2.5, 100.0)[0].users_hour == pytest.approx(360_000)
    done = polytaste("capacity", tmp_path, "--nodes", "1,2", "--gpus", "1", "--json")
    assert done.returncode == 0 and [row["nodes"] for row in json.loads(done.stdout)["rows"]] == [1, 2]
    assert polytaste("capacity", tmp_path, "--nodes", "0").returncode == ConfigError.exit_code
    with pytest.raises(DataError, match="no timings"):
        read_rates(tmp_path / "none")
