"""What a language model may add to a conversation, and what it may not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.chat.assistant import Assistant, AssistantConfig
from agent.chat.dialogue import Dialogue
from agent.chat.model_reading import ModelReading, read_answer, schema
from agent.chat.move import Moves
from agent.chat.person import Person
from agent.chat.phrasing import borne_out
from agent.chat.reading import RequestReader
from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure
from agent.llm.loop import run
from agent.recommender import Recommender
from retrieval.titles import TitleIndex
from tests.agent.faults import faulty_server

FACTS = (
    "Heat (1995) is number 2. It serves taste 1 (crime and thrillers, 60% of what you like): close to your Fargo (1996). "
    "Proportions: Crime 40% of the list against 45% aimed at."
)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Heat is number 2 because it is close to your Fargo.", True),
        ("You like crime, and 40% of the list is crime.", True),
        ("It fits your taste for thrillers.", True),
        ("It stars Al Pacino.", False),  # a name
        ("You like crime, 50% of the time.", False),  # a number
        ("It is a gripping story.", False),  # praise
        ("It is close to your Alien.", False),  # another title
        ("It is not close to your Fargo.", False),  # a "not" that no fact has
        ("Heat is close to your", False),  # cut off
        ("", False),
    ],
)
def test_a_sentence_stays_only_if_the_facts_bear_it_out(said, kept):
    assert (borne_out(said, FACTS) == said) is kept or not said
    assert bool(borne_out(said, FACTS)) is kept


def test_what_is_made_up_takes_its_sentence_and_no_other():
    said = "Heat is close to your Fargo. Al Pacino is great in it. It serves your taste for crime."
    assert borne_out(said, FACTS) == "Heat is close to your Fargo. It serves your taste for crime."


@given(st.text(max_size=200), st.text(max_size=200))
def test_nothing_comes_through_that_was_not_said(said, facts):
    kept = borne_out(said, facts)
    assert all(word in said for word in kept.split())


def test_a_reading_names_only_what_the_catalogue_has(catalog):
    titles, groups = TitleIndex(catalog), ["Drama", "Horror"]
    said = json.dumps(
        {"more": ["Drama", "Opera"], "less": ["Horror", "Drama"], "titles": ["Blade Runner", "Titanic", "It"]}
    )
    read = read_answer(said, "something like blade runer to cry to", groups, titles)
    assert (read.more, read.less) == (("Drama",), ("Horror",))
    assert [catalog.titles[i] for i in read.titles] == ["Blade Runner (1982)"]  # nobody spoke of the others
    assert schema(groups)["properties"]["more"]["items"]["enum"] == groups
    for broken in ("", "no", "[]", '{"more": []}', '{"more": [1], "less": [], "titles": []}', None):
        with pytest.raises(LLMFailure):
            read_answer(broken, "x", groups, titles)


def test_where_the_two_disagree_the_rules_are_right():
    moves = Moves(more=("Comedy",), less=("Horror",)).beyond_rules(ModelReading(("Horror", "Drama"), ("Comedy", "War")))
    assert moves.more == ("Comedy", "Drama")
    assert moves.less == ("Horror", "War")


def searching(model):
    """A recommender whose reader keeps the words that it cannot read."""
    recommender = Recommender(model)
    recommender.reader = RequestReader(model.catalog, recommender.titles, searched=True)
    return recommender


def asked(messages, config, recommender, endpoint):
    dialogue = Dialogue(recommender, config)
    dialogue._assistant._endpoint = lambda: endpoint
    states, replies = [], []
    for message in messages:
        replies.append(run(dialogue.respond(message, Person("1"), states)))
        states.append(replies[-1].state)
    return replies


@pytest.mark.parametrize("kind", ["status 500", "garbage", "broken json", "good"])
def test_whatever_the_server_answers_the_rules_reading_stands(model, kind):
    recommender = searching(model)
    messages = ["something to cry to on a sunday", "why number 1?"]
    plain = asked(messages, AssistantConfig(), recommender, None)
    with faulty_server(kind) as (url, payloads):
        endpoint = Endpoint(url=url, model="m")
        both = asked(messages, AssistantConfig(reads=True, phrases=True, seconds=0.5), recommender, endpoint)
    assert len(payloads) == 2
    assert [r.text for r in both] == [r.text for r in plain]
    assert both[0].slate.items == plain[0].slate.items


def test_a_model_is_asked_once_a_turn_and_only_for_what_is_left(model, monkeypatch):
    said, prompts = ['{"more": ["Drama"], "less": [], "titles": []}', "It is close to your list."], []

    async def answer(self, question):
        prompts.append(question)
        return said[len(prompts) - 1]

    monkeypatch.setattr(Assistant, "_answer", answer)
    recommender = searching(model)
    config = AssistantConfig(reads=True, phrases=True)
    replies = asked(["comedies", "something to weep at", "why number 1?"], config, recommender, None)
    unread = [q.inputs.get("unread") for q in prompts]
    assert unread == ["weep", None]  # not for "comedies", which the rules read
    assert replies[1].understood["more_of"] == ["Drama"]
    assert "more Drama" in replies[1].text
