import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval import index_faiss
from retrieval.artifacts import load, save, with_items, without_items
from retrieval.errors import DataError, NotFoundError
from retrieval.index import ItemIndex, build_index
from retrieval.index_config import IndexConfig
from retrieval.index_faiss import MOST_RESULTS, Engine
from retrieval.index_route import deeper, factor, filtered, route
from retrieval.schema import Histories

KINDS = ("flat", "hnsw", "ivf", "ivfpq")


def clustered(n, d, seed=0, clusters=40):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((clusters, d))
    of = rng.integers(clusters, size=n)
    vectors = centres[of] + rng.standard_normal((n, d))
    queries = centres[rng.integers(clusters, size=200)] + 0.5 * rng.standard_normal((200, d))
    return vectors.astype(np.float32), queries.astype(np.float32), of


def brute(vectors, items, queries, depth, gone=()):
    """Scores of the best, per query, without what is gone: the ids of equal scores may differ."""
    scores = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    scores[:, np.isin(items, list(gone))] = -np.inf
    best = -np.sort(-scores, axis=1)[:, :depth]
    return np.pad(best, ((0, 0), (0, depth - best.shape[1])), constant_values=-np.inf)


def recall(found, best):
    return np.mean([np.isin(b[b >= 0], f).mean() for f, b in zip(found.reshape(-1, found.shape[-1]), best.reshape(-1, best.shape[-1]), strict=True)])  # fmt: skip


@pytest.fixture(scope="module")
def world():
    vectors, queries, of = clustered(6000, 16)
    items = np.random.default_rng(1).permutation(8000)[:6000].astype(np.int32)
    return vectors, items, queries, of


@pytest.fixture(scope="module", params=KINDS)
def built(request, world):
    vectors, items, queries, _ = world
    config = IndexConfig(kind=request.param, target_recall=0.97, depth=20, exact_rows=100, links=24)
    return build_index(vectors, items, 8000, config, queries=queries[:100])


# --- by hand


def test_by_hand_the_longer_vector_wins():
    vectors = np.array([[1, 0], [0, 1], [3, 3]], np.float32)
    index = ItemIndex(vectors, np.array([4, 2, 7], np.int32), 9)
    items, scores = index.search(np.array([[[1, 0], [0, 2]]], np.float32), 2)
    assert items.tolist() == [[[7, 4], [7, 2]]]  # inner products, not angles
    assert scores.tolist() == [[[3, 1], [6, 2]]]
    assert index.items.tolist() == [2, 4, 7]
    assert (len(index), index.dimension, index.exact) == (3, 2, True)
    assert (index.card.kind, index.card.recall, index.card.met) == ("flat", 1.0, True)


def test_nobody_asks_and_nothing_is_there():
    index = ItemIndex(np.eye(3, dtype=np.float32), np.arange(3, dtype=np.int32), 3)
    assert index.search(np.empty((0, 4, 3), np.float32), 5)[0].shape == (0, 4, 5)
    empty = ItemIndex(np.empty((0, 3), np.float32), np.empty(0, np.int32), 3)
    assert (empty.search(np.ones((2, 1, 3), np.float32), 2)[0] == -1).all()
    assert len(empty.add(np.eye(3, dtype=np.float32), np.arange(3, dtype=np.int32))) == 3


def test_each_user_has_its_own_seen():
    vectors = np.arange(1, 7, dtype=np.float32)[:, None]
    index = ItemIndex(vectors, np.arange(6, dtype=np.int32), 6)
    seen = Histories.of([[5, 4], [], [3, 0]])
    items, _ = index.search(np.ones((3, 2, 1), np.float32), 3, seen=seen)
    assert items[:, 0].tolist() == [[3, 2, 1], [5, 4, 3], [5, 4, 2]]
    np.testing.assert_array_equal(items[:, 0], items[:, 1])


