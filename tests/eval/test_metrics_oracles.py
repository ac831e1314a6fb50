"""Every metric against an implementation of others, or against a case worked out by hand."""

import ir_measures
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, StRecall, Success, alpha_nDCG, nDCG
from scipy.spatial.distance import jensenshannon
from scipy.stats import kendalltau

from agent.rerank.protocol import Pool
from agent.rerank.topk import TopK
from eval import metrics
from retrieval.axes import make_axis
from retrieval.schema import Histories

USERS, ITEMS, DEEP = 1000, 60, 20


@pytest.fixture(scope="module")
def runs():
    """A thousand lists: short ones, empty ones, users with nothing hidden, and scores that tie."""
    rng = np.random.default_rng(7)
    lists = np.stack([rng.permutation(ITEMS)[:DEEP] for _ in range(USERS)]).astype(np.int32)
    length = rng.choice([0, 1, 3, 9, DEEP], USERS, p=[0.05, 0.1, 0.15, 0.2, 0.5])
    lists[np.arange(DEEP) >= length[:, None]] = -1
    hidden = Histories.of([rng.choice(ITEMS, rng.choice([0, 1, 2, 5, 30]), replace=False) for _ in range(USERS)])
    qrels = {str(b): {str(i): 1 for i in hidden.row(b)} for b in range(USERS)}
    run = {str(b): {str(i): float(-r) for r, i in enumerate(lists[b]) if i >= 0} for b in range(USERS)}
    return lists, hidden, qrels, run


def _oracle(measure, qrels, run):
    found = {m.query_id: m.value for m in ir_measures.iter_calc([measure], qrels, run)}
    # What trec_eval is not given a list for it leaves out; a user without a list has found nothing.
    return np.array([found.get(str(b), 0.0) if qrels[str(b)] else np.nan for b in range(USERS)])


@pytest.mark.parametrize("k", [1, 5, 10, 20, 50])
def test_ranking_metrics_equal_ir_measures(runs, k):
    lists, hidden, qrels, run = runs
    hit, relevant = metrics.hits(lists, hidden, ITEMS), hidden.lengths
    assert (relevant == 0).any() and (lists[:, 0] < 0).any()
    pairs = {
        nDCG @ k: metrics.ndcg(hit, relevant, k),
        R @ k: metrics.recall(hit, relevant, k, capped=False),
        P @ k: metrics.precision(hit, relevant, k),
        RR @ k: metrics.reciprocal_rank(hit, relevant, k),
        AP @ k: metrics.average_precision(hit, relevant, k),
        Success @ k: metrics.hit_rate(hit, relevant, k),
    }
    for measure, ours in pairs.items():
        np.testing.assert_allclose(ours, _oracle(measure, qrels, run), atol=1e-9, err_msg=str(measure))


def test_capped_denominators_by_hand():
    hit = np.array([[True, False, True]])
    assert metrics.recall(hit, np.array([9]), 3)[0] == pytest.approx(2 / 3)
    assert metrics.recall(hit, np.array([9]), 3, capped=False)[0] == pytest.approx(2 / 9)
    assert metrics.average_precision(hit, np.array([9]), 3)[0] == pytest.approx((1 + 2 / 3) / 9)
    assert metrics.average_precision(hit, np.array([9]), 3, capped=True)[0] == pytest.approx((1 + 2 / 3) / 3)


def test_graded_ndcg_equals_ir_measures():
    rng = np.random.default_rng(3)
    gains = rng.integers(-1, 4, (200, 15)).astype(float)
    extra = rng.integers(0, 4, (200, 10)).astype(float)  # judged, not listed
    ideal = -np.sort(-np.concatenate([gains, extra], axis=1), axis=1)
    qrels = {
        str(b): {str(i): int(g) for i, g in enumerate([*gains[b], *extra[b]])} for b in range(200)
    }  # fmt: skip
    run = {str(b): {str(i): float(-i) for i in range(15)} for b in range(200)}
    for k in (3, 10, 40):
        oracle = {m.query_id: m.value for m in ir_measures.iter_calc([nDCG @ k], qrels, run)}
        ours = metrics.graded_ndcg(gains, ideal, k)
        np.testing.assert_allclose(ours, [oracle[str(b)] for b in range(200)], atol=1e-9)
    assert np.isnan(metrics.graded_ndcg(np.zeros((1, 3)), np.zeros((1, 3)), 3)[0])


