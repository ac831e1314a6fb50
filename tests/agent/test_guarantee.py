from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.calibration import kl_divergence, normalised
from agent.rerank.gains import gains
from agent.rerank.guarantee import Guarantee, GuaranteeConfig
from agent.rerank.protocol import Pool
from agent.rerank.topk import TopK
from tests.agent.test_calibrated import objective, pool_of


def relevance(pool, rows):
    return np.take_along_axis(normalised(pool), rows, axis=1).sum(axis=1)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), limit=st.floats(0.0, 1.5))
def test_the_limit_holds_or_is_said_not_to(seed, limit):
    pool = pool_of(seed, users=8, n=20)
    found = Guarantee(GuaranteeConfig(max_kl=limit)).report(pool, 5)
    assert (found.slates.kl[found.met] <= limit).all()
    assert (found.slates.kl[~found.met] > limit).all()
    np.testing.assert_allclose(found.slates.kl[~found.met], found.floor[~found.met])
    for b in range(8):  # batch equals single
        one = Pool(pool.relevance[b : b + 1], pool.groups[b : b + 1], pool.target[b : b + 1])
        assert (Guarantee(GuaranteeConfig(max_kl=limit))(one, 5).positions == found.slates.positions[b]).all()


def test_a_loose_limit_costs_nothing_and_a_tight_one_something():
    pool = pool_of(3, users=50, n=30)
    loose = Guarantee(GuaranteeConfig(max_kl=50.0)).report(pool, 6)
    assert (loose.slates.positions == TopK()(pool, 6).positions).all()
    assert (loose.lam == 0).all()
    tight = Guarantee(GuaranteeConfig(max_kl=0.1)).report(pool, 6)
    assert tight.met.mean() > 0.5
    fixed = Calibrated(CalibratedConfig(lam=0.99))(pool, 6)
    both = tight.met & (fixed.kl <= 0.1)
    assert (relevance(pool, tight.slates.positions)[both] >= relevance(pool, fixed.positions)[both] - 1e-9).all()


def test_close_to_the_most_relevant_slate_within_the_limit():
    lost = []
    for seed in range(25):
        pool = pool_of(seed, users=1, n=10)
        found = Guarantee(GuaranteeConfig(max_kl=0.2)).report(pool, 4)
        sets = np.array(list(combinations(range(10), 4)))
        kl = kl_divergence(pool.target, pool.groups[0][sets].astype(np.float64).mean(1))
        if not found.met[0]:
            assert kl.min() > 0.2 - 0.02  # the local search may stop short of the floor by a little
            continue
        best = normalised(pool)[0][sets].sum(1)[kl <= 0.2].max()
        lost.append(best - relevance(pool, found.slates.positions)[0])
    assert min(lost) > -1e-9
    assert np.mean(lost) < 0.15  # of a relevance of up to four


def test_an_empty_pool_meets_nothing():
    pool = Pool(np.full((1, 3), -np.inf, np.float32), np.ones((1, 3, 1), np.float32), np.ones((1, 1)))
    found = Guarantee().report(pool, 2)
    assert found.slates.positions.tolist() == [[-1, -1]]
    assert not found.met[0]


@pytest.mark.parametrize("lam", [0.0, 0.5, 0.9])
def test_gains_are_what_an_empty_slot_would_cost(lam):
    pool = pool_of(4, users=3, n=12)
    slates = Calibrated(CalibratedConfig(lam=lam))(pool, 5)
    split = gains(pool, slates, lam)
    assert (split.calibration >= -1e-12).all()
    for b in range(3):
        row = list(slates.positions[b])
        for t in range(5):
            rest = pool.groups[b, row[:t] + row[t + 1 :]].astype(np.float64).sum(0) / 5
            scores = normalised(pool)[b, row[:t] + row[t + 1 :]].sum()
            left = (1 - lam) * scores - lam * kl_divergence(pool.target[b], rest)
            lost = objective(pool, b, row, lam) - left
            assert split.relevance[b, t] + split.calibration[b, t] == pytest.approx(lost, abs=1e-9)
