"""Crossed parts of prompts: effects by hand, planted and none, the plan of who sees what, and the whole against a scripted server."""

import json
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from agent.llm.loop import run
from agent.llm.orders import Opinion
from agent.llm.scorer import LabelScores
from eval import llm_fit, prompt_people
from eval.prompt_cli import app
from eval.prompt_effects import cells_of, effects, plan
from eval.prompt_factorial import FactorialConfig, WorstFirst
from retrieval.errors import ConfigError
from tests.agent import faults
from tests.eval.test_prompt_compare import LINE, by_title

FACTORS = {"a": ("a0", "a1", "a2"), "b": ("b0", "b1")}


@pytest.fixture(scope="module", autouse=True)
def untrained(model):
    patch = pytest.MonkeyPatch()
    patch.setattr(llm_fit, "train", lambda *_, **__: model.encoder)
    built = {}

    def once(dataset, fold):
        if fold.number not in built:
            built[fold.number] = llm_fit.trained(dataset, fold)
        return built[fold.number]

    patch.setattr(prompt_people, "trained", once)
    yield
    patch.undo()


def by_name(found, metric=0):
    return {(one.factors, one.levels): one for one in found[metric]}


def test_effects_of_complete_data_are_differences_of_means():
    # One user in all cells: y = 1 + 2 [a1] + 5 [b1] + 3 [a2 and b1].
    cells = cells_of(FACTORS)
    one = np.array([1 + 2 * (a == "a1") + 5 * (b == "b1") + 3 * (a == "a2" and b == "b1") for a, b in cells], float)
    users = np.repeat([0, 1], 6)
    values = np.concatenate([one, one + 10])[:, None]  # another user is another level, not another effect
    found = by_name(effects(FACTORS, users, np.tile(np.arange(6), 2), values))
    said = {of: round(effect.interval.mean, 9) for of, effect in found.items()}
    assert said == {
        (("a",), ("a1",)): 2.0, (("a",), ("a2",)): 1.5, (("b",), ("b1",)): 6.0,
        (("a", "b"), ("a1", "b1")): 0.0, (("a", "b"), ("a2", "b1")): 3.0,
    }  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 12), st.integers(1, 9), st.integers(0, 99), st.data())
def test_the_plan_is_balanced(cells, users, seed, data):
    each = data.draw(st.integers(1, cells))
    mine = plan(cells, users, each, seed)
    assert all(len(set(one.tolist())) == each for one in mine)
    counts = np.bincount(np.concatenate(mine), minlength=cells)
    assert counts.max() - counts.min() <= 2
    assert all((a == b).all() for a, b in zip(mine, plan(cells, users, each, seed), strict=True))


def simulated(seed, effect=0.0, users=60, each=4):
    draw = np.random.default_rng(seed)
    seen = np.concatenate(plan(6, users, each, seed))
    owner = np.repeat(np.arange(users), each)
    first = np.array([cell[0] == "a1" for cell in cells_of(FACTORS)], float)
    values = draw.normal(0, 1, users)[owner] + effect * first[seen] + draw.normal(0, 0.3, len(seen))
    return owner, seen, values[:, None]


def test_a_planted_effect_is_found_through_some_of_the_cells_and_nothing_else_is():
    found = by_name(effects(FACTORS, *simulated(1, effect=0.5)))
    main = found[("a",), ("a1",)]
    assert main.interval.low < 0.5 < main.interval.high
    assert main.p < 1e-3
    assert all(one.p > 0.05 for of, one in found.items() if of != (("a",), ("a1",)))


def test_no_effect_is_found_in_five_percent(monkeypatch):
    monkeypatch.setattr("eval.prompt_effects._DRAWS", 300)
    rejected, covered = 0, []
    for seed in range(100):
        (several,) = effects(FACTORS, *simulated(seed))
        rejected += any(one.p < 0.05 for one in several)
        covered += [one.interval.low <= 0 <= one.interval.high for one in several]
    assert rejected <= 12  # 5 of 100, and chance
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_what_cannot_be_told_apart_is_refused():
    users, seen, values = simulated(0)
    with pytest.raises(ConfigError, match="too few"):
        effects(FACTORS, users, np.zeros_like(seen), values)


