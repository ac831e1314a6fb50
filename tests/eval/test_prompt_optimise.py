"""The search for a better prompt: a planted better wording, none, chance, what breaks off, and who is searched and judged on."""

import json
import sys
import zlib

import numpy as np
import pytest
from typer.testing import CliRunner

from agent.llm.endpoint import Endpoint
from eval.prompt_answers import METRICS, Answer
from eval.prompt_bias import nothing_of
from eval.prompt_cache import kept_scorer
from eval.prompt_cli import app
from eval.prompt_optimise import facts_of, optimise
from eval.prompt_optimise_page import chart_of, search_html
from eval.prompt_search import SearchConfig
from eval.prompt_sides import judges, sides
from eval.prompt_space import space_of
from eval.prompt_worth import Worth
from prompts.lint import lint
from prompts.template import load
from prompts.wordings import wordings
from retrieval.errors import ConfigError, DataError
from tests.eval.test_prompt_compare import answering, by_title, truths, untrained

__all__ = ["answering", "truths", "untrained"]  # fixtures
PLANTED = "To which one would a critic object least? Answer with its letter."


@pytest.fixture
def planted(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(json.dumps({"question": [PLANTED]}))
    return file


def found(dataset, url, folder, *, vary=("question",), extra=None, progress=lambda *_: None, **more):
    config = SearchConfig(**{"trials": 5, "users": 16, "judges": 16, **more})
    space = space_of(load("rerank-shares"), wordings(extra), vary)
    with kept_scorer(Endpoint(url=url, model="m"), folder) as scorer:
        return optimise(dataset, scorer, space, config, "better", progress)


def by_text(text, _at, title, _all):
    """An opinion that changes with every letter of the prompt, and means nothing."""
    return zlib.crc32((text + title).encode()) % 1000 / 250


@pytest.fixture
def knowing(truths):
    """A model that knows what was hidden where it is asked as a critic."""

    def rule(text, at, title, lines):
        return 4.0 if PLANTED in text and title in truths[frozenset(lines)] else by_title(text, at, title, lines)

    return rule


def test_a_planted_better_wording_is_found_and_holds_for_others(dataset, answering, knowing, planted, tmp_path):
    with answering(knowing) as (url, payloads):
        best = found(dataset, url, tmp_path, extra=planted)
        asked = len(payloads)
        again = found(dataset, url, tmp_path, extra=planted)
        assert len(payloads) == asked
    assert best.path.trials[best.path.best].changed == {"question": PLANTED}
    assert best.judgement.worth.low > 0.1
    assert best.judgement.p < 0.05
    assert best.verdict() == "better is better than rerank-shares in 16 users that the search never saw"
    assert best.winner.body == load("rerank-shares").body.replace(wordings()["question"][0], PLANTED)
    assert lint(best.winner) == []
    assert best.paid == 8 * asked
    assert (again.paid, again.spending.kept) == (0, 1.0)
    titles = dataset.catalog.titles
    facts = facts_of(best, titles)
    assert {**facts_of(again, titles), "tokens_paid": 0, "seconds": 0, "calls_from_disk": 0}["trials"] == facts[
        "trials"
    ]
    assert json.loads(json.dumps(facts)) == facts
    page = search_html(best, facts, titles)
    assert PLANTED in page
    assert "Judged on others: rerank-shares against better" in page
    assert page.count("<circle") >= 5
    assert "<script" not in page


def test_nothing_better_is_said_and_nobody_is_judged_on(dataset, answering, tmp_path):
    with answering(by_title) as (url, payloads):
        none = found(dataset, url, tmp_path, trials=4)
        assert len(payloads) <= 4 * 16
    assert none.winner is None
    assert none.judgement is None
    assert "there is nothing to judge, keep it" in none.verdict()
    page = search_html(none, facts_of(none, dataset.catalog.titles), dataset.catalog.titles)
    assert "Judged on others" not in page
    assert "There is nothing" not in page.split("<strong>")[0]


def test_a_gain_by_chance_does_not_hold_for_others(dataset, answering, tmp_path):
    with answering(by_text) as (url, _):
        lucky = found(dataset, url, tmp_path, vary=(), trials=10, users=12, judges=40)
    trials = lucky.path.trials
    assert trials[lucky.path.best].worth.mean() > trials[0].worth.mean()
    assert lucky.judgement.p > 0.05
    assert "keep rerank-shares" in lucky.verdict()


def test_what_broke_off_goes_on_and_pays_nothing_twice(dataset, answering, tmp_path):
    class Killed(BaseException):
        pass

    def dies(stage, done, _total):
        if stage.startswith("prompt 3") and done >= 40:
            raise Killed

    more = {"vary": (), "trials": 6, "users": 16, "judges": 8}
    with answering(by_text) as (url, payloads):
        whole = found(dataset, url, tmp_path / "whole", **more)
        once = len(payloads)
        payloads.clear()
        with pytest.raises(Killed):
            found(dataset, url, tmp_path / "parts", progress=dies, **more)
        before = len(payloads)
        assert 0 < before < once
        resumed = found(dataset, url, tmp_path / "parts", **more)
        assert len(payloads) == once
        longer = found(dataset, url, tmp_path / "parts", **{**more, "trials": 8})
    assert [t.changed for t in resumed.path.trials] == [t.changed for t in whole.path.trials]
    assert [t.worth.tolist() for t in resumed.path.trials] == [t.worth.tolist() for t in whole.path.trials]
    assert resumed.paid == 8 * (once - before)
    assert len(longer.path.trials) == 8
    assert [t.changed for t in longer.path.trials[:6]] == [t.changed for t in whole.path.trials]


def test_poor_prompts_are_left_and_never_win(dataset, answering, truths, tmp_path):
    start = wordings()["question"][0]

    def rule(text, at, title, lines):
        return 4.0 if start in text and title in truths[frozenset(lines)] else by_title(text, at, title, lines)

    with answering(rule) as (url, payloads):
        path = found(dataset, url, tmp_path, trials=4, users=32, judges=4).path
    assert path.best == 0
    assert not any(trial.whole for trial in path.trials[1:])
    assert all(8 <= len(trial.answers) < 32 for trial in path.trials[1:])
    assert len(payloads) == sum(len(trial.answers) for trial in path.trials)


def test_money_ends_it_and_judging_is_kept_back(dataset, answering, tmp_path):
    from eval.prompt_optimise import tokens_of

    kept = 2 * 8 * tokens_of(load("rerank-shares"))
    with answering(by_text) as (url, _):
        ended = found(dataset, url, tmp_path, vary=(), trials=30, users=8, judges=8, max_tokens=kept + 8 * 8 * 2)
        assert "kept for what follows" in ended.path.stopped
        assert [len(trial.answers) for trial in ended.path.trials] == [8, 8]
        with pytest.raises(ConfigError, match="judging alone"):
            found(dataset, url, tmp_path, judges=8, max_tokens=kept)
        with pytest.raises(ConfigError, match="not even rerank-shares"):
            found(dataset, url, tmp_path / "other", judges=8, max_seconds=1e-9)


def test_who_is_searched_on_is_never_judged_on(dataset):
    one = sides(dataset, 20, 20, words=False, seed=0, progress=lambda *_: None)
    two = sides(dataset, 30, 10, words=False, seed=1, progress=lambda *_: None)
    searched = {person.case.likes for people in (one[0], two[0]) for person in people}
    judged = {person.case.likes for people in (one[1], two[1]) for person in people}
    assert not searched & judged
    assert len(one[0]) == len(one[1]) == 20
    assert not any(judges(likes) for likes in searched)
    assert all(judges(likes) for likes in judged)
    with pytest.raises(DataError, match="579 users"):
        sides(dataset, 500, 500, words=False, seed=0, progress=lambda *_: None)


def test_worth_by_hand_and_what_fails_is_worth_nothing():
    def answer(failed, **values):
        return Answer({**dict.fromkeys(METRICS, 0.0), **values}, np.arange(3, dtype=np.int32), nothing_of(), failed)

    of = Worth(lam=0.5, cost=0.1).of
    good = answer("", ndcg=0.4, kl=0.2, read=900.0, written=100.0)
    failed = answer("llm_timeout", ndcg=0.9, kl=0.0, read=1000.0)
    assert of([good, failed]) == pytest.approx([0.4 - 0.1 - 0.1, 0.0 - 0.5 - 0.1])


def test_what_the_linter_refuses_is_not_asked(dataset, answering, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(json.dumps({"answer": ["Explain your choice.", "Answer {{ nothing }}.", "Answer {% if %}."]}))
    with answering(by_text) as (url, payloads):
        path = found(dataset, url, tmp_path, extra=file, vary=("answer",), trials=6, users=8, judges=4).path
    assert len(path.trials) == 3  # the three that are shipped
    assert path.stopped == "no prompt is proposed that was not tried"
    why = {changed["answer"]: said for changed, said in path.refused}
    assert "explanation" in why["Explain your choice."]
    assert len(why) == len(path.refused) == 3
    assert not any("Explain" in json.dumps(payload) for payload in payloads)


@pytest.mark.parametrize(
    ("vary", "extra", "words"),
    [
        (("colour",), None, "no such part"),
        (("tone",), {"tone": ["Be bold.", "Be shy."]}, "nothing in it"),
        ((), {"tastes": ["a"]}, "name of a part"),
    ],
)
def test_a_space_that_is_none_is_said(tmp_path, vary, extra, words):
    file = None
    if extra:
        file = tmp_path / "mine.yaml"
        file.write_text(json.dumps(extra))
    with pytest.raises(ConfigError, match=words):
        space_of(load("rerank-shares"), wordings(file), vary)


def test_a_prompt_that_asks_for_another_kind_of_answer_is_refused(dataset, tmp_path):
    config = SearchConfig(trials=2, users=8, judges=4)
    space = space_of(load("rerank-scores"), wordings())
    with (
        kept_scorer(Endpoint(url="http://127.0.0.1:9", model="m"), tmp_path) as scorer,
        pytest.raises(ConfigError, match="asks for"),
    ):
        optimise(dataset, scorer, space, config, "better", lambda *_: None)


def test_the_chart_draws_what_was_left_by_its_difference():
    def trial(at, worth, minus, whole=True):
        return {"number": at, "worth": worth, "minus_start": minus, "whole": whole, "best": at == 2}

    chart = chart_of([trial(0, 0.2, 0.0), trial(1, 0.9, -0.1, whole=False), trial(2, 0.3, 0.1)])
    heights = [point["y"] for point in chart["points"]]
    assert heights[1] > heights[0] > heights[2]  # lower on the page is worse, whatever its own mean was
    assert heights[0] - heights[2] == pytest.approx(heights[1] - heights[0])
    assert chart["line"].endswith(f"V{heights[2]}")
    assert {point["y"] for point in chart_of([trial(0, 0.2, 0.0)])["points"]} == {20.0}


def test_the_command_writes_a_prompt_that_the_other_commands_take(answering, knowing, planted, tmp_path):
    out, page, run = tmp_path / "new" / "mine.j2", tmp_path / "page.html", CliRunner()
    words = [
        "optimise",
        "--wordings",
        str(planted),
        "--vary",
        "question",
        "--trials",
        "5",
        "--users",
        "16",
        "--judges",
        "12",
    ]
    words += ["--llm-model", "m", "--cache", str(tmp_path), "--out", str(out)]
    plan = run.invoke(app, [*words, "--dry-run", "--json"])
    facts = json.loads(plan.stdout)
    assert (facts["requests"], facts["prompts"]) == ({"search_at_most": 80, "judging_at_most": 24}, 5)
    assert "5 prompts, of which 5" in run.invoke(app, [*words, "--dry-run"]).stdout
    with answering(knowing) as (url, _):
        words += ["--llm-url", url]
        result = run.invoke(app, [*words, "--page", str(page), "--json"])
        assert result.exit_code == 0, result.output + str(result.exception)
        again = run.invoke(app, words)
        assert again.exit_code == 0, again.output + str(again.exception)
        assert sorted(one.name for one in out.parent.glob("mine*.j2")) == ["mine.j2"]  # the same prompt, the same file
        out.write_text(out.read_text() + "\n")
        run.invoke(app, words)
        second = (out.parent / "mine-2.j2").read_text()  # another prompt is not overwritten
        assert second == out.read_text()[:-1].replace('name: "mine"', "name: mine-2")
        out.write_text(out.read_text()[:-1])
        shown = run.invoke(app, [*words[:-3], str(tmp_path / "other.j2"), *words[-2:]])
        compared = run.invoke(app, ["compare", "rerank-shares", str(out), "--users", "8", "--bias-users", "0", *words[-2:], "--llm-model", "m", "--cache", str(tmp_path)])  # fmt: skip
    facts = json.loads(result.stdout)
    assert facts["winner"]["name"] == "mine"
    assert facts["winner"]["text"] == out.read_text()
    assert facts["judged"]["worth_minus_start"][1] > 0
    assert len(facts["trials"]) == 5
    assert "The way of the search" in page.read_text()
    assert shown.exit_code == 0, shown.output + str(shown.exception)
    assert "is better than rerank-shares in 12 users" in shown.stdout.replace("\n", " ")
    assert compared.exit_code == 0, compared.output + str(compared.exception)
    assert run.invoke(app, ["lint", "--strict", str(out)]).exit_code == 0
    assert "critic" in run.invoke(app, ["show", str(out)]).stdout


def test_a_search_is_kept_in_mlflow(dataset, answering, knowing, planted, tmp_path):
    tracking = pytest.importorskip("mlflow.tracking", reason="the extra 'mlflow' is not installed")
    from eval.prompt_tracking import EXPERIMENT, track_search

    with answering(knowing) as (url, _):
        best = found(dataset, url, tmp_path, extra=planted, users=8, judges=8)
    titles, store = dataset.catalog.titles, f"sqlite:///{tmp_path / 'mlflow.db'}"
    run = track_search(best, facts_of(best, titles), titles, store)
    client = tracking.MlflowClient(tracking_uri=store)
    history = client.get_metric_history(run, "worth")
    assert [one.value for one in history] == [trial.worth.mean() for trial in best.path.trials]
    assert {file.path for file in client.list_artifacts(run)} == {"search.html", "search.json", "better.j2"}
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert len(client.search_runs([experiment.experiment_id])) == 1 + 3  # the comparison, and its two prompts


def test_without_optuna_the_extra_is_named(dataset, answering, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with answering(by_title) as (url, _), pytest.raises(ConfigError, match="Optuna") as why:
        found(dataset, url, tmp_path, users=8, judges=4)
    assert "'optuna'" in why.value.remedy
