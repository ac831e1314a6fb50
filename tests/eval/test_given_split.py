"""The split that a source brings along."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from eval.given_split import given_split
from eval.retrieve_ground import prepare
from eval.retrieve_options import GroundOptions, some_users
from retrieval import datasets
from retrieval.datasets.tabular import TabularSource
from retrieval.errors import ConfigError, DataError
from tests.eval.tiny_shop import ITEMS, USERS, write_shop

COMMAND = Path(sys.executable).parent / "polytaste"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("shop"))


def names(dataset, rows):
    return {dataset.catalog.item_ids[i] for i in rows}


def test_rows_are_where_the_source_says(shop):
    dataset = datasets.load(shop)
    split = given_split(dataset, shop, TabularSource(), "part")
    table = pl.read_parquet(shop / "interactions.parquet")
    assert len(split.train) == USERS * 8
    for held, sets, part in ((split.validation, ("train",), "valid"), (split.test, ("train", "valid"), "test")):
        for at, user in enumerate(held.users[:20]):
            mine = table.filter(pl.col("user") == dataset.interactions.user_ids[user])
            shown = set(mine.filter(pl.col("part").is_in(sets))["item"])
            assert names(dataset, held.fold_in.row(at)) == shown
            hidden = set(mine.filter(pl.col("part") == part)["item"])
            known = {i for i in hidden if split.universe[dataset.catalog.positions([i])[0]]}
            assert names(dataset, held.hidden.row(at)) == known and known
    assert split.universe.sum() == table.filter(pl.col("part") == "train")["item"].n_unique() <= ITEMS


def rewritten(shop, folder, change):
    for name in ("interactions.parquet", "items.parquet"):
        table = pl.read_parquet(shop / name)
        (change(table) if name.startswith("inter") else table).write_parquet(folder / name)
    return folder


def test_validation_is_drawn_where_the_source_has_none(shop, tmp_path):
    folder = rewritten(shop, tmp_path, lambda t: t.with_columns(pl.col("part").replace("valid", "train")))
    split = given_split(datasets.load(folder), folder, TabularSource(), "part")
    drawn = USERS * 9 - len(split.train)
    assert 0.05 < drawn / (USERS * 9) < 0.15
    assert split.test.fold_in.lengths.max() == 9  # what was drawn is shown before the test


def test_a_pair_of_two_rows_is_where_the_first_is(shop, tmp_path):
    def twice(table):
        return pl.concat([table, table.filter(pl.col("part") == "train").with_columns(part=pl.lit("test"))])

    folder = rewritten(shop, tmp_path, twice)
    first, second = (given_split(datasets.load(f), f, TabularSource(), "part") for f in (shop, folder))
    assert len(first.train) == len(second.train)
    np.testing.assert_array_equal(first.test.hidden.items, second.test.hidden.items)


@pytest.mark.parametrize(
    ("change", "column", "error", "word"),
    [
        (lambda t: t, "fold", ConfigError, "--split fold"),
        (lambda t: t.with_columns(part=pl.lit("seven")), "part", DataError, "'seven'"),
        (lambda t: t.with_columns(part=pl.lit("train")), "part", DataError, "test"),
    ],
)
def test_what_is_wrong_is_named(shop, tmp_path, change, column, error, word):
    folder = rewritten(shop, tmp_path, change)
    with pytest.raises(error, match=word):
        given_split(datasets.load(folder), folder, TabularSource(), column)


def test_options_fit_together(shop):
    with pytest.raises(ConfigError, match="--split part"):
        GroundOptions(str(shop), split="part").load()
    with pytest.raises(ConfigError, match="given"):
        GroundOptions(str(shop), protocol="given").load()
    _, ground = GroundOptions(str(shop), protocol="given", split="part", columns=("user=user",)).load()
    assert ground.note == "the sets of the source" and len(ground.split.test.users) > 70


def test_a_sample_is_some_of_the_users(shop):
    dataset = datasets.load(shop)
    whole, some = prepare(dataset, "last"), prepare(dataset, "last", sample=10)
    assert len(some.split.test.users) == len(some.split.validation.users) == 10 and "10 users" in some.note
    place = {u: at for at, u in enumerate(whole.split.test.users)}
    for at, user in enumerate(some.split.test.users):
        np.testing.assert_array_equal(some.split.test.hidden.row(at), whole.split.test.hidden.row(place[user]))
        np.testing.assert_array_equal(some.split.test.fold_in.row(at), whole.split.test.fold_in.row(place[user]))
    assert some.split.test.hidden.lengths.all()
    assert prepare(dataset, "last", sample=1000).note == whole.note


def test_some_of_the_users_are_kept(shop):
    dataset = datasets.load(shop)
    some = some_users(dataset, 30)
    rows = some.interactions
    assert len(np.unique(rows.users)) == 30 and len(rows) == 300 and "30 users" in some.name
    assert some_users(dataset, USERS) is dataset
    _, ground = GroundOptions(str(shop), protocol="given", split="part", users=30).load()
    assert ground.matrix.shape[0] == 30 and set(ground.split.test.users) <= set(rows.users)


def test_command_line(shop):
    options = ["--protocol", "given", "--split", "part", "--models", "popularity,ease", "--settings", "1"]
    done = subprocess.run([COMMAND, "retrieve", "compare", "--data", shop, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "given: the sets of the source" in " ".join(done.stdout.split())
    assert "EASE: ridge 500;" in done.stdout  # one of four settings
