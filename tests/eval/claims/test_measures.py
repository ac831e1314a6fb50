"""The quantities that claims are made of: by hand, against other code, and at their limits."""

import numpy as np
import pytest
import torch
from scipy import sparse

from agent.rerank.calibration import kl_divergence
from eval import metrics
from eval.claims.autoencoder import Budget, fit, gaussian, logistic, multinomial
from eval.claims.candidates import shuffled
from eval.claims.crowding import first, minority, present_of, share_of
from eval.claims.feedback import _as_many, _some, shown
from eval.claims.relaxed import calibration_loss, exposure
from eval.claims.tempering import PLANTED, best_of, planted_exponent, planted_shares
from retrieval.baselines.ials import Ials, IalsConfig


def test_minority_tastes_are_those_of_the_metric():
    target = np.random.default_rng(0).dirichlet(np.full(6, 0.6), 300)
    achieved = np.random.default_rng(1).dirichlet(np.full(6, 0.6), 300) * (
        np.random.default_rng(2).random((300, 6)) < 0.5
    )
    mask = minority(target, 10)
    count = mask.sum(axis=1)
    by_hand = np.divide((mask & (achieved > 0)).sum(axis=1), count, out=np.full(300, np.nan), where=count > 0)
    np.testing.assert_allclose(metrics.minority_presence(target, achieved, 10), by_hand)
    assert minority(np.array([[0.6, 0.3, 0.06, 0.04]])).tolist() == [[False, True, True, False]]  # 10 x .04 is no place
    listed = np.array([[0.9, 0.1, 0.0, 0.0]])
    assert share_of(np.array([[False, True, True, False]]), listed) == pytest.approx([0.1])
    assert np.isnan(share_of(np.zeros((1, 4), bool), listed)).all()
    np.testing.assert_allclose(present_of(mask, achieved), np.where(achieved.sum(axis=1) > 0, by_hand, np.nan))
    assert present_of(np.array([[False, True, True, False]]), listed) == pytest.approx([0.5])
    assert np.isnan(present_of(np.zeros((1, 4), bool), listed)).all()
    assert np.isnan(present_of(np.ones((1, 4), bool), np.zeros((1, 4)))).all()  # who is shown nothing is not counted


def test_lists_are_as_long_as_what_they_are_held_to():
    lists = np.arange(12, dtype=np.int32).reshape(3, 4)
    assert first(lists, np.array([4, 2, 0], np.int32)).tolist() == [[0, 1, 2, 3], [4, 5, -1, -1], [-1] * 4]


def test_best_of_few_lies_between_a_hit_and_recall():
    hits, relevant = np.array([0, 1, 3, 3, 0]), np.array([5, 5, 5, 2, 0])
    np.testing.assert_allclose(best_of(hits, relevant, 1)[:4], [0, 1, 1, 1])
    np.testing.assert_allclose(best_of(hits, relevant, 2)[:4], [0, 0.5, 1, 1])
    np.testing.assert_allclose(best_of(hits, relevant, 10)[:3], [0, 0.2, 0.6])
    assert np.isnan(best_of(hits, relevant, 1)[4])


@pytest.mark.parametrize("tail", PLANTED)
def test_the_planted_world_follows_theory(tail):
    best, theory = PLANTED[tail]
    assert planted_exponent(best) == pytest.approx(theory, abs=0.15)


def test_everything_consumed_shows_the_likeliest_only():
    assert planted_shares(lambda n: n, places=50).tolist() == [50, 0, 0, 0]


def test_nobody_gets_his_own_proportions():
    for users in (2, 3, 50):
        other = shuffled(users, 0)
        assert sorted(other) == list(range(users))
        assert (other != np.arange(users)).all()


def test_likelihoods_by_hand():
    logits, likes = torch.tensor([[0.0, np.log(3.0)]]), torch.tensor([[1.0, 0.0]])
    assert multinomial(logits, likes).item() == pytest.approx(np.log(4))
    assert logistic(1.0)(logits, likes).item() == pytest.approx(np.log(2) + np.log(4))
    assert logistic(0.1)(logits, likes).item() == pytest.approx(np.log(2) + 0.1 * np.log(4))
    assert gaussian(0.5)(torch.tensor([[0.5, 2.0]]), likes).item() == pytest.approx(0.125 + 0.5 * 2.0)


