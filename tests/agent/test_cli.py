import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.artifacts import load, save

POLYTASTE = Path(sys.executable).parent / "polytaste"


def polytaste(*args, stdin="", home=None):
    environment = {**os.environ, "COLUMNS": "120", **({"POLYTASTE_HOME": str(home)} if home else {})}
    return subprocess.run(
        [POLYTASTE, *map(str, args)], input=stdin, capture_output=True, text=True, env=environment, timeout=300
    )


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return save(model, tmp_path_factory.mktemp("cli") / "model")


def test_help_imports_nothing_heavy():
    code = (
        "import sys, agent, agent.cli, eval.cli\n"
        "heavy = {'torch', 'vllm', 'transformers', 'faiss', 'numba', 'polars', 'langchain_core', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    shown = polytaste("--help").stdout
    for command in ("train", "recommend", "chat", "eval", "llm", "doctor", "download"):
        assert command in shown


def test_json_is_the_slate_alone(folder):
    done = polytaste("recommend", "--user", "1", "--no-llm", "--model", folder, "--json", "--k", "3")
    assert done.returncode == 0, done.stderr
    slate = json.loads(done.stdout)
    assert [i["rank"] for i in slate["items"]] == [1, 2, 3]
    assert slate["degraded_reason"] == "llm_off"


def test_options_change_the_slate(folder):
    def ids(*more, user=("--user", "1")):
        done = polytaste("recommend", *user, "--no-llm", "--model", folder, "--json", *more)
        return [i["item_id"] for i in json.loads(done.stdout)["items"]]

    plain = ids()
    assert ids("--lam", "0") != plain
    assert ids("--axis", "personas") != plain
    assert ids("--request", "like Fargo") != plain
    assert ids("--like", "Fargo", user=()) != ids("--like", "Toy Story", user=())


def test_no_server_is_a_reason_not_an_error(folder, tmp_path):
    done = polytaste("recommend", "--user", "1", "--model", folder, "--json", home=tmp_path)
    assert json.loads(done.stdout)["degraded_reason"] == "llm_unreachable"


def test_people_see_a_table(folder):
    done = polytaste("recommend", "--like", "Alien", "--like", "Toy Story", "--no-llm", "--model", folder)
    assert done.returncode == 0
    assert "taste 1" in done.stdout
    assert "C_KL" in done.stdout


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--like", "The Godfathr"), 4, ["Godfathr", "did you mean", "Godfather, The (1972)"]),
        (("--user", "nobody"), 4, ["nobody"]),
        (("--llm-url", "ftp://x"), 2, ["ftp://x"]),
        (("--llm-url", "http://127.0.0.1:1"), 2, ["--llm-model"]),
        (("--k", "0"), 2, ["--k"]),
        (("--axis", "mood"), 4, ["mood"]),
    ],
)
def test_errors_say_what_to_do(folder, args, code, words):
    done = polytaste("recommend", *args, "--model", folder)
    assert done.returncode == code
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_untrained_and_unserved(tmp_path):
    done = polytaste("recommend", "--user", "1", home=tmp_path)
    assert done.returncode == 4
    assert "polytaste train" in done.stderr
    done = polytaste("llm", "status", home=tmp_path)
    assert done.returncode == 5
    assert polytaste("llm", "down", home=tmp_path).returncode == 0
    done = polytaste("doctor", home=tmp_path)
    assert done.returncode == 0
    assert "polytaste train" in done.stdout
    assert "polytaste llm up" in done.stdout


def test_train_on_own_tables_then_recommend(tmp_path):
    import random

    draw = random.Random(0)
    rows = [f"c{u},s{i}" for u in range(60) for i in draw.sample(range(40), 12)]
    (tmp_path / "log.csv").write_text("who,sku\n" + "\n".join(rows))
    (tmp_path / "goods.csv").write_text("sku,name\n" + "\n".join(f"s{i},Thing {i}" for i in range(40)))
    out = tmp_path / "model"
    done = polytaste(
        "train", "--data", tmp_path / "log.csv", "--items", tmp_path / "goods.csv", "--column", "user=who",
        "--out", out, "--epochs", "1", "--personas", "3", "--dimension", "16", "--recency", "0.5",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shape = load(out).encoder.config
    assert (shape.personas, shape.dimension, shape.recency) == (3, 16, 0.5)
    slate = json.loads(polytaste("recommend", "--user", "c1", "--model", out, "--no-llm", "--json").stdout)
    assert slate["axis"] == "personas"
    assert all(i["title"].startswith("Thing") for i in slate["items"])
    (tmp_path / "log.csv").write_text("who,sku,rating\na,b,x\n")
    done = polytaste("train", "--data", tmp_path / "log.csv", "--column", "user=who", "--out", out)
    assert done.returncode == 3
    assert "row 2, column 'rating'" in " ".join(done.stderr.split())


def test_chat_answers_line_by_line(folder):
    done = polytaste(
        "chat",
        "--user",
        "1",
        "--no-llm",
        "--model",
        folder,
        stdin="3 comedies\nlike Nonexistent Filmname\n2 dramas\n\n",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("C_KL") == 2  # what is not known changes no list
    assert "I do not know 'Nonexistent Filmname'. The list stays as it was." in done.stdout
