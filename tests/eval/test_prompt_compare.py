"""Comparing prompts: planted differences against none, what failures count as, money, and answers that are kept."""

import json
import re
import zlib

import numpy as np
import pytest
from typer.testing import CliRunner

from agent.llm.endpoint import Endpoint
from eval import llm_fit, prompt_people
from eval.prompt_bias import swayed
from eval.prompt_cache import kept_scorer
from eval.prompt_cli import app
from eval.prompt_compare import TESTED, CompareConfig, compare
from eval.prompt_page import html
from eval.prompt_settings import checked
from eval.prompt_stats import as_dict, most_apart, slices
from prompts.template import load
from retrieval.errors import ConfigError, DataError, ServerError
from tests.agent import faults

LINE = re.compile(r"^([A-Za-z])\. (.*?)(?: \[[^\]]*\])?(?: \(taste \d\))?$", re.MULTILINE)
PAIR = ("rerank-shares", "rerank-critique")


@pytest.fixture(scope="module", autouse=True)
def untrained(model):
    """Training is not what is tested, nor is building the same artefact again."""
    patch, built = pytest.MonkeyPatch(), {}
    patch.setattr(llm_fit, "train", lambda *_, **__: model.encoder)

    def once(dataset, fold):
        if fold.number not in built:
            built[fold.number] = llm_fit.trained(dataset, fold)
        return built[fold.number]

    patch.setattr(prompt_people, "trained", once)
    yield
    patch.undo()


@pytest.fixture
def truths(monkeypatch):
    """What is hidden of each user, by the titles he is shown."""
    known, real = {}, prompt_people.person_of

    def person(recommender, case):
        made = real(recommender, case)
        shown = made.ask.listing.shortlist(made.ask.pool, 10, 20)
        titles = recommender.model.catalog.titles
        known[frozenset(titles[i] for i in made.items[shown])] = {titles[i] for i in case.truth}
        return made

    monkeypatch.setattr(prompt_people, "person_of", person)
    return known


@pytest.fixture
def answering(monkeypatch):
    """A server whose log-probabilities follow a rule of (whole text, place, title, all titles)."""

    def serve(rule):
        def chat(_kind):
            def answer(handler, payload):
                text = "\n".join(m["content"] for m in payload["messages"])
                lines = [title for _, title in LINE.findall(text)]
                said = [float(rule(text, at, title, lines)) for at, title in enumerate(lines)]
                logprobs = np.array(said) - np.log(np.exp(said).sum())
                body = faults.chat_body(dict(zip(payload["logprob_token_ids"], logprobs.tolist(), strict=True)))
                faults._send(handler, 200, json.dumps(body).encode())

            return answer

        monkeypatch.setattr(faults, "_chat", chat)
        return faults.faulty_server("ok")

    return serve


def by_title(_text, _at, title, _all):
    """The same opinion of a title wherever it stands."""
    return zlib.crc32(title.encode()) % 1000 / 250


def measured(dataset, url, folder, prompts=PAIR, **more):
    config = CompareConfig(prompts=prompts, **{"users": 24, "bias_users": 6, **more})
    with kept_scorer(Endpoint(url=url, model="m"), folder) as scorer:
        return compare(dataset, tuple(map(load, prompts)), scorer, config, lambda *_: None)


