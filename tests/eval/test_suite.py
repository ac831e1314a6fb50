"""Suites: configuration by name, results that equal a direct computation, and a real kill -9 that changes nothing."""

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from eval.metrics import hits, ndcg
from eval.retrieve_fitting import _TRAINED, Fitting, still_of
from eval.retrieve_models import MODELS
from eval.retrieve_recent import Recent
from eval.retrieve_setting import Trainable
from eval.suite.calls import Calls
from eval.suite.commands import _joined_groups, run_suite
from eval.suite.config import SuiteConfig, read_suite
from eval.suite.ground import make_ground
from eval.suite.kept import damaged, unit_path
from eval.suite.measure import METRICS
from eval.suite.plan import pool_seconds, pool_units, rerank_units
from eval.suite.pools import read_pool, seeded, settings
from eval.suite.run import make_plan, run
from eval.suite.store import LISTS, RESULTS, ROOMS, digest, fingerprint, write_whole
from retrieval.axes import POPULARITY
from retrieval.baselines.linear import LinearAutoencoder, LinearConfig
from retrieval.baselines.protocol import touched_matrix
from retrieval.errors import ConfigError, DataError
from retrieval.personas.encoder import EncoderConfig
from retrieval.personas.training import TrainingConfig
from retrieval.schema import Histories

COMMAND = Path(sys.executable).parent / "polytaste"
ROOT = Path(__file__).parents[2]
SMALL = {
    "name": "small",
    "data": ["ml-latest-small"],
    "retrievers": ["popularity", {"name": "ease", "config": {"ridge": 100.0}}],
    "rerankers": ["top-k", "calibrated", "xquad"],
    "lambdas": [0.5, 0.9],
    "users": 60,
    "depth": 40,
}


def write(path, **changes):
    path.write_text(yaml.safe_dump({**SMALL, **changes}))
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    plan = make_plan(read_suite(write(folder / "suite.yaml"), {}))
    told = []
    run(folder / "out", plan, lambda what, at, total: told.append((what, at, total)))
    return plan, folder / "out", told


def contents(folder):
    """Every result by name; what depends on the day or the process, and what made each, is left out."""
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
        and path.name not in {"timings.jsonl", "lock", "manifest.json"}
        and path.parent.name != "made_by"
    }
    manifest = json.loads((folder / "manifest.json").read_text())
    made_by = manifest.pop("made_by")
    for unit in [*manifest["pools"], *manifest["units"]]:
        assert made_by[unit.pop("made_by")]["threads"] >= 1
    return {**found, "manifest.json": manifest}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lamdas": [0.5]}, "lamdas: Extra inputs"),
        ({"retrievers": ["magic"]}, r"retrievers\.0\.name: no retriever 'magic'"),
        ({"rerankers": ["magic"]}, "rerankers: no reranker 'magic'"),
        ({"lambdas": [1.5]}, r"lambdas\.0: Input should be less than or equal to 1"),
        ({"splits": [{"protocol": "strong", "heldout": 3}]}, r"splits\.0\.heldout"),
        ({"depth": 5}, "depth 5 is less than k 10"),
        ({"data": ["{NOWHERE}/x"]}, "nothing is known of 'NOWHERE'"),
        ({"retrievers": []}, "retrievers: Tuple should have at least 1 item"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, changes, says):
    with pytest.raises(ConfigError, match=says):
        read_suite(write(tmp_path / "s.yaml", **changes), {})


def test_wrong_settings_and_files_are_named(tmp_path, dataset):
    suite = read_suite(write(tmp_path / "s.yaml", retrievers=[{"name": "ease", "config": {"rigde": 3}}]), {})
    with pytest.raises(ConfigError, match=r"ease: config\.rigde"):
        settings(suite.retrievers[0], 0)
    with pytest.raises(ConfigError, match="No such file"):
        read_suite(tmp_path / "none.yaml", {})
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_suite(tmp_path / "bad.yaml", {})
    bare = type(dataset)("bare", type(dataset.catalog)(dataset.catalog.table.with_columns(categories=pl.lit([], pl.List(pl.String)))), dataset.interactions, 3.5)  # fmt: skip
    with pytest.raises(ConfigError, match="no categories"):
        make_ground(suite, suite.data[0], suite.splits[0], bare)
    other = suite.data[0].model_copy(update={"axis": POPULARITY})
    assert make_ground(suite, other, suite.splits[0], bare).axis.labels == ("head", "middle", "tail")


