"""The library: what each variant says and leaves out, and what the prompts of fits and suites must go on saying, byte for byte."""

import numpy as np
import pytest

from prompts.rerank import HISTORY_ITEMS, INPUTS, rerank_inputs
from prompts.sample import sample_inputs
from prompts.summaries import slot_counts, summarise
from prompts.template import library, load, watched
from retrieval.schema import Histories

KNOWN = {
    "rerank-shares": "55ced803976a",
    "rerank-relevance": "85e26ae3ab47",
    "rerank-permutation": "70e854185500",
    "rerank-scores": "6995785f0934",
    "rerank-pointwise": "0998706f515e",
}


def said(name, **changes):
    return load(name).render(**{**sample_inputs(), **changes})


@pytest.mark.parametrize(("name", "version"), KNOWN.items())
def test_what_was_measured_is_unchanged(name, version):
    assert load(name).version == version


@pytest.mark.parametrize("name", library())
def test_every_prompt_has_a_purpose_and_offers_its_inputs(name):
    prompt = load(name)
    assert prompt.front.name == name
    assert len(prompt.front.purpose) > 20
    prompt.require(INPUTS)
    system, user = said(name)
    assert system.content
    assert user.content
    assert "  " not in system.content + user.content
    assert "\n\n" not in user.content


@pytest.mark.parametrize("name", library())
def test_every_prompt_can_speak_of_somebody_new(name):
    nothing = {"personas": [], "history": [], "overview": {"count": 0, "categories": []}, "slots": [], "request": ""}
    _, user = said(name, **nothing)
    assert "None" not in user.content
    assert len(user.content) < len(said(name)[1].content)


@pytest.mark.parametrize(
    ("name", "says", "leaves_out"),
    [
        ("rerank-shares", "10 should hold: 4 Harbour towns, 3 Night", "40%"),
        ("rerank-shares-percent", "40% Harbour towns, 30% Night", "4 Harbour"),
        ("rerank-shares-table", "| Harbour towns | 40% | 4 |", "should hold: "),
        ("rerank-tastes-words", "Taste 1 (50%): Harbour towns, Night markets", "such as"),
        ("rerank-tastes-exemplars", "Taste 1 (50%): The 10th place", "): Harbour"),
        ("rerank-tastes-none", "4 Harbour towns", "Taste 1"),
        ("rerank-history", "The 129th place by the old bridge [Night markets, Quiet museums]", "The 114th"),
        ("rerank-history-recent", "The 125th", "The 124th"),
        ("rerank-history-summary", "liked 120 items: 40% of them Harbour towns", "The 129th"),
        ("rerank-titles", "A. The 0th place by the old bridge\nB.", "(taste 1)\n"),
        ("rerank-critique", "critic object least", "Which one should come first"),
        ("rerank-shares-de", "Antworte mit seinem Buchstaben", "Answer"),
        ("rerank-shares-fr", "R\u00e9ponds par sa lettre", "Answer"),
        ("rerank-shares-es", "Responde con su letra", "Answer"),
    ],
)
def test_a_variant_says_what_it_is_for(name, says, leaves_out):
    text = "\n".join(m.content for m in said(name))
    assert says in text
    assert leaves_out not in text


def test_the_history_reaches_the_prompt_in_order_and_by_taste(model, catalog):
    own = model.history_of("1")
    history = Histories.of([own])
    told = summarise(catalog, history, model.encoder.encode(history))
    inputs = rerank_inputs(
        catalog, items=np.array([0], np.int32), labels="A", tastes=[1], personas=told,
        slots=slot_counts(("a", "b"), np.array([2.0, 1.0]), 10), request="", k=10,
    )  # fmt: skip
    assert set(inputs) == INPUTS
    assert [h["title"] for h in inputs["history"]] == [catalog.titles[i][:100] for i in own[-HISTORY_ITEMS:]]
    assert {h["persona"] for h in inputs["history"]} <= {p.number for p in told}
    assert sorted(item for p in told for _, item in p.own) == sorted(own.tolist())
    assert inputs["overview"]["count"] == len(own)
    first = inputs["overview"]["categories"][0]
    having = [first["label"] in catalog.table["categories"][int(i)].to_list() for i in own]
    assert first["percent"] == round(100 * np.mean(having))
    assert [s["percent"] for s in inputs["slots"]] == [67, 33]


def test_what_was_rendered_can_be_rendered_again():
    with watched() as seen:
        one = said("rerank-shares")
    said("rerank-shares", k=3)
    assert len(seen) == 1
    assert load("rerank-shares").render(**seen[0]) == one
