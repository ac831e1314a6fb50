"""The orchestrator and the Python API: a history and a sentence become a calibrated slate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Unpack

import numpy as np
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict, Field

from agent.answer import Facts, make_slate
from agent.chat.reading import RequestReader
from agent.explain import explain
from agent.llm import earned
from agent.llm.earned import Circumstances
from agent.llm.endpoint import Endpoint, find_endpoint
from agent.llm.failures import Reason
from agent.llm.loop import on_shared_loop, run
from agent.llm.scorer import LabelScorer
from agent.paths import models_folder
from agent.pools import PoolMaker
from agent.profile import make_profile
from agent.request import DEFAULT_K, Asked, Request, checked
from agent.rerank.calibrated import CalibratedConfig, warm_up
from agent.rerank.ladder import LadderConfig, Step, absent, guarded, ladder
from agent.rerank.listing import Listing
from agent.rerank.llm import Ask, LLMConfig, LLMRung, Ranked
from agent.rerank.targets import TargetConfig
from agent.slate import Slate
from prompts.rerank import INPUTS, rerank_inputs
from prompts.summaries import slot_counts, summarise
from prompts.template import Message
from prompts.template import load as load_prompt
from retrieval.arrays import Int32
from retrieval.artifacts import Model
from retrieval.artifacts import load as load_model
from retrieval.errors import ConfigError
from retrieval.titles import TitleIndex

_LAST_STEPS_S = 0.03  # kept free before the deadline for calibration and explanation
_LAST_STEPS_WITH_LIMITS_S = 0.3  # a clash takes a few small programmes to name


class RecommenderConfig(BaseModel):
    """How slates are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    axis: str = Field(
        default="auto",
        description="column to calibrate along, 'personas', several with weights, or 'auto': categories if there are any",
    )
    target: TargetConfig = TargetConfig()
    candidates: int = Field(default=100, ge=1, description="size of the pool")
    calibrated: CalibratedConfig = CalibratedConfig()
    llm: LLMConfig = LLMConfig()
    ladder: LadderConfig = LadderConfig()
    prompt: str = Field(default="rerank-shares", description="prompt of the library, or the path of a .j2 file")


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
        self.pools = PoolMaker(model, self.config.axis, self.config.candidates, self.config.target)
        self._absent_reason = absent_reason
        self._find: Callable[[], Endpoint | None] | None = None
        self._ladder = self._build_ladder()
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
        made = cls(load_model(folder or models_folder() / "default"), endpoint, config, reason)
        made._find = partial(find_endpoint, llm_url, llm_model) if use_llm else None
        return made

    def recommend(self, request: str = "", **asked: Unpack[Asked]) -> Slate:
        """Recommend; see :meth:`arecommend`. The arithmetic is done in this thread."""
        ask, facts = self._prepared(request, asked, time.monotonic())
        return make_slate(facts, run(self._ladder.ainvoke({"ask": ask})))

    async def arecommend(self, request: str = "", **asked: Unpack[Asked]) -> Slate:
        """One slate; the arithmetic is done in a worker thread, so that other requests go on.

        Args:
            request: What is wanted, in words; may be empty.
            **asked: Who asks and on what conditions; see :class:`agent.request.Asked`.

        Raises:
            NotFoundError: An unknown user, title, column or group; carries suggestions.
            ConfigError: A value is out of range.
        """
        ask, facts = await asyncio.to_thread(self._prepared, request, asked, time.monotonic())
        ranked = await on_shared_loop(self._ladder.ainvoke({"ask": ask}))
        return await asyncio.to_thread(make_slate, facts, ranked)

    def prepare(self, request: str = "", **asked: Unpack[Asked]) -> tuple[Ask, Int32]:
        """What would come down the ladder, and the ids of its pool: for experiments that must see what production sees.

        Raises:
            NotFoundError: As :meth:`arecommend`.
            ConfigError: As :meth:`arecommend`.
        """
        ask, facts = self._prepared(request, asked, time.monotonic())
        return ask, facts.retrieved.candidates.items[0]

    def _prepared(self, request: str, asked: Asked, started: float) -> tuple[Ask, Facts]:
        """Everything up to the ladder: who asks, for what, and the candidates."""
        wish = checked(request, asked)
        self._follow()
        include, exclude = self._named(wish.include), self._named(wish.exclude)
        both = np.intersect1d(include, exclude)
        if len(both):
            title = self.model.catalog.titles[int(both[0])]
            raise ConfigError(f"{title!r} is to be included and excluded", "name it once")
        reading = self.reader.read(wish.request).without(exclude)
        profile = make_profile(self.model.catalog, self._likes(wish), reading)
        length = wish.k or reading.k or DEFAULT_K
        seen = self.model.seen_by(wish.user) if wish.user is not None else np.empty(0, np.int32)
        retrieved = self.pools.retrieve(profile, seen, length, wish.rules, include)
        summaries = summarise(self.model.catalog, profile.history, retrieved.personas)
        labels, pool = self.pools.pool(profile, retrieved, summaries, reading.filter, wish.rules, include)

        def render(shown: Int32, letters: Sequence[str]) -> tuple[Message, ...]:
            why = explain(self.model.catalog, self.model.encoder.weights.items, profile, retrieved, summaries, shown)
            inputs = rerank_inputs(
                self.model.catalog,
                items=retrieved.candidates.items[0, shown],
                labels=letters,
                tastes=[w.persona.number if w.persona else None for w in why],
                personas=summaries,
                slots=slot_counts(labels, pool.target[0], length),
                request=wish.request,
                k=length,
            )
            return self._prompt.render(**inputs)

        listing = Listing(self.config.calibrated, wish.max_kl, traced=wish.trace)
        last = _LAST_STEPS_S if pool.limits is None else _LAST_STEPS_WITH_LIMITS_S
        now = Circumstances(bool(wish.request.strip()), len(profile.liked.items))
        ask = Ask(pool, length, listing, started + wish.deadline_ms / 1000.0 - last, now, render)
        facts = Facts(
            self.model, profile, reading, retrieved, summaries, self.pools.name, labels, pool, started,
        )  # fmt: skip
        return ask, facts

    def _follow(self) -> None:
        """An embedded server that was started again has another address: a chat or a service outlives it."""
        found = self._find() if self._find is not None else self.endpoint
        if found is not None and found != self.endpoint:
            self.endpoint = found
            self._ladder = self._build_ladder()

    def resolve(self, name: str) -> int:
        """Internal id of a title or an external item id.

        "id:10" is the item with that id. Without the prefix a title wins: where "10" is the title of one item and the
        id of another, it means the title; an id that is no title is an id.

        Raises:
            NotFoundError: Neither; carries the closest titles.
        """
        prefix, _, item_id = name.partition(":")
        if prefix == "id" and item_id in self._known_ids:
            return int(self.model.catalog.positions([item_id])[0])
        found = self.titles.find(name)
        if found is None and name in self._known_ids:
            found = int(self.model.catalog.positions([name])[0])
        return self.titles.resolve(name) if found is None else found

    @cached_property
    def _known_ids(self) -> frozenset[str]:
        return frozenset(self.model.catalog.item_ids)

    def _named(self, names: Sequence[str]) -> Int32:
        return np.unique(np.array([self.resolve(name) for name in names], np.int32))

    def _likes(self, wish: Request) -> Int32:
        known = self.model.history_of(wish.user) if wish.user is not None else np.empty(0, np.int32)
        named = np.array([self.resolve(name) for name in wish.like], np.int32)
        return np.concatenate([known, named[~np.isin(named, known)]]).astype(np.int32)

    def _build_ladder(self) -> Runnable[Step, Ranked]:
        if self.endpoint is None:
            detail = (
                "no server is running: polytaste llm up"
                if self._absent_reason is Reason.UNREACHABLE
                else "not asked for"
            )
            return ladder(absent(self._absent_reason, detail))
        worth = earned.read(self.endpoint.model, self._prompt.version, self.model.dataset, self.config.llm.orders)
        rung = LLMRung(LabelScorer(self.endpoint), self._prompt, self.config.llm, worth)
        return ladder(guarded(rung, self.config.ladder))
