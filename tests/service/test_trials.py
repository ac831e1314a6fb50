"""An experiment in the service: lists are kept with their arm, feedback counts for it, and a report says what came of it."""

import asyncio
import gc
import threading
from datetime import UTC, datetime

import numpy as np
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from agent.experiment import Experiment, Experiments, TakenOut, arms_of
from agent.llm.chat import Chat
from agent.llm.endpoint import Endpoint
from agent.llm.failures import Reason
from agent.llm.loop import run
from agent.memory.database import Database
from agent.memory.people import Kind, NewTurn, People, Said, Turn, fingerprint
from agent.memory.privacy import Privacy
from agent.memory.trials import Outcome, Trials
from agent.rerank.ladder import LadderConfig
from agent.rerank.llm import LLMConfig
from agent.service.app import create_app
from agent.ways import Ways
from eval.live_cli import live
from eval.live_report import remarks, summarised, told
from retrieval.errors import ConfigError
from tests.agent.faults import faulty_server


@pytest.fixture
def trials(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/t.db")
    database.upgrade()
    yield Trials(database), People(database)
    database.close()


def test_feedback_counts_once_an_item_was_shown_and_the_last_word_stands(trials, recorded):
    kept, people = trials
    first, second = [item.item_id for item in recorded.items[:2]]
    people.say("t", "ann", [Said(first, Kind.LIKE)])  # before it was shown
    people.keep("t", "ann", shown=recorded)
    people.keep("t", "", shown=recorded)  # nobody
    people.keep("t", "ann", shown=recorded.model_copy(update={"arm": None}))
    people.say("t", "ann", [Said(first, Kind.DISLIKE), Said(second, Kind.RATING, 5.0), Said("elsewhere", Kind.LIKE)])
    people.say("t", "bob", [Said(first, Kind.LIKE)])  # was shown nothing
    found = kept.outcomes("e")
    assert list(found) == ["b"]
    (one,) = found["b"]
    assert (one.lists, one.liked, one.disliked) == (1, {second}, {first})
    assert Privacy(people._database).export("t", "ann")["experiments"][0]["arm"] == "b"
    assert Privacy(people._database).delete("t", "ann") == 5
    assert kept.outcomes("e") == {}


def test_a_list_that_is_made_again_counts_as_shown(trials, recorded):
    kept, people = trials
    turn = Turn("talk", 0, "hello", "hi", {})
    people.keep("t", "ann", turn=NewTurn(turn, fingerprint(["hello", "hi"])))
    assert people.relist("t", "ann", people.standing("t", "ann").since, turn, recorded)
    people.say("t", "ann", [Said(recorded.items[0].item_id, Kind.LIKE)])
    (one,) = kept.outcomes("e")["b"]
    assert (one.lists, one.liked) == (1, {recorded.items[0].item_id})


def test_lists_after_an_arm_was_taken_out_are_told_apart(trials, recorded):
    kept, people = trials
    people.keep("t", "ann", shown=recorded)
    between = datetime.now(UTC)
    people.keep("t", "ann", shown=recorded)
    (one,) = kept.outcomes("e", {"b": between})["b"]
    assert (one.lists, one.after) == (2, 1)
    (report,) = summarised({"b": [one]}, ["b"])
    gone = TakenOut(experiment="e", arm="b", why="42% of the feedback are dislikes", at=between)
    assert "1 of its 2 lists are later, made with the first arm's prompt" in told(gone, report)
    assert kept.outcomes("e")["b"][0].after == 0


def test_lists_that_no_prompt_had_a_part_in_are_told_of():
    plain, ranked = ([Outcome(lists=2, by_model=n)] for n in (0, 2))
    (said,) = remarks(summarised({"a": plain, "b": plain}, ["a", "b"]))
    assert said.startswith("4 of 4 lists were not ranked by the model")
    assert remarks(summarised({"a": ranked, "b": ranked}, ["a", "b"])) == []


def test_a_planted_difference_is_reported_and_none_is_not():
    draw = np.random.default_rng(0)

    def people(rate, count=2000):
        return [Outcome(5, 5, {f"i{k}" for k in range(draw.poisson(rate))}, set(), [10.0]) for _ in range(count)]

    control, better = summarised({"a": people(1.0), "b": people(1.5)}, ["a", "b"])
    assert control.minus_first is None
    assert (control.people, control.lists, control.ms) == (2000, 10_000, 10.0)
    mean, low, high = better.minus_first[0]
    assert low < 0.1 < high
    assert low > 0 < mean
    _, same = summarised({"a": people(1.0), "b": people(1.0)}, ["a", "b"])
    assert same.minus_first[0][1] < 0 < same.minus_first[0][2]
    (alone, few) = summarised({"a": people(1.0), "b": people(1.0, 1)}, ["a", "b"])
    assert few.minus_first is None
    assert alone.people == 2000


def test_from_start_to_promotion(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("POLYTASTE_HOME", str(tmp_path / "home"))
    ask = CliRunner().invoke
    assert ask(live, ["start", "rerank-shares", "rerank-relevance", "--name", "e", "--least", "1000"]).exit_code == 0
    with faulty_server("good") as (url, _):
        served = settings.model_copy(update={"use_llm": True, "llm_url": url, "llm_model": "m"})
        with TestClient(create_app(served)) as client:
            for n in range(12):
                body = {"user": f"p{n}", "request": "comedies", "deadline_ms": 20_000}
                slate = client.post("/v1/recommend", json=body).json()
                assert (slate["experiment"], slate["ranker_used"]) == ("e", "llm")
                said = [{"item": slate["items"][0]["item_id"], "kind": "like"}]
                assert client.post("/v1/feedback", json={"user": f"p{n}", "feedback": said}).status_code == 200
    database = ["--database", settings.database]
    told = ask(live, ["report", *database, "--json"])
    assert told.exit_code == 0, told.output
    assert '"people": 12' in told.output or told.output.count('"arm"') == 2
    assert ask(live, ["promote", "rerank-relevance"]).exit_code == 0
    assert '"share": 1.0' in ask(live, ["status", "--json"]).output
    assert ask(live, ["report", "e", *database, "--json"]).output == told.output
    assert (
        ask(live, ["start", "rerank-shares", "rerank-table", "--name", "e"]).exit_code != 0
    )  # lists would count together
    assert ask(live, ["rollback"]).exit_code == 0
    running = Experiments(tmp_path / "home" / "data" / "experiments.json")
    assert len(running.now().arms) == 2
    running.take_out("e", "rerank-relevance", "it is slow")
    assert "UTC: it is slow; they get rerank-shares" in ask(live, ["status"]).output
    assert isinstance(ask(live, ["promote", "rerank-relevance"]).exception, ConfigError)
    shown = ask(live, ["report", *database])
    assert "0 of its" in shown.output
    assert shown.exit_code == 0
    assert ask(live, ["promote", "rerank-relevance", "--anyway"]).exit_code == 0


def test_two_operators_at_once_lose_no_step(tmp_path):
    file = tmp_path / "experiments.json"
    arms = arms_of(["rerank-shares", "rerank-relevance"], None)

    def steps(name):
        for n in range(10):
            Experiments(file).start(Experiment(name=f"{name}{n}", arms=arms))

    operators = [threading.Thread(target=steps, args=(name,)) for name in "ab"]
    for one in operators:
        one.start()
    for one in operators:
        one.join()
    for _ in range(20):
        Experiments(file).roll_back()
    assert Experiments(file).now() is None


def test_an_arm_that_was_taken_out_stays_out_when_the_server_comes_back(tmp_path):
    experiments = Experiments(tmp_path / "experiments.json")
    experiments.start(Experiment(name="e", arms=arms_of(["rerank-shares", "rerank-relevance"], None)))
    ways = Ways("rerank-shares", LLMConfig(), LadderConfig(), "d", Reason.UNREACHABLE, experiments)
    one, other = (Endpoint(url=f"http://127.0.0.1:{port}", model="m") for port in (1, 2))
    who = next(f"p{n}" for n in range(50) if experiments.now().arm_of(f"p{n}") == 1)
    taken = ways.of(who, one)
    assert taken.arm == "rerank-relevance"
    taken.guard.tripped = "slow"
    first = ways.of(next(f"p{n}" for n in range(50) if experiments.now().arm_of(f"p{n}") == 0), one)
    assert ways.of(who, one).prompt is first.prompt
    assert ways.of(who, None).arm is None  # the server went away
    assert ways.of(who, other).prompt.version == first.prompt.version != taken.prompt.version
    experiments.start(Experiment(name="f", arms=arms_of(["rerank-shares", "rerank-relevance"], None)))
    assert all(ways.of(f"p{n}", other).guard.tripped == "" for n in range(20))


def test_a_client_that_nobody_uses_any_more_is_closed():
    run(asyncio.sleep(0))  # the loop that connections belong to
    chat = Chat(Endpoint(url="http://127.0.0.1:1", model="m"))
    http = chat.http
    del chat
    gc.collect()
    for _ in range(100):
        run(asyncio.sleep(0.01))
        if http.is_closed:
            break
    assert http.is_closed
