import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from retrieval.candidates import Retriever
from retrieval.cold import ColdConfig, ColdMap, extend, fit
from retrieval.errors import DataError
from retrieval.index import ItemIndex
from retrieval.personas.encoder import EncoderConfig, PersonaEncoder
from retrieval.personas.training import TrainingConfig, train
from retrieval.schema import Catalog, Histories
from retrieval.text_features import FeatureSpace
from retrieval.text_ridge import Ridge, choose_strengths

ITEMS, KINDS, COLD = 90, 3, 9


def make_catalog(n, kinds, ids=None):
    rng = np.random.default_rng(1)
    return Catalog(
        pl.DataFrame(
            {
                "item_id": ids or [f"i{i}" for i in range(n)],
                "title": [f"thing {i}" for i in range(n)],
                "categories": [[f"kind {k}"] for k in kinds],
                "year": rng.integers(1950, 2000, n).astype(np.int32),
                "count": [0] * n,
            }
        )
    )


@pytest.fixture(scope="module")
def world():
    """Three kinds of items, users of two kinds each; the last nine items (three of a kind) are touched by nobody."""
    rng = np.random.default_rng(0)
    kind = np.arange(ITEMS) % KINDS
    directions = np.linalg.qr(rng.normal(size=(16, KINDS)))[0].T
    words = directions[kind] + 0.1 * rng.normal(size=(ITEMS, 16))
    words = (words / np.linalg.norm(words, axis=1, keepdims=True)).astype(np.float32)
    rows = []
    for user in range(120):
        mine = [user % KINDS, (user + 1) % KINDS]
        pool = np.flatnonzero(np.isin(kind, mine) & (np.arange(ITEMS) < ITEMS - COLD))
        rows.append(rng.choice(pool, 14, replace=False))
    histories = Histories.of(rows)
    catalog = make_catalog(ITEMS, kind)
    shape = EncoderConfig(dimension=16, theme_dimension=8, personas=2)
    encoder = train(
        histories, ITEMS, TrainingConfig(encoder=shape, epochs=2, groups=4, ridge=5.0), categories=catalog.axis().share
    )
    return catalog, words, histories, encoder, kind


@pytest.fixture(scope="module")
def fitted(world):
    catalog, words, histories, encoder, _ = world
    return fit(encoder, catalog, words, histories)


@pytest.fixture(scope="module")
def extended(world, fitted):
    catalog, words, _, encoder, _ = world
    at = np.arange(ITEMS - COLD, ITEMS, dtype=np.int32)
    return extend(encoder.weights, fitted.predict(Catalog(catalog.table[at]), words[at]), at)


def test_untouched_items_are_found_for_the_persona_they_suit(world, extended):
    _, _, histories, encoder, kind = world
    reader = PersonaEncoder(encoder.config, extended.weights)
    vectors = np.concatenate([extended.weights.items, extended.weights.bias[:, None]], axis=1)
    everything = np.arange(ITEMS, dtype=np.int32)
    retriever = Retriever(reader, ItemIndex(vectors, everything, ITEMS))
    users = histories.slice(0, 30)
    cold = retriever(users, COLD, allowed=extended.cold).candidates
    for b in range(30):
        mine = {b % KINDS, (b + 1) % KINDS}
        assert {int(kind[i]) for i in cold.items[b, :6]} == mine  # six of the nine suit this user
    warm = retriever(users, 60).candidates
    nearer = []
    for b in range(30):
        mean = {k: np.mean([s for i, s in zip(warm.items[b], warm.persona[b], strict=True) if kind[i] == k and not extended.cold[i]], axis=0)
                for k in (b % KINDS, (b + 1) % KINDS)}  # fmt: skip
        for item, share in zip(cold.items[b, :6], cold.persona[b, :6], strict=True):
            distance = {k: np.abs(share - m).sum() for k, m in mean.items()}
            nearer.append(min(distance, key=distance.get) == kind[item])
    assert np.mean(nearer) > 0.9  # by the personas that bring learned items of its kind


