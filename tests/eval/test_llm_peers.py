"""The label mode beside RankLLM: what RankLLM is given, and what its report is read as. An interpreter that plays it stands in."""

import inspect
import json
import os
import stat
import subprocess
import sys

import pytest
from rich.console import Console

from agent.llm.endpoint import Endpoint
from agent.llm.scorer import LabelScorer
from eval import rankllm_peer
from eval.llm_modes import SHOWN, Study
from eval.llm_peers import Peer, peers
from eval.llm_peers_report import _table
from eval.rankllm_peer import ABSENT, _numbers
from retrieval.errors import ConfigError
from tests.agent.faults import faulty_server


@pytest.fixture(scope="module")
def study(dataset, model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eval.llm_fit.train", lambda *_, **__: model.encoder)  # training is not what is tested
        return Study(dataset, 0, 9, SHOWN, words=False, seed=0)


def interpreter(folder, body):
    """A program that is called as a python is, and has read its requests in ``lines``."""
    path = folder / "python"
    path.write_text(
        f"#!{sys.executable}\nimport json, sys, time\nlines = [json.loads(x) for x in open(sys.argv[2])]\n{body}\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return path


def timed(study, dataset, python, limit_s=30.0):
    with faulty_server("ok") as (url, payloads):
        scorer = LabelScorer(Endpoint(url=url, model="m"))
        return peers(study, dataset.catalog, scorer, python, 3, limit_s, lambda: None), payloads


def test_both_are_asked_about_the_same_users(study, dataset, tmp_path):
    kept = tmp_path / "kept.jsonl"
    python = interpreter(
        tmp_path,
        f"open({str(kept)!r}, 'a').write(json.dumps([sys.argv, lines]) + '\\n')\n"
        "print(json.dumps(dict(requests=len(lines), left=0, seconds=4.0, whole=1, named=12.5, written=90.0, failures={'TypeError': 1})))",
    )
    found, payloads = timed(study, dataset, python)
    assert [(one.name.split(",")[0], one.at_once) for one in found] == [
        ("label", 1), ("label", 3), ("RankLLM as it comes", 1), ("RankLLM", 1), ("RankLLM as it comes", 3), ("RankLLM", 3),
    ]  # fmt: skip
    assert [one.requests for one in found] == [4, 4, 2, 2, 2, 2]
    assert found[2].per_second == 0.5
    assert (found[2].whole, found[2].named, found[2].written, found[2].failures) == (1, 12.5, 90.0, {"TypeError": 1})
    assert [(one.whole, one.named, one.written) for one in found[:2]] == [(None, None, None)] * 2
    runs = [json.loads(line) for line in kept.read_text().splitlines()]
    assert ["--bounded" in argv for argv, _ in runs] == [False, True, False, True]
    lines = [line for _, lines in runs for line in lines]
    assert len(payloads) == 1 + len(lines)
    for payload, line in zip(payloads[1:5], lines[:4], strict=True):
        prompt = payload["messages"][-1]["content"]
        assert line["query"]["text"] in " ".join(prompt.split())
        titles = [c["doc"]["contents"].partition(" [")[0] for c in line["candidates"]]
        assert len(titles) == SHOWN
        assert all(title in prompt for title in titles)


def test_an_interpreter_that_hangs_is_named(study, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("eval.llm_peers._START_S", 0.2)
    with pytest.raises(ConfigError, match="does not start"):
        timed(study, dataset, interpreter(tmp_path, "time.sleep(60)"), limit_s=0.1)


def test_an_interpreter_without_rankllm_is_named(study, dataset, tmp_path):
    with pytest.raises(ConfigError, match="no rank_llm here") as absent:
        timed(study, dataset, interpreter(tmp_path, f"sys.stderr.write('no rank_llm here'); sys.exit({ABSENT})"))
    with pytest.raises(ConfigError, match="--rankllm") as nothing:
        timed(study, dataset, tmp_path / "absent")
    assert "has RankLLM" in absent.value.remedy and absent.value.remedy == nothing.value.remedy


def test_rankllm_that_fails_is_not_taken_for_a_missing_one(study, dataset, tmp_path):
    with pytest.raises(ConfigError, match="RankLLM ended, RuntimeError: no tokens") as failed:
        timed(study, dataset, interpreter(tmp_path, "raise RuntimeError('no tokens')"))
    assert "has RankLLM" not in failed.value.remedy


def test_what_was_not_measured_is_left_empty():
    console = Console(width=120)
    rows = [Peer("label", 1, 4, 0, 2.0), Peer("RankLLM", 1, 2, 1, 4.0, 1, 7.5, 60.0), Peer("cut", 1, 0, 3, 4.0)]
    with console.capture() as shown:
        console.print(_table(rows, "title"))
    lines = [line.split() for line in shown.get().splitlines()[2:]]
    assert [line[-3:] for line in lines] == [["-"] * 3, ["1", "7.5", "60"], ["-"] * 3]


STAND_IN = {
    "openai": """
        from types import SimpleNamespace
        said = iter([ConnectionError("gone"), "[2] > [1]", ValueError("context"), None, "[3]"])
        def create(**_):
            one = next(said)
            if isinstance(one, Exception):
                raise one
            return one
        chat = SimpleNamespace(completions=SimpleNamespace(create=create))
    """,
    "rank_llm": "",
    "rank_llm/data": """
        import json
        def read_requests_from_file(path):
            return [json.loads(line) for line in open(path)]
    """,
    "rank_llm/rerank": """
        from types import SimpleNamespace
        class Reranker:
            def __init__(self, agent):
                self.agent = agent
            def rerank(self, request, **_):
                text = self.agent.ask()
                call = SimpleNamespace(response=text, output_token_count=len(text))
                return SimpleNamespace(invocations_history=[call])
    """,
    "rank_llm/rerank/rankllm": """
        from types import SimpleNamespace
        PromptMode = SimpleNamespace(RANK_GPT="rank_gpt")
    """,
    "rank_llm/rerank/listwise": """
        import openai
        class SafeOpenai:
            def __init__(self, *_, **__):
                pass
            def ask(self):
                while True:
                    try:
                        return openai.chat.completions.create()
                    except ValueError:
                        return "ERROR::reduce_length"
                    except ConnectionError:
                        print("again")
    """,
}
"""What of RankLLM and its client the script calls: repeats broken connections and takes a refusal for an answer, as they do."""


def script(folder, *more):
    command = [sys.executable, rankllm_peer.__file__, str(folder / "lines"), "--url", "http://x", "--model", "m", *more]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(folder)}
    )


def test_calls_that_fail_are_counted_and_are_no_answers(tmp_path):
    for name, body in STAND_IN.items():
        place = tmp_path / name / "__init__.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(inspect.cleandoc(body))
    (tmp_path / "vllm.py").touch()
    (tmp_path / "lines").write_text("{}\n" * 4)
    ended = script(tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found.pop("seconds") > 0
    assert found == {
        "requests": 2, "left": 2, "failures": {"ConnectionError": 1, "ValueError": 1, "TypeError": 1},
        "whole": 0, "named": 1.5, "written": 6.0,
    }  # fmt: skip


def test_the_script_says_that_rankllm_is_absent(tmp_path):
    (tmp_path / "rank_llm.py").write_text("raise ImportError('no rank_llm here')")
    ended = script(tmp_path)
    assert ended.returncode == ABSENT and ended.stderr.splitlines()[-1] == "no rank_llm here"


def test_answers_are_read_as_rankllm_reads_them():
    assert _numbers("[3] > [1] > [20] > [21] and 0") == [3, 1, 20]
