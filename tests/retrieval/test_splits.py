import numpy as np
import polars as pl
import pytest

from retrieval.datasets import TabularSource, load
from retrieval.datasets.splits import SEED, global_time, last_n, strong_generalisation
from retrieval.datasets.tabular import Columns
from retrieval.errors import DataError
from retrieval.schema import Interactions


def test_strong_generalisation_is_the_authors_notebook(dataset):
    """The permutation and the hidden items, recomputed here in the notebook's own words."""
    likes, n = dataset.likes(), len(dataset.catalog)
    split = strong_generalisation(likes, n, held_out=50)
    ids = np.array([int(u) for u in likes.user_ids])
    counts = np.bincount(likes.users, minlength=len(ids))
    unique = np.sort(ids[counts >= 5])
    np.random.seed(98765)
    unique = unique[np.random.permutation(unique.size)]
    assert {int(likes.user_ids[u]) for u in split.test.users} == set(unique[-50:])
    assert {int(likes.user_ids[u]) for u in split.validation.users} == set(unique[-100:-50])
    np.random.seed(98765)
    rows = likes.where(split.universe[likes.items]).histories()
    for b, user in enumerate(split.test.users):
        row = rows.row(user)
        expected = np.zeros(len(row), bool)
        if len(row) >= 5:
            expected[np.random.choice(len(row), size=int(0.2 * len(row)), replace=False).astype("int64")] = True
        assert split.test.hidden.row(b).tolist() == row[expected].tolist()
        assert split.test.fold_in.row(b).tolist() == row[~expected].tolist()
    assert not np.isin(split.train.users, split.test.users).any()


def test_ml1m_split_equals_the_published_one(shared_data):
    folder = shared_data / "ml-1m"
    if not folder.is_dir():
        pytest.skip(f"ML-1M is not in {folder} (it may not be shipped)")
    d = load(folder, TabularSource(columns=Columns(rating="liked")))
    split = strong_generalisation(d.likes(), len(d.catalog), held_out=1000)
    users = pl.read_parquet(folder / "multvae" / "uid_map.parquet")
    truth = pl.read_parquet(folder / "multvae" / "test_te.parquet").join(users, on="uid")
    assert {d.interactions.user_ids[u] for u in split.test.users} == {str(u) for u in truth["user_id"].unique()}
    assert split.test.hidden.lengths.sum() == truth.height == 18_555
    sizes = dict(truth.group_by("user_id").len().iter_rows())
    assert [sizes[int(d.interactions.user_ids[u])] for u in split.test.users] == split.test.hidden.lengths.tolist()
    assert SEED == 98765


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
