"""What stands beside a short history: by hand, fading, and as many likes of the mean user as the data bear."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval.personas.encoder import EncoderConfig, PersonaEncoder, Weights
from retrieval.personas.newcomers import GRID, chosen, likes_beside, mean_user
from retrieval.personas.training import TrainingConfig, closed_forms, train
from retrieval.personas.whole import PersonaScorer
from retrieval.schema import Histories

SMALL = TrainingConfig(encoder=EncoderConfig(personas=2, dimension=8, theme_dimension=4), epochs=1, groups=2)


def by_hand(gain, alpha, prior):
    """Three items in two dimensions; what likes of an item say is its own vector."""
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], np.float32)
    themes = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    weights = Weights(
        rows, rows, np.zeros(3, np.float32), themes, themes[:1], np.array([gain, alpha, 1.0], np.float32),
        np.array(prior, np.float32),
    )  # fmt: skip
    return PersonaEncoder(EncoderConfig(personas=1, dimension=2, theme_dimension=2, prior_fade=2.0), weights)


def test_the_prior_of_one_like_and_of_two_by_hand():
    encoder = by_hand(gain=4.0, alpha=0.5, prior=[0.0, 3.0])
    one, two = encoder.encode(Histories.of([[0], [0, 2]])).vectors[:, 0]
    # n = 1: 4 * 1 * ([1, 0] + (2/3)^2 / 1 * [0, 3]);  n = 2: 4 * sqrt(2) * ([1, .5] + (1/2)^2 / 2 * [0, 3])
    np.testing.assert_allclose(one, [4.0, 16 / 3], rtol=1e-6)
    np.testing.assert_allclose(two, 4 * np.sqrt(2) * np.array([1.0, 0.875]), rtol=1e-6)


def test_it_changes_scores_by_the_mean_user_alone_whatever_the_personas():
    rng = np.random.default_rng(0)
    rows = [rng.choice(30, 6, replace=False).astype(np.int32) for _ in range(40)]
    encoder = train(Histories.of(rows), 30, SMALL.model_copy(update={"prior_likes": 0.0}))
    prior = rng.normal(size=8).astype(np.float32)
    with_it = PersonaEncoder(encoder.config, replace(encoder.weights, prior=prior))
    told = Histories.of([rows[0][:1], rows[1][:2], rows[2]])
    gain, alpha, _ = encoder.weights.scalars
    sizes = np.array([1.0, 2.0, 6.0])
    expected = (gain * sizes**-alpha * (4 / (4 + sizes)) ** 2)[:, None] * (encoder.weights.items @ prior)
    found = PersonaScorer(with_it).scores(told) - PersonaScorer(encoder).scores(told)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_nothing_stands_beside_a_history_of_nothing():
    assert not by_hand(4.0, 0.5, [1.0, 1.0]).encode(Histories.of([[]])).vectors.any()


def test_the_mean_user_by_hand():
    history = np.array([[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]], np.float32)
    np.testing.assert_allclose(mean_user(history, Histories.of([[0], [0, 1], [0]])), [0.75, 0.25])


def test_the_smallest_within_a_standard_error_of_the_best_is_chosen():
    rng = np.random.default_rng(0)
    level = np.array([0.1, 0.2, 0.3, 0.3001, 0.2, 0.1, 0.1])
    users = level + 0.01 * rng.normal(size=(200, len(GRID)))
    assert chosen(users) == GRID[2]
    assert chosen(np.tile([0.5] * len(GRID), (9, 1))) == 0.0
    assert chosen(np.zeros((0, len(GRID)))) == 0.0


def popular_taste(users, rng):
    """Everybody likes the same few things: one like says nothing that these do not."""
    appeal = 1.0 / np.arange(1, 61)
    return [rng.choice(60, 10, replace=False, p=appeal / appeal.sum()).astype(np.int32) for _ in range(users)]


def niches(users, rng):
    """Everybody likes one of twelve groups and nothing else: one like says all."""
    return [(5 * rng.integers(12) + rng.permutation(5)).astype(np.int32) for _ in range(users)]


@pytest.mark.parametrize(("people", "some"), [(popular_taste, True), (niches, False)])
def test_as_much_as_the_data_bear(people, some, one_thread):
    rows = people(300, np.random.default_rng(1))
    prior = train(Histories.of(rows), 60, SMALL).weights.prior
    assert prior.any() == some


def test_newcomers_are_found_better_where_tastes_are_shared(one_thread):
    rows = popular_taste(400, np.random.default_rng(2))
    plain = train(Histories.of(rows[:300]), 60, SMALL.model_copy(update={"prior_likes": 0.0}))
    chosen_by_data = train(Histories.of(rows[:300]), 60, SMALL)
    told = Histories.of([row[:1] for row in rows[300:]])

    def found(encoder):
        scores = PersonaScorer(encoder).scores(told)
        scores[np.arange(100), told.items] = -np.inf
        best = np.argsort(-scores, axis=1)[:, :5]
        return np.mean([np.isin(top, row[1:]).mean() for top, row in zip(best, rows[300:], strict=True)])

    assert found(chosen_by_data) > found(plain) + 0.01


def likes_of(encoder, rows):
    """How many likes of the mean user were taken, back from the prior."""
    mean = mean_user(encoder.weights.history, rows)
    return float(encoder.weights.prior @ mean / (mean @ mean))


def test_the_tables_that_knew_the_users_are_not_read(one_thread):
    """A table that knows its users finds them by one like of theirs; the closed forms without them need more beside it."""
    rows = Histories.of(popular_taste(300, np.random.default_rng(1)))
    encoder = train(rows, 60, SMALL)
    begun = closed_forms(rows, SMALL)
    plain = PersonaEncoder(encoder.config, replace(encoder.weights, prior=0 * encoder.weights.prior))
    knowing = replace(begun, held_out=[begun.history] * len(begun.groups))
    assert likes_of(encoder, rows) == pytest.approx(likes_beside(plain, begun, rows, SMALL.seed), rel=1e-4)
    assert likes_of(encoder, rows) > likes_beside(plain, knowing, rows, SMALL.seed)


def test_recency_is_of_reading_and_changes_no_training(one_thread):
    rows = Histories.of(popular_taste(200, np.random.default_rng(4)))
    recent = SMALL.model_copy(update={"encoder": SMALL.encoder.model_copy(update={"recency": 1.0})})
    np.testing.assert_array_equal(train(rows, 60, SMALL).weights.prior, train(rows, 60, recent).weights.prior)


def test_data_of_hardly_anybody_still_train():
    rows = [np.array([at % 3, (at + 1) % 3], np.int32) for at in range(10)]
    assert np.isfinite(train(Histories.of(rows), 3, SMALL).weights.prior).all()
