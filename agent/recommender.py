"""The orchestrator and the Python API: a history and a sentence become a calibrated slate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.chat.reading import MAX_K, Reading, RequestReader
from agent.explain import explain
from agent.llm.endpoint import Endpoint, find_endpoint
from agent.llm.failures import Reason
from agent.llm.loop import on_shared_loop, run
from agent.llm.scorer import LabelScorer
from agent.paths import models_folder
from agent.profile import Profile, category_target, make_profile
from agent.rerank.calibrated import Calibrated, CalibratedConfig, warm_up
from agent.rerank.ladder import LadderConfig, Step, absent, guarded, ladder
from agent.rerank.llm import Ask, LLMConfig, LLMRung, Ranked
from agent.rerank.protocol import Float64, Pool
from agent.slate import PersonaCard, Slate, SlateItem, Tokens
from prompts.rerank import INPUTS, rerank_inputs
from prompts.summaries import PersonaSummary, slot_counts, summarise
from prompts.template import Message
from prompts.template import load as load_prompt
from retrieval.artifacts import Model
from retrieval.artifacts import load as load_model
from retrieval.candidates import Retrieved
from retrieval.errors import ConfigError
from retrieval.schema import NO_ITEM, Bool, Candidates, Float32, Histories, Int32
from retrieval.titles import TitleIndex

DEFAULT_K = 10
DEFAULT_DEADLINE_MS = 5000
_LAST_STEPS_S = 0.03  # kept free before the deadline for calibration and explanation


class RecommenderConfig(BaseModel):
    """How slates are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    axis: str = Field(
        default="auto", description="column to calibrate along, 'personas', or 'auto': categories if there are any"
    )
    candidates: int = Field(default=100, ge=1, description="size of the pool")
    calibrated: CalibratedConfig = CalibratedConfig()
    llm: LLMConfig = LLMConfig()
    ladder: LadderConfig = LadderConfig()
    prompt: str = Field(default="rerank-shares", description="prompt of the library, or the path of a .j2 file")


