"""The commands that show prompts, by the very renderer and inputs of production."""

import json

import pytest
from typer.testing import CliRunner

from agent.recommender import Recommender, RecommenderConfig
from eval.prompt_cli import app
from eval.prompt_requests import inputs_of, with_prompt
from eval.prompt_tokens import FileTokenizer, find_tokenizer
from prompts.template import library, load
from retrieval import artifacts
from retrieval.errors import ConfigError, NotFoundError

VOCABULARY = {word: at for at, word in enumerate(["[UNK]", "u", "a", "A", "B", "AB", "?", "one", "two"])}


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return artifacts.save(model, tmp_path_factory.mktemp("models") / "m")


@pytest.fixture
def checkpoint(tmp_path):
    """A tokenizer of whole words after a chat template that ends in "a"."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[UNK]"))  # noqa: S106
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.save(str(tmp_path / "tokenizer.json"))
    template = "{% for m in messages %}u {{ m.content }} {% endfor %}{% if add_generation_prompt %}a {% endif %}"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    return tmp_path


def run(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output + str(result.exception)
    return result


def read(*words):
    return json.loads(run(*words, "--json").stdout)


def test_list_and_show():
    found = read("list")
    assert [one["name"] for one in found] == list(library())
    assert all(one["version"] == load(one["name"]).version for one in found)
    assert read("show", "rerank-titles")["text"] == load("rerank-titles").text
    assert "rerank-titles" in run("list").stdout
    assert run("show", "rerank-titles").stdout == load("rerank-titles").text  # to the letter, for `show NAME > mine.j2`


def test_what_is_rendered_is_what_production_sends(folder, model, checkpoint):
    found = read(
        "render", "rerank-shares", "--user", "7", "--request", "scary", "--model", folder, "--tokenizer", checkpoint
    )
    ask, _ = Recommender(model, config=RecommenderConfig()).prepare("scary", user="7", k=10)
    shown = ask.listing.shortlist(ask.pool, 10, 20)
    sent = ask.render(shown, "ABCDEFGHIJKLMNOPQRST")
    assert [(m["role"], m["content"]) for m in found["messages"]] == [(m.role, m.content) for m in sent]
    assert "".join(p["text"] for p in found["parts"]) == "".join(m.content for m in sent)
    assert found["tokens"] == len(f"u {sent[0].content} u {sent[1].content} a".split())
    assert (
        0 < found["prefix"]["everyone"] < found["prefix"]["the user"] < found["prefix"]["the request"] < found["tokens"]
    )
    assert found["counted"] == f"counted by {checkpoint.name}"
    said = run("render", "rerank-shares", "--user", "7", "--request", "scary", "--model", folder).stdout
    for line in ("read once for everyone", "read once for this user", "read once for this request", "tokens in all"):
        assert line in said


def test_any_prompt_is_given_the_same_facts(model):
    ask, _ = Recommender(model).prepare("", user="7", k=10)
    shown = ask.listing.shortlist(ask.pool, 10, 20)
    other = Recommender(model, config=RecommenderConfig(prompt="rerank-history")).prepare("", user="7", k=10)[0]
    assert with_prompt(ask, load("rerank-history")).render(shown, "ABCDEFGHIJKLMNOPQRST") == other.render(
        shown, "ABCDEFGHIJKLMNOPQRST"
    )
    assert len(inputs_of(ask, load("rerank-pointwise"))["candidates"]) == 1
    assert inputs_of(ask, load("rerank-permutation"))["candidates"][1]["label"] == "2"


def test_diff_of_files_and_of_what_they_say(folder):
    found = read("diff", "rerank-shares", "rerank-titles", "--user", "7", "--model", folder)
    assert any(line.startswith("+purpose: Candidates by their titles") for line in found["text"])
    changed = [line for line in found["rendered"] if line[:2] in {"-A", "+A"}]
    assert len(changed) == 2
    assert changed[0][1:].startswith(changed[1][1:])
    assert set(read("diff", "rerank-shares", "rerank-shares", "--text-only")) == {"before", "after", "text"}
    assert "no difference" in run("diff", "rerank-shares", "rerank-shares", "--text-only").stdout


def test_new_begins_a_prompt_and_keeps_what_is_there(tmp_path):
    made = read("new", "rerank-short", "--from", "rerank-titles", "--purpose", 'a "short" one', "--out", tmp_path)
    written = load(made["path"])
    assert (written.front.name, written.front.purpose) == ("rerank-short", 'a "short" one')
    assert written.body == load("rerank-titles").body
    assert isinstance(run("new", "rerank-short", "--out", tmp_path, code=1).exception, ConfigError)
    assert isinstance(run("new", "../escaped", "--out", tmp_path, code=1).exception, ConfigError)
    assert read("lint", made["path"])["fit"]


def test_lint_fails_on_errors_and_strictly_on_warnings(tmp_path, folder, checkpoint):
    assert find_tokenizer(str(checkpoint)).name == checkpoint.name
    path = tmp_path / "worse.j2"
    path.write_text(load("rerank-shares").text.replace("Answer with one letter only.", "Explain your choice."))
    (finding,) = read("lint", path)["prompts"][str(path)]
    assert finding["rule"] == "explanation"
    run("lint", path, "--strict", code=2)
    path.write_text("---\nname: a\n---\n")
    assert "[malformed]" in run("lint", path, code=2).stdout
    path.write_text(load("rerank-shares").text.replace("{{ c.label }}", "{{ c.label + 1 }}"))
    several = json.loads(run("lint", path, "rerank-titles", "--json", code=2).stdout)["prompts"]
    assert [one["rule"] for one in several[str(path)]] == ["unrenderable"]
    assert several["rerank-titles"] == []  # one that fails keeps none from being checked
    collided = json.loads(run("lint", "rerank-shares", "--tokenizer", checkpoint, "--json", code=2).stdout)
    (labels,) = [one for one in collided["prompts"]["rerank-shares"] if one["rule"] == "labels"]
    assert labels["message"].endswith(": D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T")
    assert read("lint", "rerank-shares", "--user", "7", "--model", folder)["fit"]
    assert isinstance(run("lint", "no-such", code=1).exception, ConfigError)
    assert isinstance(run("render", "--user", "nobody", "--model", folder, code=1).exception, NotFoundError)


def test_a_tokenizer_by_hand(checkpoint):
    tokenizer = FileTokenizer(checkpoint)
    assert tokenizer.count("one two one") == 3
    assert tokenizer.chat("one", "two") == 5
    assert tokenizer.collisions(["A", "B", "A", "A B", "C", "D"]) == ["A", "A B", "D"]
    (checkpoint / "tokenizer_config.json").write_text("{}")
    with pytest.raises(ConfigError, match="no chat template"):
        FileTokenizer(checkpoint)
    with pytest.raises(ConfigError, match=r"no tokenizer\.json"):
        FileTokenizer(checkpoint / "none")
