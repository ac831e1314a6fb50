"""Claim d: whoever retrieves by personas need not rerank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.claims.calibration import LAMBDAS, chosen_lambda, curve_point, own_lambdas, spelled
from eval.claims.candidates import Found, K, retrieved
from eval.claims.finding import Chart, Condition, Finding, estimate, line, mean, number
from eval.claims.ground import Ground
from eval.claims.protocol import Statement
from eval.retrieve_models import MODELS
from retrieval.arrays import Float64
from retrieval.baselines.protocol import Progress

LEFT = 0.9
MATCHED = 0.98

STATEMENT = Statement(
    letter="d",
    slug="personas-without-reranking",
    claim="Personas make reranking after the fact unnecessary.",
    prediction=(
        f"At matched nDCG@{K} the top {K} of personas has a smaller C_KL@{K} than the calibrated list of one vector of the same "
        f"training, and reranking that keeps 99% of the personas' nDCG takes less than {1 - LEFT:.0%} off their C_KL."
    ),
    control=(
        f"The accuracies must really be matched: one vector, calibrated, keeps at least {MATCHED:.0%} of the personas' nDCG@{K}."
    ),
)

Point = tuple[Float64, Float64]
"""``(B,)`` nDCG@k and C_KL@k."""


def conditions(
    personas: Float64, single: Float64, reranked: Float64, gain: Float64, single_gain: Float64
) -> list[Condition]:
    """What has to hold, from ``(B,)`` C_KL of the personas' top, of one vector calibrated, of the personas calibrated; and nDCG."""
    return [
        Condition(
            says=f"C_KL@{K} of personas minus one vector calibrated to the same accuracy, below 0",
            estimate=estimate(personas, single), expects="below",
        ),
        Condition(
            says=f"C_KL@{K} of personas calibrated minus {LEFT:.0%} of theirs without, above 0",
            estimate=estimate(reranked, LEFT * personas), expects="above",
        ),
        Condition(
            says=f"control: nDCG@{K} of one vector calibrated minus {MATCHED:.0%} of that of personas, above 0",
            estimate=estimate(single_gain, MATCHED * gain), expects="above", control=True,
        ),
    ]  # fmt: skip


def matching_lambda(validation: Found, least: float) -> float:
    """The largest lambda whose calibrated list still has this nDCG on validation; 0 if none has."""
    good = [lam for lam in LAMBDAS if mean(curve_point([validation], lam)[0]) >= least]
    return max(good, default=0.0)


class PersonasSuffice:
    """Claim d."""

    statement = STATEMENT

    def run(self, ground: Ground, seeds: Sequence[int], progress: Progress) -> Finding:
        """Personas without reranking against one vector with it, trained with every seed; lambda chosen on validation to match accuracy."""
        many, few = MODELS["personas"].title, MODELS["one-vector"].title
        trained = [_Pair.of(ground, seed, progress) for seed in seeds]
        lists: dict[str, Sequence[Point]] = {
            f"{many}, top {K}": [curve_point(one.personas, 0.0) for one in trained],
            f"{few}, top {K}": [curve_point(one.single, 0.0) for one in trained],
            f"{few}, calibrated to match": [own_lambdas(one.single, one.matched) for one in trained],
            f"{many}, calibrated": [own_lambdas(one.personas, one.free) for one in trained],
        }
        means = {words: _over_seeds(points) for words, points in lists.items()}
        (gain, error), (_, single_top), (single_gain, single_error), (_, reranked) = means.values()
        rows = [
            (
                words, number(mean(value)), str(estimate(value, gain)) if value is not gain else "", number(mean(kl)),
                str(estimate(kl, error)) if kl is not error else "",
                ", ".join(f"{number(mean(one_gain))} / {number(mean(one_kl))}" for one_gain, one_kl in lists[words]),
            )
            for words, (value, kl) in means.items()
        ]  # fmt: skip
        curves = {
            title: [_over_seeds([curve_point(found, lam) for found in models]) for lam in (0.0, *LAMBDAS)]
            for title, models in (
                (many, [one.personas for one in trained]),
                (few, [one.single for one in trained]),
            )
        }
        words = [f"{lam:g}" if lam in {0.0, 0.5, 0.8, 0.9, 0.99} else "" for lam in (0.0, *LAMBDAS)]
        lines = [
            line(title, [mean(kl) for _, kl in curve], [estimate(value) for value, _ in curve], words)
            for title, curve in curves.items()
        ]
        return self.statement.finding(
            ground,
            conditions=tuple(conditions(error, single_error, reranked, gain, single_gain)),
            columns=("list", f"nDCG@{K}", "minus personas [95 %]", f"C_KL@{K}", "minus personas [95 %]", "nDCG / C_KL, seed by seed"),
            rows=tuple(rows),
            remarks=(
                "lambda chosen on validation, by seed and part, that matches the personas' accuracy: "
                + ", ".join(spelled(one.matched) for one in trained)
                + "; that keeps 99% of it: " + ", ".join(spelled(one.free) for one in trained),
                f"without any reranking, personas minus one vector: C_KL@{K} {estimate(error, single_top)}",
                f"figures are means over {len(seeds)} trainings of both with seeds of their own; the intervals are over users",
                f"{np.isfinite(gain).sum():,} users have something to find",
            ),
            chart=Chart(across=f"C_KL@{K}", up=f"nDCG@{K}", lines=tuple(lines)),
        )  # fmt: skip


@dataclass(frozen=True)
class _Pair:
    """Both models of one seed: candidates of the test users, and the lambdas that each part chose."""

    personas: list[Found]
    single: list[Found]
    matched: list[float]
    free: list[float]

    @classmethod
    def of(cls, ground: Ground, seed: int, progress: Progress) -> _Pair:
        """Train both."""
        validation, test = retrieved(ground, "personas", progress, seed)
        single_validation, single_test = retrieved(ground, "one-vector", progress, seed)
        matched = [
            matching_lambda(one, mean(curve_point([other], 0.0)[0]))
            for one, other in zip(single_validation, validation, strict=True)
        ]
        return cls(test, single_test, matched, [chosen_lambda([one]) for one in validation])


def _over_seeds(points: Sequence[Point]) -> Point:
    gain, error = (np.mean([point[at] for point in points], axis=0) for at in (0, 1))
    return gain, error
