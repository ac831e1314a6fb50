"""A comparison in an embedded MLflow store."""

import json
from pathlib import Path

import numpy as np
import pytest

from eval.prompt_answers import METRICS, Answer
from eval.prompt_bias import nothing_of
from eval.prompt_compare import CompareConfig, Comparison
from eval.prompt_people import held_out
from eval.prompt_stats import as_dict
from eval.prompt_tracking import EXPERIMENT, track
from prompts.template import load
from retrieval.errors import ConfigError

tracking = pytest.importorskip("mlflow.tracking", reason="the extra 'mlflow' is not installed")


@pytest.fixture(scope="module")
def found(dataset, model):
    from eval import llm_fit

    patch = pytest.MonkeyPatch()
    patch.setattr(llm_fit, "train", lambda *_, **__: model.encoder)
    people = list(held_out(dataset, 4, words=False, seed=0, progress=lambda *_: None))
    patch.undo()
    names = ("rerank-shares", "rerank-titles")
    rows = [
        [
            Answer(dict.fromkeys(METRICS, 0.1 * at + 0.01 * user), person.items[:10], nothing_of(), "")
            for user, person in enumerate(people)
        ]
        for at in range(2)
    ]
    made = Comparison(
        CompareConfig(prompts=names, users=4), tuple(load(n) for n in names), "m", "d", people, rows, [(0.2, 0.1)] * 4
    )
    made.stopped = "all 4 users were asked about"
    return made


def test_everything_is_kept(found, dataset, tmp_path):
    titles = dataset.catalog.titles
    facts = as_dict(found, titles)
    store = f"sqlite:///{tmp_path / 'kept' / 'mlflow.db'}"
    whole = track(found, facts, titles, store)
    client = tracking.MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id])
    mine = {run.data.params["prompt"]: run for run in runs if run.data.tags.get("mlflow.parentRunId") == whole}
    assert set(mine) == {"rerank-shares", "rerank-titles"}
    second = mine["rerank-titles"]
    assert second.data.params["version"] == load("rerank-titles").version
    assert second.data.metrics["ndcg"] == pytest.approx(0.115)
    assert second.data.metrics["ndcg_minus_first"] == pytest.approx(0.1)
    assert np.isfinite(second.data.metrics["kl_low"])
    assert second.info.status == "FINISHED"
    names = {file.path for file in client.list_artifacts(whole)}
    assert names == {"comparison.html", "comparison.json"}
    place = client.download_artifacts(whole, "comparison.json", str(tmp_path))
    assert json.loads(Path(place).read_text()) == facts
    assert [file.path for file in client.list_artifacts(second.info.run_id)] == ["rerank-titles.j2"]


def test_a_store_that_is_none_is_said(found, dataset):
    with pytest.raises(ConfigError, match="no address of a store"):
        track(found, as_dict(found, dataset.catalog.titles), dataset.catalog.titles, "mlruns")
