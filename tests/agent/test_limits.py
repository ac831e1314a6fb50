"""Hard conditions: kept where they can be, against brute force; named where they clash; said on the slate."""

import os
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.llm.endpoint import Endpoint
from agent.recommender import Recommender
from agent.request import Request
from agent.rerank import solver
from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.calibration import kl_divergence, normalised
from agent.rerank.exact import Exact, ExactConfig
from agent.rerank.guarantee import Guarantee, GuaranteeConfig
from agent.rerank.limits import CountRule, make_limits
from agent.rerank.protocol import Limits, Pool
from agent.rerank.strategies import STRATEGIES, make
from retrieval.errors import ConfigError, NotFoundError
from tests.agent.faults import faulty_server
from tests.agent.test_calibrated import objective, pool_of

HONOUR = {"calibrated", "chains", "iterated", "steck-greedy", "ramp", "jensen-shannon", "hellinger", "overlap", "exact"}


def limited(pool, carriers, low, high, names=None):
    """Limits of one user: which candidates each rule counts, and its bounds."""
    carries = np.array(carriers, bool).T
    width = max(int(carries.sum(1).max(initial=0)), 1)
    rules = np.full((1, len(carries), width), -1, np.int32)
    for i, row in enumerate(carries):
        held = np.flatnonzero(row)
        rules[0, i, : len(held)] = held
    count = len(low)
    limits = Limits(
        rules, np.array([low], np.int32), np.array([high], np.int32), np.arange(count, dtype=np.int32)[None],
        tuple(names or (f"rule {c}" for c in range(count))),
    )  # fmt: skip
    return Pool(pool.relevance, pool.groups, pool.target, limits=limits)


def best_by_force(pool, k, lam):
    """Objective of the best slate that keeps the limits; None if there is none."""
    n = len(pool.relevance[0])
    sets = [c for c in combinations(range(n), k) if pool.limits.kept(np.array([c], np.int32))[0]]
    return max((objective(pool, 0, c, lam) for c in sets), default=None)


@st.composite
def limited_pools(draw):
    pool = pool_of(draw(st.integers(0, 10_000)), users=1, n=9, groups=3)
    rules = draw(st.integers(1, 3))
    carriers = [[draw(st.booleans()) for _ in range(9)] for _ in range(rules)]
    low = [draw(st.integers(0, 3)) for _ in range(rules)]
    high = [draw(st.integers(lowest, 4)) for lowest in low]
    return limited(pool, carriers, low, high)


@settings(max_examples=150, deadline=None)
@given(pool=limited_pools(), lam=st.sampled_from([0.0, 0.5, 0.9]))
def test_limits_hold_wherever_a_slate_can_keep_them(pool, lam):
    best = best_by_force(pool, 4, lam)
    made = Calibrated(CalibratedConfig(lam=lam))(pool, 4)
    exact = Exact(ExactConfig(lam=lam))(pool, 4)
    chosen = made.positions[0]
    assert len(set(chosen.tolist())) == 4
    if best is None:
        assert set(made.clashes) == set(exact.clashes) == {0}
        assert made.clashes[0].relaxed
    else:
        assert not made.clashes
        assert pool.limits.kept(made.positions).all()
        assert objective(pool, 0, chosen, lam) <= best + 1e-9
        assert objective(pool, 0, exact.positions[0], lam) == pytest.approx(best, abs=2e-6)


def test_close_to_the_optimum_under_limits():
    gaps = []
    for seed in range(40):
        draw = np.random.default_rng(seed)
        pool = limited(pool_of(seed, users=1, n=10), draw.random((2, 10)) < 0.4, [1, 0], [4, 1])
        best = best_by_force(pool, 4, 0.8)
        if best is not None:
            gaps.append(best - objective(pool, 0, Calibrated(CalibratedConfig(lam=0.8))(pool, 4).positions[0], 0.8))
    assert min(gaps) > -1e-9
    assert np.mean(np.array(gaps) < 1e-9) > 0.7
    assert np.mean(gaps) < 0.02


def test_the_clash_names_what_cannot_stand_together_and_nothing_else():
    """Four slots: three of a, three of b and never more than two of c cannot all be; c is innocent."""
    pool = pool_of(1, users=1, n=9)
    a, b, c = ([i in rows for i in range(9)] for rows in ((0, 1, 2), (3, 4, 5), (6, 7)))
    pool = limited(pool, [a, b, c], [3, 3, 0], [9, 9, 2], ["three a", "three b", "two c"])
    made = Calibrated()(pool, 4)
    assert made.clashes[0].between == ("three a", "three b")
    counts = pool.limits.counts(made.positions)[0]
    assert counts[0] + counts[1] == 4  # the nearest slate: only two are missing
    assert sum(int(text.split(": ")[1].split()[0]) for text in made.clashes[0].relaxed) <= 5
    assert any("instead of 3" in text for text in made.clashes[0].relaxed)


