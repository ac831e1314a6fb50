"""The slate as its caller gets it: facts of one request put together, nothing decided any more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.chat.reading import Reading
from agent.explain import Closeness, explain
from agent.llm.scorer import LabelScores
from agent.profile import Profile
from agent.rerank.llm import Ranked
from agent.rerank.protocol import Pool
from agent.shown import ShownFacts
from agent.slate import LimitReport, PersonaCard, Promise, Slate, SlateItem, Step, Tokens
from prompts.summaries import PersonaSummary
from retrieval.arrays import Float64
from retrieval.artifacts import Model
from retrieval.candidates import Retrieved


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when a request has been ranked.

    Attributes:
        model: Trained artefact.
        shown: What its further columns say of an item.
        closeness: Of its items.
        profile: The user.
        reading: What was understood.
        retrieved: Personas and candidates.
        summaries: Tastes in words.
        axis: Name of the axis of calibration.
        labels: Its groups.
        pool: Candidates along it.
        started: Moment of ``time.monotonic()`` at which the request came.
    """

    model: Model
    shown: ShownFacts
    closeness: Closeness
    profile: Profile
    reading: Reading
    retrieved: Retrieved
    summaries: Sequence[PersonaSummary]
    axis: str
    labels: tuple[str, ...]
    pool: Pool
    started: float


def make_slate(facts: Facts, ranked: Ranked) -> Slate:
    """Put the slate together."""
    listed, said = ranked.listed, ranked.scores
    kl = float(listed.slates.kl[0])
    items = _items(facts, ranked)
    understood = facts.reading.understood(facts.model.catalog)
    if facts.reading.text and not understood:
        understood["note"] = "no title, category, year or number was recognised"
    if facts.profile.allowed is not None:
        understood["matching_items"] = int(facts.profile.allowed.sum())
    return Slate(
        ranker_used=ranked.ranker_used,
        degraded_reason=ranked.reason,
        degraded_detail=ranked.detail,
        model=ranked.model,
        prompt_hash=ranked.prompt_hash,
        label_mass=round(said.mass, 4) if said else None,
        llm_weight=round(ranked.weight, 4) if ranked.weight is not None else None,
        llm_agreement=round(ranked.agreement, 4) if ranked.agreement is not None else None,
        tokens=_tokens(said) if said else Tokens(),
        llm_ms=round(ranked.ms, 1) if ranked.ms is not None else None,
        latency_ms=round(1000.0 * (time.monotonic() - facts.started), 1),
        axis=facts.axis,
        lam=round(listed.lam, 4),
        target=_shares(facts.labels, facts.pool.target[0]),
        achieved=_shares(facts.labels, listed.slates.achieved[0]),
        kl=round(kl, 5) if items and not np.isnan(kl) else None,
        promise=_promise(ranked),
        limits=_limits(facts, ranked),
        cold_start=facts.profile.cold,
        understood=understood,
        personas=[card(summary) for summary in facts.summaries],
        items=items,
        making=_making(facts, ranked),
    )


def _tokens(said: LabelScores) -> Tokens:
    return Tokens(
        prompt=said.prompt_tokens,
        completion=said.completion_tokens,
        prefix=said.prefix_tokens,
        calls=said.calls,
        kept=said.cached,
    )


def card(summary: PersonaSummary) -> PersonaCard:
    """One taste, as callers see it."""
    return PersonaCard(
        number=summary.number,
        name=summary.name,
        share=round(summary.share, 4),
        categories=list(summary.categories),
        exemplars=list(summary.exemplars),
    )


def _items(facts: Facts, ranked: Ranked) -> list[SlateItem]:
    catalog, candidates = facts.model.catalog, facts.retrieved.candidates
    places = ranked.listed.slates.positions[0]
    places = places[places >= 0]
    gains = ranked.listed.gains
    why = explain(facts.closeness, facts.profile, facts.retrieved, facts.summaries, places)
    items = candidates.items[0, places].tolist()
    scores = candidates.scores[0, places]
    return [
        SlateItem(
            rank=rank,
            item_id=catalog.item_ids[item],
            title=catalog.titles[item],
            categories=catalog.categories[item],
            year=catalog.years[item],
            facts=facts.shown.of(item),
            persona=w.persona.number if w.persona else None,
            persona_name=w.persona.name if w.persona else "",
            persona_share=round(w.share, 4),
            score=round(float(score), 5),
            gain_relevance=round(float(gains.relevance[0, rank - 1]), 5),
            gain_calibration=round(float(gains.calibration[0, rank - 1]), 5),
            evidence=w.evidence,
            reason=w.reason,
        )
        for rank, (item, w, score) in enumerate(zip(items, why, scores, strict=True), start=1)
    ]


def _promise(ranked: Ranked) -> Promise | None:
    kept = ranked.listed.kept
    return None if kept is None else Promise(max_kl=kept.max_kl, met=kept.met, floor=round(kept.floor, 5))


def _limits(facts: Facts, ranked: Ranked) -> LimitReport | None:
    limits = facts.pool.limits
    if limits is None:
        return None
    clash = ranked.listed.slates.clashes.get(0)
    return LimitReport(
        asked=list(limits.names),
        met=clash is None,
        clash=list(clash.between) if clash else [],
        relaxed=list(clash.relaxed) if clash else [],
    )


def _making(facts: Facts, ranked: Ranked) -> list[Step] | None:
    making = ranked.listed.making
    if making is None:
        return None
    titles, items = facts.model.catalog.titles, facts.retrieved.candidates.items[0]
    picks = [Step(step="pick", title=titles[items[place]]) for place in making.picks[0] if place >= 0]
    swaps = [
        Step(step="swap", title=titles[items[int(came)]], instead_of=titles[items[int(left)]], gain=round(gain, 6))
        for left, came, gain in making.swaps[0].tolist()
        if left >= 0
    ]
    return picks + swaps


def _shares(labels: Sequence[str], shares: Float64) -> dict[str, float]:
    return {label: round(float(share), 4) for label, share in zip(labels, shares, strict=True) if share > 0}
