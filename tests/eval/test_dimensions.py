"""The sweep over dimensions and the feedback loop."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from eval.dimension_report import _labels, run_dimensions
from eval.dimensions import sweep, widths
from eval.feedback_loop import LISTED, feedback_loop
from eval.retrieve_ground import prepare
from eval.retrieve_options import GroundOptions
from retrieval import datasets
from retrieval.baselines.popularity import Popularity
from retrieval.baselines.protocol import silent
from retrieval.errors import ConfigError
from tests.eval.tiny_shop import write_shop

COMMAND = Path(sys.executable).parent / "polytaste"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def ground(shop):
    return prepare(datasets.load(shop))


def test_dimensions_are_cut_to_the_data(ground):
    most = min(ground.matrix.shape) - 1
    assert widths([64, 8, 1024, 8], ground) == [8, most] and most == 53
    with pytest.raises(ConfigError, match="--dimensions"):
        widths([0, 8], ground)


def test_each_dimension_has_the_best_of_its_settings(ground):
    found = sweep(ground, ["ials"], [2, 8], silent)
    assert [w.dimension for w in found] == [2, 8]
    for w in found:
        assert len(w.measured.tried) == 6
        assert w.measured.best.validation == max(t.validation for t in w.measured.tried)
        assert 0 < w.gini < 1 and w.measured.best.setting.config.dimension == w.dimension
    with pytest.raises(ConfigError, match="ease"):
        sweep(ground, ["ease"], [8], silent)


def popular(matrix):
    return Popularity(np.asarray(matrix.sum(axis=0)).ravel().astype(np.int64))


class Fixed:
    """Lists item 2 first and item 1 second, whatever it is trained on."""

    def scores(self, histories):
        return np.tile(np.array([0, 1, 2, -1], np.float32), (len(histories), 1))


def test_the_loop_by_hand(monkeypatch):
    monkeypatch.setattr("eval.feedback_loop.LISTED", 1)
    monkeypatch.setattr("eval.feedback_loop._half", lambda rows, seed: np.array([1, 0, 0, 1, 0], bool))
    # User 0 likes 0, 1 and 2 and is known to like 0; user 1 likes 2 and 3 and is known to like 2.
    truth = sparse.csr_matrix(np.array([[1, 1, 1, 0], [0, 0, 1, 1]], np.float32))
    first, second, third = feedback_loop(truth, lambda _: Fixed(), 3, silent)
    # Lists: item 2 and item 1, a hit and a miss; then item 1 and item 1, a hit and a miss; then 3 and 1, two misses.
    assert [r.observed for r in (first, second, third)] == [2, 3, 4]
    assert [r.found for r in (first, second, third)] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert [r.coverage for r in (first, second, third)] == [2 / 4, 1 / 4, 2 / 4]
    assert [r.popularity for r in (first, second, third)] == [1.5, 1.0, 1.0]
    assert [r.reached for r in (first, second, third)] == [2 / 4, 3 / 4, 3 / 4]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), users=st.integers(2, 30), items=st.integers(3, 90))
def test_what_is_observed_only_grows_and_is_liked(seed, users, items):
    draw = np.random.default_rng(seed)
    x = draw.random((users, items)) < 0.3
    x[:, 0] = True
    truth = sparse.csr_matrix(x.astype(np.float32))
    rounds = feedback_loop(truth, popular, 3, silent, seed=seed)
    observed = [r.observed for r in rounds]
    assert observed[0] == sum((n + 1) // 2 for n in x.sum(axis=1))
    assert observed == sorted(observed) and observed[-1] <= x.sum()
    found = [r.found for r in rounds]
    assert found == sorted(found) and 0 <= found[-1] <= 1
    if items <= LISTED:  # everything is listed at once
        assert found[0] == (1 if observed[0] < x.sum() else 0) and rounds[0].reached == x.any(axis=0).mean()
    assert rounds[0].coverage <= 1


def test_command_line(shop, tmp_path):
    chart = tmp_path / "new" / "dimensions.png"
    command = [COMMAND, "retrieve", "dimensions", "--data", shop, "--settings", "1"]
    options = ["--dimensions", "2,8", "--models", "ials,personas", "--loop", "2", "--chart", chart, "--json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(w["model"], w["d"]) for w in told["widths"]] == [
        ("ials", 2),
        ("ials", 8),
        ("personas", 2),
        ("personas", 8),
    ]
    assert told["widths"][1]["minus_widest"]["NDCG@100"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert set(told["loops"]) == {"2", "8"} and len(told["loops"]["2"]) == 2
    assert chart.read_bytes()[:4] == b"\x89PNG"
    wrong = subprocess.run([*command, "--dimensions", "2,many"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "--dimensions 2,many" in wrong.stderr and "Traceback" not in wrong.stderr


def test_points_that_nearly_coincide_share_a_label():
    assert _labels([16, 32, 64, 128], [0.0, 1.0, 1.01, 2.0], [0.0, 1.0, 1.0, 2.0]) == [
        (0, "16"), (1, "32, 64"), (3, "128"),
    ]  # fmt: skip
    assert _labels([16], [1.0], [1.0]) == [(0, "16")]


def test_a_loop_without_ials_is_refused(tmp_path):
    options = GroundOptions(str(write_shop(tmp_path)))
    with pytest.raises(ConfigError, match="--loop 2"):
        run_dimensions(options, ["personas"], [4], 1, 2, None, as_json=True)
