from itertools import product

import pytest

from prompts.compose import SHARES, TASTES, compose
from prompts.lint import lint
from prompts.sample import sample_inputs
from prompts.template import load
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
