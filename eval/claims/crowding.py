"""Claim a: lists made for accuracy crowd out the smaller tastes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.rerank.calibration import target_shares
from eval import metrics
from eval.claims.candidates import K, retrieved, retrieved_by_half
from eval.claims.finding import Chart, Condition, Finding, estimate, line, mean, number
from eval.claims.ground import Ground, Part
from eval.claims.protocol import Statement
from eval.retrieve_models import MODELS
from retrieval.arrays import Bool, Float64, Int32
from retrieval.axes import Axis
from retrieval.baselines.protocol import Progress
from retrieval.schema import Histories

RETRIEVERS = ("ease", "ials", "personas")
SHOWN = ("popularity", *RETRIEVERS)
KEPT = 0.9
DRAWS = 10

STATEMENT = Statement(
    letter="a",
    slug="accuracy-crowds-out-minorities",
    claim="Lists made for accuracy alone crowd out minority tastes.",
    prediction=(
        "The minority categories of a fold-in (those beyond the largest that hold half of it, entitled to a place in ten) have at least "
        f"{1 - KEPT:.0%} less of the lists of EASE, iALS and personas than of as many of the user's hidden likes, and fewer of them are present. "
        f"Both are equally long: a user with n hidden likes is shown the first min({K}, n)."
    ),
    control=(
        "With minority categories told by one random half of the fold-in, the likes of the other half are measured as a list is, against as "
        "many hidden likes. They are no list that crowds anything out, so neither effect may show."
    ),
)


@dataclass(frozen=True, eq=False)
class Measured:
    """Some items of every user, held to minority categories.

    Attributes:
        share: ``(B,)`` part of the items that the minority categories hold.
        rarer: The same of those that the user has more of than all training likes together.
        present: Share of the minority categories that are there at all.
    """

    share: Float64
    rarer: Float64
    present: Float64


def minority(target: Float64, k: int = K, majority: float = 0.5) -> Bool:
    """``(B, G)`` the categories that :func:`eval.metrics.minority_presence` counts as minority tastes."""
    order = np.argsort(-target, axis=1, kind="stable")
    ordered = np.take_along_axis(target, order, axis=1)
    beyond = np.cumsum(ordered, axis=1) - ordered >= majority - 1e-12
    out = np.zeros(target.shape, bool)
    np.put_along_axis(out, order, beyond, axis=1)
    return out & (k * target >= 0.5)


def share_of(mask: Bool, shares: Float64) -> Float64:
    """``(B,)`` part of each row that the masked categories hold; NaN for users without any, or without a list."""
    asked = mask.any(axis=1) & (shares.sum(axis=1) > 0)
    return np.where(asked, np.where(mask, shares, 0.0).sum(axis=1), np.nan)


def present_of(mask: Bool, shares: Float64) -> Float64:
    """``(B,)`` part of the masked categories that have any share; NaN as in :func:`share_of`."""
    count = mask.sum(axis=1)
    asked = (count > 0) & (shares.sum(axis=1) > 0)
    return np.divide((mask & (shares > 0)).sum(axis=1), count, out=np.full(len(mask), np.nan), where=asked)


def first(lists: Int32, lengths: Int32) -> Int32:
    """``(B, n)`` lists cut to a length of each user's own."""
    return np.where(np.arange(lists.shape[1]) < lengths[:, None], lists, -1).astype(np.int32)


def drawn(histories: Histories, draw: np.random.Generator, k: int = K) -> Int32:
    """``(B, k)`` as many items of each history, drawn without order; -1 pads."""
    out = np.full((len(histories), k), -1, np.int32)
    for user in range(len(histories)):
        row = draw.permutation(histories.row(user))[:k]
        out[user, : len(row)] = row
    return out


def conditions(title: str, listed: Measured, hidden: Measured) -> list[Condition]:
    """What has to hold of one retriever."""
    return [
        Condition(
            says=f"{title}: minority share of the list minus {KEPT:.0%} of that of as many hidden likes, below 0",
            estimate=estimate(listed.share, KEPT * hidden.share), expects="below",
        ),
        Condition(
            says=f"{title}: minority tastes present in the list minus in as many hidden likes, below 0",
            estimate=estimate(listed.present, hidden.present), expects="below",
        ),
    ]  # fmt: skip


def controls(own: Measured, hidden: Measured) -> list[Condition]:
    """What must not show of own likes that had no part in saying which tastes are minor."""
    return [
        Condition(
            says=f"control: {words} of likes of the other half minus {KEPT:.0%} of that of as many hidden likes, above 0",
            estimate=estimate(ours, KEPT * theirs), expects="above", control=True,
        )
        for words, ours, theirs in (
            ("minority share", own.share, hidden.share), ("minority tastes present", own.present, hidden.present),
        )
    ]  # fmt: skip


