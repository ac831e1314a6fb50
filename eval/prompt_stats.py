"""What a comparison of prompts says: means, paired differences, places, slices, and the users in whom prompts differ most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.prompt_answers import METRICS
from eval.prompt_compare import TESTED, Comparison
from eval.prompt_sequential import repeated_interval
from eval.prompt_verdict import verdicts
from eval.significance import Interval, effect_size, paired_bootstrap
from retrieval.arrays import Bool, Float64

COMPARED = (*TESTED, "slate_kl", "compliance", "mass", "valid", "read", "ms")
"""Metrics of which differences are told."""

SLICED = ("ndcg", "slate_ndcg", "compliance")
_LEAST = 8
"""Users below whom a slice is not told."""
_EXAMPLES = 6


@dataclass(frozen=True, slots=True)
class Difference:
    """A prompt minus the first, paired by user.

    Attributes:
        prompt: Its name.
        metric: Of :data:`COMPARED`.
        interval: 95 %: the bootstrap's, or where the comparison ended early the repeated confidence interval.
        p: Sequential p-value after Holm; NaN for what is not tested.
        rise: Share of users in whom it is higher minus share in whom it is lower.
    """

    prompt: str
    metric: str
    interval: Interval
    p: float
    rise: float


@dataclass(frozen=True, slots=True)
class Places:
    """How far places sway a prompt.

    Attributes:
        prompt: Its name.
        users: Who were asked about twice.
        tau: Kendall's tau-b between two orders of the same candidates.
        early: Gain of an item in the first half of the list minus its gain in the second, paired.
        by_quarter: Mean gain by the quarter it stood in.
    """

    prompt: str
    users: int
    tau: Interval
    early: Interval
    by_quarter: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """A difference in some of the users.

    Attributes:
        name: Of the slice.
        users: In it.
        prompt: Minus the first.
        metric: Of :data:`SLICED`.
        interval: 95 % bootstrap; slices are looked at, not tested.
    """

    name: str
    users: int
    prompt: str
    metric: str
    interval: Interval


@dataclass(frozen=True, slots=True)
class Apart:
    """A user in whom prompts differ.

    Attributes:
        user: Id of the data.
        words: What was asked for.
        likes: Length of the history.
        ndcg: Of the model alone, by prompt.
        lists: Titles by prompt, each with whether it was found.
    """

    user: str
    words: str
    likes: int
    ndcg: tuple[float, ...]
    lists: tuple[tuple[tuple[str, bool], ...], ...]


def means(found: Comparison) -> list[dict[str, Interval]]:
    """Of each prompt, each metric's mean over the users with its interval; label mass and time of those who were answered."""
    return [
        {metric: paired_bootstrap(found.values(metric)[at], np.zeros(1)) for metric in METRICS}
        for at in range(len(found.prompts))
    ]


def differences(found: Comparison) -> list[Difference]:
    """Every prompt minus the first, in every metric that is compared."""
    out: list[Difference] = []
    for at in range(1, len(found.prompts)):
        for metric in COMPARED:
            one, base = found.values(metric)[at], found.values(metric)[0]
            interval = paired_bootstrap(one, base)
            if found.early and metric in TESTED and found.judged is not None:
                interval = Interval(*repeated_interval(one - base, found.judged.critical))
            p = found.p_of(at, metric) if metric in TESTED else float("nan")
            out.append(Difference(found.config.prompts[at], metric, interval, p, effect_size(one, base).dominance))
    return out


def places(found: Comparison) -> list[Places]:
    """Of each prompt, how far places sway it."""
    out: list[Places] = []
    for at, row in enumerate(found.answers):
        tau = np.array([answer.bias.tau for answer in row])
        early = np.array([answer.bias.early for answer in row])
        quarters = np.stack([answer.bias.by_quarter for answer in row])
        told = tuple(float(np.nanmean(q)) if np.isfinite(q).any() else float("nan") for q in quarters.T)
        zero = np.zeros(1)
        out.append(
            Places(
                found.config.prompts[at], int(np.isfinite(tau).sum()), paired_bootstrap(tau, zero), paired_bootstrap(early, zero), told
            )
        )  # fmt: skip
    return out