def test_a_batch_is_its_users_one_by_one():
    parts = [
        limited(pool_of(s, users=1, n=12), np.random.default_rng(s).random((2, 12)) < 0.5, [2, 0], [3, 1])
        for s in range(80)
    ]
    width = max(p.limits.rules.shape[2] for p in parts)
    rules = np.concatenate(
        [
            np.pad(p.limits.rules, ((0, 0), (0, 0), (0, width - p.limits.rules.shape[2])), constant_values=-1)
            for p in parts
        ]
    )
    whole = Pool(
        np.concatenate([p.relevance for p in parts]), np.concatenate([p.groups for p in parts]),
        np.concatenate([p.target for p in parts]),
        limits=Limits(rules, *(np.concatenate([getattr(p.limits, f) for p in parts]) for f in ("low", "high", "origin")), ("x", "y")),
    )  # fmt: skip
    together = Calibrated()(whole, 5)
    for at, part in enumerate(parts):
        alone = Calibrated()(part, 5)
        assert together.positions[at].tolist() == alone.positions[0].tolist()
        assert (at in together.clashes) == (0 in alone.clashes)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_keeps_limits_or_refuses_them(name):
    pool = limited(pool_of(2, users=1, n=8), [[True] * 4 + [False] * 4], [0], [1])
    if name in HONOUR:
        assert pool.limits.kept(make(name, 0.5)(pool, 4).positions).all()
    else:
        with pytest.raises(ValueError, match="cannot hold limits"):
            make(name, 0.5)(pool, 4)


def test_a_promise_is_kept_inside_the_limits():
    pool = limited(pool_of(4, users=1, n=12), [[i % 2 == 0 for i in range(12)]], [2], [2])
    found = Guarantee(GuaranteeConfig(max_kl=0.4)).report(pool, 4)
    assert pool.limits.kept(found.slates.positions).all()
    sets = [c for c in combinations(range(12), 4) if pool.limits.kept(np.array([c], np.int32))[0]]
    kl = [float(kl_divergence(pool.target[0], pool.groups[0, list(c)].astype(float).mean(0))) for c in sets]
    assert found.met[0] == (min(kl) <= 0.4)
    best = max(
        (normalised(pool)[0, list(c)].sum() for c, error in zip(sets, kl, strict=True) if error <= 0.4), default=0
    )
    assert normalised(pool)[0, found.slates.positions[0]].sum() <= best + 1e-9


def test_rules_become_counts(catalog):
    items = np.array([[catalog.positions([i])[0] for i in ("1", "2", "3", "260")] + [-1]], np.int32)
    rules = (CountRule(value="comedy", at_most=1), CountRule(column="decade", at_most=2))
    limits = make_limits(catalog, items, rules, items[0, 3:4])
    assert limits.names == (
        "at most 1 comedy",
        "at most 2 of each decade",
        "include Star Wars: Episode IV - A New Hope (1977)",
    )
    counts = limits.counts(np.array([[0, 2, 3]], np.int32))[0]
    assert counts[0] == 2  # Toy Story and Grumpier Old Men
    assert not limits.kept(np.array([[0, 2, 3]], np.int32))[0]
    assert limits.kept(np.array([[0, 1, 3]], np.int32))[0]
    assert make_limits(catalog, items, (), np.empty(0, np.int32)) is None
    with pytest.raises(NotFoundError, match="'Komedy'"):
        make_limits(catalog, items, (CountRule(value="Komedy", at_most=1),), np.empty(0, np.int32))
    for wrong in ({}, {"at_least": 3, "at_most": 2, "value": "x"}, {"at_least": 1}):
        with pytest.raises(ValueError, match=r"at_least|at_most"):
            CountRule(**wrong)


@pytest.fixture(scope="module")
def recommender(model):
    return Recommender(model)


