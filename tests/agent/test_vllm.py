"""Against a real vLLM with a real model: nothing here is mocked."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from agent.llm import server
from agent.llm.labels import MAX_LABELS
from agent.llm.loop import run
from agent.llm.scorer import LabelScorer
from agent.recommender import Recommender, RecommenderConfig
from prompts.template import Message
from retrieval import artifacts
from retrieval.errors import ServerError

pytestmark = pytest.mark.vllm


def place_of(model):
    """The model in a folder, as a process that lasts loads it."""
    return artifacts.save(model, server.server_folder() / "model")


PATIENT_MS = 60_000  # the point is the answer, not the speed of a test machine


def test_llm_ranks_a_slate(model, vllm):
    slate = Recommender(model, vllm).recommend(
        "something like Blade Runner, no horror", user="1", deadline_ms=PATIENT_MS
    )
    assert slate.ranker_used == "llm"
    assert slate.degraded_reason is None
    assert slate.model == vllm.model
    assert len(slate.prompt_hash) == 12
    assert 0.05 < slate.label_mass <= 1
    assert slate.tokens.prompt > 300
    assert slate.tokens.completion == 1
    assert len(slate.items) == 10
    assert all("Horror" not in i.categories for i in slate.items)


def test_all_labels_are_single_tokens_after_the_template(vllm):
    labels = run(LabelScorer(vllm).labels(MAX_LABELS))
    assert len({label.token for label in labels}) == MAX_LABELS


def test_label_scores_are_log_probabilities_and_repeat(vllm):
    chat = (Message("system", "Answer with one letter."), Message("user", "Which is first in the alphabet: A, B or C?"))
    scorer = LabelScorer(vllm)
    one, two = (run(scorer.score(chat, 3, 60.0)) for _ in range(2))
    assert one.logprobs.max() <= 0
    assert one.mass == pytest.approx(two.mass, abs=0.05)
    assert one.prompt_tokens == two.prompt_tokens > 10
    assert len(run(scorer.score(chat, 3, 60.0)).logprobs) == 3


def test_four_orders_are_four_prompts_of_the_same_candidates(model, vllm):
    config = RecommenderConfig.model_validate({"llm": {"orders": 4, "weight": 0.5}})
    one = Recommender(model, vllm).recommend("like Heat", user="2", deadline_ms=PATIENT_MS)
    slate = Recommender(model, vllm, config).recommend("like Heat", user="2", deadline_ms=PATIENT_MS)
    assert slate.ranker_used == "llm"
    assert slate.tokens.completion == 4
    assert 3.9 < slate.tokens.prompt / one.tokens.prompt < 4.1
    assert one.llm_agreement is None
    assert 0.0 <= slate.llm_agreement <= 1.0
    assert slate.llm_weight == pytest.approx(0.5 * slate.llm_agreement, abs=1e-3)


def test_unknown_model_degrades_with_a_reason(model, vllm):
    wrong = vllm.model_copy(update={"model": "no-such-model"})
    slate = Recommender(model, wrong).recommend("like Heat", user="1", deadline_ms=PATIENT_MS)
    assert slate.ranker_used == "calibrated"
    assert slate.degraded_reason == "llm_http_error"


def test_deadline_too_short_for_the_model_is_kept(model, vllm):
    slate = Recommender(model, vllm).recommend("like Heat", user="2", deadline_ms=60)
    assert slate.ranker_used == "calibrated"
    assert slate.degraded_reason in {"llm_timeout", "llm_no_time"}
    assert len(slate.items) == 10


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot suspend a process")
def test_a_server_that_freezes_and_thaws(model, vllm):
    """Every process of the real server is suspended in the middle of its work, then let go again."""
    state = server.status()
    main = psutil.Process(state.pid)
    family = [main, *main.children(recursive=True)]
    recommender = Recommender(model, vllm)
    assert recommender.recommend("like Heat", user="2", deadline_ms=PATIENT_MS).ranker_used == "llm"
    try:
        for process in family:
            process.suspend()
        started = time.monotonic()
        frozen = recommender.recommend("something new for a rainy day", user="3", deadline_ms=1500)
        assert time.monotonic() - started < 10  # the deadline, and a wide margin for a busy machine
    finally:
        for process in family:
            process.resume()
    assert (frozen.ranker_used, frozen.degraded_reason, len(frozen.items)) == ("calibrated", "llm_timeout", 10)
    assert recommender.recommend("like Heat", user="2", deadline_ms=PATIENT_MS).ranker_used == "llm"


def test_more_requests_than_the_server_can_take_are_all_answered(model, vllm):
    """The surplus is ranked without the model; the server is not taken for dead, and is asked again afterwards."""
    asked = Recommender(model, vllm, RecommenderConfig.model_validate({"llm": {"at_once": 4, "weight": 0.2}}))
    assert asked.recommend("like Heat", user="1", deadline_ms=PATIENT_MS).ranker_used == "llm"

    def one(number):
        return asked.recommend("like Heat", user=str(1 + number % 20), deadline_ms=5000)

    with ThreadPoolExecutor(40) as threads:
        slates = list(threads.map(one, range(40)))
    reasons = {slate.degraded_reason for slate in slates}
    assert all(len(slate.items) == 10 for slate in slates)
    assert reasons <= {None, "llm_busy", "llm_no_time", "llm_timeout"}
    assert "llm_busy" in reasons
    assert asked.recommend("like Heat", user="2", deadline_ms=PATIENT_MS).ranker_used == "llm"


def test_status_and_conflicting_model(vllm):
    state = server.status()
    assert state is not None
    assert state.healthy()
    assert state.url.startswith("http://127.0.0.1:")
    assert json.loads(state.model_dump_json())["model"] == vllm.model
    with pytest.raises(ServerError, match="already up"):
        server.up("another-model")


def test_what_a_killed_front_process_leaves_is_stopped_and_a_new_server_is_found(model, vllm):
    """Last in this file: it replaces the server that the other tests share."""
    old = server.status()
    main = psutil.Process(old.pid)
    family = [main, *main.children(recursive=True)]
    lasting = Recommender.load(place_of(model))
    assert lasting.endpoint.url == old.url
    main.kill()
    main.wait(10)
    assert server.status() is None
    assert server.down()  # the engine and its workers were left
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    assert lasting.recommend("like Heat", user="1").degraded_reason == "llm_unreachable"
    new = server.up()
    assert new.url != old.url
    assert lasting.recommend("like Heat", user="1", deadline_ms=PATIENT_MS).ranker_used == "llm"
    server.down()
