"""The ways down the ladder that a recommender has: one prompt, or one for each arm of an experiment."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from filelock import Timeout
from langchain_core.runnables import Runnable

from agent.experiment import Experiment, Experiments
from agent.guard import Guard
from agent.llm import earned
from agent.llm.cache import CachedChat
from agent.llm.endpoint import Endpoint
from agent.llm.failures import Reason
from agent.llm.scorer import LabelScorer
from agent.rerank.ladder import LadderConfig, Step, guarded, ladder, unassisted
from agent.rerank.llm import Ask, LLMConfig, LLMRung, Ranked
from prompts.rerank import INPUTS
from prompts.template import Prompt, load
from retrieval.errors import PolytasteError

log = logging.getLogger("polytaste.experiment")


@dataclass(frozen=True)
class Way:
    """One prompt and its ladder.

    Attributes:
        prompt: What is rendered.
        rank: Ranks; callable where nothing is waited for.
        experiment: Name of the experiment, or None.
        arm: Name of the arm, or None.
        guard: Counts what comes of the arm, or None.
    """

    prompt: Prompt
    rank: Runnable[Step, Ranked] | Callable[[Ask], Ranked]
    experiment: str | None = None
    arm: str | None = None
    guard: Guard | None = None


@dataclass(frozen=True)
class _Made:
    """What belongs together, so that a thread never sees the ways of one experiment beside the arms of another."""

    ways: tuple[Way, ...]
    experiment: Experiment | None
    stamp: tuple[int, int] | None
    rails: tuple[int, int] | None
    endpoint: Endpoint | None


class Ways:
    """Makes the ways anew whenever the server or the experiment changes.

    Args:
        prompt: Served where there is no experiment.
        llm: Settings of the rung.
        ladder: Of the breaker.
        dataset: That weights were earned on.
        absent: Code that slates carry without a server.
        experiments: What is served side by side, if anything is; None serves the prompt alone.
    """

    def __init__(
        self,
        prompt: str,
        llm: LLMConfig,
        ladder: LadderConfig,
        dataset: str,
        absent: Reason,
        experiments: Experiments | None,
    ) -> None:
        self._prompt = load(prompt)
        self._prompt.require(INPUTS)
        self._llm, self._ladder, self._dataset, self._absent = llm, ladder, dataset, absent
        self._experiments = experiments
        self._made: _Made | None = None
        self._guards: dict[str, Guard] = {}

    def of(self, person: str | None, endpoint: Endpoint | None) -> Way:
        """The way of a person's requests."""
        made = self._follow(endpoint)
        ways, experiment = made.ways, made.experiment
        if experiment is None:
            return ways[0]
        mine, first = ways[experiment.arm_of(person)], ways[0]
        if mine is first or mine.guard is None or first.guard is None:
            return mine
        before = mine.guard.tripped
        if why := mine.guard.judge(first.guard):
            if not before:
                self._tell(experiment.name, mine.arm or "", why)
            # They stay people of their own arm: moved to the first, they would be there because something had gone wrong.
            return replace(first, arm=mine.arm)
        return mine

    def heard(self, person: str, *, disliked: bool) -> None:
        """Feedback of a person counts for their arm."""
        made = self._made
        if made is None or made.experiment is None:
            return
        if (guard := made.ways[made.experiment.arm_of(person)].guard) is not None:
            guard.heard(person, disliked=disliked)

    def _tell(self, experiment: str, arm: str, why: str) -> None:
        log.warning("arm taken out", extra={"fields": {"experiment": experiment, "arm": arm, "why": why}})
        if self._experiments is not None:
            try:
                self._experiments.take_out(experiment, arm, why)
            except (OSError, Timeout) as trouble:  # the list is served all the same
                log.error("not kept that an arm was taken out", extra={"fields": {"why": str(trouble)}})  # noqa: TRY400

    def _follow(self, endpoint: Endpoint | None) -> _Made:
        stamp = self._experiments.stamp() if self._experiments is not None else None
        rails = self._experiments.rails_stamp() if self._experiments is not None else None
        made = self._made
        if made is not None and (endpoint, stamp, rails) == (made.endpoint, made.stamp, made.rails):
            return made
        if made is None or stamp != made.stamp:
            self._guards = {}
        ways, experiment = None, None
        if self._experiments is not None and endpoint is not None:
            try:
                experiment = self._experiments.now()
                ways = None if experiment is None else self._arms(experiment, endpoint)
            except PolytasteError as why:
                experiment = None
                log.error("experiment refused, the configured prompt is served", extra={"fields": {"why": why.message}})  # noqa: TRY400
        ways = ways or (Way(self._prompt, self._rank(self._prompt, endpoint)),)
        self._made = made = _Made(ways, experiment, stamp, rails, endpoint)
        return made

    def _arms(self, running: Experiment, endpoint: Endpoint) -> tuple[Way, ...]:
        """The arms; with the guards that they had before the server went or changed: an arm that was taken out stays out."""
        arms = [(arm, arm.prompt()) for arm in running.arms]
        out = self._experiments.taken_out(running.name) if self._experiments is not None else {}
        why = {arm: one.why for arm, one in out.items()}
        guards = self._guards = {arm.name: self._guards.get(arm.name) or Guard(running.guards) for arm in running.arms}
        for arm, guard in guards.items():  # what another process took out is out here too
            guard.tripped = guard.tripped or why.get(arm, "")
        return tuple(
            Way(prompt, self._rank(prompt, endpoint), running.name, arm.name, guards[arm.name]) for arm, prompt in arms
        )

    def _rank(self, prompt: Prompt, endpoint: Endpoint | None) -> Runnable[Step, Ranked] | Callable[[Ask], Ranked]:
        if endpoint is None:
            unreachable = self._absent is Reason.UNREACHABLE
            return unassisted(
                self._absent, "no server is running: polytaste llm up" if unreachable else "not asked for"
            )
        worth = earned.read(endpoint.model, prompt.version, self._dataset, self._llm.orders)
        kept = self._llm.kept_answers
        client = CachedChat(endpoint, kept, self._llm.kept_s) if kept else None
        rung = LLMRung(LabelScorer(endpoint, client), prompt, self._llm, worth)
        return ladder(guarded(rung, self._ladder))