# --- against brute force


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_flat_is_brute_force_under_any_filter_and_change(data):
    seed, n, d = data.draw(st.integers(0, 10**6)), data.draw(st.integers(1, 60)), data.draw(st.integers(1, 9))
    rng = np.random.default_rng(seed)
    size = n + 10
    items = rng.permutation(size)[:n].astype(np.int32)
    vectors = rng.integers(-3, 4, (n, d)).astype(np.float32)  # whole numbers: ties are real and sums exact
    index = ItemIndex(vectors, items, size)
    gone = rng.choice(items, rng.integers(0, n + 1), replace=False)
    index = index.remove(gone)
    back = gone[: len(gone) // 2]
    fresh = rng.integers(-3, 4, (len(back), d)).astype(np.float32)
    index = index.add(fresh, back)
    kept = ~np.isin(items, gone)
    vectors, items = np.concatenate([vectors[kept], fresh]), np.concatenate([items[kept], back])
    allowed = rng.random(size) < data.draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    users, heads, depth = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 70))
    seen = Histories.of([rng.integers(0, size, rng.integers(0, 12)) for _ in range(users)])
    queries = rng.integers(-3, 4, (users, heads, d)).astype(np.float32)
    found, scores = index.search(queries, depth, seen=seen, allowed=allowed)
    assert found.shape == scores.shape == (users, heads, depth)
    np.testing.assert_array_equal(index.items, np.sort(items))
    for u in range(users):
        hidden = set(seen.row(u).tolist()) | set(np.flatnonzero(~allowed).tolist())
        np.testing.assert_array_equal(scores[u], brute(vectors, items, queries[u], depth, hidden)[:, :depth])
        for k in range(heads):
            real = found[u, k][found[u, k] >= 0]
            assert len(set(real.tolist())) == len(real)
            assert not hidden & set(real.tolist())
            where = [int(np.flatnonzero(items == i)[0]) for i in real]
            np.testing.assert_array_equal(vectors[where] @ queries[u, k], scores[u, k][: len(real)])


def test_the_recall_gate_holds_on_queries_it_never_saw(built, world):
    vectors, items, queries, _ = world
    assert built.card.met and built.card.bound <= built.card.recall
    exact = ItemIndex(vectors, items, 8000)
    late = queries[None, 100:]
    assert recall(built.search(late, 20)[0], exact.search(late, 20)[0]) >= 0.97
    assert built.card.queries == (0 if built.card.kind == "flat" else 256 + 100)


@pytest.mark.parametrize("what", ["items", "clusters"])
@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
def test_filters_keep_the_recall(built, world, share, what):
    vectors, items, queries, of = world
    rng = np.random.default_rng(2)
    allowed = np.zeros(8000, bool)
    by = rng.random(6000) if what == "items" else rng.random(40)[of] + 1e-6 * rng.random(6000)
    allowed[items[by <= np.quantile(by, share)]] = True
    late = queries[100:].reshape(25, 4, -1)
    seen = Histories.of([rng.choice(items, 8, replace=False) for _ in range(25)])
    found, scores = built.search(late, 20, allowed=allowed, seen=seen)
    best, truth = ItemIndex(vectors, items, 8000).search(late, 20, allowed=allowed, seen=seen)
    assert allowed[found[found >= 0]].all()
    np.testing.assert_array_equal(found >= 0, best >= 0)  # never short while there is more
    assert recall(found, best) >= 0.96
    if built.exact:
        np.testing.assert_allclose(scores, truth, rtol=1e-5)


def test_a_batch_is_its_users_one_by_one(built, world):
    queries = world[2][:24].reshape(6, 4, -1)
    seen = Histories.of([world[1][b : b + 5] for b in range(6)])
    together, _ = built.search(queries, 15, seen=seen)
    for b in range(6):
        np.testing.assert_array_equal(
            together[b], built.search(queries[b : b + 1], 15, seen=seen.slice(b, b + 1))[0][0]
        )


# --- kind, gate, card


def test_auto_goes_by_size():
    config = IndexConfig()
    sizes = {1: "flat", 200_000: "flat", 200_001: "ivf", 5_000_000: "ivf", 5_000_001: "ivfpq"}
    assert {n: config.kind_for(n, on_gpu=True) for n in sizes} == sizes
    assert [config.kind_for(n) for n in (200_000, 200_001)] == ["flat", "ivfpq"]
    assert IndexConfig(kind="hnsw").kind_for(5) == "hnsw"
    assert (config.lists_for(1_000_000), config.lists_for(100), config.lists_for(3)) == (4000, 12, 1)


