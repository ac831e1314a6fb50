from importlib.resources import as_file, files

import numpy as np
import polars as pl
import pytest

from eval.folds import make_folds
from retrieval.datasets import BUNDLED, Dataset, TabularSource, load
from retrieval.datasets.splits import SEED, global_time, last_n, strong_generalisation
from retrieval.datasets.tabular import Columns
from retrieval.errors import DataError
from retrieval.schema import Catalog, Interactions


def test_strong_generalisation_is_the_authors_notebook(dataset):
    """The permutation and the hidden items, recomputed from the file in the notebook's own words."""
    likes, n = dataset.likes(), len(dataset.catalog)
    split = strong_generalisation(likes, n, held_out=50)
    with as_file(files("retrieval.datasets") / "bundled" / BUNDLED / "ratings.parquet") as path:
        raw = pl.read_parquet(path).filter(pl.col("rating") > 3.5)
    counts = dict(raw.group_by("user_id").len().iter_rows())
    unique = np.sort(np.array([user for user, count in counts.items() if count >= 5]))
    np.random.seed(98765)
    unique = unique[np.random.permutation(unique.size)]
    trained = raw.filter(pl.col("user_id").is_in(unique[:-100].tolist()))["item_id"].unique()
    for held, users in ((split.validation, unique[-100:-50]), (split.test, unique[-50:])):
        assert [int(likes.user_ids[u]) for u in held.users] == sorted(users.tolist())
        np.random.seed(98765)
        for b, user in enumerate(sorted(users.tolist())):
            rows = raw.filter((pl.col("user_id") == user) & pl.col("item_id").is_in(trained.to_list()))["item_id"]
            row = dataset.catalog.positions(rows.to_list())
            expected = np.zeros(len(row), bool)
            if len(row) >= 5:
                expected[np.random.choice(len(row), size=int(0.2 * len(row)), replace=False).astype("int64")] = True
            assert set(held.hidden.row(b).tolist()) == set(row[expected].tolist())
            assert set(held.fold_in.row(b).tolist()) == set(row[~expected].tolist())
    assert not np.isin(split.train.users, split.test.users).any()


def test_ml1m_split_equals_the_published_one(shared_data):
    folder = shared_data / "ml-1m"
    if not folder.is_dir():
        pytest.skip(f"ML-1M is not in {folder} (it may not be shipped)")
    d = load(folder, TabularSource(columns=Columns(rating="liked")))
    split = strong_generalisation(d.likes(), len(d.catalog), held_out=1000)
    users, items = (
        dict(pl.read_parquet(folder / "multvae" / f"{name}_map.parquet").cast(pl.Int64).iter_rows())
        for name in ("uid", "sid")
    )

    def published(name):
        return {(str(users[u]), str(items[i])) for u, i in pl.read_parquet(folder / "multvae" / name).iter_rows()}

    def ours(held, histories):
        return {
            (d.interactions.user_ids[user], d.catalog.item_ids[item])
            for user, item in zip(held.users[histories.owner], histories.items, strict=True)
        }

    assert len(published("test_te.parquet")) == 18_555
    for held, name in ((split.validation, "validation"), (split.test, "test")):
        assert ours(held, held.hidden) == published(f"{name}_te.parquet")
        assert ours(held, held.fold_in) == published(f"{name}_tr.parquet")
    pairs = zip(split.train.users, split.train.items, strict=True)
    train = {(d.interactions.user_ids[u], d.catalog.item_ids[i]) for u, i in pairs}
    nameless = {(user, item) for user, item in published("train.parquet") if item == "None"}
    assert train == published("train.parquet") - nameless  # three items of one like each have no id in the map
    assert len(nameless) == 3
    assert SEED == 98765