def test_subtopics_equal_ndeval():
    """Subtopics of relevant items only, as the diversity track has it."""
    rng = np.random.default_rng(11)
    users, items, groups = 120, 25, 5
    topics = rng.random((items, groups)) < 0.35
    lists = np.stack([rng.permutation(items)[:10] for _ in range(users)]).astype(np.int32)
    lists[::5, 6:] = -1
    hidden = Histories.of([-np.sort(-rng.choice(items, rng.integers(1, 8), replace=False)) for _ in range(users)])
    qrels = pl.DataFrame(
        [
            {"query_id": str(b), "doc_id": f"d{i:03d}", "relevance": 1, "iteration": str(g)}
            for b in range(users) for i in hidden.row(b) for g in np.flatnonzero(topics[i])
        ]
    )  # fmt: skip
    qrels = [ir_measures.Qrel(*row) for row in qrels.select("query_id", "doc_id", "relevance", "iteration").rows()]
    run = [
        ir_measures.ScoredDoc(str(b), f"d{i:03d}", 100.0 - r)
        for b in range(users) for r, i in enumerate(lists[b]) if i >= 0
    ]  # fmt: skip
    hit = metrics.hits(lists, hidden, items)
    listed = topics[np.maximum(lists, 0)] & hit[:, :, None]
    wide = hidden.lengths.max()
    ideal = np.zeros((users, wide, groups), bool)
    place = np.arange(len(hidden.items)) - np.repeat(hidden.indptr[:-1], hidden.lengths)
    ideal[hidden.owner, place] = topics[hidden.items]
    wanted = ideal.any(axis=1)
    for measure, ours in {
        alpha_nDCG @ 10: metrics.alpha_ndcg(listed, ideal, 10),
        alpha_nDCG @ 5: metrics.alpha_ndcg(listed, ideal, 5),
        StRecall @ 10: metrics.subtopic_recall(listed, wanted, 10),
    }.items():
        oracle = {m.query_id: m.value for m in ir_measures.iter_calc([measure], qrels, run)}
        kept = np.flatnonzero(wanted.any(axis=1))
        assert len(kept) > 100
        theirs = np.array([oracle.get(str(b), 0.0) for b in kept])
        # ndeval prints six decimals.
        np.testing.assert_allclose(ours[kept], theirs, atol=1e-6, err_msg=str(measure))


def test_alpha_ndcg_by_hand():
    a, b = [True, False], [False, True]
    listed = np.array([[a, a, b]])
    value = metrics.alpha_ndcg(listed, np.array([[a, a, b]]), 3)
    got = 1 + 0.5 / np.log2(3) + 1 / 2
    assert value[0] == pytest.approx(got / (1 + 1 / np.log2(3) + 0.5 / 2))
    assert np.isnan(metrics.alpha_ndcg(np.zeros((1, 2, 2), bool), np.zeros((1, 2, 2), bool), 2)[0])


def _rows(seed=5, users=200, groups=6):
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(groups, 0.4), (2, users))
    rows[1, ::9] = rows[0, ::9]
    rows[:, ::7, 0] = 0
    return rows / rows.sum(axis=2, keepdims=True)


def test_divergences_equal_scipy_and_their_definition():
    p, q = _rows()
    np.testing.assert_allclose(metrics.jensen_shannon(p, q), jensenshannon(p, q, axis=1) ** 2, atol=1e-9)
    direct = np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=1) / 2)
    np.testing.assert_allclose(metrics.hellinger(p, q), direct, atol=1e-7)
    np.testing.assert_allclose(metrics.taste_distribution_distance(p, q), np.abs(p - q).sum(axis=1) / 2)


@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
@settings(max_examples=40, deadline=None)
def test_distances_are_distances(seed, groups):
    p, q = _rows(seed, 20, groups)
    for distance, most in (
        (metrics.jensen_shannon, np.log(2)),
        (metrics.hellinger, 1),
        (metrics.taste_distribution_distance, 1),
    ):
        there, back, none = distance(p, q), distance(q, p), distance(p, p)
        np.testing.assert_allclose(there, back, atol=1e-12)
        np.testing.assert_allclose(none, 0, atol=1e-7)
        assert ((there >= 0) & (there <= most + 1e-12)).all()
    apart = np.eye(groups)
    assert metrics.taste_distribution_distance(apart[:1], apart[1:2])[0] == 1
    assert metrics.hellinger(apart[:1], apart[1:2])[0] == 1


