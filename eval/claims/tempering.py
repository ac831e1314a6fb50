"""Claim f: accuracy and diversity are at peace where users consume few of the items that are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import gammaln

from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.targets import tempered
from eval.claims.candidates import Found, K, over, retrieved, shuffled
from eval.claims.finding import Chart, Condition, Finding, estimate, line, mean, number
from eval.claims.ground import Ground
from eval.claims.protocol import Statement
from eval.retrieve_models import MODELS
from retrieval.arrays import Float64, Int64
from retrieval.baselines.protocol import Progress

RETRIEVERS = ("ease", "personas")
GAMMAS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, np.inf)
LAM = 0.9  # the product's default, fixed
_TYPES = np.array([0.5, 0.3, 0.15, 0.05])
_PLACES = 400

STATEMENT = Statement(
    letter="f",
    slug="few-items-consumed",
    claim="Accuracy and diversity are reconciled when users consume few of the items shown.",
    prediction=(
        f"Lists of {K} held to p^gamma at lambda {LAM:g}: the chance that one of them is liked (best of 1) is larger at gamma 1 than at "
        f"infinity, where the largest taste has the whole list; Recall@{K} is larger at infinity than at gamma 1; and relative to "
        "its size, what gamma 1 gains over infinity is more for best of 1 than for Recall."
    ),
    control="Proportions of another user, at gamma 1, must be worse for best of 1 than the own ones.",
)


def conditions(
    title: str, one: Float64, one_sharp: Float64, recall: Float64, recall_sharp: Float64, other: Float64
) -> list[Condition]:
    """What has to hold of one retriever, from ``(B,)`` best of 1 and recall at gamma 1 and infinity, and under another's p."""
    relative = (one - one_sharp) / mean(one) - (recall - recall_sharp) / mean(recall)
    return [
        Condition(says=f"{title}: best of 1, gamma 1 minus infinity, above 0", estimate=estimate(one, one_sharp), expects="above"),
        Condition(
            says=f"{title}: Recall@{K}, gamma infinity minus 1, above 0", estimate=estimate(recall_sharp, recall), expects="above"
        ),
        Condition(
            says=f"{title}: gain of gamma 1 over infinity, relative, best of 1 minus Recall@{K}, above 0",
            estimate=estimate(relative), expects="above",
        ),
        Condition(
            says=f"{title}: best of 1 under the own proportions minus another's, above 0",
            estimate=estimate(one, other), expects="above", control=True,
        ),
    ]  # fmt: skip


def best_of(hits: Int64, relevant: Int64, few: int) -> Float64:
    """min(hits, few) / min(few, relevant): what a user gets out of a list who consumes the best few of it; NaN without truth.

    Peng, Raghavan, Pierson, Kleinberg, "Reconciling the accuracy-diversity trade-off in recommendations" (2023, arXiv
    2307.15142), with values of 0 and 1; few = n is recall.
    """
    return np.divide(
        np.minimum(hits, few), np.minimum(few, relevant), out=np.full(len(hits), np.nan), where=relevant > 0
    )


