"""Both objectives on the same budget of tokens, with several seeds: which one learns more of it, and how far a seed decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.significance import Interval, paired_bootstrap
from eval.tune.config import KINDS, Objective, TuneConfig
from eval.tune.ground import Ground
from eval.tune.measure import Values
from eval.tune.run import Result, run
from retrieval.arrays import Float64

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Gains:
    """Gains of a model in NDCG@10 on one kind of request, or on all; the means over seeds, paired by request.

    Attributes:
        kind: Of the requests, or "all".
        requests: How many.
        retriever: NDCG@10 of the retriever's order.
        before: Of the model as it came.
        after: Of the tuned model.
        over_before: Tuned minus untuned.
        over_retriever: Tuned minus the retriever.
        both: Tuned and retriever together minus the retriever alone.
        both_over_before: Tuned and retriever together minus untuned and retriever together.
    """

    kind: str
    requests: int
    retriever: float
    before: float
    after: float
    over_before: Interval
    over_retriever: Interval
    both: Interval
    both_over_before: Interval


def gains(results: Sequence[Result]) -> list[Gains]:
    """For each kind and for all, of one run or of several seeds of one objective."""
    first = results[0]
    kinds = np.array(first.after.kinds)
    after, both = _mean(results, "model"), _mean(results, "both")
    out: list[Gains] = []
    for kind in (*KINDS, "all"):
        rows = np.ones(len(kinds), bool) if kind == "all" else kinds == kind
        if not rows.any():
            continue
        retriever, before = first.after.retriever[rows], first.before.model[rows]
        out.append(
            Gains(
                kind, int(rows.sum()), float(retriever.mean()), float(before.mean()), float(after[rows].mean()),
                paired_bootstrap(after[rows], before), paired_bootstrap(after[rows], retriever),
                paired_bootstrap(both[rows], retriever), paired_bootstrap(both[rows], first.before.both[rows]),
            )
        )  # fmt: skip
    return out


def _mean(results: Sequence[Result], name: str) -> Float64:
    return np.mean([getattr(r.after, name) for r in results], axis=0)


def learned(result: Result) -> Float64:
    """``(B,)`` NDCG@10 of what the run learned: the model alone, or beside the retriever."""
    return result.after.learned(beside=result.config.beside)


def between(found: dict[Objective, list[Result]]) -> Interval | None:
    """NDCG@10 of what the first objective learned minus the second's, on all requests, these being the same for both.

    Means over seeds, paired by request; None for a single objective.
    """
    if len(found) < 2:
        return None
    first, second = (np.mean([learned(r) for r in results], axis=0) for results in list(found.values())[:2])
    return paired_bootstrap(first, second)


def compare(
    ground: Ground, config: TuneConfig, objectives: Sequence[Objective], seeds: int, data: str, folder: Path,
    progress: Progress,
) -> dict[Objective, list[Result]]:  # fmt: skip
    """One run for each objective and seed, in a folder each; those that are done are only read.

    Args:
        ground: Users and retrievers.
        config: Settings of all; objective and seed are set here.
        objectives: What is learned.
        seeds: From ``config.seed`` on.
        data: Fingerprint of the data.
        folder: Of the runs.
        progress: Told stage, done and total.
    """
    found: dict[Objective, list[Result]] = {}
    for objective in objectives:
        before: Values | None = None
        for seed in range(config.seed, config.seed + seeds):
            one = config.model_copy(update={"objective": objective, "seed": seed})

            def told(stage: str, done: int, total: int, name: str = f"{objective}, seed {seed}") -> None:
                progress(f"{name}: {stage}", done, total)

            result = run(ground, one, data, folder / f"{objective}-{seed}", told, before)
            before = result.before
            found.setdefault(objective, []).append(result)
    return found


def as_dict(found: dict[Objective, list[Result]]) -> dict[str, Any]:
    """For machines."""
    apart = between(found)
    each: dict[str, Any] = {
        objective: {
            "seeds": [r.config.seed for r in results],
            "tokens": [r.facts["tokens"] for r in results],
            "chosen": [r.chosen for r in results],
            "by_seed": [float(learned(r).mean()) for r in results],
            "gains": [asdict(g) for g in gains(results)],
        }
        for objective, results in found.items()
    }
    return each if apart is None else {**each, " - ".join(found): asdict(apart)}
