"""Every way of asking: what is sent to the byte, what is read, and what the windows promise."""

import json
import time
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import ValidationError

from agent.llm.admission import Admission
from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure, Reason
from agent.llm.in_process import InProcessScorer
from agent.llm.loop import run
from agent.llm.modes.choice import MOST, PROMPTS, mode_of
from agent.llm.modes.permutation import grammar, read_permutation
from agent.llm.modes.protocol import Calls
from agent.llm.modes.scores import read_scores, schema
from agent.llm.modes.windows import sliding, tournament
from agent.llm.scorer import LabelScorer
from agent.recommender import Recommender, RecommenderConfig
from agent.rerank.llm import LLMConfig, LLMRung
from prompts.template import Message, load
from retrieval.errors import ConfigError
from tests.agent.faults import faulty_server

GOLDEN = Path(__file__).parent / "golden"
TITLES = ["Dune", "Solaris", "Stalker", "Mirror", "Ran", "Ikiru"]


def render(items, labels):
    lines = [f"{label}. {TITLES[item % 6]}" for item, label in zip(items, labels, strict=True)]
    return Message("system", "You rank."), Message("user", "\n".join(lines))


def asked(name, n=3, orders=1, kind="ok"):
    """The opinion of n candidates, the positions 0 to n - 1, and the payloads that were sent."""
    with faulty_server(kind) as (url, payloads):
        mode = mode_of(name, LabelScorer(Endpoint(url=url, model="m")), orders)
        calls = Calls(render, time.monotonic() + 20, Admission(16))
        return run(mode(np.arange(n, dtype=np.int32), calls)), list(payloads)


def test_every_mode_has_a_prompt_that_asks_for_what_it_reads():
    scorer = LabelScorer(Endpoint(url="http://127.0.0.1:9", model="m"))
    assert set(MOST) == set(PROMPTS)
    for name, prompt in PROMPTS.items():
        mode = mode_of(name, scorer, 1)
        assert load(prompt).front.output == mode.output
        assert mode.most == MOST[name]


@pytest.mark.parametrize("name", ["label", "permutation", "scores", "pointwise"])
def test_golden_payload(name):
    """Exactly what is sent, messages and all. A change here changes rankings: update the file knowingly."""
    _, payloads = asked(name)
    assert payloads[0] == json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.parametrize(("name", "n"), [("sliding", 25), ("tournament", 25)])
def test_windows_send_what_the_label_mode_sends(name, n):
    _, payloads = asked(name, n)
    label = json.loads((GOLDEN / "label.json").read_text())
    for sent in payloads:
        assert sent.keys() == label.keys()
        same = sent.keys() - {"messages", "logprob_token_ids"}
        assert {key: sent[key] for key in same} == {key: label[key] for key in same}
        assert 2 <= len(sent["logprob_token_ids"]) <= 20


def test_every_option_changes_what_is_sent():
    base = [payload for name in ("label", "permutation", "scores", "pointwise") for payload in asked(name)[1][:1]]
    assert len({json.dumps(payload, sort_keys=True) for payload in base}) == 4
    for name in ("label", "permutation", "scores"):
        assert [len(asked(name, 4, orders)[1]) for orders in (1, 2, 4)] == [1, 2, 4]
        assert asked(name, 3)[1] != asked(name, 4)[1]
    assert len(asked("pointwise", 5)[1]) == 5
    assert len({payload["messages"][1]["content"] for payload in asked("pointwise", 5)[1]}) == 5
    assert [len(asked(name, 40)[1]) for name in ("sliding", "tournament")] == [3, 3]


@pytest.mark.parametrize(
    ("name", "first"), [("label", 0), ("permutation", 5), ("scores", 5), ("sliding", 0), ("tournament", 0)]
)
def test_what_the_server_says_is_read(name, first):
    opinion, payloads = asked(name, 6)
    assert opinion.scores.order[0] == first == int(opinion.relevance.argmax())
    assert opinion.relevance.mean() == pytest.approx(0, abs=1e-6)
    assert (opinion.scores.completed, opinion.scores.ignored) == (0, 0)
    assert opinion.scores.calls == len(payloads) == 1
    assert opinion.scores.prompt_tokens == 7 * len(payloads)


def test_pointwise_counts_all_that_it_took():
    opinion, payloads = asked("pointwise", 6)
    assert len(payloads) == opinion.scores.calls == 6
    assert opinion.scores.prompt_tokens == 42
    assert not opinion.relevance.any()  # the server says the same of each
    np.testing.assert_allclose(opinion.scores.logprobs, 1.0)  # log-odds of -1 against -2


