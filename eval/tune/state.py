"""A run on the disk: its settings, and a state that is whole or is the one before, so that it goes on after a kill at any point."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from eval.suite.store import digest, write_json, write_whole
from eval.tune.config import TuneConfig
from eval.tune.examples import Example
from retrieval.errors import ConfigError, NotFoundError

SETTINGS = "settings.json"
STATE = "state.pt"
CURVE = "curve.jsonl"


@dataclass
class State:
    """How far a run is.

    Attributes:
        step: Steps taken.
        taken: Examples used.
        tokens: Tokens read.
        checks: Checks made.
        learned: The adapter; None at the beginning.
        optimiser: State of the optimiser; None at the beginning.
        best: Adapter of the best check.
        best_ndcg: NDCG@10 of validation users at that check, of what was learned: both together, or the model alone.
        requests: Hash of the requests of these users; empty before they were made.
        curve: One entry per step (loss) or check (NDCG@10).
    """

    step: int = 0
    taken: int = 0
    tokens: int = 0
    checks: int = 0
    learned: dict[str, Tensor] | None = None
    optimiser: dict[str, Any] | None = None
    best: dict[str, Tensor] | None = None
    best_ndcg: float = -1.0
    requests: str = ""
    curve: list[dict[str, float]] = field(default_factory=list)


def begin(folder: Path, config: TuneConfig, data: str, prompt: str) -> State:
    """The state of a run, new or gone on with.

    Args:
        folder: Of the run.
        config: Its settings.
        data: Fingerprint of the data.
        prompt: Hash of the prompt.

    Raises:
        ConfigError: The folder holds a run with other settings.
    """
    facts = {"settings": config.model_dump(), "data": data, "prompt": prompt}
    path = folder / SETTINGS
    if path.is_file():
        if json.loads(path.read_text(encoding="utf-8")) != facts:
            raise ConfigError(
                f"{folder} holds a run with other settings, data or prompt", "name another folder with --out"
            )
    else:
        write_json(path, facts)
    place = folder / STATE
    return State(**torch.load(place, weights_only=True)) if place.is_file() else State()


def go_on_with(state: State, validation: Sequence[Example]) -> None:
    """Note what is asked of the users who choose, or find it as it was: checks of other requests cannot be compared.

    Raises:
        ConfigError: The code that makes requests, or a library, is another than when the run began.
    """
    asked = [
        [[[m.content for m in messages] for messages in e.prompts], e.items.tolist(), e.liked.tolist()]
        for e in validation
    ]
    now = digest(asked)
    if state.requests not in {"", now}:
        raise ConfigError(
            "the requests are no longer those that this run began with",
            "the code has changed: begin anew with another --out",
        )
    state.requests = now


def keep(folder: Path, state: State) -> None:
    """Write the state, then the curve that goes with it."""
    write_whole(folder / STATE, lambda out: torch.save({**vars(state)}, out))
    lines = "".join(json.dumps(row) + "\n" for row in state.curve)
    write_whole(folder / CURVE, lambda out: out.write(lines.encode()))


def finished(folder: Path) -> tuple[TuneConfig, dict[str, Tensor]]:
    """Settings and chosen adapter of a run.

    Raises:
        NotFoundError: There is no run, or it has not chosen yet.
    """
    try:
        facts = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        config = TuneConfig.model_validate(facts["settings"])
        best = torch.load(folder / STATE, weights_only=True)["best"]
    except (OSError, ValueError, KeyError, ValidationError) as why:
        raise NotFoundError(f"{folder} holds no tuning run", "make one: polytaste tune run --out FOLDER") from why
    if best is None:
        raise NotFoundError(f"the run in {folder} has chosen nothing yet", "go on with it: polytaste tune run")
    return config, best
