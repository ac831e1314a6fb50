"""One suite over every deterministic reranker."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.calibration import normalised
from agent.rerank.protocol import Pool
from agent.rerank.strategies import STRATEGIES, WITHOUT_LAMBDA, make
from agent.rerank.topk import TopK
from retrieval.errors import ConfigError

BY_RELEVANCE = {
    "calibrated", "chains", "iterated", "jensen-shannon", "hellinger", "overlap", "min-cost-flow", "exact", "top-k",
}  # fmt: skip
LIBRARY = {"mmr", "msd", "dpp", "ssd"}
SLOW = {"min-cost-flow", "exact"}

every = pytest.mark.parametrize("name", STRATEGIES)


@st.composite
def pools(draw):
    users, n, groups = (draw(st.integers(1, high)) for high in (3, 9, 4))
    relevance = draw(
        hnp.arrays(
            np.float32,
            (users, n),
            elements=st.floats(-50, 50, width=32, allow_subnormal=False)
            | st.sampled_from([-np.inf, np.nan, 1.0]).map(np.float32),
        )
    )
    share = draw(hnp.arrays(np.float32, (users, n, groups), elements=st.integers(0, 3)))
    share[..., 0] += share.sum(-1) == 0
    share /= share.sum(-1, keepdims=True)
    target = draw(hnp.arrays(np.float64, (users, groups), elements=st.integers(0, 3)))
    target /= np.maximum(target.sum(-1, keepdims=True), 1)
    popularity = draw(hnp.arrays(np.float32, (users, n), elements=st.integers(0, 1000)))
    return Pool(relevance, share, target, popularity=popularity)


def part(pool, rows):
    return Pool(pool.relevance[rows], pool.groups[rows], pool.target[rows], popularity=pool.popularity[rows])


@every
@settings(max_examples=25, deadline=None)
@given(pool=pools(), k=st.integers(1, 12), lam=st.sampled_from([0.0, 0.3, 0.9, 1.0]))
def test_contract(name, pool, k, lam):
    """Distinct, inside the pool, as long as can be, batch equals single; NaN and short pools have defined answers."""
    reranker = make(name, lam)
    slates = reranker(pool, k)
    assert reranker.name == name
    assert slates.positions.shape == (len(pool.relevance), k)
    for b, row in enumerate(slates.positions):
        real = row[row >= 0]
        assert len(set(real)) == len(real) == min(k, pool.valid[b].sum())
        assert pool.valid[b, real].all()
        assert (row[len(real) :] == -1).all()
        if name in BY_RELEVANCE:
            assert (np.diff(normalised(pool)[b, real]) <= 0).all()
        assert reranker(part(pool, slice(b, b + 1)), k).positions[0].tolist() == row.tolist()
        if not len(real):
            assert np.isnan(slates.kl[b]) or not pool.target[b].any()


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - WITHOUT_LAMBDA))
@settings(max_examples=25, deadline=None)
@given(pool=pools(), k=st.integers(1, 12))
def test_lambda_zero_is_top_k(name, pool, k):
    ours, best = make(name, 0.0)(pool, k).positions, TopK()(pool, k).positions
    scores = normalised(pool)
    for b in range(len(ours)):  # the exact ones may choose among equals
        got, wanted = (scores[b, row[row >= 0]] for row in (ours[b], best[b]))
        np.testing.assert_allclose(got, wanted, atol=1e-6)
    if name not in SLOW:
        assert (ours == best).all()


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - SLOW - LIBRARY - {"random"}))
@settings(max_examples=25, deadline=None)
@given(pool=pools(), power=st.integers(-3, 3))
def test_scaling_the_scores_of_a_user_changes_nothing(name, pool, power):
    """By powers of two, which round nothing away."""
    scaled = Pool(pool.relevance * np.float32(2.0**power), pool.groups, pool.target, popularity=pool.popularity)
    assert (make(name, 0.5)(scaled, 4).positions == make(name, 0.5)(pool, 4).positions).all()


@every
def test_all_zero_target_and_ties_go_to_the_earlier(name):
    pool = Pool(
        np.zeros((1, 6), np.float32), np.ones((1, 6, 1), np.float32), np.zeros((1, 1)), popularity=np.ones((1, 6), np.float32)
    )  # fmt: skip
    row = make(name, 0.5)(pool, 3).positions[0]
    assert len(set(row.tolist())) == 3
    if name not in SLOW | LIBRARY | {"random"}:
        assert row.tolist() == [0, 1, 2]


@every
def test_bad_k_and_no_users(name):
    pool = Pool(np.ones((2, 3), np.float32), np.ones((2, 3, 1), np.float32), np.ones((2, 1)), popularity=np.ones((2, 3), np.float32))  # fmt: skip
    with pytest.raises(ValueError, match="k must be"):
        make(name, 0.5)(pool, 0)
    assert make(name, 0.5)(part(pool, slice(0, 0)), 2).positions.shape == (0, 2)


def test_unknown_strategy_names_the_known():
    with pytest.raises(ConfigError, match="no strategy 'best'") as caught:
        make("best", 0.5)
    assert "steck-greedy" in caught.value.remedy


@settings(max_examples=30, deadline=None)
@given(pool=pools(), divergence=st.sampled_from(["kl", "jensen-shannon", "hellinger", "overlap"]))
def test_groups_nobody_has_change_nothing(pool, divergence):
    wider = [np.concatenate([np.zeros((*a.shape[:-1], 2), a.dtype), a], axis=-1) for a in (pool.groups, pool.target)]
    config = CalibratedConfig(divergence=divergence)
    ours = Calibrated(config)(Pool(pool.relevance, wider[0], wider[1]), 4)
    assert (ours.positions == Calibrated(config)(pool, 4).positions).all()
