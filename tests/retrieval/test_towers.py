"""Towers as one inner product: the sum they stand for, what an index makes of it, and personas of them."""

import faiss
import numpy as np
import pytest

from eval.retrieve_personas import PersonaScorer
from retrieval.personas.encoder import EncoderConfig
from retrieval.personas.towers import Joined, LinearTower, TowerEncoder
from retrieval.schema import Histories

ITEMS = 30


class Biased(LinearTower):
    """With biases, as a decoder has them."""

    bias = np.linspace(-2, 2, ITEMS).astype(np.float32)


def tower(seed, width, kind=LinearTower, scale=1.0):
    draw = np.random.default_rng(seed)
    items, history = (draw.normal(size=(ITEMS, width)).astype(np.float32) for _ in range(2))
    return kind(scale * items, history)


def asked():
    return Histories.of([[1, 4, 9], [0, 29], [7, 8, 10, 11, 3]], [[1, 1, 2], [1, 1], [1, 1, 1, 1, 1]])


def alone(one, histories):
    return one.users(histories) @ one.items.T + one.bias


def test_the_joined_vectors_score_the_weighted_sum_of_what_each_says_on_one_scale():
    towers, weights = [tower(0, 4), tower(1, 7, Biased), tower(2, 3)], [1.0, 0.5, 2.0]
    joined = Joined(towers, weights)
    each = [alone(one, asked()) for one in towers]
    expected = sum(w * s / s.std(axis=1, ddof=1, keepdims=True) for w, s in zip(weights, each, strict=True))
    assert joined.items.shape == (ITEMS, 4 + 7 + 3 + 3)
    np.testing.assert_allclose(joined.users(asked()) @ joined.items.T, expected, rtol=1e-4, atol=1e-4)


def test_what_a_point_of_a_score_is_worth_does_not_matter():
    small, large = (Joined([tower(0, 4), tower(1, 5, scale=s)], [1.0, 1.0]) for s in (1.0, 100.0))
    scores = [one.users(asked()) @ one.items.T for one in (small, large)]
    np.testing.assert_allclose(*scores, rtol=1e-4, atol=1e-4)


def test_a_tower_that_says_nothing_of_somebody_leaves_the_others_alone():
    joined = Joined([tower(0, 4), tower(1, 5, Biased)], [1.0, 1.0])
    nobody = Histories.of([[]])
    scores = joined.users(nobody) @ joined.items.T
    np.testing.assert_allclose(scores[0], Biased.bias / Biased.bias.std(ddof=1), rtol=1e-4, atol=1e-5)


def personas(heads, share):
    draw = np.random.default_rng(5)
    themes, prototypes = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in (draw.normal(size=(n, 6)).astype(np.float32) for n in (ITEMS, heads))
    )
    joined = Joined([tower(0, 4), tower(1, 7, Biased)], [1.0, 0.5])
    return TowerEncoder(EncoderConfig(personas=heads, persona_share=share), joined, themes, prototypes), joined


def test_a_persona_is_the_whole_user_and_its_own_part_of_the_history():
    encoder, joined = personas(3, 0.25)
    made = encoder.encode(asked())
    first = asked().row(0)
    whole = joined.users(asked())[0]
    for k in range(3):
        part = joined.users(Histories.of([first], [np.float32([1, 1, 2]) * made.membership[:3, k]]))[0]
        np.testing.assert_allclose(made.vectors[0, k], 0.75 * whole + 0.25 * part, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("heads", "share"), [(1, 0.25), (3, 0.0)])
def test_one_persona_or_nothing_of_its_own_is_one_vector(heads, share):
    encoder, joined = personas(heads, share)
    expected = joined.users(asked()) @ joined.items.T
    np.testing.assert_allclose(PersonaScorer(encoder).scores(asked()), expected, rtol=1e-4, atol=1e-4)


def test_an_index_over_the_joined_vectors_finds_the_same_list():
    encoder, joined = personas(1, 0.0)
    index = faiss.IndexFlatIP(joined.items.shape[1])
    index.add(joined.items)
    _, found = index.search(encoder.encode(asked()).vectors[:, 0], 10)
    np.testing.assert_array_equal(found, np.argsort(-PersonaScorer(encoder).scores(asked()), axis=1)[:, :10])
