"""The closed form of large data against the one of small data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from retrieval.baselines import large_linear
from retrieval.baselines.large_linear import LargeLinearAutoencoder, linear_autoencoder
from retrieval.baselines.linear import TUNED, LinearAutoencoder, LinearConfig
from retrieval.errors import DataError
from retrieval.schema import Histories


def ones(users, items, seed):
    x = (np.random.default_rng(seed).random((users, items)) < 0.2).astype(np.float32)
    x[:, 0], x[0] = 1, 1  # no empty row or column
    return sparse.csr_matrix(x)


def rows(matrix):
    return Histories(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data.astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(
    users=st.integers(2, 60),
    items=st.integers(2, 60),
    seed=st.integers(0, 99),
    config=st.builds(
        LinearConfig,
        ridge=st.floats(1.0, 500.0),
        dropout=st.sampled_from([0.0, 0.5]),
        user_exponent=st.sampled_from([0.0, 0.5]),
        read_exponent=st.sampled_from([0.0, 0.2]),
        write_exponent=st.sampled_from([0.0, 0.1]),
    ),
)
def test_equals_the_double_precision_form(users, items, seed, config):
    x, asked = ones(users, items, seed), rows(ones(5, items, seed + 1))
    exact = LinearAutoencoder.of(x, config).scores(asked)
    np.testing.assert_allclose(LargeLinearAutoencoder(x, config).scores(asked), exact, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("shape", [(700, 640), (640, 700)], ids=["items", "users"])
def test_more_than_one_block(shape, monkeypatch):
    x = ones(*shape, 3)
    exact = LinearAutoencoder.of(x, TUNED).scores(rows(x[:20]))
    np.testing.assert_allclose(LargeLinearAutoencoder(x, TUNED).scores(rows(x[:20])), exact, rtol=2e-3, atol=2e-5)
    monkeypatch.setattr(large_linear, "_ROWS", 100)
    np.testing.assert_allclose(LargeLinearAutoencoder(x, TUNED).scores(rows(x[:20])), exact, rtol=2e-3, atol=2e-5)


def test_precision_goes_by_size(monkeypatch):
    x = ones(30, 20, 4)
    assert isinstance(linear_autoencoder(x, LinearConfig()), LinearAutoencoder)
    monkeypatch.setattr(large_linear, "SMALL", 10)
    assert isinstance(linear_autoencoder(x, LinearConfig()), LargeLinearAutoencoder)
    monkeypatch.setattr(large_linear, "LARGEST", 15)
    with pytest.raises(DataError, match="30 users and 20 items"):
        linear_autoencoder(x, LinearConfig())


def test_a_history_of_its_own_weights():
    x = ones(40, 25, 5)
    weighted = Histories.of([[1, 4, 7], []], [[1.0, 0.5, 2.0], []])
    exact = LinearAutoencoder.of(x, TUNED).scores(weighted)
    np.testing.assert_allclose(LargeLinearAutoencoder(x, TUNED).scores(weighted), exact, rtol=2e-3, atol=1e-5)


SHAPES = pytest.mark.parametrize("shape", [(70, 50), (50, 70)], ids=["items", "users"])


@SHAPES
def test_projects_into_a_space_as_the_small_form_does(shape):
    x, space = ones(*shape, 6), np.random.default_rng(0).standard_normal((shape[1], 5))
    large, exact = LargeLinearAutoencoder(x, TUNED), LinearAutoencoder.of(x, TUNED).project(space)
    np.testing.assert_allclose(large.project(space.astype(np.float32)), exact, rtol=2e-3, atol=1e-6)


@SHAPES
def test_pull_is_the_adjoint_of_project(shape):
    large, draw = LargeLinearAutoencoder(ones(*shape, 7), TUNED), np.random.default_rng(1)
    right, left = (draw.standard_normal((shape[1], 1)).astype(np.float32) for _ in range(2))
    np.testing.assert_allclose(left.T @ large.project(right), large.pull(left).T @ right, rtol=1e-4, atol=1e-8)


@SHAPES
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), ridge=st.floats(5.0, 500.0), gone_count=st.sampled_from([9, 30]))
def test_what_some_users_did_is_taken_out_again(shape, seed, ridge, gone_count):
    """Without dropout and weights of users the penalty does not know them, so it is the form of the others exactly."""
    x, draw = ones(*shape, seed), np.random.default_rng(seed)
    space, gone = draw.standard_normal((shape[1], 4)), draw.permutation(shape[0])[:gone_count]
    config = LinearConfig(ridge=ridge)
    exact = LinearAutoencoder.of(x[np.setdiff1d(np.arange(shape[0]), gone)], config).project(space)
    made = LargeLinearAutoencoder(x, config).project_without(gone, space.astype(np.float32))
    np.testing.assert_allclose(made, exact, rtol=5e-3, atol=5e-4)
