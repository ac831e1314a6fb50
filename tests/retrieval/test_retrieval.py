import json

import numpy as np
import pytest

from retrieval.artifacts import load, save
from retrieval.axes import popular_head
from retrieval.candidates import Retriever
from retrieval.errors import DataError, NotFoundError
from retrieval.filters import ItemFilter, Popularity
from retrieval.index import ItemIndex
from retrieval.schema import Histories


@pytest.fixture(scope="module")
def some(dataset):
    return dataset.histories().slice(0, 20)


def brute(model, histories, n, allowed=None):
    personas = model.encoder.encode(histories)
    everything = np.arange(len(model.catalog), dtype=np.int32)
    out = []
    for b in range(len(histories)):
        one = model.encoder.encode(histories.slice(b, b + 1))
        scores = np.round(model.encoder.attend(one, everything[None])[0][0], 5)
        scores[model.catalog.counts == 0] = -np.inf
        scores[histories.row(b)] = -np.inf
        if allowed is not None:
            scores[~allowed] = -np.inf
        out.append(np.argsort(-scores, kind="stable")[:n])
    assert len(personas.weights) == len(histories)
    return out


def test_certified_candidates_are_the_best_of_the_whole_catalogue(model, some):
    found = Retriever(model.encoder, model.index, depth=300)(some, 50)
    assert found.certified.mean() > 0.5
    for b, best in enumerate(brute(model, some, 50)):
        if found.certified[b]:
            np.testing.assert_array_equal(np.sort(found.candidates.items[b]), np.sort(best))


def test_batch_equals_single(model, some):
    together = model.retriever(some, 40)
    for b in range(len(some)):
        alone = model.retriever(some.slice(b, b + 1), 40)
        np.testing.assert_array_equal(together.candidates.items[b], alone.candidates.items[0])
        np.testing.assert_allclose(together.candidates.scores[b], alone.candidates.scores[0], atol=2e-5)


def test_filters_hold_inside_the_search(model, some):
    allowed = ItemFilter(wanted=(frozenset({"Horror"}),), years=((1980, 1989),)).mask(model.catalog)
    found = model.retriever(some, 100, allowed=allowed)
    for b in range(len(some)):
        items = found.candidates.items[b]
        real = items[items >= 0]
        assert allowed[real].all()
        assert not np.isin(real, some.row(b)).any()
        reachable = allowed & (model.catalog.counts > 0)
        reachable[some.row(b)] = False
        assert len(real) == min(100, reachable.sum())  # fewer only where there are no more


def test_provenance_sums_to_one_and_padding_is_marked(model, some):
    allowed = np.zeros(len(model.catalog), bool)
    allowed[[0, 5, 31]] = True
    found = model.retriever(some, 10, allowed=allowed).candidates
    real = found.items >= 0
    np.testing.assert_allclose(found.persona[real].sum(-1), 1, atol=1e-5)
    assert (found.persona[~real] == 0).all()
    assert np.isneginf(found.scores[~real]).all()
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in found.items)


def test_index_refuses_what_faiss_would_answer_silently(model):
    d = model.index.dimension
    with pytest.raises(ValueError, match="dimension"):
        model.index.search(np.ones((1, 1, d + 1), np.float32), 5)
    with pytest.raises(ValueError, match="finite"):
        model.index.search(np.full((1, 1, d), np.nan, np.float32), 5)


def test_index_pads_when_nothing_is_allowed():
    index = ItemIndex(np.eye(3, dtype=np.float32), np.array([1, 4, 6], np.int32), 8)
    items, scores = index.search(np.ones((1, 2, 3), np.float32), 4, allowed=np.zeros(8, bool))
    assert (items == -1).all()
    assert np.isneginf(scores).all()
    items, _ = index.search(np.array([[[0, 1, 0]]], np.float32), 4, seen=Histories.of([[6]]))
    assert items.tolist() == [[[4, 1, -1, -1]]]


def test_filters_by_hand(catalog):
    both = ItemFilter(wanted=(frozenset({"Comedy", "Romance"}), frozenset({"War"})), unwanted=frozenset({"Drama"}))
    keep = both.mask(catalog)
    for i in np.flatnonzero(keep)[:200]:
        names = set(catalog.table["categories"][int(i)])
        assert ({"Comedy", "Romance"} <= names or "War" in names) and "Drama" not in names
    assert ItemFilter().mask(catalog).all()
    hidden = ItemFilter(popularity=Popularity.HIDDEN).mask(catalog)
    known = ItemFilter(popularity=Popularity.WELL_KNOWN).mask(catalog)
    assert catalog.counts[known].min() >= catalog.counts[hidden].max()
    assert popular_head(np.array([1, 5, 4, 0]), 0.5).tolist() == [False, True, False, False]


def test_artifact_round_trip(model, some, tmp_path):
    again = load(save(model, tmp_path / "m"))
    np.testing.assert_array_equal(
        again.retriever(some, 30).candidates.items, model.retriever(some, 30).candidates.items
    )
    assert again.user_ids == model.user_ids
    np.testing.assert_array_equal(again.histories.items, model.histories.items)
    save(model, tmp_path / "m")  # replaced whole
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("name", ["items.faiss", "encoder.safetensors", "catalog.parquet"])
def test_a_flipped_bit_is_found(model, tmp_path, name):
    folder = save(model, tmp_path / "m")
    raw = bytearray((folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / name).write_bytes(bytes(raw))
    with pytest.raises(DataError, match=name):
        load(folder)


def test_missing_and_foreign_folders(model, tmp_path):
    with pytest.raises(NotFoundError, match="no trained model"):
        load(tmp_path)
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(DataError, match="not a polytaste model"):
        save(model, tmp_path)
    folder = save(model, tmp_path / "m")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(DataError, match="format 99"):
        load(folder)


def test_ease_equals_its_textbook_form():
    from scipy import sparse

    from retrieval.baselines.linear import LinearAutoencoder

    rng = np.random.default_rng(0)
    for users, items in ((12, 30), (40, 15)):  # both ways to the same inverse
        x = (rng.random((users, items)) < 0.3).astype(float)
        for p in (0.0, 0.4):
            gram = x.T @ x + np.diag(7.0 + p / (1 - p) * x.sum(0))
            inverse = np.linalg.inv(gram)
            b = inverse / -np.diag(inverse)
            np.fill_diagonal(b, 0)
            ours = LinearAutoencoder(sparse.csr_matrix(x), 7.0, p)
            np.testing.assert_allclose(ours.predict(sparse.csr_matrix(x)), x @ b, atol=1e-9)
            np.testing.assert_allclose(ours.project(np.eye(items)), b, atol=1e-9)
