import json

import numpy as np
import polars as pl
import pytest

from eval.compare import compare
from eval.compare_report import against_textbook, as_dict, draw_html, draw_png
from eval.compare_sources import from_files, from_retriever
from retrieval.errors import ConfigError, DataError

STRATEGIES = ["calibrated", "steck-greedy", "hellinger", "xquad", "mmr", "popularity-penalty", "top-k", "random"]


def run(dataset, strategies, lambdas, source="ease", depth=100, **options):
    ground = from_retriever(dataset, source, folds=2, depth=depth)
    return compare(dataset, strategies, lambdas, lambda *_: None, ground=ground, **options)


@pytest.fixture(scope="module")
def result(dataset):
    return run(dataset, STRATEGIES, [0.5, 0.9])


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


@pytest.mark.parametrize("source", ["personas", "popularity", "edlae", "item-knn", "ials"])
def test_any_retrievers_candidates(dataset, source):
    result = run(dataset, ["calibrated", "top-k"], [0.9], source, 30, k=5)
    assert result.source == source
    assert mean(result, "calibrated", 0.9)[1] < mean(result, "top-k")[1]


def test_personas_are_an_axis_where_the_retriever_has_them(dataset):
    result = run(dataset, ["calibrated", "top-k"], [0.9], "personas", axis="personas=.5,decade=.5")
    assert mean(result, "calibrated", 0.9)[1] < mean(result, "top-k")[1]
    with pytest.raises(ConfigError, match="ease has no personas"):
        run(dataset, ["top-k"], [0.9], axis="personas")


def test_what_is_named_twice_counts_once(dataset):
    twice = run(dataset, ["top-k", "top-k", "calibrated"], [0.9, 0.9])
    assert all(len(values) == twice.users for values in twice.points.values())


def test_bad_names_are_refused(dataset):
    with pytest.raises(ConfigError, match="no strategy 'magic'"):
        run(dataset, ["magic"], [0.5])
    with pytest.raises(ConfigError, match="no retriever 'magic'"):
        run(dataset, ["top-k"], [0.5], "magic")


@pytest.fixture
def files(dataset, tmp_path):
    """Candidates of EASE for one fold of users, as anybody's retriever might write them."""
    fold, found = next(from_retriever(dataset, "ease", folds=2).parts)
    names, users = dataset.catalog.table["item_id"], np.array(dataset.interactions.user_ids)[fold.held.users]
    row, column = np.nonzero(found.items >= 0)
    mixed = np.random.default_rng(0).permutation(len(row))
    ids = names.gather(found.items[row, column][mixed])
    table = pl.DataFrame({"user_id": users[row][mixed], "item_id": ids, "score": found.scores[row, column][mixed]})
    table.write_parquet(tmp_path / "candidates.parquet")
    hidden = fold.held.hidden
    truth = pl.DataFrame({"user_id": users[hidden.owner], "item_id": names.gather(hidden.items)})
    truth.write_parquet(tmp_path / "truth.parquet")
    return fold, tmp_path / "candidates.parquet", tmp_path / "truth.parquet"


def test_files_of_anybodys_retriever_are_compared_alike(dataset, result, files):
    fold, *paths = files
    other = compare(dataset, ["calibrated", "top-k"], [0.9], lambda *_: None, ground=from_files(dataset, *paths))
    first = len(fold.held.users)
    assert other.users == first
    assert other.source == "candidates.parquet"
    np.testing.assert_allclose(other.points["top-k", 0.0][:, 0], result.points["top-k", 0.0][:first, 0])
    # Items outside the fold's universe are in the history here and are not there.
    assert mean(other, "calibrated", 0.9)[1] == pytest.approx(
        result.points["calibrated", 0.9][:first, 1].mean(), abs=0.02
    )


def test_bad_files_say_what_is_wrong(dataset, files, tmp_path):
    _, candidates, truth = files
    table = pl.read_parquet(candidates)
    broken = tmp_path / "broken.parquet"
    for bad, message in (
        (table.drop("score"), "lacks the columns .'score'"),
        (table.head(0), "is empty"),
        (pl.concat([table, table.head(1)]), "more than once"),
        (table.with_columns(item_id=pl.lit("no such thing")), "item_id 'no such thing' is not in the data"),
    ):
        bad.write_parquet(broken)
        with pytest.raises(DataError, match=message):
            from_files(dataset, broken, truth)
