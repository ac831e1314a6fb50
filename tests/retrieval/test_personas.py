import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from retrieval.baselines.linear import TUNED, ridge_for
from retrieval.errors import DataError
from retrieval.personas.encoder import EncoderConfig
from retrieval.personas.initial import initial_tables
from retrieval.personas.model import PersonaModule
from retrieval.personas.training import TrainingConfig, train
from retrieval.schema import Histories
from retrieval.titles import TitleIndex


@pytest.fixture(scope="module")
def encoder(model):
    return model.encoder


def all_scores(encoder, personas):
    users = len(personas.weights)
    return encoder.attend(personas, np.tile(np.arange(encoder.n_items, dtype=np.int32), (users, 1)))[0]


def test_numpy_equals_torch(dataset):
    histories = dataset.histories()
    matrix = histories.matrix(len(dataset.catalog)).tocsr()
    config = EncoderConfig(dimension=16, theme_dimension=8)
    tables = initial_tables(
        matrix, dataset.catalog.axis().share, dimension=16, theme_dimension=8, category_share=0.5, personas=4,
        ridge=100.0, groups=2, seed=0,
    )  # fmt: skip
    module = PersonaModule(config, tables, gain=8.0, alpha=0.5, shrink=3.0)
    with torch.no_grad():
        for parameter in module.parameters():  # away from the closed forms, so that every term counts
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    rows = [histories.row(u)[:40] for u in range(8)] + [np.empty(0, np.int32)]
    ids, weights = torch.zeros(9, 40, dtype=torch.long), torch.zeros(9, 40)
    for b, row in enumerate(rows):
        ids[b, : len(row)], weights[b, : len(row)] = torch.from_numpy(row.astype(np.int64)), 1.0
    expected = module(ids, weights, module.history_table).detach().numpy()
    encoder = module.encoder()
    np.testing.assert_allclose(all_scores(encoder, encoder.encode(Histories.of(rows))), expected, atol=2e-4)


def dense_weighted_edlae(rows, ridge):
    """R B S of a dense binary matrix, by the textbook formula: every matrix written out."""
    sizes, likes = rows.sum(1), rows.sum(0) + 1
    weights = sizes**-TUNED.user_exponent / np.mean(sizes**-TUNED.user_exponent)
    gram = rows.T @ (weights[:, None] * rows)
    drop = TUNED.dropout / (1 - TUNED.dropout) * np.diag(gram)
    inverse = np.linalg.inv(gram + np.diag(ridge + drop))
    between = np.eye(len(gram)) - inverse / np.diag(inverse)
    return likes[:, None] ** -TUNED.read_exponent * between * likes**-TUNED.write_exponent


@pytest.mark.parametrize(("users", "items"), [(40, 15), (15, 40)])
@pytest.mark.parametrize("ridge", [None, 5.0])
def test_tables_are_the_weighted_edlae_cut_to_its_leading_directions(users, items, ridge):
    rng = np.random.default_rng(users)
    rows = (rng.random((users, items)) < 0.3).astype(float)
    rows[:, 0] = 1  # nobody is empty
    tables = initial_tables(
        sparse.csr_matrix(rows), None, dimension=6, theme_dimension=4, category_share=0.5, personas=2,
        ridge=ridge, groups=3, seed=0,
    )  # fmt: skip
    used = 0.5 * np.sqrt(rows.sum()) if ridge is None else ridge
    whole = dense_weighted_edlae(rows, used)
    right = np.linalg.svd(rows @ whole)[2][:6].T
    np.testing.assert_allclose(tables.history @ tables.items.T, whole @ right @ right.T, atol=1e-8)
    for group, table in zip(
        tables.groups, tables.held_out, strict=True
    ):  # computed without the group, in the same space
        rest = np.delete(rows, group, axis=0)
        expected = dense_weighted_edlae(rest, used) @ right @ right.T
        np.testing.assert_allclose(table @ tables.items.T, expected, atol=1e-8)


def test_ridge_grows_with_the_square_root_of_the_data():
    assert ridge_for(40_000) == 100.0
    assert ridge_for(0) > 0  # a matrix of nothing can still be solved


def test_untrained_single_vector_ranks_like_its_tables():
    rng = np.random.default_rng(3)
    rows = [np.sort(rng.choice(30, 8, replace=False)).astype(np.int32) for _ in range(40)]
    shape = EncoderConfig(dimension=8, theme_dimension=6, personas=1)
    config = TrainingConfig(encoder=shape, epochs=0, groups=2, prior_likes=0.0)
    encoder = train(Histories.of(rows), 30, config)
    encoded = encoder.encode(Histories.of(rows))
    dense = Histories.of(rows).matrix(30).toarray()
    expected = dense @ encoder.weights.history @ encoder.weights.items.T
    found = all_scores(encoder, encoded)
    np.testing.assert_array_equal(found.argmax(1), expected.argmax(1))
    np.testing.assert_allclose(found / found.std(), expected / expected.std(), atol=1e-4)  # equal lengths, so one scale


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 9741), min_size=1, max_size=30, unique=True), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_shares_sum_to_one(model, items, random):
    encoder = model.encoder
    shuffled = items[:]
    random.shuffle(shuffled)
    one, other = encoder.encode(Histories.of([items])), encoder.encode(Histories.of([shuffled]))
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-4)
    np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-3)
    np.testing.assert_allclose(one.weights.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(one.membership.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(one.weights[0], one.membership.mean(0), atol=1e-4)


def test_batch_equals_single(encoder, dataset):
    histories = dataset.histories().slice(0, 12)
    batch = encoder.encode(histories)
    for b in range(12):
        alone = encoder.encode(histories.slice(b, b + 1))
        np.testing.assert_allclose(batch.vectors[b], alone.vectors[0], atol=1e-4)
        np.testing.assert_allclose(batch.weights[b], alone.weights[0], atol=1e-5)


def test_empty_history_scores_are_the_biases(encoder):
    personas = encoder.encode(Histories.of([[]]))
    np.testing.assert_allclose(personas.weights, 0.25)
    np.testing.assert_allclose(all_scores(encoder, personas)[0], encoder.weights.bias, atol=1e-6)


def test_unknown_item_is_refused(encoder):
    with pytest.raises(ValueError, match="item ids"):
        encoder.encode(Histories.of([[encoder.n_items]]))


def test_five_titles_fall_into_sensible_personas(model):
    titles = TitleIndex(model.catalog)
    names = ["Alien", "Aliens", "Toy Story", "Monsters, Inc.", "Titanic (1997)"]
    member = model.encoder.encode(Histories.of([[titles.resolve(n) for n in names]])).membership.argmax(1)
    assert member[0] == member[1]
    assert member[2] == member[3]
    assert len({member[0], member[2], member[4]}) == 3


def test_training_needs_users():
    with pytest.raises(DataError, match="only 3 users"):
        train(Histories.of([[0, 1]] * 3), 5)


def test_training_is_repeatable_and_works_without_categories():
    rng = np.random.default_rng(0)
    rows = [rng.choice(60, 12, replace=False) for _ in range(40)]
    config = TrainingConfig(encoder=EncoderConfig(dimension=8, theme_dimension=6, personas=3), epochs=2, groups=4)
    one, two = (train(Histories.of(rows), 70, config) for _ in range(2))
    np.testing.assert_array_equal(one.weights.items, two.weights.items)
    assert np.all(one.weights.items[60:] == 0)  # nobody touched these
