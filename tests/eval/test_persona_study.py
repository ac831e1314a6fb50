"""What is said of personas: searches, merging, presence of small tastes, intervals, and the study as a whole."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from eval.metrics import coverage
from eval.minority import minority_tastes, share_present, smallest_present
from eval.persona_controls import kmeans_personas
from eval.persona_report import as_dict
from eval.persona_search import certified, complete, merged, quotas, searched
from eval.persona_study import study
from eval.quick import persona_retriever
from eval.retrieve_options import GroundOptions
from eval.retrieve_personas import fit_personas, start_of
from eval.set_level import jackknife_difference
from retrieval.axes import make_axis
from retrieval.baselines.protocol import silent
from retrieval.errors import PolytasteError
from retrieval.personas.encoder import EncoderConfig, PersonaEncoder, Weights
from retrieval.personas.training import TrainingConfig
from retrieval.personas.whole import PersonaScorer
from retrieval.schema import Histories
from tests.eval.tiny_shop import write_shop

COMMAND = Path(sys.executable).parent / "polytaste"
ITEMS, HEADS = 40, 3


def encoder(seed=0, personas=HEADS):
    draw = np.random.default_rng(seed)

    def unit(rows, width):
        table = draw.normal(size=(rows, width))
        return (table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32)

    config = EncoderConfig(personas=personas, dimension=6, theme_dimension=4, persona_share=0.8)
    weights = Weights(
        draw.normal(size=(ITEMS, 6)).astype(np.float32), draw.normal(size=(ITEMS, 6)).astype(np.float32),
        draw.normal(size=ITEMS).astype(np.float32), unit(ITEMS, 4), unit(personas, 4), np.array([2.0, 0.5, 1.0], np.float32), draw.normal(size=6).astype(np.float32),
    )  # fmt: skip
    return PersonaEncoder(config, weights)


def histories(seed, users=6):
    draw = np.random.default_rng(seed)
    return Histories.of([draw.choice(ITEMS, draw.integers(1, 9), replace=False) for _ in range(users)])


def one(model, asked, touched=None):
    (found,) = searched(model, asked, np.ones(ITEMS, bool) if touched is None else touched)
    return found


def test_scores_are_those_of_the_encoder_and_what_is_seen_is_left_out():
    model, asked = encoder(), histories(1)
    found = one(model, asked)
    expected = PersonaScorer(model).scores(asked)
    expected[asked.owner, asked.items] = -np.inf
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4, atol=1e-5)
    assert np.isneginf(found.inner).sum() == HEADS * len(asked.items)
    assert (found.scores <= found.inner.max(axis=1) + 1e-4).all()  # attention is convex


def test_items_of_the_whole_catalogue_are_put_in_their_places():
    touched = np.zeros(2 * ITEMS, bool)
    touched[1::2] = True
    asked = histories(2)
    wide = Histories(asked.indptr, asked.items * 2 + 1, asked.weights)
    with_unknown = Histories.of([np.append(wide.row(b), 0) for b in range(len(wide))])
    model = encoder()
    (found,) = searched(model, with_unknown, touched)
    np.testing.assert_allclose(found.scores, one(model, asked).scores, rtol=1e-5, atol=1e-6)


def test_chunks_change_nothing(monkeypatch):
    model, asked = encoder(), histories(3)
    whole = one(model, asked)
    monkeypatch.setattr("eval.persona_search._CELLS", 1)
    parts = list(searched(model, asked, np.ones(ITEMS, bool)))
    assert [p.start for p in parts] == list(range(6))
    np.testing.assert_allclose(np.concatenate([p.scores for p in parts]), whole.scores, rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), n=st.integers(1, 50))
def test_pools_hold_distinct_items_nobody_saw(seed, n):
    model, asked = encoder(seed), histories(seed)
    found = one(model, asked)
    for rule in ("max", "quota", "certificate", "served"):
        pool = merged(found, rule, n)
        assert pool.shape == (6, n)
        for user in range(6):
            items = pool[user][pool[user] >= 0]
            assert len(set(items)) == len(items) and not set(items) & set(asked.row(user))
            assert len(items) == min(n, ITEMS - len(asked.row(user))) or rule == "quota"
            values = found.scores[user, items]
            assert (np.diff(values) <= 0).all()


def test_rules_by_their_definitions():
    found = one(encoder(7), histories(7))
    best = np.argsort(-found.scores, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(merged(found, "certificate", 5), best)
    by_max = np.argsort(-found.inner.max(axis=1), axis=1, kind="stable")[:, :5]
    assert [set(a) for a in merged(found, "max", 5)] == [set(b) for b in by_max]
    for user, pool in enumerate(merged(found, "served", 5)):
        union = {i for k in range(HEADS) for i in np.argsort(-found.inner[user, k])[:5]}
        order = sorted(union, key=lambda i: -found.scores[user, i])
        assert list(pool) == order[:5]
    places = quotas(found.personas.weights, 5)
    for user, pool in enumerate(merged(found, "quota", 5)):
        left, chosen = found.inner[user].copy(), []
        for k in np.argsort(-found.personas.weights[user], kind="stable"):
            mine = list(np.argsort(-left[k], kind="stable")[: places[user, k]])
            left[:, mine] = -np.inf
            chosen += mine
        assert set(pool) == set(chosen) and len(chosen) == 5


def test_the_served_pool_is_that_of_the_retriever():
    model, asked = encoder(8), histories(8, users=20)
    retriever = persona_retriever(model, np.ones(ITEMS, bool))
    retriever.depth = 7
    retrieved = retriever(asked, 7)
    found = one(model, asked)
    np.testing.assert_array_equal(merged(found, "served", 7), retrieved.candidates.items)
    np.testing.assert_array_equal(certified(found, 7, 7), retrieved.certified)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), depth=st.integers(1, 45), n=st.integers(1, 10))
def test_what_is_certified_is_complete(seed, depth, n):
    found = one(encoder(seed), histories(seed))
    proved, there = certified(found, depth, n), complete(found, depth, n)
    assert (there[proved] == 1).all()
    if depth >= ITEMS:
        assert proved.all()


def test_quotas_by_hand():
    weights = np.array([[0.5, 0.3, 0.2], [0.34, 0.33, 0.33], [1, 0, 0]], np.float32)
    np.testing.assert_array_equal(quotas(weights, 4), [[2, 1, 1], [2, 1, 1], [4, 0, 0]])
    assert (quotas(weights, 7).sum(axis=1) == 7).all()


@pytest.fixture
def axis():
    table = pl.DataFrame({
        "item_id": list("abcd"), "title": list("abcd"), "year": [None] * 4, "count": [1] * 4,
        "categories": [["x"], ["y"], ["z", "y"], []],
    })  # fmt: skip
    return make_axis(table, "categories")


def test_minority_tastes_by_hand(axis):
    assert axis.labels == ("x", "y", "z", "(none)")
    target = np.array([[0.7, 0.2, 0.1, 0.0], [0.5, 0.26, 0.09, 0.15], [0.75, 0.25, 0.0, 0.0]])
    expected = [[False, True, True, False], [False] * 4, [False, True, False, False]]
    np.testing.assert_array_equal(minority_tastes(target, axis), expected)
    lists = np.array([[0, 1], [0, 1], [0, -1]], np.int32)
    np.testing.assert_array_equal(smallest_present(lists, axis, target), [0, np.nan, 0])
    np.testing.assert_array_equal(share_present(lists, axis, target), [0.5, np.nan, 0])
    third = np.array([[2, -1], [2, -1], [2, 0]], np.int32)
    np.testing.assert_array_equal(smallest_present(third, axis, target), [1, np.nan, 1])
    np.testing.assert_array_equal(share_present(third, axis, target), [1, np.nan, 1])


def test_jackknife_of_a_mean_is_its_standard_error():
    draw = np.random.default_rng(0)
    lists, base = draw.integers(0, 100, (60, 1)).astype(np.int32), draw.integers(0, 100, (60, 1)).astype(np.int32)
    found = jackknife_difference(lists, base, lambda rows: float(rows.mean()), groups=60)
    difference = (lists - base)[:, 0]
    half = 1.959964 * difference.std(ddof=1) / np.sqrt(60)
    np.testing.assert_allclose([found.mean, found.low, found.high], difference.mean() + half * np.array([0, -1, 1]))
    same = jackknife_difference(lists, lists, lambda rows: coverage(rows, 100))
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    alone = jackknife_difference(lists[:1], base[:1], lambda rows: float(rows.mean()))
    assert np.isnan(alone.low)


def test_kmeans_personas_keep_the_tables_and_part_the_items():
    single = encoder(9, personas=1)
    made = kmeans_personas(single, 2)
    np.testing.assert_array_equal(made.weights.items, single.weights.items)
    np.testing.assert_allclose(np.linalg.norm(made.weights.prototypes, axis=1), 1, rtol=1e-5)
    asked = histories(9)
    personas = made.encode(asked)
    assert personas.vectors.shape == (6, 2, 6)
    assert np.median(personas.membership.max(axis=1)) > 0.99  # as good as hard
    flat = PersonaEncoder(made.config.model_copy(update={"persona_share": 0.0}), made.weights)
    np.testing.assert_allclose(
        PersonaScorer(flat).scores(asked), PersonaScorer(single).scores(asked), rtol=1e-4, atol=1e-5
    )


def test_a_shared_start_gives_the_tables_of_a_training_alone():
    x = sparse.csr_matrix((np.random.default_rng(3).random((80, 30)) < 0.2).astype(np.float32))
    config = TrainingConfig(encoder=EncoderConfig(personas=3, dimension=8, theme_dimension=6), epochs=1, groups=2)
    start = start_of(x, config, None)
    for personas in (1, 3):  # the start is of three
        shape = config.encoder.model_copy(update={"personas": personas})
        one = config.model_copy(update={"encoder": shape})
        alone, shared = (fit_personas(x, one, None, silent, begun).encoder.weights for begun in (None, start))
        with pytest.raises(ValueError, match="the start is of"):
            fit_personas(x[:70], one, None, silent, start)
        wider = one.model_copy(update={"encoder": shape.model_copy(update={"dimension": 9})})
        with pytest.raises(ValueError, match="the start is of"):
            fit_personas(x, wider, None, silent, start)
        for name, table in alone.as_dict().items():
            np.testing.assert_allclose(getattr(shared, name), table, atol=1e-6, err_msg=name)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("shop"))


def test_the_study_as_a_whole(shop, monkeypatch):
    started = []
    monkeypatch.setattr("eval.persona_controls.start_of", lambda *a: started.append(a) or start_of(*a))
    dataset, ground = GroundOptions(str(shop)).load()
    told = as_dict(study(dataset, ground, silent, settings=1, budget=20, factors=8))
    assert told["axis"] == "categories" and told["users"] == {"train": 54, "test": 13}
    names = {"personas", "one-vector", "one-vector-wide", "ials", "edlae-tuned", "k-means", "mixture"}
    assert set(told["models"]) == names
    assert len(started) == 1  # for the personas and the one vector; the wide one has its own
    gaps = told["models"]["one-vector"]["minus_reference"].values()
    assert all(gap["mean"] == gap["low"] == gap["high"] == 0 for gap in gaps)
    gained = told["mixture_minus_ials"]["NDCG@100"]["mean"]
    assert gained == pytest.approx(told["models"]["mixture"]["NDCG@100"] - told["models"]["ials"]["NDCG@100"])
    shares = {one["share"]: one for one in told["own_share"]}
    assert shares[0.25]["NDCG@100"] == told["models"]["personas"]["NDCG@100"]
    assert told["matched_share"] in shares
    assert 1 < told["collapse"]["effective_personas"]["mean"] <= 4
    assert sum(told["collapse"]["weights"]) == pytest.approx(1, abs=1e-5)
    assert sum(told["collapse"]["won@20"]) == pytest.approx(1)
    assert {(p["model"], p["rule"]) for p in told["pools"]} == {
        ("one-vector", "max"), *(("personas", rule) for rule in ("max", "quota", "certificate", "served")),
    }  # fmt: skip
    assert all(0 <= p["recall_ceiling"] <= 1 and p["c_kl_floor"] >= 0 for p in told["pools"])


def test_an_unknown_axis_is_said_before_anything_is_trained(shop, monkeypatch):
    monkeypatch.setattr("eval.persona_study.choose", None)
    dataset, ground = GroundOptions(str(shop)).load()
    with pytest.raises(PolytasteError, match="nothere"):
        study(dataset, ground, silent, axis="nothere")


def test_command_line(shop):
    command = [COMMAND, "retrieve", "personas", "--data", shop, "--factors", "8", "--axis", "tastes", "--no-wide",
        "--dimension", "8", "--ridge", "10", "--samples", "20", "--batch", "16"]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "minority tastes along tastes" in " ".join(shown.stdout.split()) and "K=1, d=8 " in shown.stdout
    assert "d=32" not in shown.stdout  # four times as wide
    assert "d=8, ridge 10, samples 20, 16 users a step" in shown.stdout
    assert "\u2026" not in shown.stdout  # every figure is whole at eighty columns
    told = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    for name in ("personas", "one-vector"):
        settings = told["models"][name]["settings"]
        assert (settings["ridge"], settings["samples"], settings["batch"]) == (10, 20, 16)
        assert settings["encoder"]["dimension"] == 8
