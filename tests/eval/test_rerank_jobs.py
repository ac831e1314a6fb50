"""Files of candidates, speed and distance from the optimum: the commands and what stands behind them."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

from agent.rerank.calibrated import Calibrated, CalibratedConfig, steck_greedy
from agent.rerank.calibration import normalised
from agent.rerank.iterated import objective
from agent.rerank.protocol import Pool
from agent.rerank.strategies import make
from eval.rerank_batch import Job, rerank_file
from eval.rerank_bench import batched_numpy, count_logarithms, measure, plain_python
from eval.rerank_jobs import ease_pool, targets_by_id
from retrieval.errors import ConfigError, DataError
from tests.agent.test_calibrated import objective as one_objective
from tests.agent.test_calibrated import pool_of
from tests.agent.test_cli import polytaste


def quiet(*_):
    """No progress."""


@pytest.fixture(scope="module")
def candidates(dataset, tmp_path_factory):
    """30 candidates of each of 60 users; the last user is unknown to the data."""
    items, pool = ease_pool(dataset, dataset.catalog.axis(), 60, 30)
    users = [dataset.interactions.user_ids[u] for u in np.flatnonzero(dataset.histories().lengths >= 5)[:60]]
    users[-1] = "nobody"
    path = tmp_path_factory.mktemp("candidates") / "candidates.parquet"
    pl.DataFrame(
        {
            "user_id": np.repeat(users, 30),
            "item_id": dataset.catalog.table["item_id"].gather(items.ravel()),
            "score": pool.relevance.ravel(),
        }
    ).write_parquet(path)
    return path


def job(dataset, path, out, settings="s"):
    axis = dataset.catalog.axis()
    return Job(path, out, dataset.catalog, axis, targets_by_id(dataset, axis), make("calibrated", 0.9), settings, 10)


def read(folder):
    return pl.read_parquet(folder / "part-*.parquet")


def test_parts_do_not_change_the_slates_and_are_those_of_the_reranker(dataset, candidates, tmp_path):
    assert rerank_file(job(dataset, candidates, tmp_path / "whole"), quiet) == 60
    assert rerank_file(job(dataset, candidates, tmp_path / "cut"), quiet, rows=70) == 60
    whole, cut = read(tmp_path / "whole"), read(tmp_path / "cut")
    assert whole.equals(cut)
    assert len(list((tmp_path / "cut").glob("part-*"))) > 20
    axis = dataset.catalog.axis()
    table = pl.read_parquet(candidates).filter(pl.col("user_id") == "1")
    ids = dataset.catalog.positions(table["item_id"].to_list())[None]
    pool = Pool(table["score"].to_numpy()[None], axis.rows(ids), targets_by_id(dataset, axis)(pl.Series(["1"])))
    wanted = Calibrated()(pool, 10).items(ids)[0]
    ours = whole.filter(pl.col("user_id") == "1").sort("rank")
    assert ours["item_id"].to_list() == [dataset.catalog.item_ids[i] for i in wanted]
    assert ours["rank"].to_list() == list(range(1, 11))


CHILD = """
import sys, time
from pathlib import Path
from agent.commands import load_data
from eval.rerank_batch import rerank_file
from tests.eval.test_rerank_jobs import job
rerank_file(job(load_data("ml-latest-small", [], None, None), Path(sys.argv[1]), Path(sys.argv[2])), lambda *_: time.sleep(0.05), rows=70)
"""


def test_kill_minus_nine_at_any_moment_costs_one_part(dataset, candidates, tmp_path):
    whole, begun = tmp_path / "whole", tmp_path / "begun"
    rerank_file(job(dataset, candidates, whole), quiet, rows=70)
    for _ in range(2):  # killed twice, each time a little further
        before = len(list(begun.glob("part-*.parquet")))
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(candidates), str(begun)])
        while len(list(begun.glob("part-*.parquet"))) < before + 3:
            assert child.poll() is None
            time.sleep(0.01)
        child.kill()
        assert child.wait() == -signal.SIGKILL
    rerank_file(job(dataset, candidates, begun), quiet, rows=70)
    parts = sorted(whole.glob("part-*.parquet"))
    assert len(parts) > 20
    assert sorted(p.name for p in begun.glob("part-*.parquet")) == [p.name for p in parts]
    assert all((begun / p.name).read_bytes() == p.read_bytes() for p in parts)


def test_a_part_that_is_there_is_not_made_again(dataset, candidates, tmp_path):
    whole, begun = tmp_path / "whole", tmp_path / "begun"
    rerank_file(job(dataset, candidates, whole), quiet, rows=300)
    rerank_file(job(dataset, candidates, begun), quiet, rows=300)
    parts = sorted(begun.glob("part-*"))
    parts[2].unlink()
    parts[3].with_suffix(".partial").write_bytes(b"half")
    stamp = parts[0].stat().st_mtime_ns
    rerank_file(job(dataset, candidates, begun), quiet, rows=300)
    assert parts[0].stat().st_mtime_ns == stamp
    assert all((whole / p.name).read_bytes() == p.read_bytes() for p in parts)
    with pytest.raises(ConfigError, match="another job"):
        rerank_file(job(dataset, candidates, begun, "other"), quiet, rows=300)


def test_one_user_with_very_many_candidates_changes_nobody_elses_slate(dataset, candidates, tmp_path):
    table = pl.read_parquet(candidates)
    items = dataset.catalog.table["item_id"][:3000]
    long = pl.DataFrame(
        {"user_id": ["long"] * 3000, "item_id": items, "score": np.linspace(1, 0, 3000, dtype=np.float32)}
    )
    pl.concat([table[:900], long, table[900:]]).write_parquet(tmp_path / "skewed.parquet")
    rerank_file(job(dataset, tmp_path / "skewed.parquet", tmp_path / "skewed"), quiet, rows=4000)
    rerank_file(job(dataset, candidates, tmp_path / "plain"), quiet)
    skewed = read(tmp_path / "skewed")
    assert skewed.filter(pl.col("user_id") != "long").equals(read(tmp_path / "plain"))
    assert skewed.filter(pl.col("user_id") == "long").height == 10


def test_other_candidates_of_the_same_shape_are_another_job(dataset, candidates, tmp_path):
    path = tmp_path / "c.parquet"
    table = pl.read_parquet(candidates)
    table.write_parquet(path)
    rerank_file(job(dataset, path, tmp_path / "out"), quiet)
    table.with_columns(-pl.col("score")).write_parquet(path)
    with pytest.raises(ConfigError, match="another job"):
        rerank_file(job(dataset, path, tmp_path / "out"), quiet)


def test_bad_files_are_refused(dataset, candidates, tmp_path):
    table = pl.read_parquet(candidates)

    def refused(frame, words):
        frame.write_parquet(tmp_path / "bad.parquet")
        with pytest.raises(DataError, match=words):
            rerank_file(job(dataset, tmp_path / "bad.parquet", tmp_path / "out"), quiet, rows=100)

    refused(table.drop("score"), "score")
    refused(table.sample(fraction=1.0, shuffle=True, seed=0), "stand together")
    refused(table.with_columns(item_id=pl.lit("no such item")), "no such item")
    refused(table.with_columns(user_id=pl.lit("1")), "more than 100 candidates")
    refused(table.with_columns(score=pl.lit("good")), "good|conversion")
    refused(
        table.with_columns(score=pl.when(pl.int_range(pl.len()) == 3).then(None).otherwise("score")), "without score"
    )
    refused(pl.concat([table[:1], table]), "more than once")
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(DataError, match="no Parquet"):
        rerank_file(job(dataset, tmp_path / "text.parquet", tmp_path / "out"), quiet)
    with pytest.raises(DataError, match="does not exist"):
        rerank_file(job(dataset, tmp_path / "none.parquet", tmp_path / "out"), quiet)


def test_what_the_speed_is_compared_with_gives_the_same_slates():
    pool = pool_of(3, users=12, n=20, groups=5)
    scores = normalised(pool)
    ours = Calibrated()(pool, 6).positions
    assert (batched_numpy(scores, pool.groups, pool.target, 6, 0.9, 50) == ours).all()
    textbook = steck_greedy(0.9)(pool, 6).positions
    for u in range(12):
        assert plain_python(scores[u], pool.groups[u], pool.target[u], 6, 0.9, swaps=True) == ours[u].tolist()
        assert plain_python(scores[u], pool.groups[u], pool.target[u], 6, 0.9, swaps=False) == textbook[u].tolist()


def test_timings_are_there_and_logarithms_are_counted_by_hand():
    """One user, two items of one group each, one slot: 2 cells, then 1 for the pick, then 2 + 1 of a swap that is not."""
    groups = np.eye(2, dtype=np.float32)[None]
    pool = Pool(np.array([[1.0, 0.0]], np.float32), groups, np.array([[0.5, 0.5]]))
    assert count_logarithms(normalised(pool), pool, 1, 0.5) == 2 + 1 + 2 + 1
    times = measure(pool_of(3, users=3, n=20, groups=5), 4, 0.9, quiet)
    assert min(times.calibrated, times.numpy, times.python, times.floor, times.request_us) > 0


def test_objective_of_the_gap_is_the_objective():
    pool = pool_of(2, users=5, n=12)
    rows = Calibrated(CalibratedConfig(lam=0.7))(pool, 4).positions
    expected = [one_objective(pool, b, rows[b], 0.7) for b in range(5)]
    np.testing.assert_allclose(objective(pool, rows, 0.7), expected)


def test_commands(candidates, tmp_path):
    done = polytaste(
        "rerank",
        "batch",
        "--candidates",
        candidates,
        "--out",
        tmp_path / "a",
        "--k",
        5,
        "--axis",
        "decade=.4,popularity=.6",
    )
    assert done.returncode == 0, done.stderr
    other = polytaste(
        "rerank",
        "batch",
        "--candidates",
        candidates,
        "--out",
        tmp_path / "b",
        "--k",
        5,
        "--strategy",
        "popularity-penalty",
    )
    assert other.returncode == 0, other.stderr
    mine, plain = read(tmp_path / "a"), read(tmp_path / "b")
    assert mine.height == plain.height == 300
    assert not mine["item_id"].equals(plain["item_id"])
    done = polytaste("rerank", "gap", "--users", 3, "--candidates", 20, "--k", 4, "--lambdas", ".5", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["strategy"]: row for row in json.loads(done.stdout)["relative_gap"]}
    assert -1e-6 <= rows["calibrated"]["mean"] <= rows["top-k"]["mean"]
    done = polytaste("rerank", "bench", "--users", 5, "--candidates", 20, "--k", 4, "--scale", 50, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ratios"]["users of the file"] == 50