def test_exposure_is_the_top_k_without_temperature_and_never_what_was_seen():
    draw = np.random.default_rng(0)
    logits = torch.from_numpy(draw.normal(size=(20, 30)).astype(np.float32))
    seen = torch.from_numpy((draw.random((20, 30)) < 0.2).astype(np.float32))
    weight, items = exposure(logits, seen, 5, 1e-5, depth=12)
    shares = torch.zeros_like(logits).scatter(1, items, weight)
    best = logits.masked_fill(seen > 0, -torch.inf).topk(5, dim=1).indices
    np.testing.assert_allclose(shares, torch.zeros_like(shares).scatter(1, best, 0.2), atol=1e-3)
    weight, items = exposure(logits, seen, 5, 0.5, depth=12)
    np.testing.assert_allclose(weight.sum(dim=1), 1, rtol=1e-5)
    assert (torch.gather(seen, 1, items) == 0).all()
    assert (weight[:, :5].sum(dim=1) > 0.5).all()
    shifted, _ = exposure(100 * logits + 7, seen, 5, 0.5, depth=12)  # the scale of a model's scores does not matter
    np.testing.assert_allclose(shifted, weight, atol=1e-4)


def test_the_calibration_loss_is_c_kl_and_its_gradient_restores_proportions():
    groups = torch.eye(2).repeat(10, 1)  # items of two groups in turn
    likes = torch.zeros(1, 20)
    likes[0, :4] = 1  # two of each
    logits = torch.linspace(0, 1, 20)[None, :] + 10 * groups[:, 0]  # the list would hold the first group alone
    loss = calibration_loss(groups, k=4, temperature=1e-3)
    expected = kl_divergence(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    assert loss(logits, likes).item() == pytest.approx(expected, rel=1e-4)
    logits = (torch.linspace(0, 1, 20)[None, :] + groups[:, 0]).requires_grad_()
    loss = calibration_loss(groups, k=4, temperature=0.5)
    before = loss(logits, likes)
    before.sum().backward()
    assert loss((logits - 0.5 * logits.grad).detach(), likes).item() < before.item()


def test_one_budget_learns_two_blocks_under_every_likelihood():
    block = np.kron(np.eye(2), np.ones((40, 15)))
    matrix = sparse.csr_matrix((block * (np.random.default_rng(0).random(block.shape) < 0.6)).astype(np.float32))
    from retrieval.schema import Histories

    history = Histories.of([[0, 1, 2], [20, 21, 22]])
    for loss in (multinomial, logistic(1.0), gaussian(1.0)):
        scores = fit(matrix, np.zeros(30), loss, Budget(hidden=8, latent=4, epochs=6, learning_rate=0.03), 0).scores(
            history
        )
        assert scores[0, 3:15].mean() > scores[0, 15:].mean()
        assert scores[1, 23:].mean() > scores[1, :15].mean()


def test_training_goes_on_from_a_model_that_stays_as_it_is():
    matrix = sparse.csr_matrix((np.random.default_rng(0).random((40, 12)) < 0.4).astype(np.float32))
    budget = Budget(hidden=8, latent=4, epochs=2)
    first = fit(matrix, np.zeros(12), multinomial, budget, 0)
    kept = {name: value.clone() for name, value in first.model.state_dict().items()}
    second = fit(matrix, np.zeros(12), multinomial, budget, 0, start=first.model)
    assert all(torch.equal(kept[name], value) for name, value in first.model.state_dict().items())
    assert any(not torch.equal(kept[name], value) for name, value in second.model.state_dict().items())


def test_what_a_loop_shows_is_what_stands_in_the_lists():
    draw = np.random.default_rng(0)
    likes = sparse.csr_matrix((draw.random((30, 40)) < 0.3).astype(np.float32))
    seen = draw.random(likes.nnz) < 0.5
    observed = _some(likes, seen)
    model = Ials(observed, IalsConfig(dimension=4, epochs=3))
    scores = model.items @ np.eye(4, dtype=np.float32)
    found = shown(likes, seen, model, 5)
    from retrieval.schema import Histories

    histories = Histories(observed.indptr.astype(np.int64), observed.indices.astype(np.int32), observed.data)
    scores = model.scores(histories)
    scores[observed.toarray() > 0] = -np.inf
    top = np.argsort(-scores, axis=1)[:, :5]
    expected = [
        item in top[user] for user in range(30) for item in likes.indices[likes.indptr[user] : likes.indptr[user + 1]]
    ]
    np.testing.assert_array_equal(found, expected)
    assert not (found & seen).any()


def test_the_control_of_the_loop_sees_as_many():
    seen = np.array([True, False, False, True, False, False])
    more = _as_many(seen, 5, np.random.default_rng(0))
    assert more.sum() == 5 and more[seen].all()
    assert _as_many(seen, 1, np.random.default_rng(0)).sum() == 2
