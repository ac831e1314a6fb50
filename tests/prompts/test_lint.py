import pytest

from prompts.lint import SUFFIX_CHARACTERS, lint, tokens
from prompts.sample import sample_inputs
from prompts.template import library, load, parse
from retrieval.errors import ConfigError

CLEAN = """---
name: a
purpose: b
output: label
inputs: [candidates, personas, request]
---
{% block system %}
Choose one. Answer with one letter.
{% endblock %}
{% block user %}
{% for p in personas %}{{ p.categories }}{% endfor %}
{{ request }}
{% for c in candidates %}{{ c.label }} {{ c.title }}
{% endfor %}
{% endblock %}
"""


class Words:
    """Cuts at spaces; says that some labels collide."""

    name = "words"

    def __init__(self, *wrong):
        self.wrong = wrong

    def count(self, text):
        return len(text.split())

    def collisions(self, labels):
        return [label for label in labels if label in self.wrong]


def rules(text, **options):
    return [(one.rule, one.severity) for one in lint(parse(text, "t"), **options)]


def changed(before, after):
    assert before in CLEAN
    return CLEAN.replace(before, after)


@pytest.mark.parametrize("name", library())
def test_the_library_is_clean(name):
    assert lint(load(name)) == []


def test_a_clean_prompt_is_clean():
    assert rules(CLEAN) == []


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("{{ request }}", "{% if request %}{% endif %}", [("unused", "warning")]),
        ("{{ p.categories }}", "", [("unused", "warning")] * 2),  # the input, and the name of the loop
        ("{{ request }}", "{% set wish = request %}{{ request }}", [("unused", "warning")]),
        ("{{ c.label }} {{ c.title }}", "{{ c.title }}", [("labels", "error")]),
        ("Answer with one letter.", "Explain your choice, then answer.", [("explanation", "warning")]),
        ("Answer with one letter.", "Begr\u00fcnde die Wahl.", [("explanation", "warning")]),
        ("Answer with one letter.", "Raisonne \u00e9tape par \u00e9tape.", [("explanation", "warning")]),
        ("Answer with one letter.", "Di por qu\u00e9.", [("explanation", "warning")]),
        ("Answer with one letter.", "Do not explain your choice; no reasons.", []),
        ("Answer with one letter.", "Antworte ohne Begr\u00fcndung.", []),
        ("{{ request }}", "{{ request }}{{ personas[0].percent }}", [("empty", "error")]),
        ("{{ request }}", "{{ request | first | upper }}{{ request.split()[0] }}", [("empty", "error")]),
        ("name: a\n", "name: a\nbudget: {rules: 2}\n", [("budget", "warning")]),
        ("name: a\n", "name: a\nbudget: {verses: 2}\n", [("budget", "warning")]),
    ],
)  # fmt: skip
def test_each_rule_finds_what_it_is_for(before, after, found):
    assert rules(changed(before, after)) == found


def test_what_is_stable_after_what_is_not():
    moved = changed("{{ request }}\n", "").replace("{% for p in", "{{ request }}\n{% for p in")
    (finding,) = lint(parse(moved, "t"))
    assert finding.rule == "volatile-first"
    assert finding.message.startswith("'personas' comes after 'request'")


@pytest.mark.parametrize(("length", "found"), [(SUFFIX_CHARACTERS, 0), (SUFFIX_CHARACTERS + 1, 1)])
def test_rules_at_the_end_are_short(length, found):
    ending = "{% endfor %}\n" + "r" * length + "\n{% endblock %}\n"
    assert len(rules(CLEAN.replace("{% endfor %}\n{% endblock %}\n", ending))) == found


def test_lengths_are_counted_by_the_tokenizer_that_is_given_and_say_so():
    wordy = changed("Choose one.", "word " * 151)
    (counted,) = lint(parse(wordy, "t"), tokenizer=Words())
    assert "rules: 155 tokens (by words), 150 allowed" in counted.message
    (guessed,) = lint(parse(changed("Choose one.", "w" * 600), "t"))
    assert "(at 4 characters each)" in guessed.message
    assert tokens("12345", None) == 2


def test_labels_that_collide_are_named():
    (finding,) = lint(parse(CLEAN, "t"), tokenizer=Words("C"), labels="ABC")
    assert (finding.rule, finding.severity) == ("labels", "error")
    assert finding.message.endswith(": C")


def test_real_inputs_take_the_place_of_the_sample():
    long = {**sample_inputs(), "request": "x" * 4000}
    assert [one.rule for one in lint(load("rerank-shares"), long)] == ["budget"]


def test_inputs_that_are_missing_are_an_error():
    with pytest.raises(ConfigError, match="wants inputs that are not there"):
        lint(load("rerank-shares"), {"k": 3})