def test_the_suites_that_are_shipped_can_be_read():
    shipped = sorted((ROOT / "eval" / "suites").glob("*.yaml"))
    assert len(shipped) >= 3
    for path in shipped:
        suite = read_suite(path, {"POLYTASTE_DATA": "/data"})
        for retriever in suite.retrievers:
            assert settings(retriever, 0)


UNTOUCHED = {
    "agent/paths.py": "where files are",
    "eval/__init__.py": "what the room is for",
    "eval/nodes.py": "where work is done",
    "eval/rerank_batch.py": "reads the truth of a batch, whose rows are in the key",
}
"""Modules that are imported on the way to results and change none of them."""


def imported(*first):
    """Modules of ours that some import when they run, however far down."""
    seen, todo = set(), list(first)
    while todo:
        path = todo.pop()
        if path in seen or path in UNTOUCHED or not (ROOT / path).is_file():
            continue
        seen.add(path)
        nodes = [ast.parse((ROOT / path).read_text())]
        while nodes:
            node = nodes.pop()
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                nodes += node.orelse
                continue
            nodes += ast.iter_child_nodes(node)
            if isinstance(node, ast.ImportFrom) and node.module:
                assert not node.level, path
                names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
            else:
                names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            for place in (name.replace(".", "/") for name in names if name.partition(".")[0] in ROOMS):
                todo += [f"{place}.py", f"{place}/__init__.py"]
    return seen


@pytest.mark.parametrize(
    ("sources", "makers"),
    [
        (RESULTS, [f"eval/suite/{name}.py" for name in ("pools", "ground", "measure", "llm", "units")]),
        (LISTS, [f"eval/batch/{name}.py" for name in ("job", "stages", "truth")]),
    ],
    ids=["results of suites", "lists of batches"],
)
def test_the_hash_of_the_code_is_of_all_that_makes_results(sources, makers):
    """Whatever the makers of units import, however far down, but what is named as changing nothing."""
    seen = imported(*makers)
    assert len(seen) > 80 and {"eval/suite/calls.py", "retrieval/schema.py", "agent/llm/scorer.py"} <= seen
    assert not [path for path in seen if not any(path == one or path.startswith(f"{one}/") for one in sources)]
    assert all((ROOT / one).exists() for one in sources)


def test_imports_of_types_alone_are_not_followed():
    assert "eval/suite/ask.py" in imported("eval/suite/llm.py")
    assert "eval/suite/pools.py" not in imported("eval/suite/measure.py")


def test_every_retriever_can_be_trained(dataset):
    """Also those that read recent likes first: trained once, and read as retrieve compare does."""
    matrix = touched_matrix(dataset.histories(), dataset.catalog.counts > 0)[:200, :300]
    ground = Trainable(matrix, None, lambda _: 0.0, lambda *_: None)
    assert {type(still_of(point.config)) for model in MODELS.values() for point in model.grid} == set(_TRAINED)
    fit, scores = Fitting(ground), {}
    some = Histories.of([np.array([5, 9, 40], np.int32), np.array([40, 9, 5], np.int32)])
    for point in MODELS["edlae-recent"].grid:
        scorer = fit(point.config)
        scores[point.config.recency] = scorer.scores(some)
        plain = LinearAutoencoder.of(matrix, LinearConfig(**point.config.model_dump(exclude={"recency"})))
        np.testing.assert_allclose(scorer.scores(some), Recent(plain, point.config.recency).scores(some), atol=1e-5)
    np.testing.assert_allclose(scores[0.0][0], scores[0.0][1], atol=1e-6)
    assert not np.allclose(scores[1.0][0], scores[1.0][1])
    shape = EncoderConfig(personas=1, dimension=8)
    still = TrainingConfig(encoder=shape, epochs=1)
    later = still.model_copy(update={"encoder": shape.model_copy(update={"recency": 1.0})})
    plain, recent = fit(still), fit(later)
    np.testing.assert_array_equal(plain.encoder.weights.items, recent.encoder.weights.items)
    assert not np.allclose(plain.scores(some), recent.scores(some))


def test_settings_within_settings_leave_the_rest_of_the_grid(tmp_path):
    wanted = [
        {"name": "towers-one-vector", "config": {"encoder": {"sharpness": 4.0}, "ials": {"regularisation": 0.03}}}
    ]
    suite = read_suite(write(tmp_path / "s.yaml", retrievers=wanted), {})
    found = settings(suite.retrievers[0], 5)
    assert len(found) == len(MODELS["towers-one-vector"].grid)
    assert {
        (c.encoder.personas, c.encoder.sharpness, c.ials.dimension, c.ials.regularisation, c.seed) for c in found
    } == {(1, 4.0, 128, 0.03, 5)}


