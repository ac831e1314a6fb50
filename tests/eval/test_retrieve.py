import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from eval import retrieve_fitting
from eval.retrieve import METRICS, Measured, Tried, compare, evaluate
from eval.retrieve_ground import make_split, prepare
from eval.retrieve_models import MODELS, Model, chosen_models
from eval.retrieve_options import GroundOptions
from eval.retrieve_report import _settings, as_dict, run_retrieve
from eval.retrieve_setting import Setting
from retrieval.baselines.linear import TUNED
from retrieval.baselines.protocol import Touched, silent
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError, DataError
from retrieval.schema import Interactions

COMMAND = Path(sys.executable).parent / "polytaste"


def run(*options):
    return subprocess.run([COMMAND, "retrieve", "compare", *options], capture_output=True, text=True)


@pytest.fixture(scope="module")
def compared(dataset):
    return compare(prepare(dataset), ["popularity", "ease", "edlae-tuned"], silent)


def test_models_beat_popularity_and_the_best_on_validation_is_measured(compared):
    means = {name: np.nanmean(m.values, axis=0) for name, m in compared.models.items()}
    assert (means["ease"] > means["popularity"] + 0.05).all()
    for measured in compared.models.values():
        assert measured.best.validation == max(t.validation for t in measured.tried)
        assert len(measured.popularity) == len(measured.values) == compared.test
    assert compared.models["popularity"].popularity.mean() > compared.models["ease"].popularity.mean()
    assert compared.models["popularity"].coverage < compared.models["ease"].coverage <= 1


def test_the_measured_one_is_the_chosen_one(dataset, compared, monkeypatch):
    best = compared.models["ease"].best.setting
    monkeypatch.setitem(MODELS, "ease", Model("EASE", (best,)))
    alone = compare(prepare(dataset), ["ease"], silent)
    np.testing.assert_array_equal(alone.models["ease"].values, compared.models["ease"].values)


def test_held_out_users_go_by_the_size_of_the_data(dataset):
    split, note = make_split(dataset, "strong", None, 1)
    assert len(split.test.users) == len(split.validation.users) == 100
    assert note.startswith("100 of 603 users")
    assert len(make_split(dataset, "strong", 40, 1)[0].test.users) == 40


@pytest.mark.parametrize("protocol", ["last", "time"])
def test_protocols_with_time(dataset, protocol):
    compared = compare(prepare(dataset, protocol, last=2), ["popularity", "ease"], silent)
    means = {name: np.nanmean(m.values, axis=0) for name, m in compared.models.items()}
    assert means["ease"][2] > means["popularity"][2]
    with pytest.raises(ConfigError, match="held-out"):
        make_split(dataset, protocol, 10, 1)


def test_last_hides_as_many_as_asked(dataset):
    split, note = make_split(dataset, "last", None, 3)
    assert split.validation.hidden.lengths.max() == split.test.hidden.lengths.max() == 3
    assert "last 3" in note


def test_data_without_times_say_so(dataset):
    rows = dataset.interactions
    bare = Interactions(rows.user_ids, rows.users, rows.items, rows.values)
    with pytest.raises(DataError, match="no times"):
        make_split(Dataset("bare", dataset.catalog, bare, 3.5), "time", None, 1)


def test_nothing_to_find_is_said(catalog):
    items = np.arange(80, dtype=np.int32)  # ten users, and no item is liked by two of them
    ones = np.ones(80, np.float32)
    rows = Interactions(
        tuple(map(str, range(10))), np.repeat(np.arange(10, dtype=np.int32), 8), items, ones, items.astype(np.int64)
    )
    with pytest.raises(DataError, match="no hidden item"):
        prepare(Dataset("bare", catalog, rows, 0.5), "last")


def test_data_too_large_for_a_closed_form_leave_it_out(dataset, monkeypatch):
    monkeypatch.setitem(MODELS, "ease", Model("EASE", MODELS["ease"].grid, 10))
    compared = compare(prepare(dataset), ["popularity", "ease"], silent)
    assert compared.left_out == ("ease",)
    assert as_dict(compared, "ease")["models"]["popularity"]["minus_reference"] is None


def test_what_is_scored_at_once_changes_nothing(dataset, compared, monkeypatch):
    monkeypatch.setattr("eval.retrieve._CELLS", 1)
    again = compare(prepare(dataset), ["popularity"], silent)
    np.testing.assert_array_equal(again.models["popularity"].values, compared.models["popularity"].values)


def test_unknown_models_are_named():
    with pytest.raises(ConfigError, match="magic"):
        chosen_models(["ease", "magic"])
    assert list(chosen_models(["ease", "popularity", "ease"])) == ["ease", "popularity"]