def test_a_planted_difference_is_found_and_costs_nothing_again(dataset, answering, truths, tmp_path):
    def rule(text, at, title, lines):
        knows = "critic" in text and title in truths[frozenset(lines)]
        return 4.0 if knows else by_title(text, at, title, lines)

    with answering(rule) as (url, payloads):
        found = measured(dataset, url, tmp_path, users=40)
        asked = len(payloads)
        again = measured(dataset, url, tmp_path, users=40)
        assert len(payloads) == asked
    assert found.p_of(1, "ndcg") < 0.05
    assert found.stopped.startswith("decided after 20 of 40 users")
    assert found.values("ndcg")[1].mean() > found.values("ndcg")[0].mean() + 0.2
    assert (again.paid, again.kept) == (0, 1.0)
    assert found.paid == 8 * asked
    assert found.values("ms").sum() == again.values("ms").sum()
    for metric in ("ndcg", "kl", "compliance", "read"):
        assert (found.values(metric) == again.values(metric)).all()
    facts = as_dict(found, dataset.catalog.titles)
    first = next(d for d in facts["differences"] if d["metric"] == "ndcg")
    assert first["minus_first"][1] > 0
    assert json.loads(json.dumps(facts)) == facts
    page = html(found, dataset.catalog.titles)
    assert "repeated confidence intervals" in page
    assert 'class="up"' in page
    assert not re.search(r"<script|https?://|src=", page)
    apart = most_apart(found, dataset.catalog.titles)[0]
    assert apart.lists[1][0][1]
    assert apart.ndcg[1] - apart.ndcg[0] > 0.3


def test_a_against_a_is_no_difference_and_asks_once(dataset, answering, tmp_path):
    other = tmp_path / "other.j2"
    other.write_text(load("rerank-shares").text.replace("purpose: ", "purpose: Again. "))
    with answering(by_title) as (url, payloads):
        found = measured(dataset, url, tmp_path, prompts=("rerank-shares", str(other)))
    assert found.prompts[0].version != found.prompts[1].version
    assert not found.differences().any()
    assert (found.judged.p == 1.0).all()
    assert found.stopped == "all 24 users were asked about"
    assert len(payloads) == 24 + 6
    assert found.kept == pytest.approx(1 - 30 / (2 * (24 + 2 * 6)))


def test_same_users_same_candidates_same_facts(dataset, answering, tmp_path):
    with answering(by_title) as (url, payloads):
        measured(
            dataset, url, tmp_path, prompts=("rerank-shares", "rerank-shares-percent"), users=4, bias_users=0, at_once=1
        )
    texts = ["\n".join(m["content"] for m in p["messages"]) for p in payloads]
    assert len(texts) == 8
    for one, two in zip(texts[::2], texts[1::2], strict=True):
        assert LINE.findall(one) == LINE.findall(two)
        assert one.split("A list of")[0] == two.split("The list should")[0]
        assert one != two


def test_places_sway_a_model_that_likes_places_and_no_other(dataset, answering, tmp_path):
    with answering(lambda _text, at, *_: -at / 5) as (url, _):
        swayed_by = measured(dataset, url, tmp_path / "a", users=8, bias_users=8)
    with answering(by_title) as (url, _):
        steady = measured(dataset, url, tmp_path / "b", users=8, bias_users=8)
    taus = [[answer.bias.tau for answer in one.answers[0]] for one in (swayed_by, steady)]
    early = [[answer.bias.early for answer in one.answers[0]] for one in (swayed_by, steady)]
    # Order and its half turn: 100 of 190 pairs are turned round.
    assert np.allclose(taus[0], 1 - 2 * 100 / 190)
    assert np.allclose(taus[1], 1.0)
    assert np.nanmin(early[0]) > 0.1
    assert np.allclose(np.array(early[1])[np.isfinite(early[1])], 0.0, atol=1e-6)


def test_swayed_by_hand():
    # Four candidates; the model likes the first place only. The third is what was hidden.
    by_order = np.array([[3, 2, 1, 0], [1, 0, 3, 2]], np.float32)
    bias = swayed(by_order, np.array([False, False, True, False]))
    assert bias.early == pytest.approx(1.0 - 1.0 / np.log2(4.0))
    assert bias.by_quarter == pytest.approx([1.0, np.nan, 0.5, np.nan], nan_ok=True)
    assert bias.tau == pytest.approx(1 - 2 * 4 / 6)


