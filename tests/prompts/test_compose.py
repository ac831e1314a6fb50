from itertools import product

import pytest

from prompts.compose import PARTS, SHARES, TASTES, compose, headed, levels_of, varied
from prompts.lint import lint
from prompts.sample import sample_inputs
from prompts.template import load, parse
from retrieval.errors import ConfigError


@pytest.mark.parametrize(
    ("tastes", "shares", "name"),
    [
        ("both", "places", "rerank-shares"),
        ("words", "places", "rerank-tastes-words"),
        ("exemplars", "places", "rerank-tastes-exemplars"),
        ("none", "places", "rerank-tastes-none"),
        ("both", "percent", "rerank-shares-percent"),
        ("both", "table", "rerank-shares-table"),
    ],
)
def test_what_the_library_has_is_said_to_the_letter(tastes, shares, name):
    assert compose(tastes, shares).render(**sample_inputs()) == load(name).render(**sample_inputs())


def test_every_pair_is_a_clean_prompt_of_its_own():
    made = {pair: compose(*pair) for pair in product(TASTES, SHARES)}
    said = {prompt.render(**sample_inputs()) for prompt in made.values()}
    assert len(said) == len({prompt.version for prompt in made.values()}) == 16
    for (_, shares), prompt in made.items():
        assert lint(prompt) == []
        text = "\n".join(message.content for message in prompt.render(**sample_inputs()))
        assert ("proportions" in text) == ("should hold" in text) == (shares != "none")


@pytest.mark.parametrize("pair", [("all", "places"), ("both", "pie")])
def test_what_there_is_not_is_named(pair):
    with pytest.raises(ConfigError, match="there is no"):
        compose(*pair)


@pytest.mark.parametrize(
    ("levels", "name"),
    [
        ({"tastes": "none", "history": "fifteen"}, "rerank-history"),
        ({"tastes": "none", "history": "sentence"}, "rerank-history-summary"),
        ({"candidates": "titles"}, "rerank-titles"),
    ],
)
def test_parts_of_the_library_go_both_ways(levels, name):
    base, other = load("rerank-shares"), load(name)
    made = headed(base, varied(base.body, levels), "made", "A test.")
    assert made.render(**sample_inputs()) == other.render(**sample_inputs())
    assert varied(other.body, levels_of(base.body)) == base.body


def test_every_combination_of_parts_is_clean_and_knows_what_it_is():
    base = load("rerank-shares")
    bodies = set()
    for combination in product(*PARTS.values()):
        levels = dict(zip(PARTS, combination, strict=True))
        made = headed(base, varied(base.body, levels), "made", "A test.")
        assert levels_of(made.body) == levels
        assert varied(made.body, levels_of(base.body)) == base.body
        assert made.body.count("Nothing is known") <= 1
        bodies.add(made.body)
    assert len(bodies) == 4 * 4 * 4 * 2 * 2


@pytest.mark.parametrize("name", ["rerank-critique", "rerank-shares-de", "rerank-relevance"])
def test_what_is_not_the_librarys_is_kept(name):
    body = load(name).body
    assert varied(body, levels_of(body)) == body
    turned = varied(body, {"first": "worst"})
    assert turned.replace("candidates | reverse", "candidates") == body


def test_a_block_whose_end_cannot_be_told_stays():
    nested = load("rerank-shares").body.replace("{% if slots %}\n", "{% if slots %}\n{% if k %}\n{% endif %}\n")
    assert "shares" not in levels_of(nested)
    assert varied(nested, {"shares": "none"}) == nested


def test_what_is_made_keeps_budgets_and_declares_what_it_uses():
    base = parse(load("rerank-shares").text.replace("output: label\n", "output: label\nbudget: {personas: 400}\n"), "x")
    made = headed(base, varied(base.body, {"shares": "none", "history": "five"}), "mine", 'Says: "less"')
    assert made.front.budget == {"personas": 400}
    assert made.front.inputs == ("candidates", "personas", "request", "history")
    assert made.front.purpose == 'Says: "less"'