def test_positions_are_drawn_in_the_order_of_the_file():
    """Ten users like the same ten items; the file lists them by item, the clock runs the other way."""
    n = 10
    users, items = np.repeat(np.arange(n, dtype=np.int32), n), np.tile(np.arange(n, dtype=np.int32)[::-1], n)
    times = np.tile(np.arange(n, dtype=np.int64), n)
    rows = np.tile(np.arange(n, dtype=np.int64)[::-1], n) + n * users
    likes = Interactions(tuple(f"{u:02}" for u in range(n)), users, items, np.ones(len(users), np.float32), times, rows)
    split = strong_generalisation(likes, n, held_out=1)
    drawn = np.random.RandomState(98765).choice(n, size=2, replace=False)
    for held in (split.validation, split.test):
        assert set(held.hidden.row(0).tolist()) == set(drawn.tolist())  # position p of the file holds item p
        assert set(held.hidden.row(0).tolist()) != set((n - 1 - drawn).tolist())  # what the order of time would hide
        assert held.fold_in.row(0).tolist() == [i for i in range(n)[::-1] if i not in drawn]  # oldest first


def test_the_same_item_again_is_no_other_item():
    """Listeners who play one track a dozen times have one item, and hide none."""
    plays, tracks = 12, 6
    one = [(u, 0, t) for u in range(8) for t in range(plays)]
    many = [(u, i, t) for u in range(8, 16) for i in range(tracks) for t in (i, i + tracks)]
    likes = timed(*one, *many)
    split = strong_generalisation(likes, tracks, held_out=2)
    assert min(*split.validation.users, *split.test.users, *split.train.users) >= 8
    assert split.test.hidden.lengths.tolist() == [1, 1]
    assert len(split.train) == 4 * tracks
    assert set(last_n(likes, tracks, min_items=4).test.users.tolist()) == set(range(8, 16))
    table = pl.DataFrame({"item_id": [str(i) for i in range(tracks)]}).with_columns(
        title="item_id", categories=pl.lit([], pl.List(pl.String)), year=None, count=8
    )
    d = Dataset("plays", Catalog(table), likes, 0.0)
    count, folds = make_folds(d, folds=2, min_items=tracks)
    assert count == 8
    assert {int(u) for fold in folds for u in fold.held.users} == set(range(8, 16))
    with pytest.raises(DataError, match="only 0 users have 7 liked items"):
        make_folds(d, folds=2, min_items=tracks + 1)


def timed(*rows):
    users, items, times = (np.array(c) for c in zip(*sorted(rows, key=lambda r: (r[0], r[2])), strict=True))
    ids = tuple(f"u{i}" for i in range(users.max() + 1))
    return Interactions(
        ids, users.astype(np.int32), items.astype(np.int32), np.ones(len(users), np.float32), times.astype(np.int64)
    )


def test_last_n_by_hand():
    likes = timed(*[(0, i, t) for t, i in enumerate([5, 3, 1, 0, 2, 4])], *[(1, i, i) for i in range(3)])
    split = last_n(likes, 6, n=1, min_items=2)
    assert split.test.users.tolist() == [0]
    assert split.test.hidden.lengths.tolist() == [0]  # item 4 was never trained on, so it cannot be ranked
    assert split.test.fold_in.row(0).tolist() == [5, 3, 1, 0, 2]
    assert split.validation.hidden.row(0).tolist() == [2]
    assert split.validation.fold_in.row(0).tolist() == [5, 3, 1, 0]
    assert sorted(split.train.items.tolist()) == [0, 0, 1, 1, 2, 3, 5]


def test_global_time_never_looks_ahead():
    rng = np.random.default_rng(0)
    rows = [
        (u, i, int(t))
        for u in range(20)
        for i, t in zip(rng.permutation(30)[:15], rng.integers(0, 1000, 15), strict=True)
    ]
    likes = timed(*rows)
    split = global_time(likes, 30)
    assert likes.times is not None
    border = np.quantile(likes.times, 0.9)
    before = {(u, i) for u, i, t in rows if t < border}
    for b, user in enumerate(split.test.users):
        assert {(user, i) for i in split.test.fold_in.row(b)} <= before
        assert not {(user, i) for i in split.test.hidden.row(b)} & before


def test_splits_say_what_is_missing(dataset):
    with pytest.raises(DataError, match="too few to hold out"):
        strong_generalisation(dataset.likes(), len(dataset.catalog), held_out=10_000)
    bare = Interactions(("u",), np.zeros(9, np.int32), np.arange(9, dtype=np.int32), np.ones(9, np.float32))
    with pytest.raises(DataError, match="no times"):
        last_n(bare, 9)