def test_who_the_model_fails_counts_as_what_he_received(dataset, tmp_path):
    with faults.faulty_server("status 500") as (url, _):
        found = measured(dataset, url, tmp_path, users=8)
    base = np.array(found.baseline)
    for metric, column in (("ndcg", 0), ("slate_ndcg", 0), ("kl", 1), ("slate_kl", 1)):
        assert (found.values(metric) == base[:, column]).all()
    assert {answer.failed for row in found.answers for answer in row} == {"llm_http_error"}
    assert not found.values("valid").any()
    facts = as_dict(found, dataset.catalog.titles)
    assert facts["prompts"][0]["failures"] == {"llm_http_error": 8}
    assert facts["prompts"][0]["means"]["mass"] == [None, None, None]
    assert "llm_http_error 8" in html(found, dataset.catalog.titles)


def test_money_ends_it_and_what_was_paid_is_not_lost(dataset, answering, tmp_path):
    with answering(by_title) as (url, payloads):
        found = measured(dataset, url, tmp_path, bias_users=0, max_tokens=8 * 2 * 6)
        assert len(found.people) == 8
        assert found.paid == 8 * len(payloads) == 8 * 16
        assert "--max-tokens was 96" in found.stopped
        assert found.judged.users[-1] == 8
        more = measured(dataset, url, tmp_path, bias_users=0, max_tokens=8 * 2 * 6)
        assert len(more.people) == 16
        assert len(payloads) == 32
        slow = measured(dataset, url, tmp_path, bias_users=0, max_seconds=1e-6)
        assert "--max-seconds" in slow.stopped


def test_a_server_that_is_gone_is_said_and_answers_are_kept(dataset, answering, tmp_path):
    with answering(by_title) as (url, _):
        measured(dataset, url, tmp_path, users=8, bias_users=0)
    kept = measured(dataset, "http://127.0.0.1:9", tmp_path, users=8, bias_users=0)
    assert kept.kept == 1.0
    with pytest.raises(ServerError, match="cannot be reached"):
        measured(dataset, "http://127.0.0.1:9", tmp_path, users=12, bias_users=0)


def test_one_process_at_a_time(tmp_path):
    endpoint = Endpoint(url="http://127.0.0.1:9", model="m")
    with (
        kept_scorer(endpoint, tmp_path),
        pytest.raises(ConfigError, match="another comparison"),
        kept_scorer(endpoint, tmp_path),
    ):
        pass


def test_requests_in_words_are_every_second_and_a_slice(dataset, answering, tmp_path):
    with answering(by_title) as (url, _):
        found = measured(dataset, url, tmp_path, words=None, bias_users=0)
    words = [bool(person.case.words) for person in found.people]
    assert 10 <= sum(words) <= 14
    assert len({person.case.likes for person in found.people}) == 24
    told = {one.name: one.users for one in slices(found)}
    assert told["requests in words"] == sum(words)
    assert sum(users for name, users in told.items() if name.startswith("history")) == 24


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prompts": ["a"]}, "prompts"),
        ({"prompts": ["a", "a"]}, "named twice"),
        ({"prompts": ["a", "b"], "primary": "mass"}, "not tested"),
        ({"prompts": ["a", "b"], "mode": "poem"}, "mode"),
        ({"prompts": ["a", "b"], "colour": 1}, "colour"),
    ],
)
def test_settings_are_checked_and_named(settings, words):
    with pytest.raises(ConfigError, match=words):
        checked(CompareConfig, settings, "polytaste prompts compare")


def test_more_users_than_there_are_and_prompts_of_another_mode(dataset, tmp_path):
    with pytest.raises(DataError, match="579 users"):
        measured(dataset, "http://127.0.0.1:9", tmp_path, users=1000)
    with pytest.raises(ConfigError, match="asks for"):
        measured(dataset, "http://127.0.0.1:9", tmp_path, prompts=("rerank-shares", "rerank-scores"))