@pytest.mark.parametrize("name", ["permutation", "scores"])
def test_an_answer_that_is_cut_off_is_completed_in_the_order_shown(name):
    opinion, _ = asked(name, 6, kind="cut off")
    scores = opinion.scores
    assert 1 <= scores.completed <= 4
    behind = scores.order[6 - scores.completed :].tolist()
    assert behind == sorted(behind)
    assert scores.mass == pytest.approx(1 - scores.completed / 6)


@pytest.mark.parametrize("name", list(MOST))
@pytest.mark.parametrize("kind", ["wrong ids", "garbage", "broken json", "empty choices", "status 500", "wrong model"])
def test_no_mode_makes_a_ranking_of_a_fault(name, kind):
    with pytest.raises(LLMFailure) as failure:
        asked(name, 4, kind=kind)
    assert failure.value.reason in {Reason.INVALID_ANSWER, Reason.HTTP_ERROR}


def order_of(text, n):
    scores = read_permutation(AIMessage(text), n)
    return scores.order.tolist(), scores.completed, scores.ignored


def test_permutations_by_hand():
    assert order_of("[2][1][3]", 3) == ([1, 0, 2], 0, 0)
    assert order_of("[3]\n[1]", 4) == ([2, 0, 1, 3], 2, 0)
    assert order_of("[3][3][9][0][1][", 3) == ([2, 0, 1], 1, 3)
    for bad in ("", "[", "Connection error. Retry 3 of 5", "[1] and [2]", "1 2 3", "[-1]", "[99]", '{"A": 1}'):
        with pytest.raises(LLMFailure, match="answer"):
            read_permutation(AIMessage(bad), 3)


def scores_of(text, n=3):
    scores = read_scores(AIMessage(text), "ABCDEF"[:n])
    return scores.logprobs.tolist(), scores.completed, scores.ignored


def test_score_objects_by_hand():
    assert scores_of('{"A":1,"B":9,"C":0}') == ([1, 9, 0], 0, 0)
    assert scores_of('{"B":9,"Z":4,"B":2}') == ([-1, 9, -1], 2, 2)
    assert scores_of('{"A":11,"B":true,"C":3}') == ([-1, -1, 3], 2, 2)
    assert scores_of('{"A":4,"B":5,"C"') == ([4, 5, -1], 1, 0)
    assert scores_of('{"A":4,"B":5') == ([4, -1, -1], 2, 0)  # the 5 may be the beginning of more
    assert scores_of('{"A":"4","B":5.5,"C":7}') == ([-1, -1, 7], 2, 2)
    for bad in ("", "{}", "[3]", '{"A"', "Connection error. Retry 3 of 5", '[{"A":3}]', "3", '{"Z":3}', "[" * 9999):
        with pytest.raises(LLMFailure, match="answer"):
            scores_of(bad)


@given(text=st.text(alphabet='[]{}":,0123456789AB \n', max_size=40), n=st.integers(1, 6))
def test_whatever_is_written_no_candidate_is_lost_or_repeated(text, n):
    for read in (lambda: read_permutation(AIMessage(text), n), lambda: read_scores(AIMessage(text), "ABCDEF"[:n])):
        try:
            scores = read()
        except LLMFailure as failure:
            assert failure.reason is Reason.INVALID_ANSWER  # noqa: PT017
        else:
            assert sorted(scores.order.tolist()) == list(range(n))
            assert 0 <= scores.completed < n


def test_the_grammar_accepts_all_permutations_and_nothing_else():
    guidance = pytest.importorskip("llguidance")
    tokens = guidance.LLTokenizer("byte")

    def accepts(n, text):
        matcher, ids = guidance.LLMatcher(tokens, grammar(n)), tokens.tokenize_str(text)
        return matcher.consume_tokens(ids) and matcher.is_accepting()

    for order in permutations(range(1, 4)):
        assert accepts(3, "".join(f"[{i}]" for i in order))
    for wrong in ("[1][2]", "[1][2][2]", "[1][1][2][3]", "[1][2][3][1]", "[1] [2][3]", "[4][1][2]", ""):
        assert not accepts(3, wrong), wrong
    for n in (20, 64):  # one branch for each candidate: the grammar grows as n, not as n!
        backwards = "".join(f"[{i}]" for i in range(n, 0, -1))
        assert accepts(n, backwards) and not accepts(n, backwards[:-4])
        assert len(grammar(n)) < 60 * n
    for n in (0, 65):
        with pytest.raises(ValueError, match="between 1 and 64"):
            grammar(n)


