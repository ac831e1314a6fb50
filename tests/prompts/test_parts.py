from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.parts import cached, joined, parts
from prompts.rerank import INPUTS, STABILITY
from prompts.sample import sample_inputs
from prompts.template import library, load, parse
from retrieval.errors import ConfigError

FRONT = "---\nname: a\npurpose: b\noutput: label\ninputs: [{inputs}]\n---\n"


def prompt(body, inputs="candidates, personas, request"):
    return parse(
        FRONT.format(inputs=inputs) + "{% block system %}S{% endblock %}{% block user %}" + body + "{% endblock %}", "t"
    )


@pytest.mark.parametrize("name", library())
@pytest.mark.parametrize("emptied", [None, *sorted(INPUTS - {"candidates", "overview", "k"})])
def test_parts_joined_are_what_is_sent(name, emptied):
    inputs = sample_inputs()
    if emptied:
        inputs[emptied] = type(inputs[emptied])()
    for found in (parts(load(name), inputs), joined(parts(load(name), inputs))):
        for message in load(name).render(**inputs):
            assert "".join(p.text for p in found if p.role == message.role) == message.content


def test_each_part_is_named_after_what_changes_soonest():
    found = parts(load("rerank-shares"), sample_inputs())
    assert [p.name for p in found] == ["rules", "personas", "slots", "request", "rules", "candidates", "rules"]
    assert [p.name for p in joined(found)] == ["rules", "personas", "slots", "request", "candidates", "rules"]
    assert joined(found)[4].text.startswith("Candidates:\nA. ")


def test_a_name_set_in_the_prompt_stands_for_what_it_was_set_from():
    found = parts(
        prompt("{% set wish = request | upper %}{{ personas }} {{ wish }} {{ candidates }}"),
        {"personas": 1, "request": "r", "candidates": 2},
    )
    assert [(p.name, p.text) for p in found if p.inputs] == [("personas", "1"), ("request", "R"), ("candidates", "2")]


def test_prefixes_by_hand():
    found = parts(
        prompt("P{{ personas }}R{{ request }}C{{ candidates }}E"),
        {"personas": "pp", "request": "rrr", "candidates": "c"},
    )
    assert cached(found) == {"everyone": len("SP"), "the user": len("SPppR"), "the request": len("SPppRrrrC")}


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30).filter(lambda t: "\x00" not in t), st.sampled_from(library()))
def test_the_prefix_of_a_request_survives_any_other_candidates(title, name):
    """Two calls about one request share at least the prefix that is said to be read once."""
    one, two = sample_inputs(), sample_inputs()
    two["candidates"] = [{**c, "title": title, "persona": None, "categories": []} for c in two["candidates"][::-1]]
    shared = cached(parts(load(name), one))["the request"]
    texts = ["".join(m.content for m in load(name).render(**inputs)) for inputs in (one, two)]
    assert texts[0][:shared] == texts[1][:shared]


def test_the_library_says_what_is_stable_first():
    for name in library():
        changing = [STABILITY[p.name] for p in parts(load(name), sample_inputs()) if p.inputs]
        assert all(a <= b for a, b in pairwise(changing)), name


def test_a_character_that_no_text_has_is_refused():
    with pytest.raises(ConfigError, match="NUL"):
        parts(
            prompt("{{ personas }}{{ request }}{{ candidates }}"),
            {"personas": "\x005\x00", "request": "", "candidates": ""},
        )
