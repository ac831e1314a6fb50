"""Every claim's rule, on planted users: it can confirm, refute, and leave open."""

from functools import partial

import numpy as np
import pytest

from eval.claims import calibration, crowding, dimensions, end_to_end, language_model, likelihoods, personas, tempering
from eval.claims.finding import verdict_of
from eval.claims.run import all_claims

USERS = 400


def users(mean, spread=0.02, seed=0):
    """Values of users around a mean, paired by a common part."""
    common = np.random.default_rng(99).normal(0, 0.1, USERS)
    return mean + common + np.random.default_rng(seed).normal(0, spread, USERS)


def measured(share, present, seed):
    return crowding.Measured(users(share, seed=seed), users(share, seed=seed), users(present, seed=seed + 1))


def crowding_of(share, present, own=(0.3, 0.9)):
    hidden = measured(0.3, 0.9, 1)
    return [
        *crowding.controls(measured(*own, 3), hidden),
        *crowding.conditions("r", measured(share, present, 5), hidden),
    ]


def calibration_of(ndcg, kl, other=0.2, lambdas=(0.5, 0.9)):
    return calibration.conditions(
        "r",
        lambdas,
        users(ndcg, seed=1),
        users(0.3, seed=2),
        users(other, seed=3),
        users(kl, seed=4),
        users(0.6, seed=5),
    )


def dimensions_of(small, grown, repaired, gain=0.3):
    return dimensions.conditions(
        users(small, seed=1), users(1.0, seed=2), users(grown, seed=3), users(0.1, seed=4), users(repaired, seed=5),
        users(0.8, seed=6), users(0.3, seed=7), users(gain, seed=8),
    )  # fmt: skip


def personas_of(kl, reranked, single_gain=0.3):
    return personas.conditions(
        users(kl, seed=1), users(0.4, seed=2), users(reranked, seed=3), users(0.3, seed=4), users(single_gain, seed=5)
    )


def likelihoods_of(ours, seed_gap=0.0):
    rows = np.stack([users(ours + seed_gap * at, seed=at) for at in range(3)])
    return likelihoods.conditions({
        "multinomial": rows - seed_gap,
        "logistic": np.stack([users(0.3, seed=5)] * 3),
        "gaussian": np.stack([users(0.25, seed=6)] * 3),
    })  # fmt: skip


def tempering_of(one_sharp, recall_sharp, other=0.4):
    return tempering.conditions(
        "r",
        users(0.7, seed=1),
        users(one_sharp, seed=2),
        users(0.3, seed=3),
        users(recall_sharp, seed=4),
        users(other, seed=5),
    )


def end_to_end_of(high, low, gain=0.3):
    return [
        one
        for level, trained in ((0.99, high), (0.95, low))
        for one in end_to_end.conditions(
            level, users(trained, seed=1), users(0.4, seed=2), users(gain, seed=3), users(0.3, seed=4)
        )
    ]


def model_of(rule, ndcg, distance, control=0.1):
    def values(gain, error, seed):
        return {"ndcg": users(gain, seed=seed), "c_kl": users(error, seed=seed), "tdd": users(error, seed=seed)}

    return rule(values(ndcg, distance, 1), values(0.3, 0.4, 2), values(control, 0.4, 3))


both = partial(model_of, language_model.conditions_both)
exemplars = partial(model_of, language_model.conditions_exemplars)

