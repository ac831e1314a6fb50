"""Group-sequential tests: published critical values, error kept under the hypothesis, planted differences found early."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from eval.prompt_sequential import LEVEL, Looks, critical, rejections, repeated_interval, sequential_p


@pytest.mark.parametrize(
    ("times", "published"),
    [
        # R package ldbounds, commonbounds(iuse=1, alpha=.05, sides=2).
        ([0.25, 0.5, 0.75, 1.0], [4.3326, 2.9631, 2.3590, 2.0141]),
        ([0.2, 0.4, 0.6, 0.8, 1.0], [4.8769, 3.3570, 2.6803, 2.2898, 2.0310]),
        ([1.0], [1.95996]),
    ],
)
def test_critical_values_are_the_published_ones(times, published):
    assert critical(times) == pytest.approx(published, abs=2e-4)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0.1, 1.0), min_size=1, max_size=4, unique_by=lambda t: round(t, 1)),
    st.sampled_from([0.01, 0.05, 0.2]),
)
def test_all_error_is_spent_where_it_ends(times, level):
    """By simulation of the sums themselves: whatever the looks, just the level is spent."""
    times = sorted(round(t, 1) for t in times)
    bounds = critical(times, level)
    steps = np.random.default_rng(0).normal(size=(60_000, len(times))) * np.sqrt(np.diff(times, prepend=0.0))
    crossed = (np.abs(steps.cumsum(axis=1) / np.sqrt(times)) > bounds).any(axis=1).mean()
    assert crossed == pytest.approx(level, abs=5 * np.sqrt(level / 60_000))


@pytest.mark.parametrize("times", [[], [0.5, 0.5], [0.5, 1.1], [0.0, 1.0]])
def test_looks_that_make_no_sense_are_refused(times):
    with pytest.raises(ValueError, match="must rise"):
        critical(times)


def test_a_sequential_p_is_below_the_level_just_where_a_boundary_was_crossed():
    times, bounds = [0.25, 0.5, 0.75, 1.0], critical([0.25, 0.5, 0.75, 1.0])
    for look, bound in enumerate(bounds):
        for factor, rejected in ((0.98, False), (1.02, True)):
            nominal = np.full((4, 1), 0.9)
            nominal[look] = 2 - 2 * ndtr(bound * factor)
            assert (sequential_p(times, nominal, ended=True)[0] < LEVEL) == rejected


def test_one_look_is_an_ordinary_test_and_missing_values_stay_missing():
    nominal = np.array([[0.03, 0.3, np.nan]])
    assert sequential_p([1.0], nominal, ended=True) == pytest.approx([0.03, 0.3, np.nan], rel=0.02, nan_ok=True)


def test_a_run_that_ends_early_may_use_what_is_left():
    difference = np.random.default_rng(3).normal(0.33, 1.0, (1, 60))
    open_end, end = (Looks(200, 4).look(difference, ended=ended).p[0] for ended in (False, True))
    assert end < LEVEL < open_end


def test_a_second_look_at_the_same_users_replaces_the_first():
    looks, difference = Looks(100, 4), np.random.default_rng(0).normal(0, 1, (2, 50))
    looks.look(difference, ended=False)
    judged = looks.look(difference, ended=True)
    assert judged.users == (50,)
    assert judged.critical == pytest.approx(float(-ndtri(LEVEL / 2)), abs=1e-6)


def user_differences(number, planted=0.0, hypotheses=1):
    """Differences as prompts have them: most users' lists are equally good, some much better or worse."""
    draw = np.random.default_rng([7, number])
    size = (hypotheses, 200)
    return draw.normal(planted, 0.15, size) * (draw.random(size) < 0.4) + planted


def test_a_against_a_rejects_in_five_percent():
    found = rejections(user_differences, 600, looks=4, draws=999) > 0
    assert 0.03 <= found.mean() <= 0.07
    assert 0.03 <= found[:200].mean() <= 0.07


def test_several_hypotheses_are_one_family():
    found = rejections(lambda n: user_differences(n, hypotheses=6), 200, looks=4, draws=999) > 0
    assert found.mean() <= 0.08  # 26 % if each were tested alone


def test_a_planted_difference_is_found_and_often_early():
    found = rejections(lambda n: user_differences(n, planted=0.03), 60, looks=4, draws=999)
    assert (found > 0).mean() > 0.9
    assert ((found > 0) & (found < 4)).mean() > 0.5


def test_repeated_intervals_hold_at_every_look_at_once():
    bounds = critical([0.25, 0.5, 0.75, 1.0])
    missed = 0
    for number in range(400):
        difference = np.random.default_rng(number).normal(0.2, 1.0, 200)
        intervals = [repeated_interval(difference[: 50 * (n + 1)], float(b)) for n, b in enumerate(bounds)]
        missed += any(not low <= 0.2 <= high for _, low, high in intervals)
    assert missed / 400 <= 0.08
    assert repeated_interval(np.array([1.0, 3.0, np.nan]), 2.0) == pytest.approx((2.0, 0.0, 4.0))
    assert np.isnan(repeated_interval(np.array([1.0]), 2.0)).all()


def test_the_first_look_can_decide_where_nothing_is_as_extreme():
    """What is as clear as a broken prompt need not wait for the second quarter of the users."""
    draw = np.random.default_rng(0)
    clear, dim = draw.normal(0.3, 0.2, (1, 50)), draw.normal(0.05, 0.2, (2, 50))
    judged = Looks(200, 4).look(np.concatenate([clear, dim]), ended=False)
    assert judged.p[0] < LEVEL
    assert judged.nominal[0, 0] < 1e-6  # of 9,999 draws the least would be 1e-4, and p 1
    assert (judged.p[1:] > LEVEL).all()
    assert (judged.nominal[0, 1:] >= 1e-4).all()
