"""Calls at once: the limit that is learnt, who waits, who is turned away, and nothing leaks."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.llm.admission import Admission
from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure, Reason
from agent.recommender import Recommender, RecommenderConfig
from tests.agent.faults import faulty_server


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def call(admission, clock, seconds, deadline=1e9, fail=None):
    async with admission.place(deadline):
        clock.now += seconds
        if fail is not None:
            raise LLMFailure(fail, "")


def test_the_limit_falls_by_half_and_grows_by_one_a_round():
    clock = Clock()
    admission = Admission(8, clock)

    async def story():
        with pytest.raises(LLMFailure):
            await call(admission, clock, 5.0, fail=Reason.TIMEOUT)
        assert admission.limit == 4.0
        with pytest.raises(LLMFailure):
            await call(admission, clock, 5.0, fail=Reason.HTTP_ERROR)
        assert admission.limit == 4.0  # other failures say nothing of how many it can take
        for _ in range(4):
            await call(admission, clock, 1.0)
        assert 4.9 < admission.limit < 5.0
        for _ in range(100):
            await call(admission, clock, 1.0)
        assert admission.limit == 8.0

    asyncio.run(story())


def test_calls_that_time_out_together_halve_it_once():
    admission = Admission(8)

    async def late():
        async with admission.place(time.monotonic() + 60):
            await asyncio.sleep(0.05)
            raise LLMFailure(Reason.TIMEOUT, "")

    async def story():
        await asyncio.gather(*(late() for _ in range(8)), return_exceptions=True)
        assert admission.limit == 4.0

    asyncio.run(story())


def test_who_cannot_be_served_in_time_is_turned_away_at_once_and_who_can_waits():
    admission = Admission(1)

    async def one(deadline):
        async with admission.place(time.monotonic() + deadline):
            await asyncio.sleep(0.2)

    async def story():
        await one(9)  # now the usual time of a call is known
        running = asyncio.create_task(one(9))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(one(9))
        await asyncio.sleep(0)
        started = time.monotonic()
        with pytest.raises(LLMFailure) as caught:
            await one(0.3)  # two are before it
        assert caught.value.reason is Reason.BUSY
        assert time.monotonic() - started < 0.15
        await asyncio.gather(running, waiting)
        await one(9)  # the place is free again

    asyncio.run(story())


def test_a_caller_who_goes_away_leaves_no_place_behind():
    admission = Admission(1)

    async def hold():
        async with admission.place(time.monotonic() + 60):
            await asyncio.sleep(60)

    async def story():
        first, second = asyncio.create_task(hold()), asyncio.create_task(hold())
        await asyncio.sleep(0)
        second.cancel()  # while it waits
        first.cancel()  # while it runs
        await asyncio.gather(first, second, return_exceptions=True)
        assert admission.limit == 1.0
        async with admission.place(time.monotonic() + 1):
            pass

    asyncio.run(story())


def test_no_more_calls_than_allowed_are_with_the_server_and_the_surplus_is_ranked_without_it(model):
    config = RecommenderConfig.model_validate({"llm": {"at_once": 2, "weight": 0.2, "kept_answers": 0}})
    with faulty_server("slow") as (url, payloads):
        asked = Recommender(model, Endpoint(url=url, model="m"), config)
        asked.recommend("like Alien", user="1")  # the labels are known from here on
        with ThreadPoolExecutor(24) as threads:
            slates = list(threads.map(lambda _: asked.recommend("like Alien", user="1", deadline_ms=1500), range(24)))
    reasons = {s.degraded_reason for s in slates if s.ranker_used != "llm"}
    assert all(len(s.items) == 10 for s in slates)
    assert reasons <= {"llm_busy", "llm_no_time", "llm_timeout"}
    assert "llm_busy" in reasons
    assert any(s.ranker_used == "llm" for s in slates)
    assert len(payloads) < 25  # the rest never reached the server