def test_the_command_writes_a_page_and_json(answering, tmp_path):
    words = [
        "compare",
        *PAIR,
        "rerank-titles",
        "--users",
        "8",
        "--bias-users",
        "4",
        "--llm-model",
        "m",
        "--cache",
        str(tmp_path),
    ]
    page = tmp_path / "page" / "compare.html"
    with answering(by_title) as (url, _):
        result = CliRunner().invoke(app, [*words, "--llm-url", url, "--out", str(page), "--json"])
        assert result.exit_code == 0, result.output + str(result.exception)
        facts = json.loads(result.stdout)
        shown = CliRunner().invoke(app, [*words, "--llm-url", url])
    assert [one["name"] for one in facts["prompts"]] == [*PAIR, "rerank-titles"]
    assert facts["users"] == 8
    assert {d["metric"] for d in facts["differences"] if d["p"] is not None} == set(TESTED)
    assert "Where they differ most" in page.read_text()
    assert shown.exit_code == 0, shown.output + str(shown.exception)
    for said in (
        "rerank-critique",
        "calibrated slate: NDCG",
        "the candidates turned by half",
        "100% of the calls from the disk",
    ):
        assert said in shown.stdout.replace("\n", " ")
    assert CliRunner().invoke(app, [*words, "--words", "some"]).exit_code == 2
    away = CliRunner().invoke(
        app, [*words, "--llm-url", url, "--mlflow", "nowhere"]
    )  # the answers are kept, the server is gone
    assert isinstance(away.exception, ConfigError)
    assert "calibrated slate: NDCG" in away.stdout


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("permutation", "rerank-permutation"),
        ("scores", "rerank-scores"),
        ("pointwise", "rerank-pointwise"),
        ("sliding", "rerank-shares"),
    ],
)
def test_every_way_of_asking_can_be_compared(dataset, tmp_path, mode, name):
    other = tmp_path / "other.j2"
    other.write_text(load(name).text.replace("You are a recommender.", "You recommend."))
    with faults.faulty_server("ok") as (url, payloads):
        found = measured(dataset, url, tmp_path, prompts=(name, str(other)), mode=mode, users=4, bias_users=2)
        asked = len(payloads)
        measured(dataset, url, tmp_path, prompts=(name, str(other)), mode=mode, users=4, bias_users=2)
        assert len(payloads) == asked
    # That server says the same of every candidate that it is asked about alone.
    failed = "llm_no_preference" if mode == "pointwise" else ""
    assert {answer.failed for row in found.answers for answer in row} == {failed}
    assert (found.values("valid") == (mode != "pointwise")).all()
    assert (found.values("ndcg")[0] == found.values("ndcg")[1]).all()
    twice = [np.isfinite(answer.bias.tau) for answer in found.answers[0]]
    assert twice == ([True, True, False, False] if mode in {"permutation", "scores"} else [False] * 4)


@pytest.mark.parametrize("words", [False, None])
def test_a_second_opinion_asks_others(dataset, words):
    """Users after the first are those that a longer run would have gone on to."""

    def likes(users, after=0):
        people = prompt_people.held_out(dataset, users, words, 0, lambda *_: None, after=after)
        return [person.case.likes for person in people]

    first, others = likes(100), likes(40, after=100)
    assert not set(first) & set(others)
    if words is False:
        assert likes(140) == first + others


def test_a_fold_whose_users_are_all_left_out_is_not_trained_for(dataset, monkeypatch):
    folds, real = [], prompt_people.trained
    monkeypatch.setattr(prompt_people, "trained", lambda data, fold: folds.append(fold.number) or real(data, fold))
    assert len(list(prompt_people.held_out(dataset, 4, words=False, seed=0, progress=lambda *_: None, after=150))) == 4
    assert folds == [1]
    with pytest.raises(DataError, match="579 users") as why:
        list(prompt_people.held_out(dataset, 500, words=False, seed=0, progress=lambda *_: None, after=100))
    assert "--after" in why.value.remedy


def test_a_server_that_is_away_or_has_another_model_is_told_before_anything_is_trained(tmp_path, capsys):
    with kept_scorer(Endpoint(url="http://127.0.0.1:9", model="m"), tmp_path):
        assert "no answer; only answers that are on the disk" in capsys.readouterr().err
    with faults.faulty_server("ok") as (url, _):
        with kept_scorer(Endpoint(url=url, model="other"), tmp_path):
            assert "serves m instead" in capsys.readouterr().err
        with kept_scorer(Endpoint(url=url, model="m"), tmp_path):
            assert not capsys.readouterr().err
