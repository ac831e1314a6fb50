"""Reranking of candidates that the caller brings: those of the catalogue by the recommender, the rest behind them."""

from __future__ import annotations

from dataclasses import dataclass

from agent.chat.person import Person
from agent.chat.reading import MAX_K
from agent.recommender import Recommender
from agent.request import Asked
from agent.service.bodies import Document, Note, RerankBody, RerankReply, RerankResult
from agent.service.metrics import count

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
    repeated = {c.index for c in candidates if c.item is not None and first[c.item] is not c}
    liked = {int(i) for i in recommender.liked(asked)}
    full = len(ranked) == MAX_K

    def behind(candidate: _Candidate) -> _Behind:
        """Why a candidate was not ranked, and how far behind it goes."""
        if candidate.item is None:
            note, depth = "not in the catalogue", 5
        elif candidate.index in repeated:
            note, depth = "repeated", 4
        elif candidate.item in liked:
            note, depth = "already liked", 2
        elif catalog.counts[candidate.item] == 0:
            note, depth = "nobody liked it yet", 1
        else:
            note, depth = ("", 0) if full else ("does not meet the query", 3)
        return _Behind(note, depth, candidate.index)

    rest = sorted((behind(c) for c in candidates if c.index not in placed), key=lambda b: (b.depth, b.index))
    order = [_Behind("", 0, index) for index in ranked] + rest
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