def test_provenance_and_modesty(world, extended):
    _, _, _, encoder, _ = world
    assert extended.cold.sum() == COLD
    assert extended.cold[-COLD:].all()
    learned = encoder.weights
    np.testing.assert_array_equal(extended.weights.items[:-COLD], learned.items[:-COLD])
    np.testing.assert_allclose(np.linalg.norm(extended.weights.themes, axis=1), 1, atol=1e-5)
    assert (extended.weights.bias[-COLD:] <= np.median(learned.bias[:-COLD])).all()


def test_a_history_of_cold_items_alone_says_something(world, extended):
    _, _, _, encoder, kind = world
    reader = PersonaEncoder(encoder.config, extended.weights)
    personas = reader.encode(Histories.of([np.flatnonzero((kind == 1) & extended.cold)]))
    scores = reader.attend(personas, np.arange(ITEMS - COLD, dtype=np.int32)[None])[0][0]
    assert scores[kind[: ITEMS - COLD] == 1].mean() > scores[kind[: ITEMS - COLD] == 0].mean()


def test_items_of_tomorrow_need_no_training(world, fitted, tmp_path):
    _, words, _, encoder, _ = world
    fitted.save(tmp_path / "cold.safetensors")
    again = ColdMap.load(tmp_path / "cold.safetensors")
    new = Catalog(
        make_catalog(2, [1, 1], ["n1", "n2"]).table.with_columns(categories=pl.Series([["kind 1"], ["unheard of"]]))
    )
    rows = again.predict(new, words[[1, 1]])
    np.testing.assert_array_equal(rows.items, fitted.predict(new, words[[1, 1]]).items)
    made = extend(encoder.weights, rows, np.array([ITEMS, ITEMS + 1], np.int32))
    assert len(made.weights.items) == len(made.weights.history) == len(made.cold) == ITEMS + 2
    reader = PersonaEncoder(encoder.config, made.weights)
    assert np.isfinite(reader.attend(reader.encode(Histories.of([[1, 4]])), np.array([[ITEMS]], np.int32))[0]).all()
    with pytest.raises(ValueError, match="features"):
        again.predict(new, words[[1, 1], :5])


def test_loudness_moves_vectors_alone(world, fitted):
    catalog, words, *_ = world
    one, two = (fitted.predict(catalog, words, loudness) for loudness in (1.0, 2.0))
    np.testing.assert_allclose(two.items, 2 * one.items, rtol=1e-5)
    np.testing.assert_array_equal(two.themes, one.themes)


def test_learned_rows_are_not_overwritten(world, fitted):
    catalog, words, _, encoder, _ = world
    rows = fitted.predict(Catalog(catalog.table[:1]), words[:1])
    for at, said in (([0], "overwritten"), ([ITEMS + 3], "gap"), ([-1], "own")):
        with pytest.raises(ValueError, match=said):
            extend(encoder.weights, rows, np.array(at, np.int32))


def test_too_few_items_are_said(world):
    catalog, words, _, encoder, _ = world
    with pytest.raises(DataError, match="only 2 items"):
        fit(encoder, catalog, words, Histories.of([[0, 1]]))


def test_ridge_is_the_closed_form_and_weights_are_repetitions():
    rng = np.random.default_rng(0)
    x, t, repeats = rng.normal(size=(12, 3)), rng.normal(size=(12, 2)), rng.integers(1, 4, 12)
    slopes = Ridge(x, repeats.astype(float)).slopes(t, 0.1)
    many_x, many_t = np.repeat(x, repeats, 0), np.repeat(t, repeats, 0)
    many_x, many_t = many_x - many_x.mean(0), many_t - many_t.mean(0)
    system = many_x.T @ many_x + 0.1 * len(many_x) * np.eye(3)
    np.testing.assert_allclose(slopes, np.linalg.solve(system, many_x.T @ many_t), atol=1e-10)


