"""The weight that a language model earns: the choice by hand, and the whole measurement against a scripted server."""

import json

import numpy as np
import pytest

from agent.llm.endpoint import Endpoint
from agent.llm.orders import Opinion
from agent.llm.scorer import LabelScores
from agent.rerank.llm import LLMRung
from eval import llm_fit
from eval.folds import make_folds
from eval.llm_fit import WEIGHTS, cases, fit, ndcg_of
from retrieval.errors import ConfigError
from tests.agent.faults import faulty_server


@pytest.fixture(scope="module")
def fold(dataset):
    return next(make_folds(dataset, 5, 10)[1])


def cell(values):
    return llm_fit._cell(values, words=True, short=False)


def test_ndcg_by_hand():
    assert ndcg_of(np.array([5, 6, 7]), np.array([6])) == pytest.approx(1 / np.log2(3))
    assert ndcg_of(np.array([5, 6]), np.array([5, 6])) == 1.0
    assert ndcg_of(np.array([], np.int32), np.array([6])) == 0.0


def test_a_planted_gain_is_earned_and_noise_is_not():
    draw = np.random.default_rng(0)
    noise = draw.normal(0.3, 0.1, (40, len(WEIGHTS)))
    assert cell(noise).weight == 0.0
    planted = noise.copy()
    planted[:, 4] += 0.2
    found = cell(planted)
    assert found.weight == WEIGHTS[4]
    assert found.low > 0.1
    harmful = noise - 0.2 * np.arange(len(WEIGHTS))
    assert cell(harmful).weight == 0.0


def test_choosing_does_not_praise_itself():
    """Pure noise: the best of eight columns looks good on the users that chose it, and is nothing on the others."""
    gains, praised = [], []
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(0, 1, (20, len(WEIGHTS)))
        gains.append(cell(noise).gain)
        praised.append(noise.mean(axis=0).max() - noise[:, 0].mean())
    assert abs(np.mean(gains)) < 0.1 < np.mean(praised)


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("short", [False, True])
def test_cases_hide_what_they_ask_for(dataset, fold, words, short):
    catalog = dataset.catalog
    found = cases(catalog, fold, words, short, users=10, seed=0)
    assert len(found) == 10
    for case in found:
        likes = catalog.positions([name.removeprefix("id:") for name in case.likes])
        assert not set(likes.tolist()) & set(case.truth.tolist())
        assert (len(likes) <= 5) == short
        assert bool(case.words) == words
        row = int(np.flatnonzero(fold.held.users == case.user)[0])
        liked = set(fold.held.fold_in.row(row).tolist()) | set(fold.held.hidden.row(row).tolist())
        if not words:  # what is not told is to be found, what a short history leaves out too
            assert set(case.truth.tolist()) == liked - set(likes.tolist())
        for item in case.truth:
            labels = set(catalog.table["categories"][int(item)].to_list())
            assert all(word in " ".join(labels) for word in case.words.split()[1:])
    assert cases(catalog, fold, words, short, users=10, seed=0)[3].likes == found[3].likes


def test_every_kind_is_asked_and_a_model_that_knows_the_truth_earns(dataset, model, monkeypatch):
    monkeypatch.setattr(llm_fit, "train", lambda *_, **__: model.encoder)  # training is not what is tested
    with faulty_server("ok") as (url, payloads):
        measured = fit(
            dataset, Endpoint(url=url, model="m"), prompt="rerank-shares", orders=1, users=8, seed=0, progress=lambda *_: None
        )  # fmt: skip
    assert len(payloads) == 32
    assert not measured.failures
    assert measured.tokens == 7 * 32
    assert [(c.words, c.short, c.users) for c in measured.earned.cells] == [
        (False, False, 8), (False, True, 8), (True, False, 8), (True, True, 8),
    ]  # fmt: skip
    assert all((c.weight > 0.0) <= (c.low > 0.0) for c in measured.earned.cells)

    async def oracle(_rung, ask):
        shown = ask.listing.shortlist(ask.pool, ask.k, 20)
        items = wanted["items"][shown]
        liked = np.isin(items, wanted["truth"]).astype(np.float32)
        if not liked.any():
            liked[0] = 1.0
        said = liked - liked.mean()
        return shown, Opinion(said / max(said.std(), 1e-9), None, LabelScores(said, 1.0, 1, 1), said[None])

    wanted = {}
    real = llm_fit._tried

    async def tried(rung, case, ask, items):
        wanted.update(items=items, truth=case.truth)
        return await real(rung, case, ask, items)

    monkeypatch.setattr(llm_fit, "_tried", tried)
    monkeypatch.setattr(LLMRung, "consult", oracle)
    monkeypatch.setattr(llm_fit, "_AT_ONCE", 1)
    knowing = fit(
        dataset, Endpoint(url="http://127.0.0.1:9", model="m"), prompt="rerank-shares", orders=1, users=12, seed=0,
        progress=lambda *_: None,
    )  # fmt: skip
    gains = [c.gain for c in knowing.earned.cells]
    assert sum(gain > 0 for gain in gains) >= 3  # twelve users: in one kind the shortlist may hold nothing to be known
    assert sum(gains) > 0.1
    assert max(c.weight for c in knowing.earned.cells) > 0


def test_requests_that_fail_count_as_what_the_user_received(dataset, model, monkeypatch):
    monkeypatch.setattr(llm_fit, "train", lambda *_, **__: model.encoder)
    with faulty_server("status 500") as (url, _):
        measured = fit(
            dataset, Endpoint(url=url, model="m"), prompt="rerank-shares", orders=1, users=4, seed=0, progress=lambda *_: None
        )  # fmt: skip
    assert measured.failures == {"llm_http_error": 16}
    assert all((rows == rows[:, :1]).all() for rows in measured.values.values())
    assert all(c.weight == 0.0 for c in measured.earned.cells)
    assert json.loads(measured.earned.model_dump_json())["orders"] == 1


def test_a_prompt_for_another_mode_is_refused(dataset, model, monkeypatch):
    monkeypatch.setattr(llm_fit, "train", lambda *_, **__: model.encoder)
    with pytest.raises(ConfigError, match="yes-no"):
        fit(
            dataset, Endpoint(url="http://127.0.0.1:9", model="m"), prompt="rerank-shares", mode="pointwise", orders=1,
            users=4, seed=0, progress=lambda *_: None,
        )  # fmt: skip