@pytest.mark.parametrize("distance", [metrics.jensen_shannon, metrics.hellinger, metrics.taste_distribution_distance])
def test_nothing_asked_and_nothing_shown(distance):
    p, none = np.array([[0.5, 0.5]]), np.zeros((1, 2))
    assert distance(none, p)[0] == 0
    assert np.isnan(distance(p, none)[0])


def test_shares_of_lists():
    table = pl.DataFrame({"categories": [["a"], ["a", "b"], ["b"]], "year": [None] * 3, "count": [1, 2, 3]})
    axis = make_axis(table, "categories")
    shares = metrics.list_shares(np.array([[0, 1], [2, -1], [-1, -1]], np.int32), axis)
    np.testing.assert_allclose(shares, [[0.75, 0.25], [0, 1], [0, 0]])


def test_minority_presence_by_hand():
    # .5 is the majority; .3 and .15 are minorities entitled to a place of ten; .03 and .02 are not.
    target = np.array([[0.5, 0.3, 0.15, 0.03, 0.02], [1.0, 0, 0, 0, 0]])
    shown = np.array([[0.9, 0.1, 0, 0, 0], [1.0, 0, 0, 0, 0]])
    values = metrics.minority_presence(target, shown, 10)
    assert values[0] == 0.5
    assert np.isnan(values[1])
    assert metrics.minority_presence(target, shown, 2)[0] == 1  # of two places only the .3 is entitled to one


def test_clusters_of_tastes_find_directions():
    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(3, 8, dtype=np.float32), 30, axis=0) * rng.uniform(0.1, 9, (90, 1)).astype(np.float32)
    found = metrics.taste_clusters(vectors + rng.normal(scale=1e-3, size=vectors.shape).astype(np.float32), 3, seed=1)
    assert [len(set(found[at : at + 30])) for at in (0, 30, 60)] == [1, 1, 1]
    assert len(set(found)) == 3
    assert len(set(metrics.taste_clusters(np.eye(2, dtype=np.float32), 9))) == 2


def test_gini_by_hand():
    assert metrics.gini(np.array([[0, 1], [2, 3]], np.int32), 4) == 0
    assert metrics.gini(np.array([[0], [0]], np.int32), 4) == pytest.approx(0.75)
    x = np.array([0, 1, 3, 6])
    direct = np.abs(x[:, None] - x).sum() / (2 * len(x) ** 2 * x.mean())
    lists = np.repeat(np.arange(4), x)[:, None].astype(np.int32)
    assert metrics.gini(lists, 4) == pytest.approx(direct)
    assert np.isnan(metrics.gini(np.full((1, 2), -1, np.int32), 4))


def test_popularity_lift_and_novelty_by_hand():
    lift = metrics.popularity_lift(np.array([30.0, 5.0, 1.0]), np.array([20.0, 10.0, 0.0]))
    np.testing.assert_allclose(lift, [0.5, -0.5, np.nan])
    counts = np.array([7, 0, 1])
    values = metrics.novelty(np.array([[0, 1], [2, -1], [-1, -1]], np.int32), counts, 7)
    np.testing.assert_allclose(values, [1.5, 2.0, np.nan])


def test_diversity_equals_all_pairs():
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(30, 5)).astype(np.float32)
    vectors[4] = 0
    lists = np.stack([rng.permutation(30)[:6] for _ in range(50)]).astype(np.int32)
    lists[0], lists[1, 2:], lists[2, 1:] = np.arange(6), -1, -1
    unit = vectors.astype(float) / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    for row, value in zip(lists, metrics.intra_list_diversity(lists, vectors), strict=True):
        held = unit[row[row >= 0]]
        pairs = [1 - held[i] @ held[j] for i in range(len(held)) for j in range(i)]
        assert value == pytest.approx(np.mean(pairs), abs=1e-6) if pairs else np.isnan(value)


def test_kendall_equals_scipy():
    rng = np.random.default_rng(4)
    one, other = rng.integers(0, 12, (2, 60, 15)).astype(float)
    other[0] = -one[0]
    ours = metrics.kendall_tau(one, other)
    np.testing.assert_allclose(ours, [kendalltau(a, b).statistic for a, b in zip(one, other, strict=True)], atol=1e-9)
    assert ours[0] == pytest.approx(-1)
    assert np.isnan(metrics.kendall_tau(np.zeros((1, 3)), one[:1, :3])[0])


def test_slot_bias_by_hand():
    values = np.array([1.0, 0.0, 0.5, np.nan, 1.0])
    mean, count = metrics.slot_bias(values, np.array([0, 0, 2, 1, -1], np.int32), 3)
    np.testing.assert_allclose(mean, [0.5, np.nan, 0.5])
    assert count.tolist() == [2, 0, 1]


