"""An experiment in the service: lists are kept with their arm, feedback counts for it, and a report says what came of it."""

import numpy as np
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from agent.experiment import Experiments
from agent.memory.database import Database
from agent.memory.people import Kind, People, Said
from agent.memory.privacy import Privacy
from agent.memory.trials import Outcome, Trials
from agent.service.app import create_app
from eval.live_cli import live
from eval.live_report import summarised
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
    assert ask(live, ["rollback"]).exit_code == 0
    assert len(Experiments(tmp_path / "home" / "data" / "experiments.json").now().arms) == 2
