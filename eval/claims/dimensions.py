"""Claim c: few dimensions make popular lists, the bias compounds, and no reranking takes it away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.rerank.popularity_penalty import PopularityPenalty, PopularityPenaltyConfig
from agent.rerank.protocol import Slates
from eval import metrics
from eval.claims.calibration import spelled
from eval.claims.candidates import Found, K, trained
from eval.claims.feedback import growth
from eval.claims.finding import Chart, Condition, Estimate, Finding, estimate, line, mean, number
from eval.claims.ground import Ground, Part
from eval.claims.kept import Arrays, kept
from eval.claims.made import sources
from eval.claims.protocol import Statement
from retrieval.arrays import Float64
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.baselines.protocol import Progress
from retrieval.errors import DataError

DIMENSIONS = (16, 32, 64, 128, 256)
SMALL = 16
RIDGES = (0.003, 0.01, 0.03)
WIDEST_TUNED = 128  # the wider one takes its regularisation: a setting of 256 takes as long as all others together
PENALTIES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
LOOPED = (SMALL, 64)
MORE = 1.1
KEPT = 0.98
EPOCHS = 6
PARTS, TRAIN = 2, 10_000

STATEMENT = Statement(
    letter="c",
    slug="small-dimensions",
    claim="Small dimensions cause popularity bias that compounds and that reranking cannot repair.",
    prediction=(
        f"iALS with d = {SMALL} lists items at least {MORE - 1:.0%} more popular (ARP@{K}) than iALS with the large d, in each part the best on its validation; "
        "after three rounds of feedback on its own top 50 its lists are more popular than after as much feedback drawn at random, and "
        f"more so than at d = 64; and with a popularity penalty that leaves both {KEPT:.0%} of the small one's nDCG@{K} it still "
        "lists more popular items."
    ),
    control="At that penalty the large dimension must be no less accurate than the small one.",
)


def conditions(
    small: Float64, large: Float64, grown: Float64, grown_large: Float64, repaired: Float64, repaired_large: Float64,
    gain: Float64, gain_large: Float64,
) -> list[Condition]:  # fmt: skip
    """What has to hold, from ``(B,)`` ARP of both; relative growth of both; ARP and nDCG of both after the penalty."""
    return [
        Condition(
            says=f"ARP@{K} of d = {SMALL} minus {MORE:.0%} of that of the large d, above 0",
            estimate=estimate(small, MORE * large), expects="above",
        ),
        Condition(says=f"ARP@{K} of d = {SMALL} after the loop minus after random feedback, relative, above 0",
                  estimate=estimate(grown), expects="above"),
        Condition(says=f"that of d = {SMALL} minus that of d = 64, above 0", estimate=estimate(grown, grown_large), expects="above"),
        Condition(
            says=f"with penalties of equal nDCG@{K}, ARP@{K} of d = {SMALL} minus that of the large d, above 0",
            estimate=estimate(repaired, repaired_large), expects="above",
        ),
        Condition(
            says=f"control: with these penalties, nDCG@{K} of the large d minus {KEPT:.0%} of that of d = {SMALL}, above 0",
            estimate=estimate(gain_large, KEPT * gain), expects="above", control=True,
        ),
    ]  # fmt: skip


class SmallDimensions:
    """Claim c."""

    statement = STATEMENT

    def run(self, ground: Ground, seeds: Sequence[int], progress: Progress) -> Finding:
        """Popularity and coverage over the dimension, a loop of feedback, and the penalty that tries to repair it."""
        ground = ground.smaller(PARTS, TRAIN)
        # Of so few users a rank near their number is no small dimension of anything.
        least = min(part.matrix.shape[0] for part in ground.parts) // 2
        dimensions = [d for d in DIMENSIONS if d <= least]
        if LOOPED[-1] not in dimensions:
            raise DataError(f"claim c needs {2 * LOOPED[-1]} training users, {ground.name} has fewer", "use more data")
        tried = [
            _Tried.of(
                ground,
                part,
                dimensions,
                seeds[0],
                lambda stage, at=at: progress(f"{ground.name}: {stage}", at, len(ground.parts)),
            )
            for at, part in enumerate(ground.parts)
        ]
        top = {d: _values(ground, [one.test[d] for one in tried], [0.0] * len(tried)) for d in dimensions}
        judged = {d: float(np.mean([mean(_ndcg(one.validation[d], 0.0)) for one in tried])) for d in dimensions}
        large = [one.large() for one in tried]
        plain = _values(ground, [one.test[d] for one, d in zip(tried, large, strict=True)], [0.0] * len(tried))
        ours, theirs = (
            _values(
                ground,
                [one.test[d] for one, d in zip(tried, chosen, strict=True)],
                [one.penalty(d) for one, d in zip(tried, chosen, strict=True)],
            )
            for chosen in ([SMALL] * len(tried), large)
        )
        loops = [
            {d: _growth(ground, part, one.config(d, seeds[0]), progress) for d in LOOPED}
            for part, one in zip(ground.parts, tried, strict=True)
        ]
        grown = [np.concatenate([loop[d] for loop in loops]) for d in LOOPED]
        held = conditions(top[SMALL][1], plain[1], grown[0], grown[1], ours[1], theirs[1], ours[0], theirs[0])
        rows = [
            (
                f"d = {d}", number(judged[d]), number(mean(top[d][0])), str(estimate(top[d][0], top[SMALL][0])), number(mean(top[d][1])),
                str(estimate(top[d][1], top[SMALL][1])), f"{top[d][2]:.1%}",
            )
            for d in dimensions
        ]  # fmt: skip
        rows += [
            (f"{name}, with penalty", "", number(mean(v[0])), "", number(mean(v[1])), "", f"{v[2]:.1%}")
            for name, v in ((f"d = {SMALL}", ours), ("the large d", theirs))
        ]
        relative = {
            f"nDCG@{K}": [estimate(top[d][0] / mean(top[SMALL][0])) for d in dimensions],
            f"ARP@{K}": [estimate(top[d][1] / mean(top[SMALL][1])) for d in dimensions],
            f"coverage@{K}": [_exact(top[d][2] / top[SMALL][2]) for d in dimensions],
        }
        return self.statement.finding(
            ground,
            conditions=tuple(held),
            columns=(
                "iALS", "validation nDCG", f"nDCG@{K}", f"minus d = {SMALL} [95 %]", f"ARP@{K}", f"minus d = {SMALL} [95 %]",
                f"coverage@{K}",
            ),
            rows=tuple(rows),
            remarks=(
                f"the large d of the verdict, in each part the best on its validation among those above {SMALL}: {spelled(large)}",
                (f"regularisation chosen on validation for every d up to {WIDEST_TUNED}; {EPOCHS} epochs; no d above half the number of "
                "training users"),
                f"growth of ARP in the loop over random feedback: d = {SMALL} {estimate(grown[0])}, d = 64 {estimate(grown[1])}",
                "one training of each: what another seed would give is not in the intervals",
            ),
            chart=Chart(
                across="dimension d", up=f"relative to d = {SMALL}", log=True,
                lines=tuple(line(name, dimensions, values) for name, values in relative.items()),
            ),
        )  # fmt: skip


@dataclass(frozen=True)
class _Tried:
    """The dimensions of one part: what was chosen, and the candidates."""

    ridges: dict[int, float]
    validation: dict[int, Found]
    test: dict[int, Found]

    @classmethod
    def of(
        cls, ground: Ground, part: Part, dimensions: Sequence[int], seed: int, told: Callable[[str], None]
    ) -> _Tried:
        """Train every dimension with every regularisation, keep the best on validation."""
        tried = cls({}, {}, {})
        for d in dimensions:
            ridges = RIDGES if d <= WIDEST_TUNED else (tried.ridges[WIDEST_TUNED],)
            best = -np.inf
            for ridge in ridges:
                told(f"iALS, d = {d}, {ridge:g}")
                config = IalsConfig(dimension=d, regularisation=ridge, epochs=EPOCHS, seed=seed)
                facts = {"ials": repr(config), "code": sources("ground", "candidates")}
                validation, test = trained(ground, part, facts, lambda config=config: Ials(part.matrix, config))
                value = mean(validation.ndcg_of_all())
                if value > best:
                    best, tried.ridges[d] = value, ridge
                    tried.validation[d], tried.test[d] = validation, test
        return tried

    def large(self) -> int:
        """The dimension above the small one that is best on validation."""
        return max((d for d in self.validation if d > SMALL), key=lambda d: mean(_ndcg(self.validation[d], 0.0)))

    def config(self, d: int, seed: int) -> IalsConfig:
        """The settings of a dimension."""
        return IalsConfig(dimension=d, regularisation=self.ridges[d], epochs=EPOCHS, seed=seed)

    def penalty(self, d: int) -> float:
        """The largest penalty up to which every one leaves the wanted part of the small dimension's accuracy on validation."""
        least = KEPT * mean(_ndcg(self.validation[SMALL], 0.0))
        best = 0.0
        for lam in PENALTIES:
            if mean(_ndcg(self.validation[d], lam)) < least:
                break
            best = lam
        return best


