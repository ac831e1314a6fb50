"""The reasons of a list: what "close" means, that every fact is true, and that no fact is said of nearly everything."""

from collections import Counter
from importlib.resources import files

import numpy as np
import polars as pl
import pytest

from agent import explain
from agent.explain import CLOSE, Closeness
from agent.recommender import Recommender
from retrieval.axes import popular_head
from retrieval.schema import Catalog


@pytest.fixture(scope="module")
def recommender(model):
    return Recommender(model)


def test_close_is_closer_than_most_of_what_people_like():
    angles = np.linspace(0, np.pi / 2, 100)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    others = np.array([1, 3, 4, 5, 6, 50], np.int32)

    def items(counts, categories=()):
        return Catalog(
            pl.DataFrame(
                {
                    "item_id": [str(i) for i in range(100)],
                    "title": [f"T{i}" for i in range(100)],
                    "categories": [list(categories[i : i + 1]) for i in range(100)],
                    "year": pl.Series([None] * 100, dtype=pl.Int32),
                    "count": counts,
                },
                schema_overrides={"categories": pl.List(pl.String)},
            )
        )

    counts = np.ones(100, np.int64)
    cosine, near = Closeness(items(counts), vectors)(np.array([0], np.int32), others)
    assert near[0].tolist() == [True, True, True, False, False, False]  # 95 of 100 are further than the fifth
    np.testing.assert_allclose(cosine[0], np.cos(angles[[1, 3, 4, 5, 6, 50]]), rtol=1e-5)
    kinds = items(counts, ["a", "b", "b", "b", "a"])  # the others have none
    assert Closeness(kinds, vectors)(np.array([0], np.int32), others)[1][0].tolist() == [
        False,
        False,
        True,
        *[False] * 3,
    ]
    assert Closeness(kinds, vectors)(np.array([5], np.int32), others)[1][0].tolist()[1:3] == [True, True]
    counts[:5] = 1000  # where nearly all that people like is as near, it says nothing
    assert not Closeness(items(counts), vectors)(np.array([0], np.int32), others[1:2])[1].any()


def test_close_items_share_tags_that_training_never_saw(model, monkeypatch):
    """The choice of :data:`CLOSE`, on pairs of tagged items drawn by their likes: how much more often they share a tag than any two."""
    path = files("retrieval.datasets") / "bundled" / "ml-latest-small" / "tags.parquet"
    said = pl.read_parquet(str(path)).select(pl.col("item_id").cast(pl.String), pl.col("tag").str.to_lowercase())
    tags = {item: set(rows["tag"]) for (item,), rows in said.group_by("item_id")}
    catalog, vectors = model.catalog, model.encoder.weights.items
    tagged = np.array([i for i, item in enumerate(catalog.item_ids) if item in tags and catalog.counts[i] > 0])
    draw = np.random.default_rng(0)
    weight = catalog.counts[tagged] / catalog.counts[tagged].sum()
    items, others = (draw.choice(tagged, 1000, p=weight).astype(np.int32) for _ in range(2))

    def near(border):
        monkeypatch.setattr(explain, "CLOSE", border)
        return explain.Closeness(catalog, vectors)(items, others)[1]

    said_of = [[tags[catalog.item_ids[i]] for i in side] for side in (items, others)]
    shared = np.array([[bool(a & b) for b in said_of[1]] for a in said_of[0]])
    apart, loose, close = items[:, None] != others, near(0.9), near(CLOSE)
    monkeypatch.setattr(explain, "_of_a_kind", lambda *_: True)
    strangers = near(CLOSE) & ~close
    groups = {"close": close, "the next twentieth": loose & ~close, "no category": strangers, "the rest": ~loose}
    times = {name: shared[apart & pairs].mean() / shared[apart].mean() for name, pairs in groups.items()}
    assert times["close"] > 4, times
    assert times["the next twentieth"] < 3, times
    assert max(times["no category"], times["the rest"]) < 1.5, times


def test_what_is_not_close_is_not_said_to_be(recommender, model):
    liked = ["Shawshank Redemption, The (1994)", "Matrix, The (1999)"]
    slate = recommender.recommend(like=liked, k=20)
    catalog = model.catalog
    mine = np.array([recommender.resolve(name) for name in liked], np.int32)
    for item in slate.items:
        at = catalog.positions([item.item_id])
        _, near = Closeness(catalog, model.encoder.weights.items)(at, mine)
        if item.evidence.startswith("close to your"):
            assert near[0, liked.index(item.evidence.removeprefix("close to your "))]
        elif item.evidence.startswith("for your"):
            side = item.evidence.removeprefix("for your ").partition(" side, ")[0]
            assert side in item.categories
            assert any(side in catalog.categories[i] for i in mine)
            share = catalog.axis("categories").rows(mine).mean(axis=0)[catalog.axis("categories").labels.index(side)]
            assert item.evidence.endswith(f"{share:.0%} of what you like")
            assert item.reason == item.evidence
        else:
            assert item.evidence == f"liked by {catalog.counts[at[0]]:,} people"


def test_popular_is_what_many_like_for_the_catalogue(recommender, model):
    assert explain._many(np.array([1, 1, 1, 1])) > 1  # where all are liked alike none is popular
    assert explain._many(np.array([9, 2, 2, 2])) == 9
    assert explain._many(np.array([6, 6, 1, 1, 0])) == 6
    assert explain._many(np.array([0, 0])) == np.inf
    counts = model.catalog.counts
    least = counts[popular_head(counts, 0.5)].min()
    said = {
        item.item_id: item.evidence
        for asked in ("", "horror", "hidden gems")
        for item in recommender.recommend(asked, k=30).items
    }
    for item, evidence in said.items():
        at = int(model.catalog.positions([item])[0])
        assert evidence.startswith("popular: ") is bool(counts[at] >= least), evidence
    assert {evidence.startswith("popular: ") for evidence in said.values()} == {True, False}


@pytest.mark.parametrize("like", [["Toy Story (1995)"], ["Shawshank Redemption, The (1994)", "Matrix, The (1999)"]])
def test_no_fact_is_given_for_most_of_a_list(recommender, like):
    said = Counter(item.evidence for item in recommender.recommend(like=like, k=10).items)
    assert max(said.values()) <= 3
    assert len(said) >= 4
