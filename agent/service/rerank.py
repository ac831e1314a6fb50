"""Reranking of candidates that the caller brings: those of the catalogue by the recommender, the rest behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.chat.person import Person
from agent.chat.reading import MAX_K
from agent.recommender import Recommender
from agent.request import Asked
from agent.service.bodies import Document, Note, RerankBody, RerankReply, RerankResult
from agent.service.metrics import count
from retrieval.schema import NO_ITEM

MODEL = "polytaste"


@dataclass(frozen=True, slots=True)
class _Candidate:
    index: int
    text: str
    item: int | None


@dataclass(frozen=True, slots=True)
class _Behind:
    note: Note
    depth: int
    index: int
    place: int


async def rerank_documents(recommender: Recommender, person: Person, body: RerankBody, deadline_ms: int) -> RerankReply:
    """The candidates, best first; none is lost.

    The score is ``1 - place / n``: it falls along the list and can be compared within it, not across lists.
    """
    candidates = [_resolved(recommender, i, document) for i, document in enumerate(body.documents)]
    first: dict[int, _Candidate] = {}
    for candidate in candidates:
        if candidate.item is not None:
            first.setdefault(candidate.item, candidate)
    catalog = recommender.model.catalog
    asked = person.asked(recommender.model)
    asked["like"] = [*asked.get("like", ()), *body.like]
    among = [f"id:{catalog.item_ids[item]}" for item in first]
    ranked: list[int] = []
    tokens, ranker, reason = {"total_tokens": 0}, "none", None
    if among:
        length = min(body.top_n or len(among), len(among), MAX_K)
        asked |= Asked(k=length, lam=body.lam, deadline_ms=deadline_ms, among=among)
        slate = count(await recommender.arecommend(body.query, **asked))
        ranked = [first[int(catalog.positions([item.item_id])[0])].index for item in slate.items]
        tokens["total_tokens"] = slate.tokens.prompt + slate.tokens.completion
        ranker, reason = slate.ranker_used, slate.degraded_reason
    placed = set(ranked)
    liked = set(recommender.liked(asked).tolist())
    mine = [item for item in first if item in liked]
    again = await asyncio.to_thread(_by_the_query, recommender, asked, body.query, mine)
    repeated = {c.index for c in candidates if c.item is not None and first[c.item] is not c}
    full = len(ranked) == MAX_K

    def behind(candidate: _Candidate) -> _Behind:
        """Why a candidate was not ranked, and how far behind it goes."""
        item, index = candidate.item, candidate.index
        if item is None:
            return _Behind("not in the catalogue", 5, index, index)
        if index in repeated:
            return _Behind("repeated", 4, index, index)
        if item in again:
            return _Behind("already liked", 2, index, again.index(item))
        if item in mine:
            return _Behind("already liked", 3, index, index)
        if catalog.counts[item] == 0:
            return _Behind("nobody liked it yet", 1, index, index)
        return _Behind("", 0, index, index) if full else _Behind("does not meet the query", 3, index, index)

    rest = sorted((behind(c) for c in candidates if c.index not in placed), key=lambda b: (b.depth, b.place))
    order = [_Behind("", 0, index, place) for place, index in enumerate(ranked)] + rest
    order = order[: body.top_n or len(order)]
    n = len(candidates)
    results = [
        RerankResult(
            index=one.index,
            relevance_score=round(1.0 - place / n, 6),
            note=one.note,
            document={"text": candidates[one.index].text} if body.return_documents else None,
        )
        for place, one in enumerate(order)
    ]
    return RerankReply(model=MODEL, results=results, usage=tokens, ranker_used=ranker, degraded_reason=reason)


def _by_the_query(recommender: Recommender, asked: Asked, query: str, mine: Sequence[int]) -> list[int]:
    """What somebody likes already, of the candidates, in the order of the query and of what else they like; only what meets it.

    Nobody is recommended what they like, so these are asked for as if they were not liked. No model is asked.
    """
    if not mine:
        return []
    ids = recommender.model.catalog.item_ids
    rest = np.setdiff1d(recommender.liked(asked), np.array(mine, np.int32))
    others = Asked(
        like=[f"id:{ids[i]}" for i in rest],
        among=[f"id:{ids[i]}" for i in mine],
        k=min(len(mine), MAX_K),
        dislike=asked.get("dislike", ()),
    )
    _, pool = recommender.prepare(query, **others)
    return [item for item in pool.tolist() if item != NO_ITEM]


def _resolved(recommender: Recommender, index: int, document: str | Document) -> _Candidate:
    catalog = recommender.model.catalog
    if isinstance(document, str):
        document = Document(text=document)
    if document.id is not None and catalog.has_item(document.id):
        return _Candidate(index, document.text or document.id, int(catalog.positions([document.id])[0]))
    found = recommender.titles.find(document.text) if document.text else None
    if found is None and catalog.has_item(document.text):
        found = int(catalog.positions([document.text])[0])
    return _Candidate(index, document.text or (document.id or ""), found)