def _growth(ground: Ground, part: Part, config: IalsConfig, progress: Progress) -> Float64:
    def make() -> Arrays:
        return {"growth": growth(part, config, lambda stage: progress(f"{ground.name}: {stage}", 0, 1))}

    facts = {"part": part.key, "loop": repr(config), "code": sources("ground", "candidates", "feedback")}
    return kept(ground.folder, facts, make)["growth"]


def _rerank(found: Found, lam: float) -> Slates:
    return PopularityPenalty(PopularityPenaltyConfig(lam=lam))(found.pool, K)


def _ndcg(found: Found, lam: float) -> Float64:
    return found.ndcg(_rerank(found, lam))


def _values(ground: Ground, found: Sequence[Found], penalties: Sequence[float]) -> tuple[Float64, Float64, float]:
    """``(B,)`` nDCG and ARP of all users, and the mean coverage of the parts."""
    slates = [_rerank(one, lam) for one, lam in zip(found, penalties, strict=True)]
    gain = [one.ndcg(made) for one, made in zip(found, slates, strict=True)]
    popular = [one.popularity(made, part.counts) for one, made, part in zip(found, slates, ground.parts, strict=True)]
    covered = [
        metrics.coverage(made.items(one.items), int(part.touched.sum()))
        for one, made, part in zip(found, slates, ground.parts, strict=True)
    ]
    return np.concatenate(gain), np.concatenate(popular), float(np.mean(covered))


def _exact(value: float) -> Estimate:
    return Estimate(mean=value, low=value, high=value)
