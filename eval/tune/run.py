"""One run from data to adapter: train, choose on validation users, report once on users that neither trained nor chose."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from eval.suite.store import surroundings, write_json
from eval.tune.config import TuneConfig
from eval.tune.examples import drawn, fixed
from eval.tune.ground import Ground
from eval.tune.loop import tune
from eval.tune.measure import Values, measure
from eval.tune.network import Network
from eval.tune.state import begin, finished, go_on_with
from prompts.template import load as load_prompt
from retrieval.errors import ConfigError

RESULT = "result.json"
ADAPTER = "adapter"
CHOICE_SEED, REPORT_SEED = 1, 2
"""The same users and requests for every run, whatever its own seed: runs are compared on them."""

_CHOOSERS = 3
"""One in so many of the users that are reported on is as many as choose: checks are made often."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run.

    Attributes:
        config: Settings.
        before: The model as it came, on the users who are reported on.
        after: The model with the chosen adapter.
        chosen: NDCG@10 of the users who chose.
        facts: Tokens, steps, seconds of this call, parameters, prompt, data, surroundings.
    """

    config: TuneConfig
    before: Values
    after: Values
    chosen: float
    facts: dict[str, Any]


def run(
    ground: Ground, config: TuneConfig, data: str, folder: Path, progress: Progress, before: Values | None = None
) -> Result:
    """Make or go on with a run; one that is done is only read.

    Args:
        ground: Users and retrievers.
        config: Settings.
        data: Fingerprint of the data.
        folder: Of the run.
        progress: Told stage, done and total.
        before: What the untuned model is worth on the users who are reported on, where that is known.

    Raises:
        ConfigError: The prompt asks for another answer than is learned, the folder holds another run or one whose requests were
            others, or peft is not installed.
        DataError: No request can be made of the users.
    """
    prompt = load_prompt(config.prompt_name)
    if prompt.front.output != config.objective:
        raise ConfigError(
            f"prompt {prompt.front.name!r} asks for {prompt.front.output!r}, the objective is {config.objective!r}",
            f"of the library: {config.model_copy(update={'prompt': None}).prompt_name}",
        )
    state = begin(folder, config, data, prompt.version)
    if (folder / RESULT).is_file():
        return read(folder)
    started = time.monotonic()
    asked = ground.asked_by(config.prompt_name)
    choosers = max(config.users // _CHOOSERS, 4)
    validation = list(fixed(asked.choice, config.objective, choosers, CHOICE_SEED))
    go_on_with(state, validation)
    network = Network.load(config)
    state = tune(
        network, config, lambda number: drawn(asked.train, config.objective, config.seed, number),
        validation, folder, state, progress,
    )  # fmt: skip
    _, best = finished(folder)
    network.restore(best)
    network.save_adapter(folder / ADAPTER, config.model)
    reported = list(fixed(asked.report, config.objective, config.users, REPORT_SEED))

    def told(stage: str) -> Callable[[int], None]:
        return lambda done: progress(stage, done, len(reported))

    if before is None:
        with network.untuned():
            before = measure(network, reported, told("reporting: the model as it came"))
    chosen_at = _best_check(state.curve, state.best_ndcg)
    after = before if chosen_at == 0 else measure(network, reported, told("reporting: the tuned model"))
    facts = {
        "data": ground.data, "licence": ground.licence, "fingerprint": data,
        "prompt": prompt.front.name, "prompt_hash": prompt.version,
        "steps": state.step, "examples": state.taken, "tokens": state.tokens,
        "parameters": sum(p.numel() for p in network.learned()),
        "best_check": chosen_at, "validation_requests": len(validation),
        "seconds_of_last_call": round(time.monotonic() - started), "surroundings": _surroundings(),
    }  # fmt: skip
    result = Result(config, before, after, state.best_ndcg, facts)
    write_json(folder / RESULT, as_json(result))
    return result


def _best_check(curve: list[dict[str, float]], best: float) -> float:
    """Tokens read at the check that was chosen; 0 is the model as it came."""
    return next(row["tokens"] for row in curve if row.get("chosen_by") == best)


def _surroundings() -> dict[str, Any]:
    found = surroundings()
    return {**found, "versions": {**found["versions"], **{name: version(name) for name in ("transformers", "peft")}}}


def as_json(result: Result) -> dict[str, Any]:
    """Everything, with the value of every request."""
    return {
        "config": result.config.model_dump(), "chosen": result.chosen, "facts": result.facts,
        "before": _plain(result.before), "after": _plain(result.after),
    }  # fmt: skip


def read(folder: Path) -> Result:
    """A result that :func:`run` wrote."""
    import json  # noqa: PLC0415

    told = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return Result(
        TuneConfig.model_validate(told["config"]), _values(told["before"]), _values(told["after"]), told["chosen"],
        told["facts"],
    )  # fmt: skip


def _plain(values: Values) -> dict[str, Any]:
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in asdict(values).items()}


def _values(plain: dict[str, Any]) -> Values:
    arrays = {name: np.array(v) for name, v in plain.items() if name != "kinds"}
    return Values(tuple(plain["kinds"]), **arrays)
