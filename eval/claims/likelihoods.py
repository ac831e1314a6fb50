"""Claim e: a multinomial likelihood ranks better than a logistic or a Gaussian one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from eval import metrics
from eval.claims.autoencoder import Budget, Loss, fit, gaussian, logistic, multinomial
from eval.claims.finding import Chart, Condition, Finding, estimate, line, mean, number
from eval.claims.ground import DEPTH, Ground, Part
from eval.claims.protocol import Statement
from retrieval.arrays import Float64
from retrieval.baselines.protocol import Progress, Scorer
from retrieval.errors import ConfigError

_SEEDS = 3
PARTS, TRAIN = 2, 2_000

Setting = tuple[float, float]
"""Weight of the divergence, and of unobserved items."""

GRIDS: dict[str, tuple[Callable[[float], Loss], tuple[Setting, ...]]] = {
    "multinomial": (lambda _: multinomial, ((0.05, 1.0), (0.2, 1.0), (0.5, 1.0), (1.0, 1.0))),
    "logistic": (logistic, ((0.05, 1.0), (0.2, 1.0), (0.05, 0.1), (0.2, 0.1))),
    "gaussian": (gaussian, ((0.05, 1.0), (0.2, 1.0), (0.05, 0.1), (0.2, 0.1))),
}
"""Four settings each; the weight of the unobserved means nothing to the multinomial."""

STATEMENT = Statement(
    letter="e",
    slug="multinomial-likelihood",
    claim="A multinomial likelihood ranks better than a logistic or a Gaussian one.",
    prediction=(
        f"One autoencoder (200-64-200), one budget, four settings for each likelihood, {_SEEDS} seeds: nDCG@{DEPTH} of the multinomial "
        "is above that of both others."
    ),
    control="The gap to the nearer of the two must be larger than the difference between two seeds of the multinomial.",
)


def conditions(values: dict[str, Float64]) -> list[Condition]:
    """What has to hold, from ``(seeds, B)`` nDCG of each likelihood."""
    ours = values["multinomial"].mean(axis=0)
    others = {name: rows.mean(axis=0) for name, rows in values.items() if name != "multinomial"}
    nearer = max(others.values(), key=mean)
    seeds = values["multinomial"][0] - values["multinomial"][1]
    seeds = seeds if mean(seeds) >= 0 else -seeds
    return [
        *(
            Condition(says=f"nDCG@{DEPTH} of the multinomial minus the {name}, above 0", estimate=estimate(ours, other), expects="above")
            for name, other in others.items()
        ),
        Condition(
            says="control: gap to the nearer likelihood minus the gap between two seeds, above 0",
            estimate=estimate(ours - nearer, seeds), expects="above", control=True,
        ),
    ]  # fmt: skip


class MultinomialIsBest:
    """Claim e."""

    statement = STATEMENT

    def __init__(self, budget: Budget | None = None) -> None:
        self._budget = budget or Budget()

    def run(self, ground: Ground, seeds: Sequence[int], progress: Progress) -> Finding:
        """Settings and epoch chosen on validation with the first seed, measured with all.

        Raises:
            ConfigError: Fewer than three seeds.
        """
        if len(seeds) < _SEEDS:
            raise ConfigError(f"--seeds: claim e needs {_SEEDS} seeds, not {len(seeds)}", "for example --seeds 0,1,2")
        ground = ground.smaller(PARTS, TRAIN)
        values: dict[str, list[Float64]] = {name: [] for name in GRIDS}
        best: dict[str, list[Setting]] = {name: [] for name in GRIDS}
        judged: dict[str, list[float]] = {name: [] for name in GRIDS}
        done, total = 0, len(ground.parts) * sum(len(grid) + len(seeds) - 1 for _, grid in GRIDS.values())
        for part in ground.parts:
            for name, (make, grid) in GRIDS.items():

                def trained(
                    setting: Setting,
                    seed: int,
                    name: str = name,
                    make: Callable[[float], Loss] = make,
                    part: Part = part,
                ) -> Scorer:
                    nonlocal done
                    progress(
                        f"{ground.name}: {name}, beta {setting[0]:g}, weight {setting[1]:g}, seed {seed}", done, total
                    )
                    done += 1
                    budget = replace(self._budget, beta=setting[0])
                    return fit(part.matrix, starting_bias(name, part), make(setting[1]), budget, seed, judge=part.judge)

                tried = {setting: trained(setting, seeds[0]) for setting in grid}
                value = {setting: part.judge(scorer) for setting, scorer in tried.items()}
                setting = max(value, key=value.__getitem__)
                models = [tried[setting], *(trained(setting, seed) for seed in seeds[1:])]
                values[name].append(np.stack([_ndcg(part, model) for model in models]))
                best[name].append(setting)
                judged[name].append(value[setting])
        found = {name: np.concatenate(rows, axis=1) for name, rows in values.items()}
        ours = found["multinomial"].mean(axis=0)
        rows = [
            (
                name, number(float(np.mean(judged[name]))), number(mean(rows.mean(axis=0))),
                "" if name == "multinomial" else str(estimate(rows.mean(axis=0), ours)),
                ", ".join(number(mean(one)) for one in rows),
            )
            for name, rows in found.items()
        ]  # fmt: skip
        return self.statement.finding(
            ground,
            conditions=tuple(conditions(found)),
            columns=("likelihood", f"validation nDCG@{DEPTH}", f"nDCG@{DEPTH}", "minus multinomial [95 %]", "seed by seed"),
            rows=tuple(rows),
            remarks=(
                *(
                    f"{name}: beta and weight of the unobserved chosen on validation "
                    + " / ".join(f"{beta:g}, {weight:g}" for beta, weight in settings)
                    for name, settings in best.items()
                ),
                "widths, dropout, learning rate and epochs are the same for all and were not tuned; the best epoch is chosen on validation",
            ),
            chart=Chart(
                across="likelihood", up=f"nDCG@{DEPTH}", kind="bars", ticks=tuple(found),
                lines=(line("mean of the seeds", range(len(found)), [estimate(rows.mean(axis=0)) for rows in found.values()]),),
            ),
        )  # fmt: skip


def starting_bias(name: str, part: Part) -> Float64:
    """``(M,)`` what each likelihood says of an item's popularity alone: log p, log odds, or the rate itself."""
    rate = (np.asarray(part.matrix.sum(axis=0)).ravel() + 0.5) / (part.matrix.shape[0] + 1.0)
    if name == "multinomial":
        return np.log(rate / rate.sum())
    return np.log(rate / (1.0 - rate)) if name == "logistic" else rate


def _ndcg(part: Part, scorer: Scorer) -> Float64:
    lists, _ = part.best(scorer, part.test, DEPTH)
    hit = metrics.hits(lists, part.test.hidden, len(part.touched))
    return metrics.ndcg(hit, part.test.hidden.lengths, DEPTH)
