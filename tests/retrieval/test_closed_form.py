"""The closed form that training starts from, in a few dimensions: large data against small data."""

import numpy as np
import pytest

from retrieval.baselines.linear import TUNED
from retrieval.datasets import load_bundled
from retrieval.personas import closed_form
from retrieval.personas.closed_form import right_singular, right_singular_of, solve
from retrieval.personas.initial import initial_tables


@pytest.fixture(scope="module")
def matrix():
    return load_bundled().histories().matrix(9_742).tocsr()[:, :1500]


def test_subspace_iteration_finds_the_singular_vectors():
    draw = np.random.default_rng(0)
    left, right = (np.linalg.qr(draw.standard_normal((n, 60)))[0] for n in (300, 200))
    dense = (left * 0.9 ** np.arange(60)) @ right.T
    found = right_singular_of(
        lambda z: (dense @ z).astype(np.float32), lambda y: (dense.T @ y).astype(np.float32), 200, 10, seed=1
    )
    np.testing.assert_allclose(np.abs(right[:, :10].T @ found), np.eye(10), atol=1e-3)
    np.testing.assert_allclose(np.abs(right_singular(dense, 10).T @ found), np.eye(10), atol=1e-3)


def test_large_data_start_where_small_data_do(matrix, monkeypatch):
    groups = np.array_split(np.arange(matrix.shape[0]), 4)
    small = solve(matrix, TUNED, 24, groups, seed=0)
    monkeypatch.setattr(closed_form, "SMALL", 10)
    large = solve(matrix, TUNED, 24, groups, seed=0)
    scores, same = matrix @ small.whole @ small.space.T, matrix @ large.whole @ large.space.T
    assert np.linalg.norm(same - scores) < 0.01 * np.linalg.norm(scores)


def test_held_out_tables_do_not_know_their_group(matrix, monkeypatch):
    """Only their penalty does, which stays that of all users."""
    groups = np.array_split(np.arange(matrix.shape[0]), 4)
    small = solve(matrix, TUNED, 24, groups, seed=0)
    monkeypatch.setattr(closed_form, "SMALL", 10)
    large = solve(matrix, TUNED, 24, groups, seed=0)

    liked = matrix.toarray() > 0

    def own(solved, table, group):
        """Mean score of what a group likes itself: high where the table has learned it by heart."""
        return (matrix[group] @ table @ solved.space.T)[liked[group]].mean()

    for group, table, exact in zip(groups, large.held_out, small.held_out, strict=True):
        known, unknown, made = own(small, small.whole, group), own(small, exact, group), own(large, table, group)
        assert known > 1.05 * unknown
        assert 0.9 * unknown < made < unknown + 0.1 * (known - unknown)  # a larger penalty, hence a little lower


def test_many_more_users_than_items_are_held_out_in_halves(matrix, monkeypatch):
    monkeypatch.setattr("retrieval.personas.initial.SMALL", 10)
    asked = {
        "dimension": 8, "theme_dimension": 4, "category_share": 0.0, "personas": 2, "ridge": None, "groups": 4, "seed": 0,
    }  # fmt: skip
    assert len(initial_tables(matrix, None, **asked).groups) == 4
    halves = initial_tables(matrix[:, :200], None, **asked)
    assert [len(group) for group in halves.groups] == [305, 305] and len(halves.held_out) == 2