def test_validity_by_hand():
    candidates = np.array([[1, 2, 3, 4], [1, 2, -1, -1], [5, 6, 7, 8]], np.int32)
    lists = np.array([[1, 9, 1], [2, 1, -1], [7, 6, 5]], np.int32)
    found = metrics.validity(lists, candidates, 3)
    assert found.invented.tolist() == [1, 0, 0]
    assert found.repeated.tolist() == [1, 0, 0]
    assert found.dropped.tolist() == [2, 0, 0]
    assert found.valid == pytest.approx(2 / 3)


def test_cost_counts_calls_that_were_made():
    spent = metrics.cost(
        np.array([10, 20, 0]), np.array([1, 1, 0]), np.array([100.0, 300.0, np.nan]), np.array([False, False, True])
    )
    assert (spent.calls, spent.prompt_tokens, spent.completion_tokens) == (2, 30, 2)
    assert spent.p50_ms == 200
    assert spent.fallback == pytest.approx(1 / 3)


def test_a_repeated_item_counts_once():
    hit = metrics.hits(np.array([[4, 4, 1, -1, -1]], np.int32), Histories.of([[4, 1]]), 6)
    assert hit.tolist() == [[True, False, True, False, False]]


def test_ties_follow_no_order_of_the_catalogue():
    """A catalogue sorted by popularity: a scorer that says nothing must not rank like popularity."""
    users, items = 100, 500
    universe = np.ones(items, bool)
    hidden = Histories.of([[0, 1, 2]] * users)
    lists = metrics.ranked(np.zeros((users, items), np.float32), Histories.of([[]] * users), universe, 10)
    hit = metrics.hits(lists, hidden, items)
    assert metrics.ndcg(hit, hidden.lengths, 10).mean() < 0.05
    assert (lists == lists[0]).all()


@given(st.integers(0, 10**6), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_ranked_is_a_sort(seed, k):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (3, 12)).astype(np.float32)  # full of ties
    universe = rng.random(12) < 0.8
    seen = Histories.of([rng.choice(12, rng.integers(0, 5), replace=False) for _ in range(3)])
    lists = metrics.ranked(scores, seen, universe, k)
    for b in range(3):
        row = lists[b][lists[b] >= 0]
        assert len(set(row)) == len(row) == min(k, np.setdiff1d(np.flatnonzero(universe), seen.row(b)).size)
        assert (np.diff(scores[b, row]) <= 0).all()
        left = np.setdiff1d(np.setdiff1d(np.flatnonzero(universe), seen.row(b)), row)
        assert not len(left) or scores[b, left].max() <= scores[b, row].min()
    # More places only add items: the order of ties does not depend on k.
    longer = metrics.ranked(scores, seen, universe, k + 1)
    np.testing.assert_array_equal(longer[:, : lists.shape[1]], lists)


def test_ceilings_and_floor_bound_every_slate():
    rng = np.random.default_rng(8)
    users, n, groups, k = 40, 30, 5, 6
    target = rng.dirichlet(np.ones(groups), users)
    shares = (rng.random((users, n, groups)) < 0.4).astype(np.float32)
    shares[..., 0] += shares.sum(axis=2) == 0
    shares /= shares.sum(axis=2, keepdims=True)
    pool = Pool(rng.normal(size=(users, n)).astype(np.float32), shares, target)
    slates = TopK()(pool, k)
    floor = metrics.calibration_floor(pool, k)
    assert (floor <= slates.kl + 1e-9).all() and (floor < slates.kl).any()
    hit = rng.random((users, n)) < 0.2
    relevant = hit.sum(axis=1) + rng.integers(0, 3, users)
    taken = np.take_along_axis(hit, slates.positions, axis=1)
    asked = relevant > 0
    for ceiling, value in (
        (metrics.recall_ceiling(hit, relevant, k), metrics.recall(taken, relevant, k)),
        (metrics.ndcg_ceiling(hit, relevant, k), metrics.ndcg(taken, relevant, k)),
    ):
        assert (ceiling[asked] >= value[asked] - 1e-12).all() and (ceiling[asked] <= 1 + 1e-12).all()
    best = np.sort(hit, axis=1)[:, ::-1]
    np.testing.assert_allclose(metrics.ndcg_ceiling(hit, relevant, k), metrics.ndcg(best, relevant, k))
    np.testing.assert_allclose(metrics.recall_ceiling(hit, relevant, k), metrics.recall(best, relevant, k))
