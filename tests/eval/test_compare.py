import json

import numpy as np
import pytest

from eval.compare import compare
from eval.compare_report import against_textbook, as_dict, draw_html, draw_png
from retrieval.errors import ConfigError

STRATEGIES = ["calibrated", "steck-greedy", "hellinger", "xquad", "mmr", "popularity-penalty", "top-k", "random"]


@pytest.fixture(scope="module")
def result(dataset):
    return compare(dataset, STRATEGIES, [0.5, 0.9], lambda *_: None, folds=2)


def mean(result, name, lam=0.0):
    return np.nanmean(result.points[name, lam], axis=0)


def test_strategies_stand_where_they_should(result):
    top, chance, ours, textbook = (
        mean(result, *point) for point in (("top-k",), ("random",), ("calibrated", 0.9), ("steck-greedy", 0.9))
    )
    assert chance[0] < 0.5 * top[0]
    assert ours[0] > textbook[0]
    assert ours[1] < textbook[1] < top[1] / 2
    assert all(len(values) == result.users for values in result.points.values())


def test_differences_are_paired_and_only_where_they_mean_something(result):
    gain, error = against_textbook(result, ("calibrated", 0.9))
    assert gain.low > 0
    assert error.high < 0
    assert against_textbook(result, ("xquad", 0.9)) is None
    assert against_textbook(result, ("top-k", 0.0)) is None


def test_json_png_and_html_show_every_strategy(result, tmp_path):
    points = json.loads(json.dumps(as_dict(result)))["points"]
    assert {p["strategy"] for p in points} == set(STRATEGIES)
    assert len(points) == 2 * 6 + 2
    draw_png(result, tmp_path / "c.png")
    draw_html(result, tmp_path / "c.html")
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"
    page = (tmp_path / "c.html").read_text()
    assert all(f'"name":"{name}"' in page for name in STRATEGIES)
    assert 'src="http' not in page  # nothing is fetched when it is opened


@pytest.mark.parametrize("source", ["personas", "popularity"])
def test_any_retrievers_candidates(dataset, source):
    result = compare(dataset, ["calibrated", "top-k"], [0.9], lambda *_: None, folds=2, source=source, k=5, depth=30)
    assert result.source == source
    assert mean(result, "calibrated", 0.9)[1] < mean(result, "top-k")[1]


def test_personas_are_an_axis_where_the_retriever_has_them(dataset):
    result = compare(
        dataset,
        ["calibrated", "top-k"],
        [0.9],
        lambda *_: None,
        folds=2,
        source="personas",
        axis="personas=.5,decade=.5",
    )
    assert mean(result, "calibrated", 0.9)[1] < mean(result, "top-k")[1]
    with pytest.raises(ConfigError, match="ease has no personas"):
        compare(dataset, ["top-k"], [0.9], lambda *_: None, axis="personas")


def test_what_is_named_twice_counts_once(dataset):
    twice = compare(dataset, ["top-k", "top-k", "calibrated"], [0.9, 0.9], lambda *_: None, folds=2)
    assert all(len(values) == twice.users for values in twice.points.values())


def test_bad_names_are_refused(dataset):
    with pytest.raises(ConfigError, match="no strategy 'magic'"):
        compare(dataset, ["magic"], [0.5], lambda *_: None)
