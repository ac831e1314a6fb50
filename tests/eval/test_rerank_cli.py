import json
import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).parent / "polytaste"


def run(*options):
    return subprocess.run([COMMAND, "rerank", "compare", *options], capture_output=True, text=True)


def test_options_have_effects(tmp_path):
    small = ("--folds", "2", "--strategies", "calibrated,steck-greedy", "--lambdas", ".9", "--json")
    done = run(*small, "--out", str(tmp_path / "here"))
    assert done.returncode == 0, done.stderr
    base = json.loads(done.stdout)
    assert {p.name for p in (tmp_path / "here").iterdir()} == {"rerank.png", "rerank.html"}
    other = json.loads(
        run(
            *small, "--k", "5", "--candidates", "20", "--ridge", "1000", "--like-above", "4.5", "--min-items", "20"
        ).stdout
    )
    assert (base["k"], other["k"], base["candidates"], other["candidates"]) == (10, 5, 100, 20)
    assert other["users"] < base["users"]
    assert base["points"][0]["ndcg"]["mean"] != other["points"][0]["ndcg"]["mean"]


def test_wrong_values_are_named():
    for options, said in (
        (("--lambdas", "2"), "--lambdas"),
        (("--strategies", "magic"), "no strategy 'magic'"),
        (("--axis", "mood"), "no column 'mood'"),
    ):
        done = run(*options)
        assert done.returncode != 0
        assert said in done.stderr
        assert "Traceback" not in done.stderr
