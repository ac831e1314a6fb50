"""Time is kept free for the last steps as they turn out to need it."""

import time

import pytest

from agent.reserve import Reserve


def test_what_the_last_steps_took_is_kept_free_and_forgotten_slowly():
    reserve = Reserve()
    assert reserve.seconds(0.03, 5.0) == 0.03
    now = time.monotonic()
    reserve.ended(now - 3.0, now - 0.4)  # the model's time was over .4 s ago
    assert reserve.seconds(0.03, 5.0) == pytest.approx(0.4, abs=0.05)
    learnt = reserve.seconds(0.03, 5.0)
    reserve.ended(time.monotonic() - 1.0, time.monotonic() + 3.0)  # in time: shows nothing
    assert reserve.seconds(0.03, 5.0) == pytest.approx(0.98 * learnt)
    assert reserve.seconds(0.03, 0.2) == 0.1  # the model is asked at all
    for _ in range(200):
        reserve.ended(time.monotonic() - 1.0, time.monotonic() + 3.0)
    assert reserve.seconds(0.03, 5.0) == 0.03


def test_a_late_start_is_no_lesson_about_the_end():
    reserve = Reserve()
    reserve.ended(time.monotonic(), time.monotonic() - 2.0)
    assert reserve.seconds(0.03, 5.0) == 0.03
