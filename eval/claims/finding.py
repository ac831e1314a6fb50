"""What an experiment found, and the rule by which that is a verdict.

A claim is broken down into conditions, each a mean over users with its paired 95 % interval and the bound that was
written down before the run. Nothing else enters the verdict, so the same figures always lead to the same one: :data:`RULE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from eval.claims.made import Made
from eval.significance import Interval, paired_bootstrap
from retrieval.arrays import Float64

Outcome = Literal["held", "broken", "open"]
Verdict = Literal["confirmed", "refuted", "undecided", "mixed", "not run"]
NOT_RUN: Verdict = "not run"

RULE = (
    "A condition is *held* if its whole 95 % interval (paired bootstrap over users) lies on the predicted side of its bound, *broken* if "
    "it lies on the other, else *open*. A claim is **confirmed** where all conditions held, those of the control included; **refuted** where "
    "none of its own held, at least one is broken and all controls held, for without its control an experiment shows nothing; **undecided** where "
    "none of its own is held or broken; else **mixed**. Over several data sets, those that are undecided are left out, as they say nothing for or "
    "against; if the others agree, that is the verdict, else it is mixed."
)
"""The rule in words, for pages; :func:`verdict_of` and :func:`overall` are the same in code."""


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(_Fact):
    """A mean over users with its 95 % bootstrap interval; None where no user has a value."""

    mean: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, interval: Interval) -> Estimate:
        """From an interval, NaN as None, which JSON can say."""
        mean, low, high = (float(v) if np.isfinite(v) else None for v in (interval.mean, interval.low, interval.high))
        return cls(mean=mean, low=low, high=high)

    def __str__(self) -> str:
        if self.mean is None or self.low is None or self.high is None:
            return "no value"
        return f"{number(self.mean)} [{number(self.low)}, {number(self.high)}]"


class Condition(_Fact):
    """One quantity and the side of a bound that was predicted for it.

    Attributes:
        says: The quantity in words, with the bound.
        estimate: What was measured.
        expects: Side of the bound that was predicted.
        bound: Written down before the run.
        control: Whether it guards the experiment instead of being part of the claim.
    """

    says: str
    estimate: Estimate
    expects: Literal["above", "below"]
    bound: float = 0.0
    control: bool = False

    @property
    def outcome(self) -> Outcome:
        """held: the whole interval is on the predicted side; broken: on the other; open: it includes the bound."""
        low, high = self.estimate.low, self.estimate.high
        if low is None or high is None:
            return "open"
        if self.expects == "below":
            low, high = -high, -low
        bound = self.bound if self.expects == "above" else -self.bound
        return "held" if low > bound else "broken" if high < bound else "open"


class Line(_Fact):
    """One line of a chart: points with their intervals, and a word beside each where it needs one."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    words: tuple[str, ...] = ()


class Chart(_Fact):
    """What a claim's picture shows of one data set.

    Attributes:
        across: Label of the x axis.
        up: Label of the y axis.
        lines: What is drawn.
        kind: Lines, or bars side by side at each tick.
        ticks: Words at x = 0, 1, ..., where x is no quantity.
        log: Whether x is on a logarithmic scale.
    """

    across: str
    up: str
    lines: tuple[Line, ...]
    kind: Literal["lines", "bars"] = "lines"
    ticks: tuple[str, ...] = ()
    log: bool = False


class Finding(_Fact):
    """One claim on one data set.

    Attributes:
        letter: Of the claim.
        claim: What is claimed.
        prediction: In numbers, written before the run.
        control: What would show that the experiment measures something else.
        data: Name of the data set.
        users: Test users behind the figures.
        protocol: What was held out, and what was left out to save time.
        conditions: What the verdict is made of.
        columns: Heads of the table.
        rows: Its cells.
        remarks: What was chosen on validation, and what else a reader must know.
        chart: For the picture; None where nothing was run.
        seconds: It took, without what an earlier run kept.
        made: By what; None before it is kept.
    """

    letter: str
    claim: str
    prediction: str
    control: str
    data: str
    users: int
    protocol: str
    conditions: tuple[Condition, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    remarks: tuple[str, ...] = ()
    chart: Chart | None = None
    seconds: float = 0.0
    made: Made | None = None

    @property
    def verdict(self) -> Verdict:
        """By :func:`verdict_of`."""
        return verdict_of(self.conditions)


def verdict_of(conditions: Sequence[Condition]) -> Verdict:
    """The verdict on one data set, by :data:`RULE`; without conditions nothing was run."""
    if not conditions:
        return NOT_RUN
    own = {c.outcome for c in conditions if not c.control}
    guarded = all(c.outcome == "held" for c in conditions if c.control)
    if own == {"held"} and guarded:
        return "confirmed"
    if own == {"open"}:
        return "undecided"
    return "refuted" if "broken" in own and "held" not in own and guarded else "mixed"


def overall(findings: Sequence[Finding]) -> Verdict:
    """The verdict over several data sets, by :data:`RULE`; those that were not run do not count."""
    said: list[Verdict] = [finding.verdict for finding in findings if finding.verdict != NOT_RUN]
    decided: list[Verdict] = [verdict for verdict in said if verdict != "undecided"]
    if not decided:
        return "undecided" if said else NOT_RUN
    return decided[0] if len(set(decided)) == 1 else "mixed"


def estimate(values: Float64, baseline: Float64 | float = 0.0) -> Estimate:
    """Mean of ``values - baseline`` over users, with its paired bootstrap interval."""
    return Estimate.of(paired_bootstrap(values, np.broadcast_to(np.asarray(baseline, np.float64), values.shape)))


def line(name: str, x: Sequence[float], estimates: Sequence[Estimate], words: Sequence[str] = ()) -> Line:
    """A line through estimates; those without a value are left out."""
    kept = [(at, e.mean, e.low, e.high) for at, e in zip(x, estimates, strict=True) if e.mean is not None]
    known = [(at, y, y if low is None else low, y if high is None else high) for at, y, low, high in kept]
    xs, ys, lows, highs = zip(*known, strict=True) if known else ((), (), (), ())
    return Line(name=name, x=xs, y=ys, low=lows, high=highs, words=tuple(words))


def mean(values: Float64) -> float:
    """Mean over the users who have a value."""
    return float(np.nanmean(values))


def number(value: float) -> str:
    """Three digits that say something: large numbers without a fraction, small ones with four places."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.4f}"