def test_auto_builds_what_it_chose(world, request):
    vectors, items, _, _ = world
    config = IndexConfig(flat_up_to=1000, gpu_floats_up_to=3000, depth=10)
    for kinds in (("flat", "ivfpq", "ivfpq"), ("flat", "ivf", "ivfpq")):
        for n, kind in zip((900, 2000, 4000), kinds, strict=True):
            index = build_index(vectors[:n], items[:n], 8000, config)
            assert index.card.kind == kind
            assert index.card.met
        request.getfixturevalue("twins")  # now with a GPU


def test_a_missed_target_is_said(world, caplog, monkeypatch):
    monkeypatch.setattr(index_faiss, "_MOST_EF", 8)
    vectors, items, queries, _ = world
    index = build_index(vectors, items, 8000, IndexConfig(kind="hnsw", links=2, construction=8), queries=queries)
    assert not index.card.met
    assert "target 0.9900" in caplog.text
    assert index.card.parameters["ef_search"] == 8


def test_more_is_asked_more_is_searched(world):
    vectors, items, queries, _ = world
    efforts = [
        build_index(vectors, items, 8000, IndexConfig(kind="ivf", target_recall=t), queries=queries).card.parameters["nprobe"]
        for t in (0.8, 0.99, 1.0)
    ]  # fmt: skip
    assert efforts[0] < efforts[1] < efforts[2]


def test_equal_vectors_do_not_fool_the_gate():
    vectors = np.ones((3000, 4), np.float32)
    index = build_index(vectors, np.arange(3000, dtype=np.int32), 3000, IndexConfig(kind="ivf"))
    assert index.card.recall == 1.0  # any of the equal ones is right


# --- change


def test_add_and_remove_leave_the_old_index_alone(built, world):
    vectors, items, queries, _ = world
    query = queries[None, :4]
    before = built.search(query, 10)
    best = np.unique(before[0][before[0] >= 0])[:5]
    less = built.remove(best)
    assert not np.isin(less.search(query, 10)[0], best).any()
    assert len(less) == len(built) - 5
    assert less.card.changed == 5
    where = [int(np.flatnonzero(items == i)[0]) for i in best]
    again = less.add(10 * vectors[where], best)
    assert np.isin(again.search(query, 10)[0], best).any()
    new = np.setdiff1d(np.arange(8000, dtype=np.int32), items)[:3]
    more = again.add(100 * np.ones((3, 16), np.float32), new)
    assert set(more.search(np.ones((1, 1, 16), np.float32), 3)[0].ravel().tolist()) == set(new.tolist())
    np.testing.assert_array_equal(built.search(query, 10)[0], before[0])
    np.testing.assert_array_equal(built.items, np.sort(items))


def test_past_a_share_it_is_built_again(world):
    vectors, items, queries, _ = world
    for kind in KINDS:
        index = build_index(vectors[:2000], items[:2000], 8000, IndexConfig(kind=kind, depth=10), queries=queries)
        less = index.remove(items[:300])
        assert (less.card.changed, len(less.places)) == (300, 2000)
        rebuilt = less.remove(items[300:500])
        assert (rebuilt.card.changed, len(rebuilt.places), rebuilt.card.items) == (0, 1500, 1500)
        np.testing.assert_array_equal(rebuilt.items, np.sort(items[500:2000]))
        grown = index.add(vectors[2000:2600], items[2000:2600])
        assert (grown.card.changed, grown.card.items) == (0, 2600)
        assert grown.card.met