def test_what_only_just_can_be_told_apart_is_refused_and_not_called_certain():
    # Five parameters from six users in two cells each: most draws of users leave a parameter open.
    seen = np.concatenate(plan(6, 6, 2, seed=0))
    values = np.random.default_rng(0).normal(size=(12, 1))
    with pytest.raises(ConfigError, match="too few"):
        effects(FACTORS, np.repeat(np.arange(6), 2), seen, values)


def test_worst_first_is_the_same_opinion_of_each_candidate():
    class Mode:
        output, most = "label", 52

        async def __call__(self, shown, _calls):
            said = shown.astype(np.float32) * 10 + np.arange(len(shown))
            return Opinion(said, 0.5, LabelScores(said, 1.0, 1, 1), np.stack([said, said + 1]))

    said = run(WorstFirst(Mode())(np.array([5, 6, 7], np.int32), None))
    assert said.relevance.tolist() == [52, 61, 70]  # 5 came last, at place 2
    assert said.scores.logprobs.tolist() == [52, 61, 70]
    assert said.by_order.tolist() == [[52, 61, 70], [53, 62, 71]]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tastes": ["none"], "shares": ["none"], "first": ["best"]}, "nothing to compare"),
        ({"tastes": ["none", "none"]}, "named twice"),
        ({"orders": [1, 9]}, "orders"),
    ],
)
def test_settings_make_sense(settings, words):
    with pytest.raises(ValueError, match=words):
        FactorialConfig.model_validate(settings)


def test_the_whole_finds_the_part_that_matters(monkeypatch, tmp_path):
    """A model that keeps the order it is shown where it is given a table, and has its own opinion elsewhere."""

    def chat(_kind):
        def answer(handler, payload):
            text = "\n".join(m["content"] for m in payload["messages"])
            lines = [title for _, title in LINE.findall(text)]
            said = [-at if "| kind |" in text else by_title(text, at, title, lines) for at, title in enumerate(lines)]
            logprobs = np.array(said, float) - np.log(np.exp(np.array(said, float)).sum())
            body = faults.chat_body(dict(zip(payload["logprob_token_ids"], logprobs.tolist(), strict=True)))
            faults._send(handler, 200, json.dumps(body).encode())

        return answer

    monkeypatch.setattr(faults, "_chat", chat)
    words = [
        "factorial",
        "--tastes",
        "none,both",
        "--shares",
        "places,table",
        "--first",
        "best,worst",
        "--users",
        "40",
        "--cells",
        "4",
    ]
    words += ["--llm-model", "m", "--cache", str(tmp_path)]
    with faults.faulty_server("ok") as (url, payloads):
        result = CliRunner().invoke(app, [*words, "--llm-url", url, "--json"])
        assert result.exit_code == 0, result.output + str(result.exception)
        asked = len(payloads)
        shown = CliRunner().invoke(app, [*words, "--llm-url", url])
        assert len(payloads) == asked <= 160
    facts = json.loads(result.stdout)
    assert facts["observations"] == 160
    assert {cell["observations"] for cell in facts["cells"]} == {20}
    effect = {(e["metric"], *e["levels"]): e for e in facts["effects"]}
    assert effect["ndcg", "table", "worst"]["p"] < 0.05  # the order that is kept is the best one, or the worst
    assert effect["ndcg", "table", "worst"]["effect"][2] < 0
    assert effect["ndcg", "worst"]["effect"][0] < 0
    assert effect["ndcg", "both"]["p"] > 0.05
    assert effect["ndcg", "both", "table"]["p"] > 0.05
    assert len(facts["effects"]) == 3 * (3 + len(list(combinations(range(3), 2))))
    assert shown.exit_code == 0, shown.output + str(shown.exception)
    assert "shares" in shown.stdout
    assert isinstance(
        CliRunner()
        .invoke(app, [*words, "--cells", "9", "--llm-url", "http://127.0.0.1:9", "--llm-model", "m"])
        .exception,
        ConfigError,
    )