class AccuracyCrowdsOut:
    """Claim a."""

    statement = STATEMENT

    def run(self, ground: Ground, seeds: Sequence[int], progress: Progress) -> Finding:
        """Shares of minority categories in the lists and in as many hidden likes, by the fold-in and by half of it."""
        by = {"fold-in": [_Judge.of(part, part.test.fold_in) for part in ground.parts],
              "one half": [_Judge.of(part, part.halves[0]) for part in ground.parts]}  # fmt: skip
        hidden = {
            told: _likes(judges, [part.test.hidden for part in ground.parts], seeds[0]) for told, judges in by.items()
        }
        other = _likes(by["one half"], [part.halves[1] for part in ground.parts], seeds[0])
        found: dict[tuple[str, str], Measured] = {("fold-in", "hidden likes"): hidden["fold-in"]}
        held = controls(other, hidden["one half"])
        for name in SHOWN:
            _, test = retrieved(ground, name, progress, seeds[0])
            listed = _lists(by["fold-in"], [one.items for one in test])
            found["fold-in", MODELS[name].title] = listed
            if name in RETRIEVERS:
                held += conditions(MODELS[name].title, listed, hidden["fold-in"])
        found["one half", "hidden likes"], found["one half", "likes of the other half"] = hidden["one half"], other
        for name in RETRIEVERS:
            half = _lists(by["one half"], retrieved_by_half(ground, name, progress, seeds[0]))
            found["one half", f"{MODELS[name].title}, told the other half"] = half
        whole = {title: one for (told, title), one in found.items() if told == "fold-in"}
        compared = np.concatenate([judge.lengths for judge in by["fold-in"]]).mean()
        many = np.concatenate([judge.mask.sum(axis=1) for judge in by["fold-in"]])
        return self.statement.finding(
            ground,
            conditions=tuple(held),
            columns=(
                "minority by", "items", "minority share", "minus hidden [95 %]", "of those rarer among all", "minus hidden [95 %]",
                "minority tastes present", "minus hidden [95 %]",
            ),
            rows=tuple(_row(told, title, one, hidden[told]) for (told, title), one in found.items()),
            remarks=(
                (f"{int((many > 0).sum()):,} users have a minority category, {many.mean():.1f} on average over all; {compared:.1f} hidden likes are "
                f"compared on average, the mean of {DRAWS} draws where a user has more than {K}"),
                ("beside the verdict: lists by one half of the fold-in, held to the minority tastes of the other half, owe nothing to the luck of the "
                "same items; but such a list cannot keep a taste that only the other half knows of"),
                "beside the verdict: of those rarer among all, minority categories that the user has more of than the training likes of all users",
                "one training of each retriever in each part: what another seed would give is not in the intervals",
            ),
            chart=Chart(
                across="", up="of the minority tastes by the fold-in", kind="bars", ticks=tuple(whole),
                lines=tuple(
                    line(name, range(len(whole)), [estimate(values) for values in rows])
                    for name, rows in (
                        ("share of the items", [one.share for one in whole.values()]),
                        ("present", [one.present for one in whole.values()]),
                    )
                ),
            ),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Judge:
    """What the users of a part are held to: which tastes are minor, and how many items are compared."""

    axis: Axis
    mask: Bool
    rarer: Bool
    lengths: Int32

    @classmethod
    def of(cls, part: Part, told: Histories) -> _Judge:
        """By the histories that say which tastes are minor."""
        target = target_shares(told, part.axis.rows(told.items))
        mask = minority(target)
        everyone = part.counts @ part.axis.share / part.counts.sum()
        return cls(
            part.axis, mask, mask & (target > everyone), np.minimum(part.test.hidden.lengths, K).astype(np.int32)
        )

    def measure(self, lists: Int32) -> Measured:
        """The first of each list, as many as are compared."""
        shares = metrics.list_shares(first(lists, self.lengths), self.axis)
        return Measured(share_of(self.mask, shares), share_of(self.rarer, shares), present_of(self.mask, shares))


def _lists(judges: Sequence[_Judge], lists: Sequence[Int32]) -> Measured:
    return _joined([judge.measure(rows) for judge, rows in zip(judges, lists, strict=True)])


def _likes(judges: Sequence[_Judge], histories: Sequence[Histories], seed: int) -> Measured:
    """Likes drawn at random, the mean over the draws."""
    draw = np.random.default_rng(seed)
    found = [_lists(judges, [drawn(rows, draw) for rows in histories]) for _ in range(DRAWS)]
    share, rarer, present = (
        np.mean([getattr(one, name) for one in found], axis=0) for name in ("share", "rarer", "present")
    )
    return Measured(share, rarer, present)


def _joined(parts: Sequence[Measured]) -> Measured:
    share, rarer, present = (
        np.concatenate([getattr(one, name) for one in parts]) for name in ("share", "rarer", "present")
    )
    return Measured(share, rarer, present)


def _row(told: str, title: str, one: Measured, hidden: Measured) -> tuple[str, ...]:
    cells: list[str] = []
    for ours, theirs in ((one.share, hidden.share), (one.rarer, hidden.rarer), (one.present, hidden.present)):
        cells += [number(mean(ours)), "" if one is hidden else str(estimate(ours, theirs))]
    return told, title, *cells
