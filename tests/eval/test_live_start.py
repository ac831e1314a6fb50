"""What `polytaste prompts live start` refuses, and what a report says of few people."""

import pytest

from agent.memory.trials import Outcome
from eval.live_report import summarised
from eval.live_start import planned
from prompts.template import load
from retrieval.errors import ConfigError


def test_prompts_side_by_side(tmp_path):
    made = planned(["rerank-shares", "rerank-titles"], "e", [4.0, 1.0], 7)
    assert [(arm.name, arm.share) for arm in made.arms] == [("rerank-shares", 4.0), ("rerank-titles", 1.0)]
    assert made.guards.least == 7


@pytest.mark.parametrize(
    ("prompts", "name", "shares", "words"),
    [
        (["rerank-shares", "rerank-pointwise"], "e", None, "rerank-pointwise answers with 'yes-no', rerank-shares with 'label'"),
        (["rerank-shares", "rerank-titles"], "e", [0.0, 1.0], "share: Input should be greater than 0"),
        (["rerank-shares", "rerank-titles"], "", None, "name: String should have at least 1"),
        (["rerank-shares", "rerank-titles"], "e", [1.0], "2 prompts and 1 shares"),
        (["rerank-shares", "{folder}/rerank-shares.j2"], "e", None, "two arms have one name"),
        (["rerank-shares", "{folder}/unlabelled.j2"], "e", None, "unlabelled: 20 of 20 candidates stand without their label"),
        (["rerank-shares", "{folder}/first.j2"], "e", None, "first: fails where 'personas' is empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_refused_before_it_is(tmp_path, prompts, name, shares, words):
    text = load().text
    (tmp_path / "rerank-shares.j2").write_text(text)
    (tmp_path / "unlabelled.j2").write_text(text.replace("{{ c.label }}", ""))
    (tmp_path / "first.j2").write_text(text.replace("Candidates:", "{{ personas[0].percent }} Candidates:"))
    with pytest.raises(ConfigError, match=words):
        planned([one.format(folder=tmp_path) for one in prompts], name, shares, 50)


def test_no_difference_is_told_of_few_people():
    several, few = [Outcome(lists=2, liked={"1"})] * 8, [Outcome(lists=2)] * 7
    assert summarised({"a": several, "b": few}, ["a", "b"])[1].minus_first is None
    assert summarised({"a": several, "b": several}, ["a", "b"])[1].minus_first is not None