class FewConsumed:
    """Claim f."""

    statement = STATEMENT

    def run(self, ground: Ground, seeds: Sequence[int], progress: Progress) -> Finding:
        """The same lists, scored for users who consume everything and for users who consume little."""
        held: list[Condition] = []
        rows: list[tuple[str, ...]] = []
        remarks: list[str] = []
        lines = []
        for name in RETRIEVERS:
            title = MODELS[name].title
            validation, test = retrieved(ground, name, progress, seeds[0])
            curve = {gamma: [_utility(test, few, gamma) for few in (1, 2, 5, K)] for gamma in GAMMAS}
            other = over(test, lambda one: _best(one, one.pool.target[shuffled(len(one.relevant), seeds[0])], 1))
            ones, sharp = curve[1.0], curve[np.inf]
            held += conditions(title, ones[0], sharp[0], ones[3], sharp[3], other)
            rows += [(title, _name(gamma), *(f"{number(mean(v))}" for v in values), str(estimate(values[0], ones[0])),
                      str(estimate(values[3], ones[3]))) for gamma, values in curve.items()]  # fmt: skip
            rows.append((title, "1, another's p", number(mean(other)), "", "", "", str(estimate(other, ones[0])), ""))
            remarks += [
                f"{title}: gamma that is best for {words} on the validation users of each part: {_peaks(validation, few)}"
                for words, few in (("best of 1", 1), (f"Recall@{K}", K))
            ]
            for place, few in ((0, "best of 1"), (3, f"Recall@{K}")):
                gaps = [estimate((curve[g][place] - ones[place]) / mean(ones[place])) for g in GAMMAS]
                lines.append(line(f"{title}, {few}", range(len(GAMMAS)), gaps))
        remarks.append(planted_words())
        return self.statement.finding(
            ground,
            conditions=tuple(held),
            columns=(
                "retriever", "gamma", "best of 1", "best of 2", "best of 5", f"Recall@{K}", "best of 1 minus gamma 1 [95 %]",
                "Recall minus gamma 1 [95 %]",
            ),
            rows=tuple(rows),
            remarks=tuple(remarks),
            chart=Chart(
                across="gamma of the proportions p^gamma", up="relative to gamma 1", ticks=tuple(map(_name, GAMMAS)), lines=tuple(lines)
            ),
        )  # fmt: skip


def _name(gamma: float) -> str:
    return "inf" if np.isinf(gamma) else f"{gamma:g}"


def _peaks(validation: Sequence[Found], few: int) -> str:
    """Part by part: pooled over parts, the validation users are the test users."""
    best = [max(GAMMAS, key=lambda gamma, one=one: mean(_utility([one], few, gamma))) for one in validation]
    return " / ".join(map(_name, best))


def _utility(found: Sequence[Found], few: int, gamma: float) -> Float64:
    return over(found, lambda one: _best(one, tempered(one.pool.target, gamma), few))


def _best(found: Found, target: Float64, few: int) -> Float64:
    slates = Calibrated(CalibratedConfig(lam=LAM))(found.towards(target), K)
    return best_of(found.hits(slates).sum(axis=1), found.relevant, few)


PLANTED: dict[str, tuple[Callable[[Float64], Float64], float]] = {
    "all alike (0 or 1)": (lambda n: 1.0 - 0.7**n, 0.0),
    "bounded (uniform)": (lambda n: n / (n + 1.0), 0.5),
    "exponential": (lambda n: np.cumsum(1.0 / np.maximum(n, 1.0)) - 1.0, 1.0),
    "heavy (Pareto 2)": (lambda n: np.exp(gammaln(n + 1.0) + gammaln(0.5) - gammaln(n + 0.5)) * (n > 0), 2.0),
}
"""Expected best of n draws, n = 0, 1, ..., and the exponent that theory gives for that tail (table 1 of the paper)."""


def planted_shares(best: Callable[[Float64], Float64], types: Float64 = _TYPES, places: int = _PLACES) -> Int64:
    """``(T,)`` places for each type that maximise sum_t p_t E[best of n_t draws] in a planted world of independent types.

    The gains fall with n, so filling place after place with the type of the largest gain is optimal.
    """
    gains = types[:, None] * np.diff(best(np.arange(places + 1, dtype=np.float64)))
    filled = np.argsort(-gains, axis=None, kind="stable")[:places] // places
    return np.bincount(filled, minlength=len(types))


def planted_exponent(best: Callable[[Float64], Float64]) -> float:
    """Exponent of these shares: the slope of log n_t over log p_t."""
    return float(np.polyfit(np.log(_TYPES), np.log(planted_shares(best)), 1)[0])


def planted_words() -> str:
    """What the mechanism itself does, so that a null result on data is not for want of it."""
    said = "; ".join(f"{name} {planted_exponent(best):.2f} ({theory:g})" for name, (best, theory) in PLANTED.items())
    return f"in a planted world the best shares of {_PLACES} places follow p^gamma with gamma, by tail (theory): {said}"
