import numpy as np
import pytest

from prompts.rerank import clean, rerank_inputs
from prompts.sample import sample_inputs
from prompts.summaries import PersonaSummary, Slot, slot_counts, summarise
from prompts.template import load, parse
from retrieval.errors import ConfigError
from retrieval.schema import Histories

EXPECTED = """The user's tastes:
Taste 1 (60%): Sci-Fi, Horror, such as Alien (1979)
A list of 3 should hold: 2 Sci-Fi, 1 Comedy.
The request: short and odd
Candidates:
A. Toy Story (1995) [Adventure, Animation, Children, Comedy] (taste 1)
B. Jumanji (1995) [Adventure, Children, Fantasy]
Which one should come first? Answer with its letter."""


def test_golden_rendering(catalog):
    inputs = rerank_inputs(
        catalog, items=np.array([0, 1], np.int32), labels="AB", tastes=[1, None],
        personas=[PersonaSummary(2, 1, 0.6, ("Sci-Fi", "Horror"), ("Alien (1979)",))],
        slots=[Slot("Sci-Fi", 2), Slot("Comedy", 1)], request=" short\nand  odd ", k=3,
    )  # fmt: skip
    system, user = load().render(**inputs)
    assert user.content == EXPECTED
    assert system.content.endswith("Answer with one letter only.")


def test_version_follows_the_content():
    text = "---\nname: a\npurpose: b\noutput: label\ninputs: [x]\n---\n{% block system %}s{% endblock %}{% block user %}{{ x }}{% endblock %}"
    assert parse(text, "t").version != parse(text.replace("}s{", "}S{"), "t").version
    assert parse(text, "t").render(x="{{ 7*7 }}")[1].content == "{{ 7*7 }}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("inputs: [x]", "inputs: [x, y]"), "inputs names 'y', which the body does not use"),
        (("inputs: [x]", "inputs: []"), "line 7 uses 'x', which inputs does not name"),
        (("output: label", "output: poem"), "output"),
        (("block user", "block users"), "no block 'user'"),
        (("{{ x }}", "{{ x "), "t, line 7: expected token"),
        (("{{ x }}", "{{ x | upperr }}"), "line 7: there is no filter 'upperr'"),
        (("{{ x }}", "{% if x.gone and x is loud %}!{% endif %}"), "line 7: there is no test 'loud'"),
        (("---\nname", "name"), "front matter"),
    ],
)
def test_broken_prompts_are_refused(change, words):
    text = "---\nname: a\npurpose: b\noutput: label\ninputs: [x]\n---\n{% block system %}s{% endblock %}{% block user %}{{ x }}{% endblock %}"
    with pytest.raises(ConfigError, match=words):
        parse(text.replace(*change), "t")


def test_inputs_are_exact():
    with pytest.raises(ConfigError, match="wants inputs that are not there: candidates"):
        load().render(k=3)
    with pytest.raises(ConfigError, match="no prompt 'nothing'") as caught:
        load("nothing")
    assert "rerank-shares" in caught.value.remedy


def test_all_that_is_wrong_with_names_is_told_at_once_with_lines_and_remedies():
    text = load().text.replace("{{ request }}", "{{ user_name }} {{ request | joined }}", 1)
    line = text[: text.index("user_name")].count("\n") + 1
    with pytest.raises(ConfigError) as why:
        parse(text, "t")
    assert f"line {line} uses 'user_name'" in why.value.message
    assert f"line {line}: there is no filter 'joined'" in why.value.message
    assert "did you mean 'join'?" in why.value.remedy


def test_what_fails_in_rendering_has_its_line_and_what_there_is():
    text = load().text.replace("{{ s.count }}", "{{ s.cuont }}", 1)
    line = text[: text.index("s.cuont")].count("\n") + 1
    with pytest.raises(ConfigError, match=f"cannot be rendered, line {line}: .*no attribute 'cuont'") as why:
        parse(text, "t").render(**sample_inputs())
    assert "slots: label, count, percent" in why.value.remedy


def test_a_misspelt_name_or_file_is_guessed(tmp_path):
    (tmp_path / "my-percent.j2").write_text(load().text)
    for wrong, meant in (
        ("rerank-share", "rerank-shares"),
        (str(tmp_path / "my-percnt.j2"), str(tmp_path / "my-percent.j2")),
    ):
        with pytest.raises(ConfigError) as why:
            load(wrong)
        assert why.value.remedy.startswith(f"did you mean {meant}?")


def test_sandbox_holds():
    text = "---\nname: a\npurpose: b\noutput: label\ninputs: [x]\n---\n{% block system %}{% endblock %}{% block user %}{{ x.__class__.__mro__ }}{% endblock %}"
    with pytest.raises(ConfigError, match="cannot be rendered"):
        parse(text, "t").render(x="a")


@pytest.mark.parametrize(
    "said", ["{{ 1 / (x | length - 1) }}", "{{ x + 1 }}", "{% include 'x' %}{{ x }}", "{{ x.frob() }}"]
)
def test_what_python_refuses_in_a_template_is_said_of_the_prompt(said):
    text = f"---\nname: a\npurpose: b\noutput: label\ninputs: [x]\n---\n{{% block system %}}{{% endblock %}}{{% block user %}}{said}{{% endblock %}}"
    with pytest.raises(ConfigError, match="prompt 'a' cannot be rendered"):
        parse(text, "t").render(x="a")


def test_a_file_is_utf8_with_or_without_a_mark(tmp_path):
    marked, other = tmp_path / "marked.j2", tmp_path / "other.j2"
    marked.write_text(load().text, encoding="utf-8-sig")
    assert load(str(marked)).version == load().version
    other.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(str(other))


def test_clean_keeps_one_line():
    assert clean("a\n\nb\x00c\u202e", 10) == "a b c"
    assert len(clean("x" * 500, 100)) == 100


def test_slot_counts_by_largest_remainder():
    slots = slot_counts(("a", "b", "c"), np.array([0.55, 0.30, 0.15]), 10)
    assert [(s.label, s.count) for s in slots] == [("a", 6), ("b", 3), ("c", 1)]
    assert slot_counts(("a",), np.zeros(1), 10) == ()


def test_summaries_speak_of_facts(model, catalog):
    own = model.history_of("1")
    history = Histories.of([own])
    told = summarise(catalog, history, model.encoder.encode(history))
    titles = {catalog.titles[i] for i in own}
    assert [p.number for p in told] == list(range(1, len(told) + 1))
    assert all(a.share >= b.share for a, b in zip(told, told[1:], strict=False))
    assert all(set(p.exemplars) <= titles for p in told)
    assert summarise(catalog, Histories.of([[]]), model.encoder.encode(Histories.of([[]]))) == ()
