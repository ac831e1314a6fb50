"""Comparisons and searches kept in MLflow, for those who keep everything there: a run with the page, and for a comparison a run within it
for each prompt.

An extra: without it everything is in the page, the JSON and the file of answers. A store needs no server: ``sqlite:///mlflow.db``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eval.prompt_compare import Comparison
from eval.prompt_optimise import Optimised
from eval.prompt_optimise_page import search_html
from eval.prompt_page import html
from retrieval.errors import ConfigError, ServerError

EXPERIMENT = "polytaste prompts"
_SETTINGS = ("users", "words", "mode", "orders", "weight", "primary", "looks", "seed")


def track(found: Comparison, facts: dict[str, Any], titles: Sequence[str], store: str) -> str:
    """Keep a comparison; returns the id of its run.

    Args:
        found: The comparison.
        facts: As :func:`eval.prompt_stats.as_dict` has them.
        titles: Of all items.
        store: Address of the tracking store: ``sqlite:///FILE``, or of a server.

    Raises:
        ConfigError: MLflow is not installed, or knows no such store.
        ServerError: The store cannot be written to.
    """
    with _client(store) as (client, number):
        return _written(client, number, found, facts, titles)


def track_search(found: Optimised, facts: dict[str, Any], titles: Sequence[str], store: str) -> str:
    """Keep a search: worth by trial, the page, the way and the best prompt; its judgement as a comparison of its own.

    Args:
        found: The search.
        facts: As :func:`eval.prompt_optimise.facts_of` has them.
        titles: Of all items.
        store: As for :func:`track`, which names the errors too.
    """
    with _client(store) as (client, number):
        run = client.create_run(number, run_name=f"search from {facts['start']}").info.run_id
        for name, value in {"model": found.model, "data": found.data, **facts["config"]}.items():
            client.log_param(run, name, value)
        for trial in facts["trials"]:
            for metric in ("worth", "minus_start", "ndcg", "kl", "tokens", "users"):
                client.log_metric(run, metric, trial[metric], step=trial["number"])
        client.set_tag(run, "verdict", facts["verdict"])
        client.log_text(run, search_html(found, facts, titles), "search.html")
        client.log_text(run, json.dumps(facts, indent=2, ensure_ascii=False), "search.json")
        if found.winner is not None:
            client.log_text(run, found.winner.text, f"{found.winner.front.name}.j2")
        client.set_terminated(run)
    if found.judgement is not None:
        track(found.judgement.comparison, facts["judged"]["comparison"], titles, store)
    return run


@contextmanager
def _client(store: str) -> Generator[tuple[Any, str]]:
    """A client of the store, and the number of the experiment; what goes wrong is said."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415  (an extra)
        from mlflow.tracking import MlflowClient  # noqa: PLC0415
    except ImportError as why:
        raise ConfigError("--mlflow: MLflow is not installed", "install the extra 'mlflow'") from why
    if "://" not in store:
        raise ConfigError(f"--mlflow {store!r} is no address of a store", "for example sqlite:///mlflow.db")
    try:
        client: Any = MlflowClient(tracking_uri=store)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        place = _artefacts(store)
        yield (
            client,
            experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, artifact_location=place),
        )
    except (MlflowException, OSError) as why:
        raise ServerError(
            f"--mlflow {store}: {str(why).splitlines()[0]}", "check the address; nothing else is lost"
        ) from why


def _written(client: Any, number: str, found: Comparison, facts: dict[str, Any], titles: Sequence[str]) -> str:
    whole = client.create_run(number, run_name=" against ".join(found.config.prompts)).info.run_id
    for name, value in {
        "model": found.model,
        "data": found.data,
        **{key: facts["config"][key] for key in _SETTINGS},
    }.items():
        client.log_param(whole, name, value)
    for name, value in (
        ("users", facts["users"]),
        ("tokens_paid", facts["tokens_paid"]),
        ("seconds", facts["seconds"]),
    ):
        client.log_metric(whole, name, value)
    client.set_tag(whole, "ended", facts["stopped"])
    client.log_text(whole, html(found, titles), "comparison.html")
    client.log_text(whole, json.dumps(facts, indent=2, ensure_ascii=False), "comparison.json")
    for prompt, one in zip(found.prompts, facts["prompts"], strict=True):
        run = client.create_run(number, run_name=one["name"], tags={"mlflow.parentRunId": whole}).info.run_id
        client.log_param(run, "prompt", one["name"])
        client.log_param(run, "version", one["version"])
        client.log_text(run, prompt.text, f"{prompt.front.name}.j2")
        for metric, values in one["means"].items():
            _metrics(client, run, metric, values)
        for difference in facts["differences"]:
            if difference["prompt"] == one["name"]:
                _metrics(client, run, f"{difference['metric']}_minus_first", difference["minus_first"])
                if difference["p"] is not None:
                    client.log_metric(run, f"{difference['metric']}_p", difference["p"])
        client.set_terminated(run)
    client.set_terminated(whole)
    return whole


def _metrics(client: Any, run: str, name: str, values: Sequence[float | None]) -> None:
    for end, value in zip(("", "_low", "_high"), values, strict=True):
        if value is not None:
            client.log_metric(run, f"{name}{end}", value)


def _artefacts(store: str) -> str | None:
    """Beside the file of an embedded store; a server has its own place."""
    if not store.startswith("sqlite:///"):
        return None
    file = Path(store.removeprefix("sqlite:///")).resolve()
    file.parent.mkdir(parents=True, exist_ok=True)
    return (file.parent / f"{file.stem}-artefacts").as_uri()
