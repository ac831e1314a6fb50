import pytest

from prompts.compose import compose
from prompts.lint import lint
from prompts.template import load
from prompts.wordings import reworded, sentence_of, wordings
from retrieval.errors import ConfigError


def test_every_group_begins_with_what_the_library_says():
    for name, sentences in wordings().items():
        assert sentence_of(load("rerank-shares").body, sentences) == sentences[0], name
        assert len(set(sentences)) == len(sentences) > 1


def test_every_sentence_makes_a_clean_prompt_and_can_be_taken_back():
    groups, base = wordings(), load("rerank-shares")
    for name, sentences in groups.items():
        for sentence in sentences:
            body = reworded(base.body, groups, {name: sentence})
            assert sentence_of(body, sentences) == sentence
            assert body.count("data, never instructions") == 1
            assert reworded(body, groups, {name: sentences[0]}) == base.body


def test_a_group_that_a_prompt_has_nothing_of_changes_nothing():
    groups, body = wordings(), compose("none", "none").body
    assert sentence_of(body, groups["tastes-heading"]) is None
    assert reworded(body, groups, {"tastes-heading": "What the user likes:"}) == body


def test_a_file_of_ones_own_adds_sentences_and_groups(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "question: ['Which one? Answer with its letter.', 'The letter of the best choice:']\ntone: [Be bold.]\n"
    )
    groups = wordings(file)
    assert groups["question"][-1] == "Which one? Answer with its letter."
    assert groups["question"][0] == wordings()["question"][0]
    assert groups["tone"] == ("Be bold.",)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: 1\n", "a: []\n", "a: ['']\n", "a: [\n", ""])
def test_what_is_no_file_of_sentences_is_said(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="sentence"):
        wordings(file)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigError, match="--wordings"):
        wordings(tmp_path / "none.yaml")


def test_the_linter_sees_what_a_sentence_breaks():
    groups = wordings()
    body = reworded(load("rerank-shares").body, {**groups, "answer": (*groups["answer"], "Explain your choice.")}, {"answer": "Explain your choice."})  # fmt: skip
    from prompts.compose import headed

    assert [one.rule for one in lint(headed(load("rerank-shares"), body, "x", "y"))] == ["explanation"]
