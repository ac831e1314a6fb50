"""Calibration of a model's probabilities: by hand, and against planted curves."""

import numpy as np
import pytest
from scipy.special import expit

from eval.llm_calibration import Said, calibration, expected_error, platt


def test_expected_error_by_hand():
    p, y = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 0.0, 1.0, 1.0])
    assert expected_error(p, y, bins=2) == pytest.approx(0.5 * 0.15 + 0.5 * 0.15)
    assert expected_error(y, y, bins=2) == 0.0
    assert expected_error(np.full(4, 0.5), y, bins=1) == 0.0


def test_a_planted_curve_is_found():
    draw = np.random.default_rng(0)
    scores = draw.normal(size=20_000)
    hits = (draw.random(20_000) < expit(1.5 * scores - 2.0)).astype(float)
    assert platt(scores, hits) == pytest.approx((1.5, -2.0), abs=0.1)


def users(draw, slope, count=200, n=20):
    for _ in range(count):
        logprobs = draw.normal(size=n).astype(np.float32)
        yield Said(logprobs, draw.random(n) < expit(slope * logprobs - 2.0))


def test_scaling_mends_what_is_overconfident_and_sees_noise():
    draw = np.random.default_rng(1)
    sharp = [Said(8 * one.logprobs, one.hits) for one in users(draw, 1.0)]
    found = calibration(sharp)
    assert found.after < 0.5 * found.before
    assert found.after < 0.03
    assert found.slope > 0.5
    noise = calibration(list(users(draw, 0.0)))
    assert abs(noise.slope) < 0.15
    assert noise.after < 0.03
    assert calibration(sharp[:3]) is None
