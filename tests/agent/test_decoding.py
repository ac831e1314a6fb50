"""Slot by slot: by hand, and against all slates of a small pool."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.llm.decoding import decoded
from agent.rerank.calibration import ALPHA, kl_divergence

GROUPS = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
TARGET = np.array([0.5, 0.5])
LOGPROBS = np.log(np.array([0.4, 0.3, 0.2, 0.1], np.float32))


def test_by_hand():
    """lambda 0 is the model's order; lambda 1 alternates the two groups, ties to the earlier."""
    assert decoded(LOGPROBS, GROUPS, TARGET, 2, 0.0, ALPHA).tolist() == [0, 1, 2, 3]
    assert decoded(LOGPROBS, GROUPS, TARGET, 2, 1.0, ALPHA).tolist() == [0, 3, 1, 2]
    # Second slot at lambda .5: log .3 against log .1, and a whole missing group is far worse than log 3 apart.
    assert decoded(LOGPROBS, GROUPS, TARGET, 2, 0.5, ALPHA).tolist() == [0, 3, 1, 2]
    assert decoded(LOGPROBS, GROUPS, TARGET, 2, 0.1, ALPHA).tolist() == [0, 1, 2, 3]


@given(seed=st.integers(0, 200), lam=st.floats(0.0, 1.0), k=st.integers(1, 5))
def test_every_slot_is_the_best_next_step(seed, lam, k):
    draw = np.random.default_rng(seed)
    logprobs = np.log(draw.dirichlet(np.ones(6))).astype(np.float32)
    groups = draw.dirichlet(np.ones(3), 6).astype(np.float32)
    target = draw.dirichlet(np.ones(3))
    order = decoded(logprobs, groups, target, k, lam, ALPHA)
    assert sorted(order.tolist()) == list(range(6))

    def worth(taken, new):
        left = [i for i in range(6) if i not in taken]
        p = np.exp(logprobs[left].astype(float))
        said = logprobs[new] - np.log(p.sum())  # among what is left
        q = groups[[*taken, new]].astype(float).sum(axis=0) / k
        return (1 - lam) * said - lam * float(kl_divergence(target, q))

    for slot in range(k):
        taken = order[:slot].tolist()
        best = max(worth(taken, i) for i in range(6) if i not in taken)
        assert worth(taken, int(order[slot])) >= best - 1e-6


@given(seed=st.integers(0, 100))
def test_proportions_are_near_the_best_that_can_be_had(seed):
    draw = np.random.default_rng(seed)
    groups = np.eye(3, dtype=np.float32)[draw.integers(0, 3, 6)]
    target = draw.dirichlet(np.ones(3))
    order = decoded(np.zeros(6, np.float32), groups, target, 3, 1.0, ALPHA)
    found = float(kl_divergence(target, groups[order[:3]].astype(float).mean(axis=0)))
    plain = [
        float(kl_divergence(target, groups[list(some)].astype(float).mean(axis=0)))
        for some in permutations(range(6), 3)
    ]
    assert found <= min(plain) + 1e-6  # whole items of one group each: greedy is optimal
