import ir_measures
import numpy as np
import pytest
from ir_measures import nDCG

from eval.metrics import average_popularity, coverage, hits, ndcg, recall
from eval.quick import best_items, evaluate
from eval.significance import paired_bootstrap
from retrieval.schema import Histories


def test_ndcg_equals_ir_measures():
    rng = np.random.default_rng(0)
    lists = np.stack([rng.permutation(50)[:20] for _ in range(200)]).astype(np.int32)
    lists[::7, 12:] = -1  # short lists
    hidden = Histories.of([rng.choice(50, rng.integers(1, 25), replace=False) for _ in range(200)])
    qrels = {str(b): {str(i): 1 for i in hidden.row(b)} for b in range(200)}
    run = {str(b): {str(i): float(-r) for r, i in enumerate(lists[b]) if i >= 0} for b in range(200)}
    for k in (5, 10, 20):
        oracle = {m.query_id: m.value for m in ir_measures.iter_calc([nDCG @ k], qrels, run)}
        ours = ndcg(hits(lists, hidden, 50), hidden.lengths, k)
        np.testing.assert_allclose(ours, [oracle[str(b)] for b in range(200)], atol=1e-12)


def test_recall_by_hand():
    lists = np.array([[3, 1, 2], [0, -1, -1]], np.int32)
    hidden = Histories.of([[1, 2, 9, 8], []])
    hit = hits(lists, hidden, 10)
    assert hit.tolist() == [[False, True, True], [False, False, False]]
    values = recall(hit, hidden.lengths, 3)
    assert values[0] == pytest.approx(2 / 3)
    assert np.isnan(values[1])
    assert np.isnan(ndcg(hit, hidden.lengths, 3)[1])


def test_coverage_and_popularity():
    lists = np.array([[0, 1], [1, -1]], np.int32)
    assert coverage(lists, 4) == 0.5
    assert average_popularity(lists, np.array([10, 2, 0, 0])).tolist() == [6.0, 2.0]


def test_a_constant_scorer_gains_nothing_from_ties():
    universe = np.ones(6, bool)
    universe[5] = False
    lists = best_items(np.zeros((1, 6), np.float32), Histories.of([[0]]), universe, 6)
    assert lists.tolist() == [[1, 2, 3, 4, -1, -1]]


def test_paired_bootstrap():
    rng = np.random.default_rng(1)
    base = rng.normal(size=400)
    shifted = base + 0.1 + rng.normal(scale=0.05, size=400)
    interval = paired_bootstrap(shifted, base)
    assert interval.low < 0.1 < interval.high
    assert interval.low > 0.08
    assert paired_bootstrap(base, base).mean == 0


def test_quick_evaluation_of_the_bundled_data(dataset):
    """The claims of the README, on two folds."""
    quick = evaluate(dataset, 2, 10, lambda *_: None)
    mean = {name: float(np.nanmean(values[:, 0])) for name, values in quick.retrievers.items()}
    assert mean["personas (K=4)"] > 1.3 * mean["popularity"]
    assert mean["personas (K=4)"] > 0.97 * mean["EASE"]
    assert sum(len(v) for v in [quick.top]) == quick.users
    top = np.nanmean(quick.top, axis=0)
    good = [
        lam for lam, values in quick.curve.items()
        if np.nanmean(values[:, 1]) <= top[1] / 3 and np.nanmean(values[:, 0]) >= 0.95 * top[0]
    ]  # fmt: skip
    assert good