def test_what_cannot_be_changed_is_refused(built, world):
    vectors, items, _, _ = world
    one = vectors[:1]
    absent = np.setdiff1d(np.arange(8000, dtype=np.int32), items)
    with pytest.raises(DataError, match=f"item {items[3]} is in the index already"):
        built.add(one, items[3:4])
    with pytest.raises(DataError, match="stands twice"):
        built.add(vectors[:2], absent[[0, 0]])
    with pytest.raises(DataError, match="not in a catalogue of 8000"):
        built.add(one, np.array([8000], np.int32))
    with pytest.raises(DataError, match="not in a catalogue"):
        built.add(one, np.array([-1], np.int32))
    with pytest.raises(DataError, match="cannot shrink"):
        built.add(one, absent[:1], n_items=10)
    with pytest.raises(DataError, match="dimension 3"):
        built.add(np.ones((1, 3), np.float32), absent[:1])
    with pytest.raises(DataError, match=f"item {absent[0]} is not finite"):
        built.add(np.full((1, 16), np.nan, np.float32), absent[:1])
    with pytest.raises(NotFoundError, match=f"item {absent[0]} is not in the index"):
        built.remove(absent[:1])
    with pytest.raises(NotFoundError):
        built.remove([-1])
    with pytest.raises(DataError, match="stands twice"):
        built.remove(items[[0, 0]])
    assert len(built.add(one, np.array([8500], np.int32), n_items=9000)) == len(built) + 1


# --- storage


