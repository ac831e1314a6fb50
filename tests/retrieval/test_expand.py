import numpy as np
import polars as pl
import pytest
from scipy import sparse

from retrieval.datasets import load
from retrieval.datasets.expand import ExpansionConfig, _orthogonal, _resized, expand, kept_shares, small_picture
from retrieval.errors import ConfigError


@pytest.fixture(scope="module")
def expanded(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    config = ExpansionConfig(users=4, items=3, likes=150_000, held_out=0.1, neighbours=16)
    return folder, config, expand(dataset, folder, config)


def test_the_picture_keeps_the_leading_singular_values():
    rng = np.random.default_rng(0)
    matrix = sparse.csr_matrix((rng.random((60, 40)) < np.outer(rng.random(60), rng.random(40))).astype(float))
    values = np.linalg.svd(matrix.toarray(), compute_uv=False)[:3]
    left, _, right = np.linalg.svd(matrix.toarray())
    signed = _orthogonal(_resized(left[:, :3], 5)) * values @ _orthogonal(_resized(right[:3].T, 3)).T
    np.testing.assert_allclose(np.linalg.svd(signed, compute_uv=False), values)
    picture = small_picture(matrix, 5, 3)
    assert picture.shape == (5, 3)
    assert picture.min() >= 0
    assert picture.max() == 1


def test_shares_by_hand():
    picture = np.array([[1.0, 0.5], [0.25, 0.25]])
    np.testing.assert_allclose(kept_shares(picture, 100, 100), 0.5 * picture)
    np.testing.assert_allclose(kept_shares(picture, 100, 250), [[1, 0.75], [0.375, 0.375]], atol=1e-9)
    np.testing.assert_allclose(kept_shares(picture, 100, 300), [[1, 1], [0.5, 0.5]])
    with pytest.raises(ConfigError, match="fewer than 401"):
        kept_shares(picture, 100, 401)


def test_what_is_written_is_what_was_asked_for(dataset, expanded):
    folder, config, written = expanded
    data = load(folder)
    assert len(data.interactions) == written.likes["train"] == len(data.likes())
    assert abs(written.likes["train"] - config.likes) < 4 * config.likes**0.5
    assert len(data.interactions.user_ids) == written.users["train"]
    assert len(data.catalog) == 3 * len(dataset.catalog)
    assert (data.catalog.counts > 0).sum() == written.items
    assert data.catalog.table["title"][0] == f"[0] {dataset.catalog.titles[0]}"
    assert data.catalog.table["year"].equals(pl.concat([dataset.catalog.table["year"]] * 3), check_dtypes=False)
    users = pl.read_parquet(folder / "interactions.parquet")["user"]
    assert users.rle().len() == users.n_unique()  # by user, so that reading need not sort


def test_every_block_is_the_source_thinned_and_shuffled_among_its_like(dataset, expanded):
    """A copied user's likes of one copy of the items are part of one person's, who is as active to within 16 places."""
    folder, config, written = expanded
    source = dataset.histories()
    sets = {p: set(source.row(u).tolist()) for u, p in enumerate(dataset.interactions.user_ids)}
    held = pl.read_parquet(folder / "held-out" / "interactions.parquet")["user"].str.split("-").list.last().unique()
    trained = [p for p in sets if p not in set(held.to_list())]
    trained.sort(key=lambda p: -len(sets[p]))
    window = {p: at // config.neighbours for at, p in enumerate(trained)}
    events = pl.read_parquet(folder / "interactions.parquet").with_columns(
        pl.col("user").str.split("-").list.to_struct(fields=["i", "person"]).struct.unnest(),
        pl.col("item").str.split("-").list.to_struct(fields=["j", "thing"]).struct.unnest(),
    )
    sizes = events.group_by("i", "j").len()
    per_block = written.likes["train"] / written.kept.sum()
    for i, j, n in sizes.iter_rows():
        expected = per_block * written.kept[int(i), int(j)]
        assert abs(n - expected) < 6 * expected**0.5 + 0.02 * per_block
    block = events.filter((pl.col("i") == "0") & (pl.col("j") == "0")).group_by("person").agg("thing")
    for person, things in list(block.iter_rows())[:40]:
        liked = set(dataset.catalog.positions(things).tolist())
        donors = {window[p] for p in trained if liked <= sets[p]}
        assert window[person] in donors
        if len(liked) > 20:
            assert len(donors) == 1  # nobody else likes all of that


def test_no_copy_of_a_held_out_person_is_trained_on(expanded):
    folder, _, written = expanded
    people = [
        set(pl.read_parquet(place / "interactions.parquet")["user"].str.split("-").list.last().to_list())
        for place in (folder, folder / "held-out")
    ]
    assert not people[0] & people[1]
    assert 50 <= len(people[1]) <= 61
    assert load(folder / "held-out").catalog.item_ids == load(folder).catalog.item_ids
    assert written.likes["held_out"] == pl.read_parquet(folder / "held-out" / "interactions.parquet").height


def test_the_seed_fixes_every_row(dataset, expanded, tmp_path):
    folder, config, _ = expanded
    expand(dataset, tmp_path / "again", config)
    first, again = (pl.read_parquet(place / "interactions.parquet") for place in (folder, tmp_path / "again"))
    assert first.equals(again)
    expand(dataset, tmp_path / "other", config.model_copy(update={"seed": 1}))
    assert not first.equals(pl.read_parquet(tmp_path / "other" / "interactions.parquet"))


def test_what_cannot_be_done_is_refused(dataset, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        expand(dataset, tmp_path / "full", ExpansionConfig())
    with pytest.raises(ConfigError, match="10000 x 2 copies"):
        expand(dataset, tmp_path / "new", ExpansionConfig(users=10_000, items=2))
    assert not (tmp_path / "new").exists()