class Request(BaseModel):
    """What is asked. Either a known user, or liked items, or both, or neither for a cold start."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str | None = None
    like: tuple[str, ...] = ()
    request: Annotated[str, Field(max_length=10_000)] = ""
    k: Annotated[int, Field(ge=1, le=MAX_K)] | None = None
    deadline_ms: Annotated[int, Field(ge=1)] = DEFAULT_DEADLINE_MS


class Recommender:
    """Turns requests into slates; safe to keep for the life of a process.

    Args:
        model: Trained artefact.
        endpoint: Server of the language model; None ranks without one.
        config: Settings.
        absent_reason: Code that slates carry when there is no endpoint.
    """

    def __init__(
        self,
        model: Model,
        endpoint: Endpoint | None = None,
        config: RecommenderConfig | None = None,
        absent_reason: Reason = Reason.OFF,
    ) -> None:
        self.model = model
        self.endpoint = endpoint
        self.config = config or RecommenderConfig()
        self.titles = TitleIndex(model.catalog)
        self.reader = RequestReader(model.catalog, self.titles)
        self._prompt = load_prompt(self.config.prompt)
        self._prompt.require(INPUTS)
        labelled = model.catalog.has_labels()
        self.axis_name = ("categories" if labelled else "personas") if self.config.axis == "auto" else self.config.axis
        self._axis = None if self.axis_name == "personas" else model.catalog.axis(self.axis_name)
        self._ladder = self._build_ladder(absent_reason)
        warm_up()

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        *,
        llm_url: str | None = None,
        llm_model: str | None = None,
        use_llm: bool = True,
        config: RecommenderConfig | None = None,
    ) -> Recommender:
        """Load a trained model and find the language model's server.

        Raises:
            NotFoundError: There is no trained model.
            DataError: It is damaged.
            ConfigError: The endpoint is given by half.
        """
        endpoint = find_endpoint(llm_url, llm_model) if use_llm else None
        reason = Reason.UNREACHABLE if use_llm else Reason.OFF
        return cls(load_model(folder or models_folder() / "default"), endpoint, config, reason)

    def recommend(
        self,
        request: str = "",
        *,
        user: str | None = None,
        like: Sequence[str] = (),
        k: int | None = None,
        deadline_ms: int = DEFAULT_DEADLINE_MS,
    ) -> Slate:
        """Recommend; see :meth:`arecommend`."""
        return run(self.arecommend(request, user=user, like=like, k=k, deadline_ms=deadline_ms))

    async def arecommend(
        self,
        request: str = "",
        *,
        user: str | None = None,
        like: Sequence[str] = (),
        k: int | None = None,
        deadline_ms: int = DEFAULT_DEADLINE_MS,
    ) -> Slate:
        """One slate.

        Args:
            request: What is wanted, in words; may be empty.
            user: External id of a user of the data.
            like: Titles or item ids of things the person likes.
            k: Length of the slate; else as the request says, else 10.
            deadline_ms: The slate is there by then; if the language model is not, without it.

        Raises:
            NotFoundError: An unknown user or title; carries suggestions.
            ConfigError: A value is out of range.
        """
        started = time.monotonic()
        try:
            asked = Request(user=user, like=tuple(like), request=request, k=k, deadline_ms=deadline_ms)
        except ValidationError as why:
            first = why.errors()[0]
            raise ConfigError(f"{first['loc'][0]}: {first['msg']}", f"it was {first['input']!r:.80}") from why
        reading = self.reader.read(asked.request)
        profile = make_profile(self.model.catalog, self._likes(asked), reading)
        length = asked.k or reading.k or DEFAULT_K
        retrieved = self._retrieve(profile, asked.user, length)
        summaries = summarise(self.model.catalog, profile.history, retrieved.personas)
        labels, pool = self._pool(profile, retrieved, summaries, reading)

        def render(shown: Int32, letters: Sequence[str]) -> tuple[Message, ...]:
            why = explain(self.model.catalog, self.model.encoder.weights.items, profile, retrieved, summaries, shown)
            inputs = rerank_inputs(
                self.model.catalog,
                items=retrieved.candidates.items[0, shown],
                labels=letters,
                tastes=[w.persona.number if w.persona else None for w in why],
                personas=summaries,
                slots=slot_counts(labels, pool.target[0], length),
                request=asked.request,
                k=length,
            )
            return self._prompt.render(**inputs)

        deadline = started + asked.deadline_ms / 1000.0 - _LAST_STEPS_S
        ranked = await on_shared_loop(self._ladder.ainvoke({"ask": Ask(pool, length, deadline, render)}))
        return self._slate(ranked, profile, retrieved, summaries, labels, pool.target, reading, started)

    def resolve(self, name: str) -> int:
        """Internal id of a title or an external item id.

        Raises:
            NotFoundError: Neither; carries the closest titles.
        """
        found = self.titles.find(name)
        if found is None and name in self._known_ids:
            found = int(self.model.catalog.positions([name])[0])
        return self.titles.resolve(name) if found is None else found

    @cached_property
    def _known_ids(self) -> frozenset[str]:
        return frozenset(self.model.catalog.item_ids)

    def _likes(self, asked: Request) -> Int32:
        known = self.model.history_of(asked.user) if asked.user is not None else np.empty(0, np.int32)
        named = np.array([self.resolve(name) for name in asked.like], np.int32)
        return np.concatenate([known, named[~np.isin(named, known)]]).astype(np.int32)

    def _retrieve(self, profile: Profile, user: str | None, k: int) -> Retrieved:
        touched = self.model.seen_by(user) if user is not None else np.empty(0, np.int32)
        seen = Histories.of([np.concatenate([profile.liked.items, touched])])
        n = max(self.config.candidates, k)
        retrieved = self.model.retriever(profile.history, n, allowed=profile.allowed, seen=seen)
        if not profile.cold:
            return retrieved
        # Without a history the personas are blank; what most people like is the best guess there is.
        popular = popular_candidates(self.model, profile.allowed, seen.items, n)
        return Retrieved(retrieved.personas, popular, np.ones(1, bool))

    def _pool(
        self, profile: Profile, retrieved: Retrieved, summaries: Sequence[PersonaSummary], reading: Reading
    ) -> tuple[tuple[str, ...], Pool]:
        """Candidates along the axis of calibration, and the names of its groups."""
        candidates = retrieved.candidates
        if self._axis is not None:
            target = category_target(self.model.catalog, self._axis, profile, reading)
            return self._axis.labels, Pool(candidates.scores, self._axis.rows(candidates.items), target)
        weights = np.zeros_like(retrieved.personas.weights, np.float64) if profile.cold else retrieved.personas.weights
        names = {p.index: f"taste {p.number}: {p.name}" for p in summaries}
        labels = tuple(names.get(i, f"(other taste {i + 1})") for i in range(weights.shape[1]))
        return labels, Pool(candidates.scores, candidates.persona, weights.astype(np.float64))

    def _build_ladder(self, absent_reason: Reason) -> Runnable[Step, Ranked]:
        calibrated = Calibrated(self.config.calibrated)
        if self.endpoint is None:
            detail = (
                "no server is running: polytaste llm up" if absent_reason is Reason.UNREACHABLE else "not asked for"
            )
            return ladder(absent(absent_reason, detail), calibrated)
        rung = LLMRung(LabelScorer(self.endpoint), self._prompt, calibrated, self.config.llm)
        return ladder(guarded(rung, self.config.ladder), calibrated)

    def _slate(
        self,
        ranked: Ranked,
        profile: Profile,
        retrieved: Retrieved,
        summaries: Sequence[PersonaSummary],
        labels: Sequence[str],
        target: Float64,
        reading: Reading,
        started: float,
    ) -> Slate:
        catalog = self.model.catalog
        places = ranked.slates.positions[0]
        places = places[places >= 0]
        by_relevance, by_calibration = ranked.gains.relevance[0], ranked.gains.calibration[0]
        why = explain(catalog, self.model.encoder.weights.items, profile, retrieved, summaries, places)
        rows = catalog.table[retrieved.candidates.items[0, places].tolist()].iter_rows(named=True)
        scores = retrieved.candidates.scores[0, places]
        items = [
            SlateItem(
                rank=rank,
                item_id=row["item_id"],
                title=row["title"],
                categories=row["categories"],
                year=row["year"],
                persona=w.persona.number if w.persona else None,
                persona_name=w.persona.name if w.persona else "",
                persona_share=round(w.share, 4),
                score=round(float(score), 5),
                gain_relevance=round(float(by_relevance[rank - 1]), 5),
                gain_calibration=round(float(by_calibration[rank - 1]), 5),
                reason=w.reason,
            )
            for rank, (row, w, score) in enumerate(zip(rows, why, scores, strict=True), start=1)
        ]
        kl = float(ranked.slates.kl[0])
        understood = reading.understood(catalog)
        if profile.allowed is not None:
            understood["matching_items"] = int(profile.allowed.sum())
        said = ranked.scores
        return Slate(
            ranker_used=ranked.ranker_used,
            degraded_reason=ranked.reason,
            degraded_detail=ranked.detail,
            model=ranked.model,
            prompt_hash=ranked.prompt_hash,
            label_mass=round(said.mass, 4) if said else None,
            llm_weight=self.config.llm.weight if said else None,
            tokens=Tokens(prompt=said.prompt_tokens, completion=said.completion_tokens) if said else Tokens(),
            latency_ms=round(1000.0 * (time.monotonic() - started), 1),
            axis=self.axis_name,
            lam=self.config.calibrated.lam,
            target=_shares(labels, target[0]),
            achieved=_shares(labels, ranked.slates.achieved[0]),
            kl=round(kl, 5) if items and not np.isnan(kl) else None,
            cold_start=profile.cold,
            understood=understood,
            personas=[
                PersonaCard(
                    number=p.number,
                    name=p.name,
                    share=round(p.share, 4),
                    categories=list(p.categories),
                    exemplars=list(p.exemplars),
                )
                for p in summaries
            ],
            items=items,
        )


def popular_candidates(model: Model, allowed: Bool | None, seen: Int32, n: int) -> Candidates:
    """The n most liked items that are allowed and not seen, as a batch of one; scores are log counts."""
    counts = model.catalog.counts * (1 if allowed is None else allowed)
    counts[seen] = 0
    order = np.argsort(-counts, kind="stable")[:n].astype(np.int32)
    order = np.where(counts[order] > 0, order, NO_ITEM)[None].astype(np.int32)
    scores: Float32 = np.where(order >= 0, np.log1p(counts[np.maximum(order, 0)]), -np.inf).astype(np.float32)
    heads = model.encoder.config.personas
    share = np.where(order[:, :, None] >= 0, 1.0 / heads, 0.0) * np.ones(heads)
    return Candidates(order, scores, share.astype(np.float32))


def _shares(labels: Sequence[str], shares: Float64) -> dict[str, float]:
    return {label: round(float(share), 4) for label, share in zip(labels, shares, strict=True) if share > 0}