def test_a_seed_that_is_fixed_is_trained_once_and_nothing_stands_there_twice(tmp_path):
    fixed = {"name": "towers", "config": {"recvaes": 1, "seed": 3}}
    suite = read_suite(write(tmp_path / "s.yaml", seeds=[0, 1], retrievers=[fixed, "ials"]), {})
    pools = list(pool_units(suite, 0, "ground"))
    assert [p.retriever.name for p in pools] == ["towers", "ials", "ials"]
    assert {one.seed for one in settings(suite.retrievers[0], 0)} == {3}
    with pytest.raises(ConfigError, match="ials stands there twice"):
        read_suite(write(tmp_path / "s.yaml", retrievers=["ials", "ials"]), {})


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("one-vector", {"encoder": {"personas": 4}}, "it has one"),
        ("towers-one-vector", {"encoder": {"personas": 4}}, "it has one"),
        ("personas", {"kept": [0.9, 0.1]}, "the smaller first"),
        ("ials", {"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_settings_that_would_fail_in_training_are_refused_before(tmp_path, name, config, said):
    suite = read_suite(write(tmp_path / "s.yaml", retrievers=[{"name": name, "config": config}]), {})
    with pytest.raises(ConfigError, match=said):
        settings(suite.retrievers[0], 0)


def test_units_are_what_they_depend_on(tmp_path):
    suite = read_suite(write(tmp_path / "s.yaml", seeds=[0, 1], retrievers=["popularity", {"name": "ials", "config": {"dimension": 8}}]), {})  # fmt: skip
    pools = list(pool_units(suite, 0, "ground"))
    assert [(p.retriever.name, p.seed) for p in pools] == [("popularity", 0), ("ials", 0), ("ials", 1)]
    assert seeded(suite.retrievers[1]) and not seeded(suite.retrievers[0])
    assert len({p.key for p in pools}) == 3
    assert len(settings(suite.retrievers[1], 0)) == 3  # the grid's regularisations at the dimension that was fixed
    units = list(rerank_units(suite, pools[0]))
    assert [u.lambdas for u in units] == [(0.0,), (0.5, 0.9), (0.5, 0.9)]
    assert len({u.key for p in pools for u in rerank_units(suite, p)}) == 9
    again = suite.model_copy(update={"k": 5})
    assert next(rerank_units(again, pools[0])).key != units[0].key


def test_results_equal_a_direct_computation(done):
    plan, folder, _ = done
    ground = plan.grounds[0]
    assert len(ground.user_ids) == 60
    for unit in plan.units:
        table = pl.read_parquet(unit_path(folder, unit))
        assert set(METRICS) | {"user_id", "lambda", "items"} == set(table.columns)
        assert table.height == 60 * len(unit.lambdas)
        if unit.reranker != "calibrated":
            continue
        candidates = read_pool(folder, unit.pool.key, ground)
        slates = Calibrated(CalibratedConfig(lam=0.9))(candidates.pool, 10)
        lists = slates.items(candidates.items)
        part = table.filter(pl.col("lambda") == 0.9)
        np.testing.assert_array_equal(part["items"].to_numpy(), lists)
        direct = ndcg(hits(lists, ground.test.hidden, len(ground.catalog)), ground.test.hidden.lengths, 10)
        np.testing.assert_allclose(part["ndcg"].to_numpy(), direct, rtol=1e-6)
        np.testing.assert_allclose(part["c_kl"].to_numpy(), slates.kl, rtol=1e-6)
        seen = ground.test.fold_in
        for user in range(60):
            assert not np.isin(lists[user], seen.row(user)).any() and ground.touched[lists[user]].all()


def test_bounds_hold_and_the_better_retriever_is_better(done):
    plan, folder, _ = done
    means = {}
    for unit in plan.units:
        table = pl.read_parquet(unit_path(folder, unit))
        bounds = pl.read_parquet(folder / "ceilings" / f"{unit.pool.key}.parquet")
        both = table.join(bounds, on="user_id")
        kept = both.filter(pl.col("ndcg").is_not_nan())
        assert (kept["ndcg"] <= kept["ndcg_ceiling"] + 1e-6).all()
        assert (kept["recall"] <= kept["recall_ceiling"] + 1e-6).all()
        means[unit.pool.retriever.name, unit.reranker] = table["ndcg"].fill_nan(None).mean()
    assert means["ease", "top-k"] > means["popularity", "top-k"]


def test_a_second_run_makes_nothing(done):
    plan, folder, told = done
    assert told[-1][0] == "done" and told[-1][1] == told[-1][2] > 0
    assert [at for _, at, _ in told] == sorted(at for _, at, _ in told)
    before, again = contents(folder), []
    run(folder, plan, lambda *what: again.append(what))
    assert len(again) == 1 and contents(folder) == before
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [facts["versions"]["numpy"] for facts in manifest["made_by"]] == [np.__version__]
    assert all(unit["made_by"] == 0 for unit in [*manifest["pools"], *manifest["units"]])
    assert "path" not in json.dumps(manifest["suite"]["data"])


def test_units_stay_with_what_made_them(tmp_path, monkeypatch):
    """A kept unit is not said to be made by the versions of the run that only found it there."""
    from eval.suite import run as module

    plan = make_plan(read_suite(write(tmp_path / "s.yaml", retrievers=["popularity"]), {}))
    run(tmp_path / "out", plan, lambda *_: None)
    new = module.maker()
    new["versions"] = {**new["versions"], "numpy": "99"}
    monkeypatch.setattr(module, "maker", lambda: new)
    lost = plan.units[1]
    unit_path(tmp_path / "out", lost).unlink()
    run(tmp_path / "out", plan, lambda *_: None)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    by = {
        unit["key"]: manifest["made_by"][unit["made_by"]]["versions"]["numpy"]
        for unit in [*manifest["pools"], *manifest["units"]]
    }
    assert by.pop(lost.key) == "99" and set(by.values()) == {np.__version__}


def spoiled(path, rest):
    """The same file, cut or with its middle gone."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + rest)
    return path


@pytest.mark.parametrize("rest", [b"", bytes(50)], ids=["cut", "zeros"])
def test_what_is_damaged_is_made_anew(done, tmp_path, rest):
    plan, folder, _ = done
    out = shutil.copytree(folder, tmp_path / "out")
    unit, pool = plan.units[-1], plan.pools[0]
    broken = [
        spoiled(out / "pools" / f"{pool.key}.json", rest), spoiled(out / "pools" / f"{pool.key}.npz", rest),
        spoiled(out / "made_by" / f"{plan.units[0].key}.json", rest), spoiled(unit_path(out, unit), rest),
    ]  # fmt: skip
    spoiled(out / "ceilings" / f"{unit.pool.key}.parquet", rest)
    assert plan.todo(out) == ([pool], [plan.units[0], unit])
    assert set(damaged(out, (*plan.pools, *plan.units))) == set(broken)
    run(out, plan, lambda *_: None)
    assert contents(out) == contents(folder)
    assert plan.todo(out) == ([], [])


def test_the_command_names_what_is_damaged_and_mends_it(done, tmp_path):
    plan, folder, _ = done
    out = shutil.copytree(folder, tmp_path / "out")
    bad = spoiled(unit_path(out, plan.units[0]), b"")

    def said(*words):
        return subprocess.run([COMMAND, "eval", *words], capture_output=True, text=True)

    suite = write(tmp_path / "s.yaml")
    report = said("report", out)
    assert report.returncode == 3 and str(bad) in report.stderr and "Traceback" not in report.stderr
    again = said("run", suite, "--out", out)
    assert again.returncode == 0 and f"{bad} is damaged: it is made anew" in again.stderr
    assert contents(out) == contents(folder)


def test_a_folder_of_another_suite_is_refused_before_anything_is_run(done, tmp_path):
    _, folder, _ = done
    other = write(tmp_path / "other.yaml", lambdas=[0.1])
    with pytest.raises(ConfigError, match="another suite"):
        run_suite(other, folder, None, 0.0, dry=True)
    note = tmp_path / "out" / "suite.json"
    note.parent.mkdir()
    note.write_text('{"name": ')
    with pytest.raises(DataError, match=r"suite\.json is damaged"):
        run_suite(other, note.parent, None, 0.0, dry=True)


def test_costs_are_near_what_was_measured(tmp_path):
    """Seconds of the whole grid of iALS with one thread, by users and items and by interactions."""
    suite = read_suite(write(tmp_path / "s.yaml", retrievers=["ials"]), {})
    pool = next(pool_units(suite, 0, "ground"))
    for rows, interactions, took in ((5584, 31463, 4.6), (2996, 8315, 2.1), (7499, 388_243, 18.4)):
        assert took / 2 < pool_seconds(pool, rows, interactions) < 2 * took


def test_what_cannot_be_split_is_named(dataset, tmp_path):
    suite = read_suite(write(tmp_path / "s.yaml", splits=["last"]), {})
    timeless = replace(dataset, interactions=replace(dataset.interactions, times=None))
    with pytest.raises(DataError, match=r"ml-latest-small, split last 1: .*no times"):
        make_ground(suite, suite.data[0], suite.splits[0], timeless)


def test_lists_that_are_read_as_one_name_are_told(done):
    plan, _, _ = done
    (ground,) = plan.grounds
    joined = replace(ground, axis=replace(ground.axis, name="style", labels=("Dub|Pop", "Pop;Rock", "Rock")))
    (note,) = _joined_groups(replace(plan, grounds=(joined, joined)))
    assert "axis style has 3 groups, each cell one, as 'Dub|Pop'" in note
    assert not _joined_groups(plan)


def test_bands_of_popularity_are_those_of_training(tmp_path, dataset):
    suite = read_suite(write(tmp_path / "s.yaml"), {})
    data = suite.data[0].model_copy(update={"axis": POPULARITY})
    ground = make_ground(suite, data, suite.splits[0], dataset)
    head = ground.axis.share.toarray()[:, ground.axis.labels.index("head")] > 0
    assert ground.counts[head].min() >= ground.counts[~head].max()
    assert (ground.counts != dataset.catalog.counts).any()


def test_another_suite_is_not_mixed_in(done, tmp_path):
    _, folder, _ = done
    other = make_plan(read_suite(write(tmp_path / "s.yaml", lambdas=[0.1]), {}))
    with pytest.raises(ConfigError, match="another suite"):
        run(folder, other, lambda *_: None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked to be killed")
def test_killed_at_random_points_the_results_are_the_same(done, tmp_path):
    """Five real SIGKILLs; then one run to the end. Every file has the same bytes as those of a run that was left alone."""
    _, folder, _ = done
    suite = write(tmp_path / "suite.yaml")
    seed = int.from_bytes(os.urandom(4), "big")
    killer = subprocess.run(
        [sys.executable, Path(__file__).parent / "suite_killer.py", tmp_path / "out", suite, str(seed), "5"],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert killer.returncode == 0, killer.stderr
    assert killer.stdout.count("killed") >= 3, f"seed {seed}: {killer.stdout}"
    assert contents(tmp_path / "out") == contents(folder), f"seed {seed}"
    paid = [json.loads(line)["key"] for line in (tmp_path / "out" / "timings.jsonl").read_text().splitlines()]
    assert len(paid) == len(set(paid))


def test_a_file_is_whole_or_not_there(tmp_path):
    def fails(out):
        out.write(b"half")
        raise OSError

    with pytest.raises(OSError):
        write_whole(tmp_path / "x", fails)
    assert not (tmp_path / "x").exists()


def test_answers_survive_a_torn_line(tmp_path):
    calls = Calls(tmp_path / "calls.jsonl")
    calls.add("a", {"relevance": [0.5]})
    with (tmp_path / "calls.jsonl").open("ab") as out:
        out.write(b'{"asked": "b", "rel')
    again = Calls(tmp_path / "calls.jsonl")
    assert again.get("a") == {"asked": "a", "relevance": [0.5]} and again.get("b") is None
    again.add("b", {"relevance": []})
    assert Calls(tmp_path / "calls.jsonl").get("b") == {"asked": "b", "relevance": []}
    whole = (tmp_path / "calls.jsonl").read_bytes()
    (tmp_path / "calls.jsonl").write_bytes(whole.replace(b'"b"', b"b"))
    with pytest.raises(DataError, match="line 2 is damaged"):
        Calls(tmp_path / "calls.jsonl")


def test_fingerprints_know_the_data_and_not_the_place(dataset):
    again = type(dataset)("another name", dataset.catalog, dataset.interactions, dataset.like_above)
    assert fingerprint(again) == fingerprint(dataset)
    rows = dataset.interactions
    less = type(dataset)("x", dataset.catalog, rows.where(np.arange(len(rows)) > 0), dataset.like_above)
    assert fingerprint(less) != fingerprint(dataset)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})


def test_command_line(tmp_path):
    suite = write(tmp_path / "s.yaml")
    dry = subprocess.run(
        [COMMAND, "eval", "run", suite, "--out", tmp_path / "out", "--dry-run"], capture_output=True, text=True
    )
    assert dry.returncode == 0, dry.stderr
    assert "2 of 2 retrievers" in dry.stdout and not (tmp_path / "out").exists()


@pytest.mark.vllm
def test_the_language_model_is_asked_once(vllm, tmp_path):
    llm = {"users": 5, "models": [f"{vllm.model}@{vllm.url}"], "weight": 0.5}
    config = read_suite(write(tmp_path / "s.yaml", retrievers=["popularity"], rerankers=["calibrated"], llm=llm), {})
    plan = make_plan(config)
    run(tmp_path / "out", plan, lambda *_: None)
    unit = next(u for u in plan.units if u.reranker == "llm")
    table = pl.read_parquet(unit_path(tmp_path / "out", unit))
    assert table.height == 10 and table["user_id"].n_unique() == 5
    answers = pl.read_parquet(tmp_path / "out" / "answers" / f"{unit.key}.parquet")
    assert answers["prompt_tokens"].min() > 100 and answers["reason"].null_count() == 5
    (calls,) = (tmp_path / "out" / "calls").glob("*.jsonl")
    paid = calls.read_bytes()
    assert len(paid.splitlines()) == 5
    unit_path(tmp_path / "out", unit).unlink()
    run(tmp_path / "out", plan, lambda *_: None)
    assert calls.read_bytes() == paid
    assert pl.read_parquet(unit_path(tmp_path / "out", unit)).equals(table)


def test_without_weight_the_model_changes_nothing(done, monkeypatch):
    """At weight 0 its slates are the calibrated ones, whatever it says; so are those of a user whom it fails."""
    from eval.suite import llm as module
    from eval.suite.llm import Asked, llm_slates

    plan, folder, _ = done
    suite = SuiteConfig.model_validate({**SMALL, "llm": {"users": 20, "weight": [0.0, 1.0]}})
    quiet, loud = (Asked("key", "rerank-shares", "m", (0.5, 0.9), weight) for weight in suite.llm.weight)
    pool = plan.pools[1]
    ground, unit = plan.grounds[0], next(u for u in plan.units if u.reranker == "calibrated" and u.pool is pool)

    def answers(_folder, _config, questions, *_):
        rng = np.random.default_rng(0)
        good = {"reason": None, "mass": 1.0, "agreement": None, "prompt_tokens": 9, "completion_tokens": 1}
        return [
            {**good, "relevance": rng.normal(size=len(q.shown)).tolist()} if at % 2 else {**good, "reason": "llm_timeout", "relevance": []}
            for at, q in enumerate(questions)
        ]  # fmt: skip

    monkeypatch.setattr(module, "_answers", answers)
    candidates = read_pool(folder, pool.key, ground)
    said = llm_slates(folder.parent / "llm", suite, ground, candidates, quiet, lambda *_: None)
    table = pl.read_parquet(unit_path(folder, unit)).filter(pl.col("user_id").is_in(said["user_id"].implode()))
    assert said.height == table.height == 40
    assert said["items"].to_list() == table["items"].to_list()
    other = llm_slates(folder.parent / "llm", suite, ground, candidates, loud, lambda *_: None)
    assert other["items"].to_list() != table["items"].to_list()


def test_trouble_of_a_server_is_asked_about_again_and_what_the_model_said_is_not(done, tmp_path, monkeypatch):
    from eval.suite import llm as module
    from eval.suite.llm import Asked, llm_slates

    plan, folder, _ = done
    suite = SuiteConfig.model_validate({**SMALL, "llm": {"users": 6, "weight": 1.0}})
    candidates, said = read_pool(folder, plan.pools[1].key, plan.grounds[0]), []
    good = {"mass": 1.0, "agreement": None, "prompt_tokens": 9, "completion_tokens": 1}

    async def asked(_scorer, _config, question):
        said.append(question.row)
        trouble = len(said) <= 3
        return {
            **good,
            "reason": "llm_timeout" if trouble else None,
            "relevance": [] if trouble else [0.0] * len(question.shown),
        }

    monkeypatch.setattr(module, "_ask", asked)
    one = Asked("key", "rerank-shares", "m@http://127.0.0.1:9", (0.5,), 1.0)
    reasons = []
    for _ in range(3):
        llm_slates(tmp_path, suite, plan.grounds[0], candidates, one, lambda *_: None)
        reasons.append(pl.read_parquet(tmp_path / "answers" / "key.parquet")["reason"].drop_nulls().to_list())
    assert reasons == [["llm_timeout"] * 3, [], []]
    assert len(said) == 9
    assert sorted(said[6:]) == sorted(said[:3])