def test_round_trip_with_changes(built, world, tmp_path):
    _, items, queries, _ = world
    changed = built.remove(items[:7])
    changed.save(tmp_path / "i.faiss")
    again = ItemIndex.load(tmp_path / "i.faiss", changed.places, 8000, card=changed.card, queries=changed.queries)
    for mine, theirs in zip(again.search(queries[None], 20), changed.search(queries[None], 20), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert again.card == changed.card
    again.add(np.ones((1, 16), np.float32), items[:1])


def test_a_card_of_another_index_is_refused(world, tmp_path):
    vectors, items, _, _ = world
    config = IndexConfig(kind="ivf", depth=10)
    index = build_index(vectors[:1000], items[:1000], 8000, config)
    path = tmp_path / "i.faiss"
    index.save(path)
    with pytest.raises(DataError, match="card describes nothing"):
        ItemIndex.load(path, index.places, 8000)
    for card in (replace(index.card, kind="flat"), replace(index.card, parameters={"lists": 3, "nprobe": 1})):
        with pytest.raises(DataError, match="card") as caught:
            ItemIndex.load(path, index.places, 8000, card=card)
        assert "train again" in caught.value.remedy
    with pytest.raises(DataError, match="1000 vectors for 999 items"):
        ItemIndex.load(path, index.places[1:], 8000, card=index.card)
    path.write_bytes(b"nothing of FAISS")
    with pytest.raises(DataError, match="not a FAISS index"):
        ItemIndex.load(path, index.places, 8000, card=index.card)
    l2 = index_faiss._faiss.IndexFlatL2(4)
    index_faiss._faiss.write_index(l2, str(path))
    with pytest.raises(DataError, match="none of ours"):
        ItemIndex.load(path, np.empty(0, np.int32), 8000)


def test_the_model_keeps_its_index_and_changes_to_it(model, dataset, tmp_path):
    gone = model.index.items[:3]
    never = np.flatnonzero(dataset.catalog.counts == 0).astype(np.int32)[:2]
    changed = with_items(without_items(model, gone), never)
    again = load(save(changed, tmp_path / "m"))
    assert len({path.stat().st_mode for path in (tmp_path / "m").iterdir()}) == 1  # whoever may read one may read all
    np.testing.assert_array_equal(again.index.items, np.union1d(np.setdiff1d(model.index.items, gone), never))
    assert again.index.card == changed.index.card
    assert again.index.card.changed == 5
    histories = dataset.histories().slice(0, 5)
    found = again.retriever(histories, 50).candidates.items
    assert not np.isin(found, gone).any()
    np.testing.assert_array_equal(found, changed.retriever(histories, 50).candidates.items)
    with pytest.raises(DataError, match="not in a catalogue"):
        with_items(model, np.array([10**6], np.int32))
    with pytest.raises(NotFoundError):
        without_items(model, never)


@pytest.mark.parametrize("name", ["items.faiss", "items.safetensors"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_damage_is_found(model, tmp_path, name, damage):
    path = save(model, tmp_path / "m") / name
    raw = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    else:
        raw[len(raw) // 3] ^= 16
        path.write_bytes(bytes(raw if damage == "flip" else raw[: len(raw) // 2]))
    with pytest.raises(DataError, match=name) as caught:
        load(tmp_path / "m")
    assert "train again" in caught.value.remedy


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda m: {**m, "format": 2}, "format 2, this version reads 4"),
        (lambda m: {k: v for k, v in m.items() if k not in {"index", "format"}} | {"format": 2}, "format 2"),
        (lambda m: {**m, "index": {**m["index"], "colour": "red"}}, "not a manifest"),
        (lambda m: {**m, "index": {**m["index"], "kind": "ivf"}}, "card describes ivf"),
        (lambda m: [m], "not a manifest"),
    ],
)
def test_a_wrong_manifest_is_found(model, tmp_path, edit, words):
    folder = save(model, tmp_path / "m")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(edit(manifest)))
    with pytest.raises(DataError, match=words):
        load(folder)
    (folder / "manifest.json").write_text('{"format": 4, "ite')
    with pytest.raises(DataError, match="not a manifest"):
        load(folder)


# --- ways and devices


@pytest.mark.parametrize(
    ("kind", "total", "reachable", "k", "on_gpu", "way"),
    [
        ("ivf", 10**6, 10**6, 100, False, "plain"),
        ("ivf", 10**6, 20_000, 100, False, "subset"),
        ("ivf", 10**6, 10**6 - 50, 100, False, "deeper"),
        ("ivf", 10**6, 500_000, 100, False, "selector"),
        ("flat", 10**6, 500_000, 100, False, "subset"),
        ("flat", 10**6, 500_001, 100, False, "selector"),
        ("flat", 10**6, 500_000, 100, True, "deeper"),
        ("ivf", 10**6, 500_000, 100, True, "deeper"),
        ("ivf", 10**6, 30_000, 100, True, "selector"),  # 5000 deep is more than a GPU gives
        ("flat", 10**6, 30_000, 100, True, "subset"),
        ("flat", 10**6, 900_000, 2000, True, "selector"),
        ("hnsw", 10**6, 500_000, 100, False, "deeper"),
        ("hnsw", 10**6, 30_000, 100, False, "subset"),
    ],
)
def test_the_way_of_a_filtered_search(kind, total, reachable, k, on_gpu, way):
    assert route(kind, total, reachable, k, 20_000, on_gpu=on_gpu) == way


def test_how_deep_and_how_hard():
    assert deeper(1000, 990, 10) == 20  # all that could hide them
    assert deeper(10**6, 500_000, 100) == 400
    assert deeper(50, 10, 20) == 50
    assert factor(50, 100) == 1.0
    assert factor(100, 100) == 1.0
    assert 2 < factor(400, 100) < 4


class DeafTwin:
    """A GPU index without a GPU: it ignores selectors, as those do, and refuses what they refuse."""

    def __init__(self, index):
        self.index = index
        self.calls = 0

    def search(self, queries, k, params=None):
        assert k <= MOST_RESULTS
        assert params is None or params.sel is None, "a GPU ignores selectors without a word"
        self.calls += 1
        return self.index.search(queries, k, params=params)


@pytest.fixture
def twins(monkeypatch):
    made = []

    def to_gpu(resources, device, index):
        made.append(DeafTwin(index))
        return made[-1]

    monkeypatch.setattr(index_faiss._faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(index_faiss._faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(index_faiss._faiss, "index_cpu_to_gpu", to_gpu, raising=False)
    return made


def filters_hold(kind, world, twin=None):
    vectors, items, queries, of = world
    config = IndexConfig(kind=kind, target_recall=0.97, depth=20, exact_rows=100)
    index = build_index(vectors, items, 8000, config, queries=queries[:100])
    exact = brute_filter(vectors, items)
    rng = np.random.default_rng(4)
    clusters = rng.random(40)[of]
    for by in (rng.random(6000), clusters, -(vectors @ queries[150])):  # the last lies on what one query likes best
        for share in (0.97, 0.5, 0.1, 0.01, 0.001):
            allowed = np.zeros(8000, bool)
            allowed[items[by >= np.quantile(by, 1 - share)]] = True
            found, _ = index.search(queries[None, 100:], 20, allowed=allowed)
            best = exact(queries[100:], allowed, 20)
            assert allowed[found[found >= 0]].all()
            assert ((found[0] >= 0).sum(1) == min(20, allowed[items].sum())).all()
            hit = recall(found[0], best)
            assert hit == 1.0 if kind == "flat" else hit >= 0.96
    return index


def brute_filter(vectors, items):
    def best(queries, allowed, depth):
        scores = np.where(allowed[items], queries @ vectors.T, -np.inf)
        order = np.argsort(-scores, axis=1)[:, :depth]
        return np.where(np.isfinite(np.take_along_axis(scores, order, 1)), items[order], -1)

    return best


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_filters_on_a_device_that_ignores_selectors(kind, world, twins):
    index = filters_hold(kind, world)
    assert index._engine.on_gpu
    assert twins[-1].calls > 5
    less = index.remove(index.items[:10])
    more = less.add(np.ones((1, 16), np.float32), index.items[:1])
    assert not np.isin(less.search(world[2][None], 20)[0], index.items[:10]).any()
    assert twins[-1].index is more._engine._index  # what was added is on the device too


def test_more_than_a_device_gives_is_searched_on_the_host(world, twins):
    vectors, items, queries, _ = world
    index = ItemIndex(vectors, items, 8000)
    calls = twins[-1].calls
    found, _ = index.search(queries[None, :2], 3000)
    assert (found >= 0).all()
    assert twins[-1].calls == calls


@pytest.mark.parametrize("kind", ["hnsw", "ivfpq"])
def test_kinds_without_a_twin_stay_on_the_host(kind, world, twins):
    engine = Engine.build(world[0][:2000], kind, IndexConfig())
    assert not engine.on_gpu
    assert not twins
    assert filtered(engine, world[2], 5, None, depth=100, exact_rows=10)[1].shape == (200, 5)


@pytest.mark.skipif(not index_faiss._faiss.get_num_gpus(), reason="needs a GPU and faiss-gpu; none is here")
@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_filters_on_a_real_gpu(kind, world):
    index = filters_hold(kind, world)
    assert index._engine.on_gpu


# --- the bench


def test_numpy_retrieval_is_what_the_retriever_approximates():
    from eval.index_bench import numpy_retrieval, some_users, synthetic
    from retrieval.candidates import Retriever
    from retrieval.index_source import item_vectors, persona_queries, sample_queries

    world = synthetic(2000, 17, 3)
    users = some_users(world, 6, seed=5)
    assert set(users.lengths.tolist()) <= set(range(8, 25))
    everything = np.arange(2000, dtype=np.int32)
    vectors = item_vectors(world.encoder, everything)
    assert vectors.shape == (2000, 17)
    found = Retriever(world.encoder, ItemIndex(vectors, everything, 2000), depth=2000)(users, 20).candidates
    best = numpy_retrieval(world.encoder, users, 20)
    for mine, theirs in zip(found.items, best, strict=True):
        assert len(np.intersect1d(mine, theirs)) >= 19  # one may tie
    asked, everyone = sample_queries(world.encoder, users, 8), persona_queries(world.encoder, users)
    np.testing.assert_allclose(asked[:3], everyone[[0, 1, 2], [0, 1, 2]], rtol=1e-5)  # a user once before any twice
    np.testing.assert_allclose(asked[6:], everyone[[0, 1], [1, 2]], rtol=1e-5)
    assert (asked[:, -1] == 1).all()
    assert sample_queries(world.encoder, users, 10**6).shape == (18, 17)
    assert sample_queries(world.encoder, Histories.of([[], []]), 5).shape == (0, 17)


def test_the_command_prints_one_document():
    import subprocess
    import sys

    call = "from agent.cli import main; main()"
    options = ["index", "bench", "--items", "3000", "--dimension", "16", "--kind", "ivf", "--json"]
    done = subprocess.run([sys.executable, "-c", call, *options], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["card"]["kind"] == "ivf"
    assert found["recall"] >= 0.97
    assert set(found["ratios"]) >= {"batch, exact FAISS", "batch, NumPy", "step, exact FAISS", "step, NumPy"}
    assert found["interleaved"] > 0
