"""The label mode beside RankLLM: what RankLLM is given, and what its report is read as. An interpreter that plays it stands in."""

import json
import stat
import sys

import pytest

from agent.llm.endpoint import Endpoint
from agent.llm.scorer import LabelScorer
from eval.llm_modes import SHOWN, Study
from eval.llm_peers import peers
from eval.rankllm_peer import _numbers
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
        "print(json.dumps(dict(requests=len(lines), left=0, seconds=4.0, calls=2, whole=1, named=12.5, written=90.0)))",
    )
    found, payloads = timed(study, dataset, python)
    assert [(one.name.split(",")[0], one.at_once) for one in found] == [
        ("label", 1), ("label", 3), ("RankLLM as it comes", 1), ("RankLLM", 1), ("RankLLM as it comes", 3), ("RankLLM", 3),
    ]  # fmt: skip
    assert [one.requests for one in found] == [4, 4, 2, 2, 2, 2]
    assert found[2].per_second == 0.5
    assert found[2].named == 12.5
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
    with pytest.raises(ConfigError, match="no rank_llm here"):
        timed(study, dataset, interpreter(tmp_path, "sys.exit('no rank_llm here')"))
    with pytest.raises(ConfigError, match="--rankllm"):
        timed(study, dataset, tmp_path / "absent")


def test_answers_are_read_as_rankllm_reads_them():
    assert _numbers("[3] > [1] > [20] > [21] and 0") == [3, 1, 20]
