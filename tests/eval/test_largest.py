import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.largest import kth, largest
from eval.quick import best_items
from retrieval.schema import Histories


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 9999), users=st.integers(0, 6), items=st.integers(1, 30), k=st.integers(1, 40))
def test_as_a_whole_sort_with_ties_to_the_lower_place(seed, users, items, k):
    draw = np.random.default_rng(seed)
    scores = draw.integers(0, 4, (users, items)).astype(np.float32)  # many ties
    scores[draw.random(scores.shape) < 0.3] = -np.inf
    expected = best_items(scores, Histories.of([[] for _ in range(users)]), np.ones(items, bool), k)
    found = largest(scores, k)
    assert found.shape == (users, k) and found.dtype == np.int32
    np.testing.assert_array_equal(found[:, : expected.shape[1]], expected)
    assert (found[:, expected.shape[1] :] == -1).all()


@pytest.mark.parametrize(("k", "value"), [(1, 5), (2, 3), (3, 3), (4, 1), (5, -np.inf)])
def test_kth_by_hand(k, value):
    assert kth(np.array([[3, 1, 5, 3]], np.float32), k)[0] == value
