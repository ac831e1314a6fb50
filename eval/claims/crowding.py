"""Claim a: lists made for accuracy crowd out the smaller tastes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.rerank.calibration import kl_divergence, target_shares
from agent.rerank.topk import TopK
from eval import metrics
from eval.claims.candidates import K, retrieved
from eval.claims.finding import Chart, Condition, Finding, estimate, line, mean, number
from eval.claims.ground import Ground, Part
from eval.claims.protocol import Statement
from eval.retrieve_models import MODELS
from retrieval.arrays import Bool, Float64
from retrieval.baselines.protocol import Progress

RETRIEVERS = ("ease", "ials", "personas")
SHOWN = ("popularity", *RETRIEVERS)
KEPT = 0.9

_AFTERWARDS = (
    "looked at afterwards and not part of the verdict: minority categories that the user has more of than the training likes "
    "of all users together"
)

STATEMENT = Statement(
    letter="a",
    slug="accuracy-crowds-out-minorities",
    claim="Lists made for accuracy alone crowd out minority tastes.",
    prediction=(
        f"The minority categories (those beyond the largest that hold half of a history, entitled to a place in ten) "
        f"have at least {1 - KEPT:.0%} less of the top {K} of EASE, iALS and personas than of what the users really liked "
        f"next, and fewer of them are present than in ten of the user's own likes drawn at random."
    ),
    control="Ten of the user's own likes, drawn at random and measured alike, must not show the effect.",
)


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


def conditions(title: str, listed: Float64, truth: Float64, present: Float64, own: Float64) -> list[Condition]:
    """What has to hold of one retriever: ``(B,)`` minority shares of list and truth, presence in list and in own likes."""
    return [
        Condition(
            says=f"{title}: minority share of the list minus {KEPT:.0%} of that of the truth, below 0",
            estimate=estimate(listed, KEPT * truth), expects="below",
        ),
        Condition(
            says=f"{title}: minority tastes present in the list minus in ten own likes, below 0",
            estimate=estimate(present, own), expects="below",
        ),
    ]  # fmt: skip


def control(own: Float64, truth: Float64) -> Condition:
    """Own likes are no list that crowds anything out."""
    return Condition(
        says=f"control: minority share of ten own likes minus {KEPT:.0%} of that of the truth, above 0",
        estimate=estimate(own, KEPT * truth), expects="above", control=True,
    )  # fmt: skip


class AccuracyCrowdsOut:
    """Claim a."""

    statement = STATEMENT

    def run(self, ground: Ground, seeds: Sequence[int], progress: Progress) -> Finding:
        """Shares of minority categories in histories, in what was liked next, and in the lists."""
        facts = [_truth(part, seeds[0]) for part in ground.parts]
        target, hidden, own, everyone = (np.concatenate([one[at] for one in facts]) for at in range(4))
        mask = minority(target)
        rarer = mask & (target > everyone)
        truth, drawn, present = share_of(mask, hidden), share_of(mask, own), metrics.minority_presence(target, own, K)
        lists = {"history": target, "liked next": hidden, "ten own likes": own}
        held = [control(drawn, truth)]
        for name in SHOWN:
            title = MODELS[name].title
            _, test = retrieved(ground, name, progress)
            lists[title] = np.concatenate([TopK()(one.pool, K).achieved for one in test])
            if name in RETRIEVERS:
                shown = metrics.minority_presence(target, lists[title], K)
                held += conditions(title, share_of(mask, lists[title]), truth, shown, present)
        return self.statement.finding(
            ground,
            conditions=tuple(held),
            columns=(
                "list", "minority share", "minus liked next [95 %]", "of those rarer among all", "minus liked next [95 %]",
                "minority tastes present", f"C_KL@{K}",
            ),
            rows=tuple(_row(name, shares, hidden, mask, rarer, target) for name, shares in lists.items()),
            remarks=(
                f"{int(mask.any(axis=1).sum()):,} users have a minority category, {mask.sum(axis=1).mean():.1f} on average over all",
                *(
                    f"{MODELS[name].title}: minority share minus that of the history itself "
                    f"{estimate(share_of(mask, lists[MODELS[name].title]), share_of(mask, target))}"
                    for name in RETRIEVERS
                ),
                _AFTERWARDS,
            ),
            chart=Chart(
                across="", up="share in the list", kind="bars", ticks=tuple(lists),
                lines=tuple(
                    line(name, range(len(lists)), [estimate(share_of(kind, shares)) for shares in lists.values()])
                    for name, kind in (("minority categories", mask), ("those rarer among all", rarer))
                ),
            ),
        )  # fmt: skip


def _truth(part: Part, seed: int) -> tuple[Float64, Float64, Float64, Float64]:
    """``(B, G)`` shares of the fold-in, of the hidden items, of k own likes drawn at random, and of all training likes."""
    draw = np.random.default_rng(seed)
    fold_in, hidden = part.test.fold_in, part.test.hidden
    own = np.full((len(fold_in), K), -1, np.int32)
    for user in range(len(fold_in)):
        row = draw.permutation(fold_in.row(user))[:K]
        own[user, : len(row)] = row
    target, wanted = (target_shares(one, part.axis.rows(one.items)) for one in (fold_in, hidden))
    everyone = part.counts @ part.axis.share / part.counts.sum()
    return target, wanted, metrics.list_shares(own, part.axis), np.broadcast_to(everyone, target.shape)


def _row(name: str, shares: Float64, truth: Float64, mask: Bool, rarer: Bool, target: Float64) -> tuple[str, ...]:
    cells: list[str] = []
    for kind in (mask, rarer):
        ours, theirs = share_of(kind, shares), share_of(kind, truth)
        cells += [number(mean(ours)), "" if shares is truth else str(estimate(ours, theirs))]
    listed = name not in {"history", "liked next"}
    present = f"{mean(metrics.minority_presence(target, shares, K)):.0%}" if listed else ""
    return name, *cells, present, number(mean(kl_divergence(target, shares)))
