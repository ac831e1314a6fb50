"""Answers that are kept: the same question costs nothing, another is asked, failures are not kept."""

import asyncio

import pytest
from langchain_core.messages import AIMessage

from agent.llm.cache import CACHED, CachedChat
from agent.llm.chat import Chat
from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure, Reason
from agent.llm.loop import run
from agent.llm.scorer import LabelScorer
from agent.recommender import Recommender, RecommenderConfig
from prompts.template import Message
from tests.agent.faults import faulty_server

QUESTION = (Message("system", "s"), Message("user", "u"))


def client(url, model="m", size=8, seconds=60.0):
    return CachedChat(Endpoint(url=url, model=model), size, seconds)


def ask(chat, messages=QUESTION, max_tokens=1, **more):
    return run(chat.ask(messages, 5.0, max_tokens=max_tokens, extra=more))


def test_the_same_question_is_asked_once_and_any_other_again():
    with faulty_server("good") as (url, payloads):
        chat = client(url)
        first, again = ask(chat), ask(chat)
        assert len(payloads) == 1
        assert again.content == first.content
        assert CACHED not in first.response_metadata
        assert again.response_metadata[CACHED]
        assert again.usage_metadata is None
        ask(chat, (Message("system", "s"), Message("user", "other")))
        ask(chat, max_tokens=2)
        ask(chat, logprob_token_ids=[1, 2])
        assert len(payloads) == 4


def test_kept_answers_have_an_end():
    with faulty_server("good") as (url, payloads):
        few, short = client(url, size=1), client(url, seconds=1e-6)
        for _ in range(2):
            ask(few)
            ask(few, max_tokens=2)
            ask(short)
        assert len(payloads) == 6


def test_a_failure_is_not_kept():
    with faulty_server("status 500") as (url, payloads):
        chat = client(url)
        for _ in range(2):
            with pytest.raises(LLMFailure):
                ask(chat)
        assert len(payloads) == 2


def test_who_asks_the_same_at_once_is_told_the_same(monkeypatch):
    asked = []

    async def slow(self, messages, timeout_s, **more):
        asked.append(messages)
        await asyncio.sleep(0.05)
        raise LLMFailure(Reason.HTTP_ERROR, "answered 500")

    monkeypatch.setattr(Chat, "ask", slow)
    chat = client("http://127.0.0.1:9")

    async def both():
        each = (chat.ask(QUESTION, 5.0, max_tokens=1, extra={}) for _ in range(3))
        return await asyncio.gather(*each, return_exceptions=True)

    assert [type(one) for one in run(both())] == [LLMFailure] * 3
    assert len(asked) == 1


def test_who_has_more_time_is_not_failed_by_one_who_has_less(monkeypatch):
    asked = []

    async def slow(self, messages, timeout_s, **more):
        asked.append(timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.sleep(0.3)
        except TimeoutError as why:
            raise LLMFailure(Reason.TIMEOUT, "late") from why
        return AIMessage("ok")

    monkeypatch.setattr(Chat, "ask", slow)

    async def together(chat, times, leave):
        each = [asyncio.ensure_future(chat.ask(QUESTION, t, max_tokens=1, extra={})) for t in times]
        await asyncio.sleep(0.05)
        if leave:
            each[0].cancel()
        return await asyncio.gather(*each, return_exceptions=True)

    hasty, *patient = run(together(client("http://127.0.0.1:9"), (0.1, 5.0, 5.0), leave=False))
    assert hasty.reason is Reason.TIMEOUT
    assert [told.content for told in patient] == ["ok", "ok"]
    assert len(asked) == 2  # the patient ones share the second question
    gone, *patient = run(together(client("http://127.0.0.1:9"), (5.0, 5.0, 5.0), leave=True))
    assert isinstance(gone, asyncio.CancelledError)
    assert [told.content for told in patient] == ["ok", "ok"]
    asked.clear()
    alike = run(together(client("http://127.0.0.1:9"), (0.15, 0.15), leave=False))
    assert [told.reason for told in alike] == [Reason.TIMEOUT] * 2
    assert len(asked) == 1  # nobody asks with no time left


def test_a_slate_says_what_was_asked_and_what_was_kept(model):
    with faulty_server("good") as (url, payloads):
        config = RecommenderConfig.model_validate({"llm": {"weight": 0.5}})
        recommender = Recommender(model, Endpoint(url=url, model="m"), config)
        first, again = (recommender.recommend("comedies", user="1", deadline_ms=20_000) for _ in range(2))
        assert first.ranker_used == "llm", first.degraded_detail
        assert (first.tokens.calls, first.tokens.kept, again.tokens.kept) == (1, 0, 1)
        assert first.tokens.prompt > 0 == again.tokens.prompt
        assert [i.item_id for i in first.items] == [i.item_id for i in again.items]
        assert first.llm_ms > 0
        assert len(payloads) == 1
        off = RecommenderConfig.model_validate({"llm": {"weight": 0.5, "kept_answers": 0}})
        for _ in range(2):
            Recommender(model, Endpoint(url=url, model="m"), off).recommend("comedies", user="1", deadline_ms=20_000)
        assert len(payloads) == 3
        assert type(LabelScorer(Endpoint(url=url, model="m")).chat) is Chat
