import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from eval.significance import (
    bootstrap_many,
    effect_size,
    holm,
    paired_bootstrap,
    permutation_p,
    power,
)


def _pair(seed=0, users=300, shift=0.05):
    rng = np.random.default_rng(seed)
    base = rng.beta(1, 3, users)
    return np.clip(base + rng.normal(shift, 0.2, users), 0, 1), base


def test_bca_equals_scipy():
    rng = np.random.default_rng(1)
    skewed = rng.exponential(size=40)
    theirs = stats.bootstrap((skewed,), np.mean, n_resamples=100_000, method="BCa", rng=rng).confidence_interval
    ours = paired_bootstrap(skewed, np.zeros(40), draws=100_000, method="bca")
    assert ours.low == pytest.approx(theirs.low, abs=0.04)
    assert ours.high == pytest.approx(theirs.high, abs=0.04)
    plain = paired_bootstrap(skewed, np.zeros(40), draws=20000)
    assert ours.high > plain.high + 0.01  # skewness moves it, and scipy agrees how far
    same = paired_bootstrap(np.ones(5), np.zeros(5), method="bca")
    assert (same.low, same.high) == (1, 1)


def test_many_intervals_equal_single_ones_up_to_the_draws():
    values, base = _pair()
    values[:20], base[10:30] = np.nan, np.nan
    rows = np.stack([values, base, values * 2])
    found = bootstrap_many(rows, base, draws=8000)
    for row, (mean, low, high) in zip(rows, found, strict=True):
        one = paired_bootstrap(row, base, draws=8000, seed=5)
        assert mean == pytest.approx(one.mean)
        assert (low, high) == (pytest.approx(one.low, abs=0.003), pytest.approx(one.high, abs=0.003))
    assert found[1].tolist() == [0, 0, 0]


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(3)
    rows = rng.exponential(size=(400, 200))
    low, high = bootstrap_many(rows, 1.0, draws=1000)[:, 1:].T
    covered = ((low <= 0) & (high >= 0)).mean()
    assert 0.90 < covered < 0.98


def test_nothing_to_compare_is_nan():
    nothing = np.full(4, np.nan)
    assert np.isnan(paired_bootstrap(nothing, np.zeros(4)).mean)
    assert np.isnan(bootstrap_many(nothing[None], 0.0)).all()
    assert np.isnan(permutation_p(nothing, np.zeros(4)))[0]
    assert np.isnan(effect_size(nothing, np.zeros(4)).cohen_d)
    assert power(nothing, np.zeros(4)).have == 0


def test_permutation_equals_scipy():
    values, base = _pair(users=12)
    exact = stats.permutation_test(
        (values - base, np.zeros(12)), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    )  # fmt: skip
    ours = permutation_p(values, base, draws=40000)[0]
    assert ours == pytest.approx(exact.pvalue, abs=0.01)


def test_p_is_never_zero_and_uniform_where_nothing_differs():
    assert permutation_p(np.ones(50), np.zeros(50), draws=999)[0] == 1 / 1000
    assert permutation_p(np.zeros(50), np.zeros(50), draws=999)[0] == 1
    rng = np.random.default_rng(2)
    p = permutation_p(rng.normal(size=(500, 60)), 0.0, draws=999)
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert 0.02 < (p <= 0.05).mean() < 0.09


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.5, np.nan, 0.6]), [1, np.nan, 1])


@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=12))
@settings(max_examples=50, deadline=None)
def test_holm_is_between_no_correction_and_bonferroni(p):
    adjusted = holm(p)
    assert (adjusted >= np.array(p) - 1e-12).all()
    assert (adjusted <= np.minimum(np.array(p) * len(p), 1) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= -1e-12).all()


def test_effect_sizes_by_hand():
    found = effect_size(np.array([2.0, 3.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, 2.0]))
    assert found.cohen_d == pytest.approx(0.5 / np.std([1, 2, 0, -1], ddof=1))
    assert found.dominance == pytest.approx(0.25)
    assert np.isnan(effect_size(np.ones(3), np.zeros(3)).cohen_d)


def test_power_is_what_simulation_finds():
    """With as many users as it asks for, a t-test sees the difference four times of five."""
    rng = np.random.default_rng(9)
    base = np.full(4000, 0.4)
    needed = power(base + rng.normal(0, 0.1, 4000), base, lift=0.05).users
    seen = [stats.ttest_1samp(rng.normal(0.02, 0.1, needed), 0).pvalue < 0.05 for _ in range(600)]
    assert 0.73 < np.mean(seen) < 0.87
    found = power(base + rng.normal(0, 0.1, 4000), base, lift=0.05)
    assert found.have == 4000
    assert found.smallest == pytest.approx(2.80 * 0.1 / np.sqrt(4000), rel=0.05)
