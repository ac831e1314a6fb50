"""Titles, categories and requests are data: whatever they say, they change nothing but relevance."""

import re
from dataclasses import replace

import polars as pl
import pytest

from agent.llm.endpoint import Endpoint
from agent.recommender import Recommender
from prompts.rerank import REQUEST_CHARACTERS, TITLE_CHARACTERS, clean
from retrieval.schema import Catalog
from tests.agent.faults import faulty_server
from tests.agent.injections import CORPUS

CANDIDATE = re.compile(r"^([A-Za-z])\. ", re.MULTILINE)
MARKS = re.compile(r"<\S*>|<\||\|>|\[/?INST\]|<<|\{[{%]", re.IGNORECASE)


def test_the_corpus_is_large_and_has_no_repeats():
    assert len(CORPUS) == len(set(CORPUS)) >= 200


@pytest.mark.parametrize("limit", [TITLE_CHARACTERS, REQUEST_CHARACTERS])
def test_a_cleaned_text_is_one_short_line_without_marks(limit):
    for text in CORPUS:
        line = clean(text, limit)
        assert len(line) <= limit
        assert line.splitlines() in ([line], [])
        assert line.isprintable()
        assert not re.search(r"<\S*>|<\||\|>|\[/?INST\]|<<", line, re.IGNORECASE), line
        assert clean(line, limit) == line


def poisoned(model, texts, items):
    """The model with the texts as titles and categories of those items."""
    table = model.catalog.table
    at = dict(zip(items, texts, strict=True))
    ids = table["item_id"].to_list()
    titles = [at.get(item, title) for item, title in zip(ids, table["title"].to_list(), strict=True)]
    labels = [[*c, at[item]] if item in at else c for item, c in zip(ids, table["categories"].to_list(), strict=True)]
    columns = [pl.Series("title", titles), pl.Series("categories", labels, pl.List(pl.String))]
    return replace(model, catalog=Catalog(table.with_columns(columns)))


def sent(model, request=""):
    with faulty_server("ok") as (url, payloads):
        slate = Recommender(model, Endpoint(url=url, model="m")).recommend(
            request, like=["id:1", "id:260", "id:50"], k=50
        )
    return slate, payloads


def test_titles_and_categories_cannot_add_a_candidate_a_message_or_a_rule(model):
    plain, payloads = sent(model)
    system, user = (m["content"] for m in payloads[0]["messages"])
    labels = CANDIDATE.findall(user)
    shown = Recommender(model).recommend(like=["id:1", "id:260", "id:50"], k=50)
    items = [i.item_id for i in shown.items]
    for start in range(0, len(CORPUS), len(items)):
        texts = CORPUS[start : start + len(items)]
        slate, payloads = sent(poisoned(model, texts, items[: len(texts)]))
        assert len(payloads) == 1
        assert [m["role"] for m in payloads[0]["messages"]] == ["system", "user"]
        assert payloads[0]["messages"][0]["content"] == system
        text = payloads[0]["messages"][1]["content"]
        assert CANDIDATE.findall(text) == labels
        assert not MARKS.search(text)
        assert payloads[0]["model"] == "m"
        assert len(payloads[0]["logprob_token_ids"]) == len(labels)
        assert (slate.ranker_used, len(slate.items)) == ("llm", len(plain.items))


@pytest.mark.parametrize("start", range(0, len(CORPUS), 25))
def test_requests_cannot_either(model, start):
    known = set(model.catalog.item_ids)
    with faulty_server("ok") as (url, payloads):
        asked = Recommender(model, Endpoint(url=url, model="m"))
        for text in CORPUS[start : start + 25]:
            payloads.clear()
            slate = asked.recommend(text, user="1")
            assert {i.item_id for i in slate.items} <= known
            assert len({i.item_id for i in slate.items}) == len(slate.items)
            for payload in payloads:
                user = payload["messages"][1]["content"]
                assert len(payload["messages"]) == 2
                assert len(CANDIDATE.findall(user)) == len(payload["logprob_token_ids"])
                assert not MARKS.search(user)
                assert payload["model"] == "m"
