"""Claim e: a multinomial likelihood ranks better than a logistic or a Gaussian one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np

from eval.claims.autoencoder import Budget, Loss, fit, gaussian, logistic, multinomial, starting_bias
from eval.claims.candidates import Found, trained
from eval.claims.finding import Chart, Condition, Finding, estimate, line, mean, number
from eval.claims.ground import Ground, Part
from eval.claims.kept import DEPTH
from eval.claims.made import sources
from eval.claims.protocol import Statement
from retrieval.arrays import Float64
from retrieval.baselines.protocol import Progress
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
    control=(
        "The gap to the nearer of the two, whichever is ahead, must be larger than the difference between two seeds of the multinomial."
    ),
)


def conditions(values: dict[str, Float64]) -> list[Condition]:
    """What has to hold, from ``(seeds, B)`` nDCG of each likelihood."""
    ours = values["multinomial"].mean(axis=0)
    others = {name: rows.mean(axis=0) for name, rows in values.items() if name != "multinomial"}
    gap = min((ours - other for other in others.values()), key=lambda values: abs(mean(values)))
    gap = gap if mean(gap) >= 0 else -gap
    seeds = values["multinomial"][0] - values["multinomial"][1]
    seeds = seeds if mean(seeds) >= 0 else -seeds
    return [
        *(
            Condition(says=f"nDCG@{DEPTH} of the multinomial minus the {name}, above 0", estimate=estimate(ours, other), expects="above")
            for name, other in others.items()
        ),
        Condition(
            says="control: gap to the nearer likelihood, whichever is ahead, minus the gap between two seeds, above 0",
            estimate=estimate(gap, seeds), expects="above", control=True,
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

                def found(
                    setting: Setting,
                    seed: int,
                    name: str = name,
                    make: Callable[[float], Loss] = make,
                    part: Part = part,
                ) -> tuple[Found, Found]:
                    nonlocal done
                    progress(
                        f"{ground.name}: {name}, beta {setting[0]:g}, weight {setting[1]:g}, seed {seed}", done, total
                    )
                    done += 1
                    budget = replace(self._budget, beta=setting[0])
                    bias, loss = starting_bias(name, part.matrix), make(setting[1])
                    facts = {
                        "likelihood": name, "weight": setting[1], "budget": asdict(budget), "seed": seed,
                        "code": sources("ground", "candidates", "autoencoder", "likelihoods"),
                    }  # fmt: skip
                    return trained(
                        ground, part, facts, lambda: fit(part.matrix, bias, loss, budget, seed, judge=part.judge)
                    )

                tried = {setting: found(setting, seeds[0]) for setting in grid}
                value = {setting: mean(validation.ndcg_of_all()) for setting, (validation, _) in tried.items()}
                setting = max(value, key=value.__getitem__)
                models = [tried[setting], *(found(setting, seed) for seed in seeds[1:])]
                values[name].append(np.stack([test.ndcg_of_all() for _, test in models]))
                best[name].append(setting)
                judged[name].append(value[setting])
        every = {name: np.concatenate(rows, axis=1) for name, rows in values.items()}
        ours = every["multinomial"].mean(axis=0)
        rows = [
            (
                name, number(float(np.mean(judged[name]))), number(mean(rows.mean(axis=0))),
                "" if name == "multinomial" else str(estimate(rows.mean(axis=0), ours)),
                ", ".join(number(mean(one)) for one in rows),
            )
            for name, rows in every.items()
        ]  # fmt: skip
        return self.statement.finding(
            ground,
            conditions=tuple(conditions(every)),
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
                across="likelihood", up=f"nDCG@{DEPTH}", kind="bars", ticks=tuple(every),
                lines=(line("mean of the seeds", range(len(every)), [estimate(rows.mean(axis=0)) for rows in every.values()]),),
            ),
        )  # fmt: skip