PLANTED = [
    (crowding_of(0.2, 0.7), "confirmed"),
    (crowding_of(0.35, 0.95), "refuted"),
    (crowding_of(0.2, 0.95), "mixed"),
    (crowding_of(0.2, 0.7, own=(0.2, 0.9)), "mixed"),  # the control shows the effect too
    (crowding_of(0.35, 0.95, own=(0.2, 0.9)), "mixed"),  # and then refutes nothing
    (crowding_of(0.35, 0.95, own=(0.3, 0.7)), "mixed"),
    (calibration_of(0.31, 0.2), "confirmed"),
    (calibration_of(0.31, 0.2, lambdas=(0.4, 0.9)), "mixed"),
    (calibration_of(0.25, 0.5, lambdas=(0.1, 0.4)), "refuted"),
    (calibration_of(0.25, 0.5, lambdas=(0.5, 0.6)), "mixed"),
    (calibration_of(0.25, 0.5, other=0.4, lambdas=(0.1, 0.4)), "mixed"),
    (calibration_of(0.25, 0.2), "mixed"),
    (calibration_of(0.31, 0.2, other=0.4), "mixed"),
    (dimensions_of(1.5, 0.3, 1.0), "confirmed"),
    (dimensions_of(0.9, -0.2, 0.7), "refuted"),
    (dimensions_of(1.5, 0.3, 0.7), "mixed"),
    (dimensions_of(1.5, 0.3, 1.0, gain=0.2), "mixed"),
    (dimensions_of(0.9, -0.2, 0.7, gain=0.2), "mixed"),
    (personas_of(0.3, 0.29), "confirmed"),
    (personas_of(0.6, 0.3), "refuted"),
    (personas_of(0.3, 0.1), "mixed"),
    (personas_of(0.3, 0.29, single_gain=0.2), "mixed"),
    (personas_of(0.6, 0.3, single_gain=0.2), "mixed"),
    (likelihoods_of(0.4), "confirmed"),
    (likelihoods_of(0.2), "refuted"),
    (likelihoods_of(0.2, seed_gap=0.2), "mixed"),
    (likelihoods_of(0.27), "mixed"),
    (likelihoods_of(0.4, seed_gap=0.2), "mixed"),  # the seeds differ by more than the likelihoods
    (tempering_of(0.3, 0.4), "confirmed"),
    (tempering_of(0.8, 0.25), "refuted"),
    (tempering_of(0.3, 0.2), "mixed"),
    (tempering_of(0.3, 0.4, other=0.8), "mixed"),
    (tempering_of(0.8, 0.25, other=0.8), "mixed"),
    (end_to_end_of(0.3, 0.3), "confirmed"),
    (end_to_end_of(0.5, 0.5), "refuted"),
    (end_to_end_of(0.3, 0.5), "mixed"),
    (end_to_end_of(0.3, 0.3, gain=0.2), "mixed"),
    (end_to_end_of(0.5, 0.5, gain=0.2), "mixed"),
    (both(0.35, 0.3), "confirmed"),
    (both(0.2, 0.6), "refuted"),
    (both(0.35, 0.6), "mixed"),
    (both(0.35, 0.3, control=0.4), "mixed"),
    (both(0.2, 0.6, control=0.4), "mixed"),
    (exemplars(0.35, 0.3), "confirmed"),
    (exemplars(0.2, 0.6), "refuted"),
    (exemplars(0.35, 0.6), "mixed"),
    (exemplars(0.2, 0.6, control=0.4), "mixed"),
]


@pytest.mark.parametrize(("conditions", "verdict"), PLANTED)
def test_planted_users_get_the_verdict_that_was_planted(conditions, verdict):
    assert verdict_of(conditions) == verdict


def noisy(seed):
    """Values of users that say nothing: as much above as below, whatever they are compared with."""
    half = np.random.default_rng(seed).normal(0, 5, USERS // 2)
    return np.concatenate([half, -half])


def noisy_values(seed):
    return dict.fromkeys(("ndcg", "c_kl", "tdd"), noisy(seed))


NOISE = {
    "a": [
        *crowding.controls(*(crowding.Measured(*[noisy(seed)] * 3) for seed in (1, 2))),
        *crowding.conditions("r", *(crowding.Measured(*[noisy(seed)] * 3) for seed in (3, 4))),
    ],
    "b": calibration.conditions("r", (0.1, 0.9), *map(noisy, range(5))),
    "c": dimensions.conditions(*map(noisy, range(8))),
    "d": personas.conditions(*map(noisy, range(5))),
    "e": likelihoods.conditions({
        name: np.stack([noisy(seed), noisy(seed + 1)])
        for name, seed in (("multinomial", 1), ("logistic", 3), ("gaussian", 5))
    }),
    "f": tempering.conditions("r", *(100 + noisy(seed) for seed in range(5))),
    "g": language_model.conditions_both(*map(noisy_values, range(3))),
    "h": language_model.conditions_exemplars(*map(noisy_values, range(3))),
    "i": end_to_end.conditions(0.99, *map(noisy, range(4))),
}  # fmt: skip


@pytest.mark.parametrize("letter", NOISE)
def test_noise_leaves_every_claim_undecided(letter):
    assert {one.outcome for one in NOISE[letter]} == {"open"}
    assert verdict_of(NOISE[letter]) == "undecided"


def test_every_claim_is_planted_and_every_one_is_tried_on_noise():
    assert set(NOISE) == set(all_claims())


def test_free_is_what_the_own_interval_says():
    top = users(0.5, seed=1)
    losses = {lam: 0.0 if lam < 0.5 else -0.05 for lam in calibration.LAMBDAS}
    gains = np.stack([top + users(loss, 0.01, seed=9) - users(0.0, 0.0) for loss in losses.values()])
    assert calibration.free_lambda(gains, top) == 0.4
    wide = np.stack([top + 0.1 * noisy(at) for at in range(len(losses))])
    assert calibration.free_lambda(wide, top) == 0.0  # no loss is shown at any lambda, and none is free
