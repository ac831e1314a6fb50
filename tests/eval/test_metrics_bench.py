"""What the metrics are timed against says the same, or is known to mean something else; nothing is said of how fast."""

import json

import numpy as np
import pytest

from eval.metrics import average_precision, hits
from eval.metrics_bench import NAMES, Timed, draw, measure, ours
from eval.metrics_peers import PEERS
from tests.agent.test_cli import polytaste

INSTALLED = ("NumPy, RecBole's way, hits given", "pytrec_eval", "ir-measures", "plain Python")


def test_lists_and_relevant_items_are_distinct_and_meet():
    given = draw(50, 200, 10)
    assert given.lists.shape == (50, 10) and len(given.hidden) == 50
    assert all(len(set(row)) == 10 for row in given.lists.tolist())
    assert all(len(np.unique(given.hidden.row(u))) == given.hidden.lengths[u] for u in range(50))
    assert 0.0 < ours(given)()["nDCG"] < 1.0


@pytest.mark.parametrize("name", INSTALLED)
def test_others_say_the_same(name):
    given = draw(60, 120, 7)
    said, mine = PEERS[name](given)(), ours(given)()
    assert tuple(said) == tuple(mine) == NAMES
    if name.startswith("NumPy"):  # divides AP by what a list of k can hold, as several recommender libraries do
        hit = hits(given.lists, given.hidden, given.n_items)
        mine["AP"] = float(average_precision(hit, given.hidden.lengths, 7, capped=True).mean())
    assert said == pytest.approx(mine, abs=1e-9)


def test_a_library_that_is_not_there_is_named_as_such(monkeypatch):
    def absent(_):
        raise ImportError

    def wrong(given):
        means = ours(given)
        return lambda: {**means(), "AP": 2.0}

    monkeypatch.setattr("eval.metrics_peers.PEERS", {"absent": absent, "wrong": wrong})
    mine, gone, other = measure(draw(5, 60, 3), lambda *_: None)
    assert mine.ms is not None and mine.name == "ours"
    assert gone == Timed("absent", None)
    assert other.differs == ("AP",)


def test_command():
    done = polytaste("eval", "bench", "--users", "20", "--items", "60", "--k", "5", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == ["ours", *PEERS] and rows[0]["ratio"] == 1.0
