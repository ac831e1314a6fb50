from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.calibration import kl_divergence, normalised, target_shares
from agent.rerank.protocol import Pool
from agent.rerank.topk import TopK
from retrieval.schema import Histories


def pool_of(seed, users=3, n=12, groups=4):
    rng = np.random.default_rng(seed)
    share = (rng.random((users, n, groups)) < 0.4).astype(np.float32)
    share[..., 0] += share.sum(-1) == 0
    share /= share.sum(-1, keepdims=True)
    return Pool(rng.normal(size=(users, n)).astype(np.float32), share, rng.dirichlet(np.ones(groups), users))


def objective(pool, b, chosen, lam):
    achieved = pool.groups[b, list(chosen)].astype(np.float64).mean(0)
    return (1 - lam) * normalised(pool)[b, list(chosen)].sum() - lam * kl_divergence(pool.target[b], achieved)


def test_kl_by_hand():
    p, q = np.array([0.7, 0.3, 0.0]), np.array([0.5, 0.0, 0.5])
    mixed = 0.99 * q + 0.01 * p
    assert kl_divergence(p, q) == pytest.approx(0.7 * np.log(0.7 / mixed[0]) + 0.3 * np.log(0.3 / mixed[1]))
    assert kl_divergence(p, p) == pytest.approx(0, abs=1e-12)
    assert np.isnan(kl_divergence(p, np.zeros(3)))
    assert kl_divergence(np.zeros(3), q) == 0


def test_target_by_hand():
    groups = np.array([[1, 0], [0.5, 0.5], [0, 1]], np.float32)
    h = Histories.of([[4, 7], [9], []], [[1, 3], [2], []])
    np.testing.assert_allclose(target_shares(h, groups), [[0.625, 0.375], [0, 1], [0, 0]])


def test_a_minority_taste_gets_its_slot():
    """Nine items of one kind score above the only item of the other; a fifth of the target is the other's."""
    groups = np.zeros((1, 10, 2), np.float32)
    groups[0, :9, 0] = groups[0, 9, 1] = 1
    pool = Pool(np.arange(10, 0, -1, np.float32)[None], groups, np.array([[0.8, 0.2]]))
    assert 9 not in TopK()(pool, 5).positions
    slate = Calibrated()(pool, 5)
    assert slate.positions.tolist() == [[0, 1, 2, 3, 9]]  # by relevance
    np.testing.assert_allclose(slate.achieved, [[0.8, 0.2]])
    assert slate.kl[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("lam", [0.2, 0.5, 0.8, 0.95])
def test_close_to_the_optimum_by_brute_force(lam):
    gaps = []
    for seed in range(40):
        pool = pool_of(seed, users=1, n=10)
        chosen = Calibrated(CalibratedConfig(lam=lam))(pool, 4).positions[0]
        best = max(objective(pool, 0, c, lam) for c in combinations(range(10), 4))
        gap = best - objective(pool, 0, chosen, lam)
        assert gap > -1e-9
        gaps.append(gap)
    assert np.mean(np.array(gaps) < 1e-9) >= 0.8  # swaps nearly always reach it
    assert np.mean(gaps) < 0.01


def test_swaps_only_improve():
    pool = pool_of(7, users=50, n=30, groups=8)
    greedy = Calibrated(CalibratedConfig(max_swaps=0))(pool, 6).positions
    swapped = Calibrated()(pool, 6).positions
    gains = [objective(pool, b, swapped[b], 0.9) - objective(pool, b, greedy[b], 0.9) for b in range(50)]
    assert min(gains) >= -1e-9
    assert max(gains) > 1e-3


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.125, 8), st.floats(-5, 5))
def test_scaling_scores_and_permuting_groups_change_nothing(seed, scale, shift):
    pool = pool_of(seed)
    base = Calibrated()(pool, 5).positions
    order = np.random.default_rng(seed).permutation(4)
    permuted = Pool(pool.relevance, np.ascontiguousarray(pool.groups[..., order]), pool.target[:, order])
    assert [set(r) for r in Calibrated()(permuted, 5).positions] == [set(r) for r in base]
    moved = Pool((pool.relevance * scale + shift).astype(np.float32), pool.groups, pool.target)
    values = [
        objective(pool, b, Calibrated()(moved, 5).positions[b], 0.9) - objective(pool, b, base[b], 0.9)
        for b in range(3)
    ]
    np.testing.assert_allclose(values, 0, atol=1e-4)


def test_lambda_zero_is_top_k():
    pool = pool_of(3, users=20, n=40)
    assert (Calibrated(CalibratedConfig(lam=0.0))(pool, 8).positions == TopK()(pool, 8).positions).all()


def test_bad_k_is_refused():
    with pytest.raises(ValueError, match="k must be"):
        Calibrated()(pool_of(0), 0)
