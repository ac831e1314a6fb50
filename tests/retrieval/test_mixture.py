"""Mixture fold-in: what it equals, what it minimises, what it finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.baselines.mixture import MixtureConfig, MixtureFoldIn
from retrieval.schema import Histories

IALS = IalsConfig(dimension=6, regularisation=0.02, unobserved_weight=0.15, epochs=5)


@pytest.fixture(scope="module")
def ials():
    return Ials(sparse.csr_matrix((np.random.default_rng(0).random((60, 25)) < 0.25).astype(np.float32)), IALS)


def histories(seed, users=5):
    draw = np.random.default_rng(seed)
    rows = [draw.choice(25, draw.integers(1, 12), replace=False) for _ in range(users)]
    return Histories.of(rows, [draw.uniform(0.2, 2.0, len(row)) for row in rows])


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_one_persona_is_ials(exponent):
    config = IALS.model_copy(update={"exponent": exponent})
    x = sparse.csr_matrix((np.random.default_rng(1).random((60, 25)) < 0.25).astype(np.float32))
    model = Ials(x, config)
    asked = histories(2)
    mixture = MixtureFoldIn(model.items, MixtureConfig(personas=1, ials=config))
    np.testing.assert_allclose(mixture.users(asked)[0][:, 0], model.users(asked), rtol=2e-3, atol=1e-5)
    np.testing.assert_allclose(mixture.scores(asked), model.scores(asked), rtol=2e-3, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 500), personas=st.integers(1, 5))
def test_at_a_high_temperature_all_vectors_are_that_of_ials(ials, seed, personas):
    asked = histories(seed, users=2)
    config = MixtureConfig(personas=personas, temperature=1e6, ials=IALS)
    vectors, shares = MixtureFoldIn(ials.items, config).users(asked)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-9)
    full = shares > 1e-4
    expected = np.broadcast_to(ials.users(asked)[:, None], vectors.shape)
    np.testing.assert_allclose(vectors[full], expected[full], rtol=5e-3, atol=1e-4)
    assert not vectors[~full].any() or np.abs(vectors[~full]).max() < 1e-6


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 500), personas=st.integers(1, 5), temperature=st.floats(0.05, 2.0))
def test_the_order_of_a_history_changes_nothing(ials, seed, personas, temperature):
    draw = np.random.default_rng(seed)
    row, weights = draw.choice(25, 9, replace=False), draw.uniform(0.2, 2.0, 9)
    turned = draw.permutation(9)
    model = MixtureFoldIn(ials.items, MixtureConfig(personas=personas, temperature=temperature, ials=IALS))
    both = model.scores(Histories.of([row, row[turned]], [weights, weights[turned]]))
    np.testing.assert_array_equal(both[0], both[1])


def test_every_vector_is_the_minimum_of_its_loss(ials):
    seen = ials.items[[1, 4, 9]].astype(np.float64)
    weights, member = np.array([1.0, 2.0, 0.5]), np.array([[0.9, 0.3, 0.0], [0.1, 0.7, 1.0]])
    model = MixtureFoldIn(ials.items, MixtureConfig(personas=2, ials=IALS))
    vectors, shares = model._solve(seen, weights, member)
    np.testing.assert_allclose(shares, [1.5 / 3.5, 2.0 / 3.5])
    q = ials.items.astype(np.float64)
    for k in range(2):
        mass = (member[k] * weights).sum()

        def loss(u, k=k, mass=mass):
            fit = (member[k] * weights * (1 - seen @ u) ** 2).sum()
            ridge = IALS.regularisation * (mass + 0.15 * shares[k] * len(q))
            return fit + 0.15 * shares[k] * ((q @ u) ** 2).sum() + ridge * (u @ u)

        slope = [(loss(vectors[k] + h) - loss(vectors[k] - h)) / 2e-5 for h in 1e-5 * np.eye(6)]
        np.testing.assert_allclose(slope, 0, atol=1e-7)


def test_two_planted_tastes_get_a_vector_each():
    draw = np.random.default_rng(3)
    x = np.zeros((200, 20), np.float32)
    for user in range(200):  # everybody likes one of two halves
        half = user % 2
        x[user, half * 10 + draw.choice(10, 5, replace=False)] = 1
    config = IALS.model_copy(update={"dimension": 4})
    model = MixtureFoldIn(
        Ials(sparse.csr_matrix(x), config).items, MixtureConfig(personas=2, temperature=0.1, ials=config)
    )
    vectors, shares = model.users(Histories.of([[0, 1, 2, 3, 10, 11]]))
    inner = vectors[0] @ model.items.T
    np.testing.assert_allclose(sorted(shares[0]), [2 / 6, 4 / 6], atol=0.02)
    winner = inner.argmax(axis=0)
    assert len(set(winner[:10])) == len(set(winner[10:])) == 1 and winner[0] != winner[10]


def test_nothing_known_says_nothing(ials):
    model = MixtureFoldIn(ials.items, MixtureConfig(personas=3, ials=IALS))
    assert not model.scores(Histories.of([[]])).any()
    one = model.scores(Histories.of([[3]]))  # two personas without an item do not dilute the third
    np.testing.assert_allclose(one, ials.scores(Histories.of([[3]])), rtol=2e-3, atol=1e-5)
