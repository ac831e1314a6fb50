"""What came last counts more: by hand, and what must hold for all histories."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.personas.encoder import EncoderConfig, PersonaEncoder
from retrieval.recency import age, fading
from retrieval.schema import Histories


def test_by_hand():
    histories = Histories.of([[4, 2, 7], [], [1]], [[1.0, 1.0, 2.0], [], [3.0]])
    assert age(histories).tolist() == [2, 1, 0, 0]
    # 1/3, 1/2, 2: a sum of 17/6, to be 4
    np.testing.assert_allclose(fading(histories, 1.0).weights, [8 / 17, 12 / 17, 48 / 17, 3.0], rtol=1e-6)


@given(
    st.lists(st.lists(st.integers(0, 30), unique=True, max_size=9), min_size=1, max_size=5),
    st.floats(0.0, 3.0),
)
def test_a_history_weighs_as_much_as_before_and_later_likes_no_less(rows, recency):
    histories = Histories.of(rows)
    made = fading(histories, recency)
    assert made.items.tolist() == histories.items.tolist()
    for b, row in enumerate(rows):
        weights = made.weights[made.indptr[b] : made.indptr[b + 1]]
        assert weights.sum() == pytest.approx(len(row), rel=1e-5)
        assert np.all(np.diff(weights) >= -1e-6)


def test_an_encoder_reads_by_it(model):
    histories = Histories.of([[3, 9, 27, 81, 243]])
    plain = PersonaEncoder(EncoderConfig(), model.encoder.weights)
    recent = PersonaEncoder(EncoderConfig(recency=0.5), model.encoder.weights)
    np.testing.assert_array_equal(recent.encode(histories).vectors, plain.encode(fading(histories, 0.5)).vectors)
    assert not np.allclose(recent.encode(histories).vectors, plain.encode(histories).vectors)
