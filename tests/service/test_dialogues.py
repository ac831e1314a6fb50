"""Scripted conversations: conditions hold, critiques move the list the right way, nothing rejected comes back."""

from pathlib import Path
from statistics import median_low

import pytest
import yaml

from agent.chat.dialogue import Dialogue
from agent.chat.person import Person
from agent.llm.loop import run
from agent.memory.people import Kind, Said
from agent.recommender import Recommender
from retrieval.axes import popular_head
from retrieval.errors import ConfigError
from retrieval.filters import HEAD_SHARE

SCRIPTS = yaml.safe_load((Path(__file__).parent / "dialogues.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dialogue(model):
    return Dialogue(Recommender(model))


def test_there_are_enough():
    assert len(SCRIPTS) >= 70
    assert sum(len(script["turns"]) for script in SCRIPTS) >= 170


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_conversation(dialogue, catalog, number):
    script = SCRIPTS[number]
    like = [
        Said(dialogue.recommender.model.catalog.item_ids[dialogue.recommender.resolve(t)], Kind.LIKE)
        for t in script.get("like", ())
    ]
    person = Person(script.get("user", "nobody")).after(tuple(like))
    states, slates, never = [], [], set()
    last = None
    for turn in script["turns"]:
        reply = run(dialogue.respond(turn["say"], person, states))
        person = person.after(reply.feedback)
        states.append(reply.state)
        slate = reply.slate
        slates.append(slate)
        standing = person.standing
        never = set(standing.dislikes) | set(standing.gone) | set(reply.state.wish.rejected)
        where = f"{turn['say']!r} -> {reply.text} | {reply.understood}"
        check_turn(turn, reply, slate, last, slates, catalog, where)
        if slate is not None and turn.get("intent") != "undo":
            shown = [item.item_id for item in slate.items]
            assert len(set(shown)) == len(shown)
            assert not set(shown) & never, where
            assert slate.items or turn.get("empty"), where
        last = slate or last


def check_turn(turn, reply, slate, last, slates, catalog, where):
    assert reply.intent.value == turn.get("intent", "undo" if "same" in turn else "recommend"), where
    if "says" in turn:
        assert turn["says"].lower() in reply.text.lower(), where
    if "unsaid" in turn:
        assert turn["unsaid"].lower() not in reply.text.lower(), where
    if "asked" in turn:
        assert reply.understood == turn["asked"], where
    if "same" in turn:
        assert [i.item_id for i in slate.items] == [i.item_id for i in slates[turn["same"] - 1].items], where
    if slate is None:
        assert not set(turn) & {"has", "lacks", "any", "years", "older", "newer", "gone", "fresh"}, where
        return
    categories = [set(item.categories) for item in slate.items]
    years = [item.year for item in slate.items]
    titles = {item.title for item in slate.items}
    for held in categories:
        assert held >= set(turn.get("has", ())), where
        assert not held & set(turn.get("lacks", ())), where
        assert not turn.get("any") or held & set(turn["any"]), where
    if "years" in turn:
        low, high = turn["years"]
        assert all(year is not None and low <= year <= high for year in years), where
    middle = median_low([i.year for i in last.items if i.year]) if last and last.items else None
    assert not turn.get("older") or all(year < middle for year in years), where
    assert not turn.get("newer") or all(year > middle for year in years), where
    for group in turn.get("less", ()):
        assert members(slate, group) < max(members(last, group), 1), where
    for group in turn.get("more", ()):
        assert members(slate, group) > members(last, group), where
    for place in turn.get("gone", ()):
        assert last.items[place - 1].item_id not in {i.item_id for i in slate.items}, where
    assert not titles & set(turn.get("without", ())), where
    if "like" in turn:
        assert reply.understood.get("like") == turn["like"], where
        assert not titles & set(turn["like"]), where
    if turn.get("fresh"):
        before = {i.item_id for s in slates[:-1] if s for i in s.items}
        assert not before & {i.item_id for i in slate.items}, where
    if turn.get("k"):
        assert len(slate.items) == turn["k"], where
    head = popular_head(catalog.counts, HEAD_SHARE)
    at = catalog.positions([i.item_id for i in slate.items])
    assert not turn.get("hidden") or not head[at].any(), where
    assert not turn.get("known") or head[at].all(), where


def members(slate, group):
    return sum(group in item.categories for item in slate.items)


@pytest.mark.parametrize(
    "words", ["not ", "less x ", "i loved ", "more like ", "number 1, ", "why ", "no. ", '"', "(1999) "]
)
def test_a_message_of_the_longest_kind_is_read_in_a_moment(dialogue, words):
    """No pattern may take a time that grows with the square of the message; the runner's own limit is the judge."""
    message = (words * 4000)[:4000]
    reply = run(dialogue.respond(message, Person("1"), [run(dialogue.respond("comedies", Person("1"))).state]))
    assert reply.text
    with pytest.raises(ConfigError, match="at most 4,000"):
        run(dialogue.respond(message + "x", Person("1")))
