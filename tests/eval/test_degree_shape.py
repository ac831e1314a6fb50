import numpy as np
import pytest
from scipy import sparse

from eval.degree_shape import degrees, distance, shape_of


def test_degrees_by_hand():
    found = degrees(np.array([0, 1, 1, 2, 4]))
    assert (found.number, found.mean, found.top) == (4, 2.0, 0.5)
    # Gini = sum_i sum_j |x_i - x_j| / (2 n^2 mean) = 2 (0+1+3+1+3+2) / (2 16 2)
    assert found.gini == pytest.approx(20 / 64)
    assert degrees(np.full(50, 7)).gini == pytest.approx(0)


def test_the_tail_of_a_power_law_is_found():
    draws = np.random.default_rng(0).pareto(1.5, 200_000) + 1
    assert degrees((1000 * draws).astype(np.int64)).tail == pytest.approx(1.5, rel=0.05)


def test_distance_sees_shape_and_not_size():
    rng = np.random.default_rng(1)
    one = rng.integers(1, 1000, 5000)
    assert distance(one, 16 * one) == 0
    assert distance(one, rng.integers(1, 1000, 5000)) < 0.04
    assert distance(one, np.full(5000, 3)) > 0.4


def test_a_product_has_the_spectrum_of_its_factors():
    rng = np.random.default_rng(2)
    one = sparse.csr_matrix((rng.random((60, 40)) < 0.2).astype(float))
    shape = shape_of(one, values=5)
    np.testing.assert_allclose(
        shape.spectrum, np.linalg.svd(one.toarray(), compute_uv=False)[:5] / np.linalg.norm(one.toarray(), 2), rtol=1e-4
    )
    assert shape_of(sparse.kron(np.ones((2, 3)), one).tocsr(), values=5).spectrum == pytest.approx(
        shape.spectrum, rel=1e-3
    )