def test_the_schema_accepts_one_digit_for_each_label_and_nothing_else():
    validator = pytest.importorskip("jsonschema").Draft202012Validator(schema("ABC"))
    assert validator.is_valid({"A": 0, "B": 9, "C": 5})
    for wrong in (
        {"A": 0, "B": 9},
        {"A": 0, "B": 9, "C": 5, "D": 1},
        {"A": 10, "B": 1, "C": 1},
        {"A": "1", "B": 1, "C": 1},
    ):
        assert not validator.is_valid(wrong)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 300), seed=st.integers(0, 9), plan=st.sampled_from([sliding, tournament]))
def test_windows_find_the_best_ten_of_a_judge_that_does_not_err(n, seed, plan):
    worth, sizes = np.random.default_rng(seed).permutation(n), []

    async def sort(places):
        sizes.append(len(places))
        return places[np.argsort(-worth[places])]

    order = run(plan(n, sort))
    assert sorted(order.tolist()) == list(range(n))
    assert worth[order[:10]].tolist() == sorted(worth.tolist(), reverse=True)[:10]
    assert max(sizes) <= 20
    if plan is sliding:
        assert len(sizes) == max(1, 1 + -(-(n - 20) // 10))
    else:
        assert len(sizes) <= n / 10 + max(np.log2(n / 10), 0) + 1  # each round halves what is left and may ask one more


def test_settings_that_make_no_sense_are_refused(model):
    for wrong in (
        {"mode": "label", "candidates": 53},
        {"mode": "permutation", "candidates": 65},
        {"mode": "sliding", "candidates": 301},
        {"mode": "pointwise", "orders": 2},
        {"mode": "scores", "calibrate_in": ["decoding"]},
        {"mode": "by chance"},
    ):
        with pytest.raises(ValidationError):
            LLMConfig.model_validate(wrong)
    scorer = LabelScorer(Endpoint(url="http://127.0.0.1:9", model="m"))
    with pytest.raises(ConfigError, match="asks for 'label'") as wrong:
        LLMRung(scorer, load("rerank-shares"), LLMConfig(mode="permutation"))
    assert "rerank-permutation" in str(wrong.value.remedy)
    for name in ("permutation", "scores", "pointwise"):
        with pytest.raises(ConfigError, match="needs a server"):
            mode_of(name, InProcessScorer(), 1)


@pytest.mark.parametrize("name", list(MOST))
def test_every_mode_ranks_a_slate(model, name):
    config = RecommenderConfig.model_validate({"llm": {"mode": name, "weight": 0.5}, "prompt": PROMPTS[name]})
    with faulty_server("ok") as (url, payloads):
        slate = Recommender(model, Endpoint(url=url, model="m"), config).recommend("like Alien", user="1")
    if name == "pointwise":  # this server says the same of everything
        assert (slate.ranker_used, slate.degraded_reason) == ("calibrated", "llm_no_preference")
        assert len(payloads) == 20
    else:
        assert (slate.ranker_used, slate.degraded_reason) == ("llm", None)
        assert len(payloads) == 1
    assert len({item.item_id for item in slate.items}) == 10


def test_a_partial_answer_ranks_and_is_tagged(model):
    config = RecommenderConfig.model_validate(
        {"llm": {"mode": "permutation", "weight": 0.5}, "prompt": PROMPTS["permutation"]}
    )
    with faulty_server("cut off") as (url, _):
        slate = Recommender(model, Endpoint(url=url, model="m"), config).recommend(user="1")
    assert (slate.ranker_used, slate.degraded_reason) == ("llm", "llm_partial")
    assert "left out" in slate.degraded_detail
    assert len({item.item_id for item in slate.items}) == 10


def test_proportions_can_be_left_out_in_each_place(model):
    def kl(**llm):
        config = RecommenderConfig.model_validate({"llm": {"weight": 1.0, **llm}, "calibrated": {"lam": 1.0}})
        with faulty_server("ok") as (url, _):
            return Recommender(model, Endpoint(url=url, model="m"), config).recommend(user="1").kl

    neither, decoding, last = kl(calibrate_in=[]), kl(calibrate_in=["decoding"]), kl(calibrate_in=["last"])
    assert decoding < neither
    assert last < neither
