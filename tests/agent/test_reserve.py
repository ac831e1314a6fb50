"""Time is kept free for the last steps as they turn out to need it."""

import pytest

from agent.reserve import Reserve


def test_what_the_last_steps_took_is_kept_free_and_forgotten_slowly():
    now = 100.0
    reserve = Reserve(lambda: now)
    assert reserve.seconds(0.03, 5.0) == 0.03
    reserve.ended(97.0, 99.6)  # the model's time was over .4 s ago
    assert reserve.seconds(0.03, 5.0) == pytest.approx(0.6)
    reserve.ended(99.0, 103.0)  # in time: shows nothing
    reserve.ended(97.0, 99.9)  # less late
    assert reserve.seconds(0.03, 5.0) == pytest.approx(0.6)
    assert reserve.seconds(0.03, 0.2) == 0.1  # the model is asked at all
    now += 60.0
    assert reserve.seconds(0.03, 5.0) == pytest.approx(0.3)
    now += 300.0
    assert reserve.seconds(0.03, 5.0) == 0.03


def test_a_late_start_is_no_lesson_about_the_end():
    reserve = Reserve(lambda: 100.0)
    reserve.ended(100.0, 98.0)
    assert reserve.seconds(0.03, 5.0) == 0.03
