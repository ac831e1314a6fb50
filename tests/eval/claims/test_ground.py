from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from eval import metrics
from eval.claims.candidates import choose, over, retrieved, retrieved_by_half
from eval.claims.ground import FOLDS, make_ground
from eval.retrieve_fitting import Fitting
from eval.retrieve_models import MODELS, Model, _grid
from eval.retrieve_setting import NoConfig, Setting
from retrieval.baselines.linear import LinearConfig
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


def test_bands_of_popularity_know_training_likes_only(dataset):
    for one in make_ground(dataset, axis="popularity").parts[:2]:
        bands = one.axis.share.toarray()
        head = bands[:, one.axis.labels.index("head")] > 0
        assert head.any() and one.counts[head].min() >= one.counts[~head].max()
        everybody = dataset.catalog.axis("popularity").share.toarray()
        assert (bands != everybody).any()


def test_halves_are_all_that_a_user_is_known_by(part):
    (only,) = part.parts
    first, second = only.halves
    for user in range(len(first)):
        both = np.concatenate([first.row(user), second.row(user)])
        assert sorted(both) == sorted(only.test.fold_in.row(user))
        assert 0 <= len(first.row(user)) - len(second.row(user)) <= 1


def test_what_is_told_by_half_lists_nothing_of_the_whole(part, quick):
    (lists,), (_, (test,)) = retrieved_by_half(part, "ease", told), retrieved(part, "ease", told)
    fold_in = part.parts[0].test.fold_in
    assert not any(np.isin(lists[user], fold_in.row(user)).any() for user in range(len(fold_in)))
    assert (lists != test.items).any()


def test_kept_lists_are_those_of_the_same_data_code_and_grid(ground, quick, monkeypatch):
    part = replace(ground, parts=ground.parts[:1])
    (first,), _ = retrieved(part, "ease", told)
    with monkeypatch.context() as changed:
        changed.setitem(MODELS, "ease", Model("ease", _grid(LinearConfig(), ridge=(9_000.0,))))
        assert (retrieved(part, "ease", told)[0][0].items != first.items).any()
    asked = []
    monkeypatch.setattr(
        "eval.claims.candidates.choose",
        lambda *_: asked.append(1) or Popularity(np.ones(part.parts[0].matrix.shape[1])),
    )
    retrieved(part, "ease", told)
    assert not asked
    for change in (
        lambda: monkeypatch.setattr("eval.claims.candidates.sources", lambda *_: "other code"),
        lambda: monkeypatch.setattr("eval.claims.candidates.DEPTH", 50),
    ):
        change()
        before = len(asked)
        retrieved(part, "ease", told)
        assert len(asked) == before + 1
    fewer = part.smaller(1, 300)
    retrieved(fewer, "ease", told)
    assert len(asked) == 3 and len({part.key, fewer.key, ground.key}) == 3


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
        return Setting(NoConfig(), {}, lambda _: Popularity(sign * counts))

    monkeypatch.setitem(MODELS, "popularity", Model("p", (scorer(-1), scorer(1), scorer(-1))))
    best = choose(part, "popularity")
    assert part.judge(best) == part.judge(Popularity(counts)) > part.judge(Popularity(-counts))


def test_personas_are_trained_from_the_seed_that_was_asked_for(ground, monkeypatch):
    part, seeds = ground.parts[0], []
    counts = np.asarray(part.matrix.sum(axis=0)).ravel().astype(np.int64)
    monkeypatch.setattr(Fitting, "of", lambda _, setting: seeds.append(setting.config.seed) or Popularity(counts))
    choose(part, "personas", seed=3)
    assert seeds == [3]


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