def test_a_slate_keeps_what_was_asked_of_it(recommender):
    rules = (
        CountRule(value="Drama", at_most=2),
        CountRule(value="Horror", at_least=3),
        CountRule(column="decade", at_most=3),
    )
    slate = recommender.recommend(
        user="1", rules=rules, include=["Titanic (1997)"], exclude=["Aliens (1986)", "Jaws (1975)"]
    )
    kinds = [item.categories for item in slate.items]
    assert sum("Drama" in k for k in kinds) <= 2
    assert sum("Horror" in k for k in kinds) >= 3
    decades = [item.year // 10 for item in slate.items]
    assert max(decades.count(d) for d in decades) <= 3
    titles = {item.title for item in slate.items}
    assert "Titanic (1997)" in titles
    assert not titles & {"Aliens (1986)", "Jaws (1975)"}
    assert slate.limits.met
    assert len(slate.limits.asked) == 4


def test_a_slate_says_what_clashes(recommender):
    rules = (
        CountRule(value="Horror", at_least=4),
        CountRule(value="Children", at_least=4),
        CountRule(value="War", at_most=3),
    )
    slate = recommender.recommend(user="1", k=5, rules=rules)
    assert not slate.limits.met
    assert slate.limits.clash == ["at least 4 Horror", "at least 4 Children"]
    assert slate.limits.relaxed
    assert len(slate.items) == 5


def test_a_promise_does_not_hide_a_clash(recommender):
    kept = (CountRule(value="Drama", at_least=3), CountRule(value="Comedy", at_most=4))
    assert recommender.recommend(user="1", k=8, rules=kept, max_kl=0.1).limits.met
    both = (CountRule(value="War", at_least=6), CountRule(value="Children", at_least=6))
    clash = recommender.recommend(user="1", k=8, rules=both, max_kl=0.1)
    assert not clash.limits.met
    assert len(clash.limits.clash) == 2


@pytest.mark.parametrize(
    ("least", "none", "k"),
    [("War", ("Drama",), 10), ("Animation", ("Children",), 10), (None, ("Drama", "Comedy", "Action"), 50)],
)
def test_the_catalogue_is_asked_not_only_the_first_candidates(recommender, least, none, k):
    rules = [CountRule(value=name, at_most=0) for name in none]
    rules += [CountRule(value=least, at_least=5)] if least else []
    slate = recommender.recommend(user="1", k=k, rules=rules)
    assert slate.limits.met
    assert len(slate.items) == k
    assert not any(set(none) & set(item.categories) for item in slate.items)


def test_a_trace_of_a_repaired_slate_leads_to_it():
    """Wherever the greedy pass breaks a limit the swaps begin elsewhere, and the trace says so."""
    repaired = 0
    for seed in range(300):
        draw = np.random.default_rng(seed)
        pool = limited(pool_of(seed, users=1, n=10), draw.random((3, 10)) < 0.4, [2, 1, 0], [2, 3, 1])
        made, making = Calibrated()(pool, 4), Calibrated().making(pool, 4)
        row = making.picks[0].tolist()
        plain = Calibrated(CalibratedConfig(max_swaps=0, order="selection"))
        free, _ = plain._run(pool, normalised(pool), 4, np.array([0.9]))
        repaired += sorted(free[0].tolist()) != sorted(row)
        for left, came, _ in making.swaps[0]:
            if left >= 0:
                row[row.index(int(left))] = int(came)
        assert sorted(row) == sorted(made.positions[0].tolist())
    assert repaired > 5


def test_an_empty_pool_with_rules_says_only_what_is_missing(recommender):
    slate = recommender.recommend("horror from the 1900s", user="1", rules=[CountRule(value="Drama", at_least=2)])
    assert slate.items == []
    assert slate.limits.relaxed == ["at least 2 Drama: 0 instead of 2"]


def test_limits_and_a_long_slate_show_the_model_no_more_than_it_can_tell_apart(model):
    with faulty_server("ok") as (url, payloads):
        asked = Recommender(model, Endpoint(url=url, model="m"))
        slate = asked.recommend("like Alien", user="1", k=60, rules=[CountRule(value="Drama", at_most=20)])
    assert (slate.ranker_used, len(slate.items)) == ("llm", 60)
    assert len(payloads[0]["logprob_token_ids"]) == 52


def test_included_and_excluded_at_once_is_refused(recommender):
    with pytest.raises(ConfigError, match="included and excluded"):
        recommender.recommend(user="1", include=["Toy Story (1995)"], exclude=["id:1"])
    assert Request.model_validate({"like": "Fargo"}).like == ("Fargo",)


def test_a_promised_error_is_kept_or_said_not_to_be(recommender):
    kept = recommender.recommend(user="1", max_kl=0.2)
    assert kept.promise.met
    assert kept.kl <= 0.2
    loose = recommender.recommend(user="1", max_kl=10.0)
    assert loose.lam == 0.0
    broken = recommender.recommend(user="1", max_kl=0.0)
    assert not broken.promise.met
    assert broken.promise.floor == pytest.approx(broken.kl, abs=1e-4)
    assert recommender.recommend(user="1").promise is None


def test_a_traced_slate_tells_how_it_was_made(recommender):
    assert recommender.recommend(user="1").making is None
    slate = recommender.recommend(user="1", trace=True)
    picks = [s.title for s in slate.making if s.step == "pick"]
    assert len(picks) == 10
    for swap in (s for s in slate.making if s.step == "swap"):
        picks[picks.index(swap.instead_of)] = swap.title
        assert swap.gain > 0
    assert sorted(picks) == sorted(item.title for item in slate.items)


def test_the_solver_writes_nothing_to_stdout(capfd, monkeypatch):
    """The engine below SciPy prints to the file descriptor itself."""

    def noisy(*_, **__):
        os.write(1, b"HighsMipSolverData")

    monkeypatch.setattr(solver, "milp", noisy)
    solver.solve([1.0])
    os.write(1, b"result")
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("result", "HighsMipSolverData")
