"""What a model may say: prior, fitted, or nothing."""

import pytest

from agent.llm import earned
from agent.llm.earned import Cell, Circumstances, Earned, weight_of
from agent.llm.endpoint import Endpoint
from agent.recommender import Recommender
from prompts.template import load
from tests.agent.faults import faulty_server

WARM, WORDS, SHORT = (Circumstances(words=words, likes=likes) for words, likes in ((False, 50), (True, 50), (False, 5)))


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("POLYTASTE_HOME", str(tmp_path))


def fit(model="m", prompt="p", data="d", weight=0.4):
    cell = Cell(words=False, short=False, weight=weight, gain=0.02, low=0.01, high=0.03, users=50)
    return Earned(model=model, prompt=prompt, data=data, orders=1, seed=0, cells=(cell,))


def test_without_a_fit_the_model_speaks_only_where_there_are_words_or_few_likes():
    assert weight_of(None, WARM).value == 0.0
    assert weight_of(None, WORDS).value == weight_of(None, SHORT).value == 0.2
    assert weight_of(None, Circumstances(words=False, likes=6)).value == 0.0
    assert "llm fit" in weight_of(None, WARM).why


def test_a_fit_counts_for_what_it_measured_and_nothing_else():
    assert weight_of(fit(), WARM).value == 0.4
    assert "+0.020 NDCG [+0.010, +0.030], 50 validation users" in weight_of(fit(), WARM).why
    assert weight_of(fit(), WORDS).value == 0.2


def test_a_fit_is_found_by_model_prompt_and_data_and_a_damaged_one_is_none():
    path = earned.write(fit())
    assert earned.read("m", "p", "d", 1) == fit()
    for other in (("other", "p", "d", 1), ("m", "other", "d", 1), ("m", "p", "other", 1), ("m", "p", "d", 2)):
        assert earned.read(*other) is None
    path.write_text(path.read_text()[:-20])
    assert earned.read("m", "p", "d", 1) is None


def test_a_fit_of_another_measure_is_none(monkeypatch):
    earned.write(fit())
    monkeypatch.setattr(earned, "_MEASURE", earned._MEASURE + 1)
    assert earned.read("m", "p", "d", 1) is None


def test_a_warm_request_without_words_asks_the_model_only_if_it_has_earned_it(model):
    with faulty_server("ok") as (url, payloads):
        endpoint = Endpoint(url=url, model="m")
        slate = Recommender(model, endpoint).recommend(user="1")
        assert (slate.ranker_used, slate.degraded_reason, slate.llm_weight) == ("calibrated", "llm_no_weight", None)
        assert not payloads  # nothing is paid for what would not count
        assert Recommender(model, endpoint).recommend("like Alien", user="1").llm_weight == 0.2
        earned.write(fit(prompt=load().version, data=model.dataset))
        assert Recommender(model, endpoint).recommend(user="1").llm_weight == 0.4
        earned.write(fit(prompt=load().version, data=model.dataset, weight=0.0))
        slate = Recommender(model, endpoint).recommend(user="1")
        assert slate.degraded_reason == "llm_no_weight"
        assert slate.degraded_detail.startswith("fitted: +0.020 NDCG")