def test_strength_follows_the_metric():
    """One direction of the target is signal, the other loud noise: only the metric that knows gets it right."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 30))
    signal = x @ rng.normal(size=30)
    targets = np.stack([signal, 40 * rng.normal(size=80)], axis=1)
    tried = (1e-3, 10.0)
    chosen, kept = choose_strengths(
        x, [targets, targets], [np.diag([1.0, 0.0]), np.eye(2)], np.ones(80), tried, folds=4, seed=0
    )
    assert chosen == [1e-3, 10.0]
    assert kept[0] > 0.9 > kept[1]


def test_features_lie_in_the_space_of_the_first_catalogue():
    catalog = make_catalog(5, [0, 1, 2, 0, 1])
    space = FeatureSpace.of(catalog)
    words = np.eye(5, 4, dtype=np.float32)
    rows = space.rows(catalog, words)
    assert rows.shape == (5, 4 + 3 + 10)
    part = Catalog(catalog.table[[4, 1]])
    np.testing.assert_allclose(space.rows(part, words[[4, 1]]), rows[[4, 1]], atol=1e-6)
    unknown = Catalog(part.table.with_columns(year=pl.lit(None, pl.Int32), categories=pl.lit([], pl.List(pl.String))))
    assert not space.rows(unknown, words[[4, 1]])[:, 4:].any()
    with pytest.raises(ValueError, match="embeddings"):
        space.rows(catalog, words[:2])


def test_config_is_read(world):
    catalog, words, histories, encoder, _ = world
    stiff = fit(encoder, catalog, words, histories, ColdConfig(strengths=(1e6,), bias_quantile=1.0))
    rows = stiff.predict(catalog, words, 1.0)
    np.testing.assert_allclose(rows.items, np.broadcast_to(rows.items[0], rows.items.shape), atol=1e-5)
    assert rows.bias[0] == pytest.approx(float(encoder.weights.bias.max()), abs=1e-6)
    assert stiff.strengths.tolist() == [1e6] * 3


COMMAND = Path(sys.executable).parent / "polytaste"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop whose customers want one kind of thing each, said in the titles and in tags."""
    folder = tmp_path_factory.mktemp("shop")
    kinds = ["garden tool", "baby toy", "kitchen knife", "camera lens"]
    items = [f"p{i},{kinds[i % 4]} number {i}" for i in range(80)]
    (folder / "items.csv").write_text("item_id,title\n" + "\n".join(items))
    rng = np.random.default_rng(0)
    rows = [
        f"c{c},p{i},{rng.integers(1, 6)}"
        for c in range(60)
        for i in rng.choice([i for i in range(80) if i % 4 in {c % 4, (c + 1) % 4}], 20, replace=False)
    ]
    (folder / "ratings.csv").write_text("user,item_id,rating\n" + "\n".join(rows))
    tags = [f"p{i},{('plants', 'infants', 'cooking', 'photography')[i % 4]}" for i in range(40)]
    (folder / "tags.csv").write_text("item_id,tag\n" + "\n".join(tags))
    return folder


def run(*options):
    return subprocess.run([COMMAND, "cold", *map(str, options)], capture_output=True, text=True)


def test_items_command_and_its_options(shop):
    base = ("items", "--data", shop, "--folds", 2, "--epochs", 0)
    done = run(*base, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    among = found["among_cold"]
    assert "personas, predicted without words" not in among  # the shop has no categories
    assert among["personas, predicted vectors"]["N@20"]["mean"] > among["random"]["N@20"]["mean"]
    assert len(found["hidden_items"]) == 2
    other = run(*base, "--like-above", 0.5, "--min-items", 20)
    assert other.returncode == 0, other.stderr
    assert "loudness 2" in other.stdout
    failed = run(*base, "--min-items", 30)
    assert failed.returncode == 3
    assert "--min-items" in failed.stderr
    assert run(*base, "--text-model", "./no/such/encoder/here").returncode == 4


def test_words_command(shop):
    done = run("words", "--data", shop, "--tags", shop / "tags.csv", "--json")
    assert done.returncode == 0, done.stderr
    alone, beside = json.loads(done.stdout)
    assert alone["queries"] == 4
    assert alone["items"] == 40
    assert alone["found"]["sentence encoder"]["N@20"]["mean"] > alone["found"]["random"]["N@20"]["mean"]
    assert beside["says"] != alone["says"]
    failed = run("words", "--data", shop)
    assert failed.returncode == 3  # neither tags nor categories
    assert "tag" in failed.stderr
