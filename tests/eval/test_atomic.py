"""Data go through RecBole's files unchanged: likes, the order that splits draw by, every column of the items, the figures."""

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from eval.cli import evaluate
from eval.interchange.recbole import read_atomic, write_atomic
from eval.report_read import read_results
from eval.suite.commands import run_suite
from retrieval.datasets import load
from retrieval.datasets.dataset import assemble
from retrieval.datasets.tabular import Columns, TabularSource
from retrieval.errors import DataError

COLUMNS = {"user": "listener", "item": "song", "time": "when", "categories": "style"}


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Plays from 1 to 5, which are counts and no stars, in no order of time; songs with columns of every kind."""
    folder, draw = tmp_path_factory.mktemp("songs"), np.random.default_rng(7)
    styles = ["Ambient", "Bebop", "Cumbia", "Dub"]
    rows = []
    for user in range(60):
        mine = draw.choice(40, 12, replace=False, p=np.arange(40, 0, -1) / 820)
        rows += [(f"l{user}", f"s{song:02}", int(draw.integers(1, 6)), int(draw.integers(1e9, 2e9))) for song in mine]
    schema = ["listener", "song", "plays", "when"]
    pl.DataFrame(rows, schema=schema, orient="row").sample(fraction=1, shuffle=True, seed=3).write_parquet(
        folder / "interactions.parquet"
    )
    pl.DataFrame(
        {
            "song": [f"s{song:02}" for song in range(45)], "title": [f"Song {song}: “a|b”" for song in range(45)],
            "style": [[styles[song % 4]] if song % 3 else styles[:2] for song in range(45)],
            "year": [None if song % 5 == 0 else 1960 + song if song % 2 else -3000 + song for song in range(45)],
            "artist": [None if song == 7 else f"Artist {song % 6}" for song in range(45)],
            "seconds": [song * 7 for song in range(45)], "price": [None if song == 3 else 0.1 * song for song in range(45)],
            "live": [song % 2 == 0 for song in range(45)], "moods": [["calm", "late night"], [], ["loud"]] * 15,
            "words": ["two\nlines"] + ["one"] * 44, "cover": [{"wide": 3}] * 45, "a:b": ["x"] * 45,
        }
    ).write_parquet(folder / "items.parquet")  # fmt: skip
    return folder


def same_likes(one, other):
    first, second = one.likes(), other.likes()
    assert first.user_ids == second.user_ids
    for name in ("users", "items", "values", "times", "source_rows"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def test_every_column_comes_back_or_is_named(songs, tmp_path):
    data = load(songs, TabularSource(columns=Columns(**COLUMNS)))
    paths, (left,) = write_atomic(tmp_path / "atomic", data, separator="|")
    assert [path.suffix for path in paths] == [".inter", ".item", ".user"]
    assert left.startswith("not written of the items: words (a tab or a line break), cover (neither names nor numbers")
    assert "a:b (its name holds a colon" in left
    back = read_atomic(tmp_path / "atomic", separator="|")
    same_likes(back, data)
    assert len(back.likes()) == len(data.interactions) and back.like_above == data.like_above == 0
    kept = ["item_id", "title", "categories", "year", "count", "artist", "seconds", "price", "moods"]
    assert back.catalog.table.select(kept).equals(data.catalog.table.select(kept))
    for axis in ("live", "artist", "moods", "seconds"):
        one, other = back.catalog.axis(axis), data.catalog.axis(axis)
        assert one.labels == other.labels and (one.share != other.share).nnz == 0
    with pytest.raises(DataError, match="'late night' holds the separator"):
        write_atomic(tmp_path / "atomic", data)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5), st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 3.5, 4.0, 5.0, 90.0])),
        min_size=1, max_size=20,
    ),
    st.sampled_from(["rating", "plays", ""]),
    st.sampled_from([None, -2.0, 0.0, 1.5, 3.5, 4.0]),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_what_was_liked_is_liked_again(tmp_path_factory, rows, rating, like_above):
    frame = pl.DataFrame(
        [(f"u{user}", f"i{item}", value if rating else 1.0) for user, item, value in rows],
        schema={"user": pl.String, "item": pl.String, "value": pl.Float32}, orient="row",
    )  # fmt: skip
    data = assemble(name="x", interactions=frame, items=None, rating=rating, like_above=like_above)
    folder = tmp_path_factory.getbasetemp() / "liked"
    _, notes = write_atomic(folder, data)
    back = read_atomic(folder)
    same_likes(back, data)
    np.testing.assert_array_equal(back.interactions.values, data.interactions.values)
    few = bool((data.interactions.values <= data.like_above).any())
    assert [("val_interval" in note) for note in notes] == [True] * few
    assert any("counts as liked" in note for note in back.notes)


def test_labels_that_no_value_explains_go_before_the_values(tmp_path):
    (tmp_path / "x.inter").write_text(
        "user_id:token\titem_id:token\trating:float\tlabel:float\nu\ta\t5\t0\nu\tb\t1\t1\nv\tb\t3\t1\n"
    )
    assert read_atomic(tmp_path).likes().items.tolist() == [1, 1]
    assert read_atomic(tmp_path, like_above=2.0).likes().items.tolist() == [0, 1]
    (tmp_path / "x.inter").write_text("user_id:token\titem_id:token\tlabel:float\nu\ta\t0\nu\tb\t\n")
    with pytest.raises(DataError, match="column label is empty in 1 row"):
        read_atomic(tmp_path)


def test_times_in_nanoseconds_are_whole(tmp_path):
    late = 1_600_000_000_000_000_001
    frame = pl.DataFrame({"user": ["u", "u"], "item": ["b", "a"], "value": [1.0, 1.0], "time": [late + 1, late]})
    write_atomic(tmp_path / "x", assemble(name="x", interactions=frame, items=None, rating="", like_above=None))
    assert read_atomic(tmp_path / "x").interactions.times.tolist() == [late, late + 1]


def test_figures_of_a_suite_are_the_same_to_the_last_digit(songs, tmp_path, capsys):
    options = [part for role, name in COLUMNS.items() for part in ("--column", f"{role}={name}")]
    told = CliRunner().invoke(
        evaluate,
        ["export", str(songs), "--to", "recbole", "--separator", "|", "--out", str(tmp_path / "rb"), *options],
    )
    assert told.exit_code == 0, told.output
    suite = {"name": "same", "retrievers": [{"name": "ease", "config": {"ridge": 50.0}}], "splits": ["strong", "last"], "lambdas": [0.5], "depth": 20, "k": 5}  # fmt: skip
    both = {
        "own": {"path": str(songs), "columns": COLUMNS, "axis": "artist"},
        "rb": {"path": str(tmp_path / "rb"), "separator": "|", "axis": "artist"},
    }
    found = {}
    for name, data in both.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({**suite, "data": [data]}))
        capsys.readouterr()
        run_suite(tmp_path / f"{name}.yaml", tmp_path / name, None, 0.0, dry=False)
        assert "counts as liked: 720 of 720 rows" in " ".join(capsys.readouterr().err.split())
        found[name] = [cell for field in read_results(tmp_path / name).fields for cell in field.cells]
    assert len(found["own"]) == len(found["rb"]) == 4 and np.nanmean(found["own"][0].values["ndcg"]) > 0
    for one, other in zip(found["own"], found["rb"], strict=True):
        assert one.title == other.title
        np.testing.assert_array_equal(one.items, other.items)
        for metric, values in one.values.items():
            np.testing.assert_array_equal(values, other.values[metric], err_msg=metric)