def slices(found: Comparison) -> list[Slice]:
    """Differences by length of history, by how minor the taste is that counts, and by kind of request."""
    likes = np.array([len(person.case.likes) for person in found.people], float)
    minor = np.array([person.minor for person in found.people])
    words = np.array([bool(person.case.words) for person in found.people])
    masks: dict[str, Bool] = {**_thirds(likes, "history: {low:.0f} to {high:.0f} likes"), **_minor(minor)}
    if words.any() and not words.all():
        masks |= {"requests in words": words, "requests without words": ~words}
    return [
        Slice(
            name, int(mask.sum()), found.config.prompts[at], metric,
            paired_bootstrap(found.values(metric)[at, mask], found.values(metric)[0, mask]),
        )
        for name, mask in masks.items()
        if mask.sum() >= _LEAST
        for at in range(1, len(found.prompts))
        for metric in SLICED
    ]  # fmt: skip


def _thirds(values: Float64, form: str) -> dict[str, Bool]:
    low, high = np.quantile(values, (1 / 3, 2 / 3))
    parts = (values <= low, (values > low) & (values <= high), values > high)
    return {form.format(low=values[mask].min(), high=values[mask].max()): mask for mask in parts if mask.any()}


def _minor(minor: Float64) -> dict[str, Bool]:
    known = np.isfinite(minor)
    if not known.any():
        return {}
    edge = np.quantile(minor[known], 1 / 3)
    return {
        "hidden: of a minor taste": known & (minor <= edge),
        "hidden: of a major taste": known & (minor > edge),
        "hidden: not retrieved": ~known,
    }


def most_apart(found: Comparison, titles: Sequence[str]) -> list[Apart]:
    """Users in whom the NDCG of the prompts lies furthest apart, each with what every prompt put first."""
    ndcg = found.values("ndcg")
    order = np.argsort(-(ndcg.max(axis=0) - ndcg.min(axis=0)), kind="stable")[:_EXAMPLES]
    out: list[Apart] = []
    for user in order:
        person = found.people[int(user)]
        lists = tuple(
            tuple((titles[int(item)], bool(item in person.case.truth)) for item in row[int(user)].listed if item >= 0)
            for row in found.answers
        )
        ndcgs = tuple(float(v) for v in ndcg[:, user])
        out.append(Apart(person.user_id, person.case.words, len(person.case.likes), ndcgs, lists))
    return out


def failures(found: Comparison) -> list[dict[str, int]]:
    """Of each prompt, users whom the model failed, by reason."""
    return [dict(sorted(Counter(answer.failed for answer in row if answer.failed).items())) for row in found.answers]


def as_dict(found: Comparison, titles: Sequence[str]) -> dict[str, Any]:
    """Everything, for machines."""
    told, failed, swayed = means(found), failures(found), places(found)
    base = np.array(found.baseline)
    return {
        "model": found.model, "data": found.data, "users": len(found.people), "stopped": found.stopped, "verdicts": verdicts(found),
        "tokens_paid": found.paid, "calls_from_disk": found.kept, "seconds": round(found.seconds, 1),
        "config": found.config.model_dump(mode="json"),
        "calibrated": {"ndcg": _triple(paired_bootstrap(base[:, 0], 0 * base[:, 0])), "kl": _triple(paired_bootstrap(base[:, 1], 0 * base[:, 1]))},
        "prompts": [
            {
                "name": name, "version": prompt.version, "purpose": prompt.front.purpose, "failures": failed[at],
                "means": {metric: _triple(interval) for metric, interval in told[at].items()},
                "places": {
                    "users": swayed[at].users, "tau": _triple(swayed[at].tau), "early_minus_late": _triple(swayed[at].early),
                    "gain_by_quarter": [_number(v) for v in swayed[at].by_quarter],
                },
            }
            for at, (name, prompt) in enumerate(zip(found.config.prompts, found.prompts, strict=True))
        ],
        "differences": [
            {"prompt": d.prompt, "metric": d.metric, "minus_first": _triple(d.interval), "p": _number(d.p), "rise_minus_fall": _number(d.rise)}
            for d in differences(found)
        ],
        "looks": None if found.judged is None else {"users": list(found.judged.users), "critical": found.judged.critical},
        "slices": [
            {"slice": s.name, "users": s.users, "prompt": s.prompt, "metric": s.metric, "minus_first": _triple(s.interval)} for s in slices(found)
        ],
        "apart": [
            {"user": a.user, "request": a.words, "likes": a.likes, "ndcg": list(a.ndcg), "lists": [[{"title": t, "found": f} for t, f in one] for one in a.lists]}
            for a in most_apart(found, titles)
        ],
    }  # fmt: skip


def _triple(interval: Interval) -> list[float | None]:
    return [_number(v) for v in (interval.mean, interval.low, interval.high)]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