def test_command_line():
    done = run("--models", "popularity,ease", "--reference", "popularity", "--held-out", "50", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["users"] == {"train": 503, "validation": 50, "test": 50}
    assert told["models"]["popularity"]["minus_reference"]["NDCG@100"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert told["models"]["ease"]["minus_reference"]["NDCG@100"]["low"] > 0
    assert set(METRICS) | {"coverage@20", "ARP@20"} <= set(told["models"]["ease"])
    assert {point["ridge"] for point in told["models"]["ease"]["validation"]} == {100.0, 200.0, 500.0, 1000.0}
    shown = run("--models", "popularity,ease")
    assert "100 of 603 users" in shown.stdout and "minus EASE" in shown.stdout and "\u2026" not in shown.stdout


def test_of_newcomers_so_many_likes_are_known_and_all_others_are_to_be_found(dataset):
    whole, three = prepare(dataset).split, prepare(dataset, known=3).split
    np.testing.assert_array_equal(three.train.items, whole.train.items)
    for before, after in ((whole.validation, three.validation), (whole.test, three.test)):
        places = {int(user): at for at, user in enumerate(before.users)}
        assert set(after.fold_in.lengths) == {3}
        for at, user in enumerate(after.users):
            shown, hidden = before.fold_in.row(places[int(user)]), before.hidden.row(places[int(user)])
            np.testing.assert_array_equal(after.fold_in.row(at), shown[-3:])
            assert set(after.hidden.row(at)) == set(shown[:-3]) | set(hidden)
        assert len(after.users) == sum(len(before.fold_in.row(at)) >= 3 for at in places.values())
        learned = set(three.train.users.tolist())
        assert not learned & set(after.users.tolist())
    with pytest.raises(DataError, match="90000 shown likes"):
        prepare(dataset, known=90_000)
    for seen in ("last", "time"):
        with pytest.raises(ConfigError, match=f"--known 1 means nothing to --protocol {seen}"):
            prepare(dataset, seen, known=1)


def test_newcomers_on_the_command_line():
    done = run("--models", "popularity,personas", "--reference", "popularity", "--known", "1")
    assert done.returncode == 0, done.stderr
    assert "of 100 of them 1 like is known and all others to be found instead" in " ".join(done.stdout.split())


def test_wrong_values_are_named_on_the_command_line():
    done = run("--protocol", "last", "--held-out", "5", "--models", "ease")
    assert done.returncode == 2
    assert "--held-out 5" in done.stderr and "Traceback" not in done.stderr
    with pytest.raises(ConfigError, match="--reference ease"):
        run_retrieve(GroundOptions("ml-latest-small"), ["popularity"], "ease", as_json=True)


def test_the_published_figures_on_movielens_1m(shared_data):
    """Known for this split from implementations of others: EASE(500) .361/.477/.420, popularity .170/.245/.217."""
    from retrieval import datasets
    from retrieval.datasets.tabular import Columns, TabularSource

    folder = shared_data / "ml-1m"
    if not folder.is_dir():
        pytest.skip("no ml-1m in the folder of data sets")
    data = datasets.load(str(folder), TabularSource(columns=Columns(rating="liked")))
    compared = compare(prepare(data), ["popularity", "ease"], silent)
    assert (compared.train, compared.validation, compared.test) == (4034, 1000, 1000)
    for name, figures in {"popularity": (0.170, 0.245, 0.217), "ease": (0.361, 0.477, 0.420)}.items():
        np.testing.assert_allclose(np.nanmean(compared.models[name].values, axis=0), figures, atol=0.001)


def test_recent_likes_are_chosen_on_validation_and_nothing_is_trained_twice(dataset, monkeypatch):
    calls = []
    train = retrieve_fitting.linear_autoencoder
    monkeypatch.setattr(retrieve_fitting, "linear_autoencoder", lambda *given: calls.append(1) or train(*given))
    ground = prepare(dataset, "last")
    compared = compare(ground, ["edlae-recent"], silent).models["edlae-recent"]
    assert len(calls) == 1
    tried = {one.setting.varied["recency"]: one.validation for one in compared.tried}
    assert set(tried) == {0.0, 0.25, 0.5, 1.0} and len(set(tried.values())) == 4
    assert tried[compared.best.setting.varied["recency"]] == max(tried.values())
    plain = Touched(train(ground.matrix, TUNED), ground.touched)
    values = evaluate(plain, ground.split.validation, ground.touched)[0]
    assert tried[0.0] == pytest.approx(np.nanmean(values[:, 2]))


def test_a_training_that_settings_share_is_told_with_its_time():
    def told(*seconds, shared):
        grid = [Setting(None, {"recency": float(at)}, None, shared=shared) for at in range(len(seconds))]
        tried = tuple(Tried(one, float(at), took) for at, (one, took) in enumerate(zip(grid, seconds, strict=True)))
        return _settings(Measured("x", np.ones((2, 3)), np.ones(2), 1.0, tried)).split("; ")

    assert told(12.3, 12.3, shared=True)[0] == "recency 1 of 2 settings"
    assert told(12.3, 12.3, shared=True)[-1] == "trained in 12.3 s, once for all settings"
    assert told(12.3, 4.0, shared=False)[-1] == "trained in 4.0 s"
    assert told(7.0, shared=True)[-1] == "trained in 7.0 s"
    shared = {name for name, model in MODELS.items() if any(one.shared for one in model.grid)}
    assert shared == {"edlae-recent", "personas-recent", "one-vector-recent", "towers", "towers-one-vector"}
