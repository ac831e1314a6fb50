"""The orchestrator and the Python API: a history and a sentence become a calibrated slate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agent.answer import Facts, card, make_slate
from agent.chat.reading import Reading, RequestReader
from agent.experiment import Experiments
from agent.explain import Closeness, explain
from agent.llm.earned import Circumstances
from agent.llm.endpoint import Endpoint, find_endpoint
from agent.llm.failures import Reason
from agent.llm.loop import on_shared_loop, run
from agent.meaning import Meaning, MeaningConfig
from agent.outright import Outright, alternatives, put_first
from agent.paths import models_folder
from agent.pools import PoolMaker
from agent.profile import make_profile
from agent.request import DEFAULT_K, Asked, Request, checked
from agent.rerank.calibrated import CalibratedConfig, warm_up
from agent.rerank.ladder import LadderConfig
from agent.rerank.listing import Listing
from agent.rerank.llm import Ask, LLMConfig, Ranked
from agent.rerank.targets import TargetConfig
from agent.reserve import Reserve
from agent.shift import shifted
from agent.shown import ShownFacts
from agent.slate import PersonaCard, Slate
from agent.ways import Way, Ways
from prompts.rerank import rerank_inputs
from prompts.summaries import slot_counts, summarise
from prompts.template import Message
from retrieval.arrays import Bool, Int32
from retrieval.artifacts import Model
from retrieval.artifacts import load as load_model
from retrieval.errors import ConfigError
from retrieval.text_said import SaidWords
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
    meaning: MeaningConfig = MeaningConfig()
    candidates: int = Field(default=100, ge=1, description="size of the pool")
    calibrated: CalibratedConfig = CalibratedConfig()
    llm: LLMConfig = LLMConfig()
    ladder: LadderConfig = LadderConfig()
    prompt: str = Field(default="rerank-shares", description="prompt of the library, or the path of a .j2 file")


def _told(way: Way, facts: Facts, ranked: Ranked) -> Slate:
    slate = make_slate(facts, ranked)
    if way.guard is None:
        return slate
    way.guard.ranked(ranked)
    return slate.model_copy(update={"experiment": way.experiment, "arm": way.arm})


class Recommender:
    """Turns requests into slates; safe to keep for the life of a process.

    Args:
        model: Trained artefact.
        endpoint: Server of the language model; None ranks without one.
        config: Settings.
        absent_reason: Code that slates carry when there is no endpoint.
        experiments: Prompts that are served side by side; None serves the configured one.
    """

    def __init__(
        self,
        model: Model,
        endpoint: Endpoint | None = None,
        config: RecommenderConfig | None = None,
        absent_reason: Reason = Reason.OFF,
        experiments: Experiments | None = None,
    ) -> None:
        self.model = model
        self.endpoint = endpoint
        self.config = config or RecommenderConfig()
        self.titles = TitleIndex(model.catalog)
        self._meaning = meaning = Meaning(model.words, self.config.meaning)
        self.reader = RequestReader(model.catalog, self.titles, searched=meaning.ready, called=model.dataset)
        self._said = SaidWords(model.catalog)
        self._outright = Outright(model.catalog, self._said)
        self._shown = ShownFacts(model.catalog)
        self._closeness = Closeness(model.catalog, model.encoder.weights.items)
        self.pools = PoolMaker(model, self.config.axis, self.config.candidates, self.config.target, meaning)
        c = self.config
        self.ways = Ways(c.prompt, c.llm, c.ladder, model.dataset, absent_reason, experiments)
        self._reserve = Reserve()
        self._find: Callable[[], Endpoint | None] | None = None
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
        experiments: Experiments | None = None,
    ) -> Recommender:
        """Load a trained model and find the language model's server.

        Raises:
            NotFoundError: There is no trained model.
            DataError: It is damaged.
            ConfigError: The endpoint is given by half.
        """
        endpoint = find_endpoint(llm_url, llm_model) if use_llm else None
        reason = Reason.UNREACHABLE if use_llm else Reason.OFF
        made = cls(load_model(folder or models_folder() / "default"), endpoint, config, reason, experiments)
        made._find = partial(find_endpoint, llm_url, llm_model) if use_llm else None
        return made

    def recommend(self, request: str = "", **asked: Unpack[Asked]) -> Slate:
        """Recommend; see :meth:`arecommend`. The arithmetic is done in this thread."""
        return self._recommended(request, asked, time.monotonic())

    async def arecommend(self, request: str = "", **asked: Unpack[Asked]) -> Slate:
        """One slate; the arithmetic is done in a worker thread, so that other requests go on.

        Args:
            request: What is wanted, in words; may be empty.
            **asked: Who asks and on what conditions; see :class:`agent.request.Asked`.

        Raises:
            NotFoundError: An unknown user, title, column or group; carries suggestions.
            ConfigError: A value is out of range.
        """
        started = time.monotonic()
        way = self._way(asked)
        rank = way.rank
        if callable(rank):  # nothing to wait for: one thread does it all
            return await asyncio.to_thread(self._recommended, request, asked, started)
        ask, facts = await asyncio.to_thread(self._prepared, request, asked, started, way)
        entered = time.monotonic()
        slate = await asyncio.to_thread(_told, way, facts, await on_shared_loop(rank.ainvoke({"ask": ask})))
        self._reserve.ended(entered, ask.deadline)
        return slate

    def _recommended(self, request: str, asked: Asked, started: float) -> Slate:
        way = self._way(asked)
        ask, facts = self._prepared(request, asked, started, way)
        rank = way.rank
        if callable(rank):
            return _told(way, facts, rank(ask))
        entered = time.monotonic()
        slate = _told(way, facts, run(rank.ainvoke({"ask": ask})))
        self._reserve.ended(entered, ask.deadline)
        return slate

    def prepare(self, request: str = "", **asked: Unpack[Asked]) -> tuple[Ask, Int32]:
        """What would come down the ladder, and the ids of its pool: for experiments that must see what production sees.

        Raises:
            NotFoundError: As :meth:`arecommend`.
            ConfigError: As :meth:`arecommend`.
        """
        ask, facts = self._prepared(request, asked, time.monotonic(), self._way(asked))
        return ask, facts.retrieved.candidates.items[0]

    def _way(self, asked: Asked) -> Way:
        self.endpoint = self.server()
        return self.ways.of(asked.get("who") or asked.get("user"), self.endpoint)

    def _prepared(self, request: str, asked: Asked, started: float, way: Way) -> tuple[Ask, Facts]:
        """Everything up to the ladder: who asks, for what, and the candidates."""
        wish = checked(request, asked)
        include, exclude = self._named(wish.include), self._named([*wish.exclude, *wish.dislike])
        both = np.intersect1d(include, exclude)
        if len(both):
            title = self.model.catalog.titles[int(both[0])]
            raise ConfigError(f"{title!r} is to be included and excluded", "name it once")
        reading = (wish.reading or self.reader.read(wish.request)).without(exclude)
        known = self.model.encoder.known
        profile = make_profile(self.model.catalog, self._likes(wish), reading, known, self._only(wish, reading))
        length = wish.k or reading.k or DEFAULT_K
        new = wish.user is None or wish.among  # candidates that are named are ranked, seen or not
        seen = np.empty(0, np.int32) if new else self.model.seen_by(str(wish.user))
        gone = np.concatenate([seen, profile.liked.items]).astype(np.int32)
        first = self._outright.first(reading.about, allowed=profile.allowed, gone=gone)
        wanted = np.union1d(include, first).astype(np.int32)
        retrieved = self.pools.retrieve(profile, seen, length, wish.rules, wanted, wish.shift, ". ".join(reading.about))
        retrieved = put_first(retrieved, first)
        if not wish.rules and len(wanted) <= length:  # more of them than places: the best of them, in proportion
            include = wanted
        summaries = summarise(self.model.catalog, profile.history, retrieved.personas)
        labels, pool = self.pools.pool(profile, retrieved, summaries, reading.filter, wish.rules, include, length)
        if wish.shift:
            pool = replace(pool, target=shifted(pool.target, labels, wish.shift))

        def render(shown: Int32, letters: Sequence[str]) -> tuple[Message, ...]:
            why = explain(self._closeness, profile, retrieved, summaries, shown)
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
            return way.prompt.render(**inputs)

        calibrated = self.config.calibrated
        if wish.lam is not None:
            calibrated = calibrated.model_copy(update={"lam": wish.lam})
        listing = Listing(calibrated, wish.max_kl, traced=wish.trace)
        whole = wish.deadline_ms / 1000.0
        last = self._reserve.seconds(_LAST_STEPS_S if pool.limits is None else _LAST_STEPS_WITH_LIMITS_S, whole)
        now = Circumstances(bool(wish.request.strip()), len(profile.liked.items))
        ask = Ask(pool, length, listing, started + whole - last, now, render)
        facts = Facts(
            self.model, self._shown, self._closeness, profile, reading, retrieved, summaries, self.pools.name, labels, pool, started,
        )  # fmt: skip
        return ask, facts

    def server(self) -> Endpoint | None:
        """Where the language model's server is now: one that was started again has another address, and a chat outlives it."""
        return self._find() if self._find is not None else self.endpoint

    def resolve(self, name: str) -> int:
        """Internal id of a title or an external item id.

        "id:10" is the item with that id. Without the prefix a title wins: where "10" is the title of one item and the
        id of another, it means the title; an id that is no title is an id.

        Raises:
            NotFoundError: Neither; carries the closest titles.
        """
        prefix, _, item_id = name.partition(":")
        if prefix == "id" and self.model.catalog.has_item(item_id):
            return int(self.model.catalog.positions([item_id])[0])
        found = self.titles.find(name)
        if found is None and self.model.catalog.has_item(name):
            found = int(self.model.catalog.positions([name])[0])
        return self.titles.resolve(name) if found is None else found

    def speaks_of(self, about: str) -> bool:
        """Whether an item says a phrase, or something near to it in meaning."""
        return any(self._meaning.speaks_of(one) or self._said.mask([one]).any() for one in alternatives(about))

    def outright(self, about: str) -> Int32 | None:
        """Internal ids of the items that say a phrase with its own words; None for one that is too long to be said."""
        mask = self._outright.mask(about)
        return None if mask is None else np.flatnonzero(mask).astype(np.int32)

    def saying(self, word: str) -> int:
        """How many items say a word: where none does, none can be left out for it."""
        return int(self._said.mask([word.lower()]).sum())

    def room(self, reading: Reading, asked: Asked) -> int:
        """How many items a request leaves somebody.

        Args:
            reading: What was understood of it.
            asked: Who asks.
        """
        return int(self.open_to(reading, asked).sum())

    def open_to(self, reading: Reading, asked: Asked) -> Bool:
        """``(n_items,)`` the items that a request leaves somebody: what meets it, without what they know or said of.

        Args:
            reading: What was understood of it.
            asked: Who asks.
        """
        wish = checked("", asked)
        reading = reading.without(self._named([*wish.exclude, *wish.dislike, *wish.like]))
        mask, only = reading.filter.mask(self.model.catalog), self._only(wish, reading)
        mask = mask if only is None else mask & only
        if wish.user is not None:
            mask[self.model.seen_by(wish.user)] = False
        return mask

    def _only(self, wish: Request, reading: Reading) -> Bool | None:
        """``(n_items,)`` the only candidates: those that are named, and none that says what it must not."""
        mask = None
        if wish.among:
            mask = np.zeros(len(self.model.catalog), bool)
            mask[self._named(wish.among)] = True
        if reading.silent:
            quiet = ~self._said.mask(reading.silent)
            mask = quiet if mask is None else mask & quiet
        return mask

    def tastes(self, **asked: Unpack[Asked]) -> list[PersonaCard]:
        """Somebody's tastes in words, with their shares; empty where nothing is known. No model is asked.

        Raises:
            NotFoundError: As :meth:`arecommend`.
        """
        wish = checked("", asked)
        profile = make_profile(self.model.catalog, self._likes(wish), self.reader.read(""), self.model.encoder.known)
        if profile.cold:
            return []
        summaries = summarise(self.model.catalog, profile.history, self.model.encoder.encode(profile.history))
        return [card(summary) for summary in summaries]

    def liked(self, asked: Asked) -> Int32:
        """Internal ids of everything somebody likes, by the data and by what is said."""
        return self._likes(checked("", asked))

    def _named(self, names: Sequence[str]) -> Int32:
        return np.unique(np.array([self.resolve(name) for name in names], np.int32))

    def _likes(self, wish: Request) -> Int32:
        known = self.model.history_of(wish.user) if wish.user is not None else np.empty(0, np.int32)
        named = np.array([self.resolve(name) for name in wish.like], np.int32)
        likes = np.concatenate([known, named[~np.isin(named, known)]]).astype(np.int32)
        return likes[~np.isin(likes, self._named(wish.dislike))] if wish.dislike else likes
