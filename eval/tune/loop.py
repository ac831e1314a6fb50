"""The training loop: AdamW under a budget of tokens, checks on validation users, a state that outlives a kill.

The budget is of tokens, not of seconds, so that a run is a function of its settings. The rate rises linearly in the warm-up and
falls with the cosine to zero at the end of the budget; gradients are averaged over the requests of a step and clipped to norm 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch.nn.utils import clip_grad_norm_

from eval.tune import losses
from eval.tune.config import TuneConfig
from eval.tune.examples import Example
from eval.tune.measure import measure
from eval.tune.network import Network
from eval.tune.state import State, keep

Progress = Callable[[str, int, int], None]

_CLIP = 1.0
_DECAY = 0.01


def rate(config: TuneConfig, tokens: int) -> float:
    """The learning rate after so many tokens."""
    done = min(tokens / config.tokens, 1.0)
    if done < config.warmup:
        return config.learning_rate * done / config.warmup
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * (done - config.warmup) / (1.0 - config.warmup)))


def tune(
    network: Network,
    config: TuneConfig,
    example: Callable[[int], Example],
    validation: Sequence[Example],
    folder: Path,
    state: State,
    progress: Progress,
) -> State:
    """Train until the budget is read, from wherever the state is; the best check's adapter is in the state that is returned.

    Args:
        network: The model.
        config: Settings.
        example: Training examples by number.
        validation: Requests of the users who choose.
        folder: Where the state is kept.
        state: Where to go on.
        progress: Told stage, tokens done and the budget.
    """
    learned = network.learned()
    optimiser = torch.optim.AdamW(learned, lr=config.learning_rate, weight_decay=_DECAY)
    if state.learned is not None and state.optimiser is not None:
        network.restore(state.learned)
        optimiser.load_state_dict(state.optimiser)

    def kept() -> None:
        state.learned, state.optimiser = network.state(), optimiser.state_dict()
        keep(folder, state)

    while True:
        if (
            state.tokens >= config.tokens * state.checks / config.checks
        ):  # also before the first step: the model as it came
            _check(network, validation, state, config, progress)
            kept()
        if state.tokens >= config.tokens:
            return state
        _step(network, config, example, optimiser, state)
        progress(f"step {state.step}, loss {state.curve[-1]['loss']:.3f}", state.tokens, config.tokens)
        if state.step % config.save_every == 0:
            kept()


def _step(
    network: Network,
    config: TuneConfig,
    example: Callable[[int], Example],
    optimiser: torch.optim.AdamW,
    state: State,
) -> None:
    told, read = 0.0, 0
    for _ in range(config.accumulate):
        one = example(state.taken)
        encoded = network.encoder(one.prompts)
        scores, mass = network.scores(encoded, len(one.items))
        if config.beside:
            scores = losses.together(scores, torch.from_numpy(one.retrieved).to(scores.device))
        loss = losses.total(
            scores, mass, torch.from_numpy(one.liked).to(scores.device), torch.from_numpy(one.teacher).to(scores.device),
            loss=config.loss, distil=config.distil, temperature=config.temperature,
        )  # fmt: skip
        (loss / config.accumulate).backward()
        told += loss.item() / config.accumulate
        read += len(encoded.ids)
        state.taken += 1
    now = rate(config, state.tokens + read // 2)
    for group in optimiser.param_groups:
        group["lr"] = now
    clip_grad_norm_(network.learned(), _CLIP)
    optimiser.step()
    optimiser.zero_grad()
    state.step += 1
    state.tokens += read
    state.curve.append({"step": state.step, "tokens": state.tokens, "loss": told, "rate": now})


def _check(
    network: Network, validation: Sequence[Example], state: State, config: TuneConfig, progress: Progress
) -> None:
    """Ask the users who choose; the first of equals is kept."""
    name = f"check {state.checks} of {config.checks}"

    def told(done: int) -> None:
        progress(f"{name}, user {done}", state.tokens, config.tokens)

    found = measure(network, validation, told)
    value = float(found.learned(beside=config.beside).mean())
    if value > state.best_ndcg:
        state.best, state.best_ndcg = network.state(), value
    state.checks += 1
    state.curve.append(
        {"step": state.step, "tokens": state.tokens, "chosen_by": value, "model": float(found.model.mean()),
         "both": float(found.both.mean()), "retriever": float(found.retriever.mean()), "mass": float(found.mass.mean())}
    )  # fmt: skip
