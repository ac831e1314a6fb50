"""Each strategy against an oracle of its own: a plain reference, brute force, a programme, or arithmetic by hand."""

from itertools import combinations

import numpy as np
import pytest

from agent.rerank.calibrated import Calibrated, CalibratedConfig, attention, leap_ramp, steck_greedy
from agent.rerank.calibration import kl_divergence, normalised
from agent.rerank.exact import Exact, ExactConfig
from agent.rerank.flow import FlowConfig, MinCostFlow
from agent.rerank.iterated import Iterated, IteratedConfig
from agent.rerank.iterated import objective as iterated_objective
from agent.rerank.pm2 import PM2, PM2Config
from agent.rerank.popularity_penalty import PopularityPenalty, PopularityPenaltyConfig
from agent.rerank.protocol import Pool
from agent.rerank.random_order import RandomOrder
from agent.rerank.rxquad import RxQuAD
from agent.rerank.topk import TopK
from agent.rerank.xquad import XQuAD, XQuADConfig
from tests.agent.reference import rerank
from tests.agent.test_calibrated import objective, pool_of

SETTINGS = [
    {},
    {"lam": 0.5},
    {"lam": 1.0},
    {"divergence": "jensen-shannon"},
    {"divergence": "hellinger"},
    {"divergence": "overlap"},
    {"max_swaps": 0, "normalisation": "prefix", "order": "selection"},
    {"max_swaps": 0, "normalisation": "prefix", "order": "selection", "ramp": True},
    {"attention": "log", "order": "selection"},
    {"attention": "log", "order": "selection", "normalisation": "prefix", "divergence": "hellinger"},
    {"normalisation": "prefix", "divergence": "jensen-shannon", "max_swaps": 3},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("users", [5, 80])  # in this thread, and over all of them
def test_compiled_kernel_selects_what_the_plain_reference_does(settings, users):
    config = CalibratedConfig(**settings)
    pool = pool_of(11, users=users, n=14, groups=5)
    ours = Calibrated(config)(pool, 5).positions
    for b in range(users):
        plain = rerank(
            normalised(pool)[b], pool.groups[b].astype(np.float64), pool.target[b], attention(config.attention, 5),
            config.lam, config.alpha, config.divergence, config.max_swaps, prefix=config.normalisation == "prefix",
            ramp=config.ramp, by_relevance=config.order == "relevance",
        )  # fmt: skip
        assert ours[b].tolist() == plain


def test_chains_come_nearer_to_the_optimum_and_never_lose():
    pool = pool_of(5, users=60, n=25, groups=6)
    for lam in (0.8, 0.95):
        plain, chained, best = (
            np.array([objective(pool, b, row, lam) for b, row in enumerate(r(pool, 6).positions)])
            for r in (
                Calibrated(CalibratedConfig(lam=lam)),
                Calibrated(CalibratedConfig(lam=lam, chains=True)),
                Exact(ExactConfig(lam=lam)),
            )
        )
        assert (chained >= plain - 1e-9).all()
        assert (best - chained).sum() < 0.75 * (best - plain).sum()


def test_iterated_search_finds_the_optimum_where_chains_do_not():
    pool = pool_of(5, users=60, n=25, groups=6)
    for lam in (0.9, 0.99):
        chained, iterated, best = (
            iterated_objective(pool, reranker(pool, 6).positions, lam)
            for reranker in (
                Calibrated(CalibratedConfig(lam=lam, chains=True)),
                Iterated(IteratedConfig(lam=lam)),
                Exact(ExactConfig(lam=lam)),
            )
        )
        assert (iterated >= chained - 1e-9).all()
        assert (best - iterated > 1e-6).sum() <= 1 < (best - chained > 1e-6).sum()


def test_the_objective_is_the_one_of_the_formula():
    pool = pool_of(3, users=4, n=8, groups=3)
    slates = TopK()(pool, 5).positions
    by_hand = [objective(pool, b, row, 0.7) for b, row in enumerate(slates)]
    assert iterated_objective(pool, slates, 0.7) == pytest.approx(by_hand)


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="set max_swaps to 0"):
        CalibratedConfig(ramp=True)
    with pytest.raises(ValueError, match="set order to 'selection'"):
        CalibratedConfig(attention="log")


def two_kinds(scores, kinds, target):
    groups = np.eye(2, dtype=np.float32)[kinds][None]
    return Pool(np.array([scores], np.float32), groups, np.array([target]))


