import numpy as np
import polars as pl
import pytest

from eval import metrics
from eval.claims.candidates import choose, over, retrieved
from eval.claims.ground import FOLDS, make_ground
from eval.retrieve_models import MODELS, Model, Setting
from retrieval.baselines.popularity import Popularity
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError, DataError
from retrieval.schema import Catalog


def told(*_):
    pass


def test_every_user_is_tested_once_by_models_that_never_saw_him(dataset, ground):
    tested = np.concatenate([part.test.users for part in ground.parts])
    assert len(ground.parts) == FOLDS and len(tested) == len(np.unique(tested)) == ground.users
    likes = dataset.likes().distinct()
    sizes = np.bincount(likes.users, minlength=len(likes.user_ids))
    assert set(tested) == set(np.flatnonzero(sizes >= 10))
    for part in ground.parts:
        assert not np.intersect1d(part.test.users, part.validation.users).size
        kept = np.setdiff1d(likes.users, np.concatenate([part.test.users, part.validation.users]))
        assert part.matrix.shape[0] == len(kept)
        assert part.counts.sum() == part.matrix.nnz == sizes[kept].sum()
        for held in (part.validation, part.test):
            assert part.touched[held.hidden.items].all()


def test_large_data_are_split_as_published(dataset, monkeypatch):
    monkeypatch.setattr("eval.claims.ground._PUBLISHED", 500)
    ground = make_ground(dataset)
    assert len(ground.parts) == 1
    assert len(ground.parts[0].test.users) == len(ground.parts[0].validation.users) == 100


def test_fewer_users_are_drawn_once_and_said(dataset):
    some, again = make_ground(dataset, 300), make_ground(dataset, 300)
    assert some.users < 300 and "300 of 610 users, drawn once" in some.protocol
    assert some.key == again.key != make_ground(dataset).key


def test_data_that_cannot_carry_an_experiment_say_why(dataset):
    bare = Catalog(dataset.catalog.table.with_columns(categories=pl.lit([], pl.List(pl.String))))
    with pytest.raises(ConfigError, match="no categories"):
        make_ground(Dataset("bare", bare, dataset.interactions, 3.5))
    assert make_ground(Dataset("bare", bare, dataset.interactions, 3.5), axis="popularity").parts
    with pytest.raises(DataError, match="liked items"):
        make_ground(dataset, 15)


def test_candidates_are_unseen_known_and_kept(ground, quick, monkeypatch):
    validation, test = retrieved(ground, "ease", told)
    for part, found in zip(ground.parts, test, strict=True):
        held = part.test
        seen = held.fold_in.matrix(len(part.touched)).toarray() > 0
        assert part.touched[found.items].all()
        assert not np.take_along_axis(seen, found.items, axis=1).any()
        np.testing.assert_array_equal(found.hit, metrics.hits(found.items, held.hidden, len(part.touched)))
        np.testing.assert_allclose(found.pool.target.sum(axis=1), 1)
    assert len(over(test, lambda one: one.relevant)) == ground.users
    monkeypatch.setattr("eval.claims.candidates.choose", None)  # a second look trains nothing
    again, _ = retrieved(ground, "ease", told)
    np.testing.assert_array_equal(again[0].items, validation[0].items)


def test_the_best_on_validation_is_chosen(ground, monkeypatch):
    part = ground.parts[0]
    counts = np.asarray(part.matrix.sum(axis=0)).ravel().astype(np.int64)

    def scorer(sign):
        return Setting(None, {}, lambda _: Popularity(sign * counts))

    monkeypatch.setitem(MODELS, "popularity", Model("p", (scorer(-1), scorer(1), scorer(-1))))
    best = choose(part, "popularity")
    assert part.judge(best) == part.judge(Popularity(counts)) > part.judge(Popularity(-counts))


def test_smaller_grounds_say_what_they_leave_out(ground):
    small = ground.smaller(2, 200)
    assert (
        len(small.parts) == 2 and "2 of the 5 folds" in small.protocol and "200 of the training users" in small.protocol
    )
    assert all(
        part.matrix.shape == (200, whole.matrix.shape[1])
        for part, whole in zip(small.parts, ground.parts, strict=False)
    )
    assert ground.smaller(9, 10_000).protocol == ground.protocol