def test_steck_greedy_by_hand():
    """Scores 1, .9, .2, 0 of kinds a a b b, target half and half, lambda .5: a, then b beats the better a."""
    pool = two_kinds([1, 0.9, 0.2, 0], [0, 0, 1, 1], [0.5, 0.5])
    assert steck_greedy(0.5)(pool, 3).positions.tolist() == [[0, 2, 1]]
    q = np.array([1.0, 0.0]) * 0.99 + 0.005  # after a: a second a stays here, a b makes it perfect
    stay = 0.5 * 0.9 - 0.5 * kl_divergence(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    assert stay == pytest.approx(0.45 - 0.25 * np.log(0.25 / (q[0] * q[1])))
    assert stay < 0.5 * 0.2


def test_ramp_begins_with_relevance():
    """lambda ** 1 = .2 in the first slot and .2 ** (1/10) = .85 in the tenth."""
    pool = two_kinds(np.linspace(1, 0, 12), [0] * 9 + [1] * 3, [0.2, 0.8])
    assert steck_greedy(0.85)(pool, 10).positions[0, 0] >= 9
    assert leap_ramp(0.2)(pool, 10).positions[0, 0] == 0


def test_xquad_by_hand():
    """lambda .5, target .6 .4. First: .5 + .3 for item 0. Then kind a is served: item 2 has .15 + .2, item 1 .45."""
    pool = two_kinds([1, 0.9, 0.3, 0], [0, 0, 1, 1], [0.6, 0.4])
    assert XQuAD(XQuADConfig(lam=0.5))(pool, 3).positions.tolist() == [[0, 1, 2]]
    assert XQuAD(XQuADConfig(lam=0.8))(pool, 3).positions.tolist() == [[0, 2, 1]]
    # Relevance inside the aspect: item 2 serves b by .3 only, .06 + .8 * .4 * .3 = .156 against .18.
    assert RxQuAD(XQuADConfig(lam=0.8))(pool, 3).positions.tolist() == [[0, 1, 2]]


def test_pm2_by_hand():
    """Seats by Sainte-Lague for .6 and .4: a (.6), b (.4 > .6/3), a (.2 > .4/3), b (.133 > .6/5)."""
    pool = two_kinds([1, 0.9, 0.8, 0.7, 0.6, 0.5, 0], [0, 0, 0, 0, 1, 1, 1], [0.6, 0.4])
    assert PM2(PM2Config(lam=1.0))(pool, 4).positions.tolist() == [[0, 4, 1, 5]]


def test_popularity_penalty_by_hand():
    pool = Pool(
        np.array([[1.0, 0.5, 0.0]], np.float32), np.ones((1, 3, 1), np.float32), np.ones((1, 1)),
        popularity=np.array([[np.e**2 - 1, 0, np.e - 1]], np.float32),
    )  # fmt: skip
    half = PopularityPenalty(PopularityPenaltyConfig(lam=0.5))(pool, 3)  # 0, .25, -.25
    assert half.positions.tolist() == [[1, 0, 2]]
    assert PopularityPenalty(PopularityPenaltyConfig(lam=1.0))(pool, 3).positions.tolist() == [[1, 2, 0]]
    with pytest.raises(ValueError, match=r"Pool\.popularity"):
        PopularityPenalty()(pool_of(0), 2)


def test_random_order_is_chance_and_repeats():
    pool = pool_of(1, users=4000, n=6)
    places = RandomOrder()(pool, 1).positions[:, 0]
    assert np.bincount(places, minlength=6).min() > 560  # 667 expected, deviation 24
    assert (RandomOrder()(pool, 3).positions == RandomOrder()(pool, 3).positions).all()
    assert (RandomOrder(1)(pool, 3).positions != RandomOrder()(pool, 3).positions).any()


@pytest.mark.parametrize("lam", [0.3, 0.9, 1.0])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_exact_is_brute_force(lam, k):
    for seed in range(8):
        pool = pool_of(seed, users=1, n=9)
        chosen = Exact(ExactConfig(lam=lam))(pool, k).positions[0]
        best = max(objective(pool, 0, c, lam) for c in combinations(range(9), k))
        assert objective(pool, 0, chosen, lam) == pytest.approx(best, abs=2e-6)


@pytest.mark.parametrize("lam", [0.3, 0.9])
def test_flow_is_exact_with_one_category_per_item(lam):
    for seed in range(15):
        pool = pool_of(seed, users=1, n=20, groups=4)
        pool = Pool(pool.relevance, np.eye(4, dtype=np.float32)[pool.groups.argmax(-1)], pool.target)
        values = [
            objective(pool, 0, r(pool, 6).positions[0], lam)
            for r in (MinCostFlow(FlowConfig(lam=lam)), Exact(ExactConfig(lam=lam)))
        ]
        assert values[0] == pytest.approx(values[1], abs=2e-6)


def test_default_is_close_to_the_optimum():
    """Gap relative to what calibration can win at all: from the top k to the optimum."""
    pool = pool_of(5, users=25, n=25, groups=6)
    top = TopK()(pool, 6).positions
    for lam in (0.5, 0.9, 0.99):
        lists = (
            top,
            Calibrated(CalibratedConfig(lam=lam))(pool, 6).positions,
            Exact(ExactConfig(lam=lam))(pool, 6).positions,
        )
        least, ours, best = (sum(objective(pool, b, rows[b], lam) for b in range(25)) for rows in lists)
        assert best >= ours - 1e-4
        assert best - ours <= 0.03 * (best - least)
