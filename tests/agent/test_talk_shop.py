"""What people say to a shop of hotels and to films: places, sums, yes and no, questions, the shop's own noun, taking back."""

import numpy as np
import pytest

from agent.chat.intents import Intent
from tests.agent.test_talk import column, ids, talk


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ("a hotel without a pool in Paris", {"with": ["city: Paris"], "without": ["pool"]}),
        ("no pool in Paris or Berlin", {"with": ["city: Paris or Berlin"], "without": ["pool"]}),
        ("no hotels in Paris", {"without": ["city: Paris"]}),
        ("I don't want to stay in Vienna", {"without": ["city: Vienna"]}),
        ("spa not in Vienna or Paris", {"wanted": ["Spa"], "without": ["city: Vienna", "city: Paris"]}),
        ("without breakfast, in Berlin", {"with": ["city: Berlin"], "without": ["breakfast included"]}),
        ("with breakfast", {"with": ["breakfast included"]}),
        ("pets welcome", {"with": ["pets allowed"]}),
        ("a hotel where I can bring my dog", {"with": ["pets allowed"]}),
        ("no dogs please", {"without": ["pets allowed"]}),
        ("business trip to Berlin", {"wanted": ["Business"], "with": ["city: Berlin"]}),
        ("at most 150 a night and at least 4 stars", {"with": ["price: up to 150", "stars: 4 or more"]}),
        ("at most 110 and 3 stars", {"with": ["price: up to 110", "stars: 2.5 or more"]}),
        ("between 100 and 160", {"with": ["price: 100 to 160"]}),
        ("budget 110", {"with": ["price: up to 110"]}),
        ("max 110", {"with": ["price: up to 110"]}),
        ("3 or 4 stars", {"with": ["stars: 3 to 4"]}),
        ("I hate business hotels", {"unwanted": ["Business"]}),
        ("I hate ski resorts", {"unwanted": ["Ski"]}),
        ("ski hotels", {"wanted": ["Ski"]}),
    ],
)
def test_conditions(hotels, said, understood):
    answer = talk(hotels, said)[0]
    assert answer.understood == understood
    for name, values in (("city", ("Paris", "Berlin")), ("pool", ("no",))):
        if understood.get("with") == ["city: Paris or Berlin"]:
            assert set(column(hotels, answer.slate, name)) <= set(values)


@pytest.mark.parametrize(
    ("said", "intent", "says"),
    [
        ("is breakfast included at number 2?", Intent.FACTS, "breakfast included"),
        ("are pets allowed at the first?", Intent.FACTS, "pets allowed"),
        ("is there a pool at number 2?", Intent.FACTS, "pool"),
        ("pool at number 1?", Intent.FACTS, "pool"),
        ("does number 2 allow pets?", Intent.FACTS, "pets allowed"),
        ("is number 1 pet friendly?", Intent.FACTS, "pets allowed"),
        ("does it have a pool?", Intent.FACTS, "which one you mean"),
        ("how far is number 1 from the centre?", Intent.FACTS, "distance to centre km"),
        ("what about number 3?", Intent.FACTS, "(number 3)"),
        ("how many hotels do you have?", Intent.HOW_MANY, "There are 80"),
        ("how many spa hotels do you have in Berlin?", Intent.HOW_MANY, "of that (Spa; city: Berlin)"),
        ("how many hotels with unicorns do you have?", Intent.HOW_MANY, "I can count by"),
        ("which is the newest hotel?", Intent.ORDER, "does not tell the year"),
        ("what is the cheapest hotel you have?", Intent.ORDER, "The cheapest of"),
        ("which one is closest to the centre?", Intent.ORDER, "distance to centre km"),
        ("which has the most stars?", Intent.ORDER, "stars 5"),
        ("do you have a hotel called the Ritz?", Intent.HAVE, "Nothing here is called \u201cthe Ritz\u201d"),
        ("will it rain tomorrow?", Intent.HELP, "start over"),
        ("book number 1 for me", Intent.HELP, "not mine"),
        ("thanks bye", Intent.GREETING, "Say"),
        ("do you remember what I hated?", Intent.TASTES, "taste"),
        ("hmm", Intent.RECOMMEND, "stays as it was"),
        ("any hotels in Switzerland?", Intent.RECOMMEND, "\u201cswitzerland\u201d. The list stays as it was"),
        ("up to 50 calories", Intent.RECOMMEND, "nothing here tells \u201cup to 50 calories\u201d"),
    ],
)
def test_what_asks_is_answered_and_sets_nothing(hotels, said, intent, says):
    first, answer = talk(hotels, "hotels with a pool", said)
    assert (answer.intent, answer.slate, answer.understood) == (intent, None, {"with": ["pool"]})
    assert says.lower() in answer.text.lower() or (intent is Intent.TASTES and answer.text)
    assert first.slate.items


@pytest.mark.parametrize(
    ("said", "name", "most"),
    [
        ("sort by stars", "stars", True),
        ("sort by guest rating", "guest_rating", True),
        ("sort by rating", "guest_rating", True),
        ("sort by number of rooms", "rooms", False),
        ("sort by distance to the centre", "distance_to_centre_km", False),
        ("sort by guest rating, lowest first", "guest_rating", False),
    ],
)
def test_the_column_that_is_named_orders(hotels, said, name, most):
    held = column(hotels, talk(hotels, "spa hotels", said)[1].slate, name)
    assert held == sorted(held, reverse=most)


@pytest.mark.parametrize("said", ["cheaper than number 2", "a bit cheaper than number 2", "like number 2 but cheaper"])
def test_cheaper_than_an_item_is_bound_by_that_item(hotels, said):
    first, answer = talk(hotels, "hotels over 100 euros", said)
    price = column(hotels, first.slate, "price")[1]
    assert f"price: under {round(price, 2):g}" in answer.text or "goes further" in answer.text
    assert answer.slate is None or all(p < price for p in column(hotels, answer.slate, "price"))


def test_closer_to_the_centre(hotels):
    first, answer = talk(hotels, "spa hotels", "closer to the centre")
    middle = sorted(column(hotels, first.slate, "distance_to_centre_km"))[5]
    assert all(km <= middle for km in column(hotels, answer.slate, "distance_to_centre_km"))


def test_what_is_hated_is_taken_back_in_the_same_words(hotels, films):
    for said in (
        "ski resorts are fine again",
        "ok forget that I hate ski resorts",
        "actually forget that",
        "scratch that",
    ):
        assert talk(hotels, "I hate ski resorts", said, "recommend me a hotel")[2].understood == {}
    assert talk(films, "comedies", "I hate horror", "ok forget that I hate horror")[2].understood == {
        "wanted": ["Comedy"]
    }
    assert talk(hotels, "fewer than 60 rooms", "any with a sauna?", "actually forget the rooms thing")[
        2
    ].understood == {"about": ["sauna"]}


@pytest.mark.parametrize(
    "said", ["nothing longer than two hours", "no longer than 100 minutes", "something under 2 hours", "not too long"]
)
def test_a_length_that_no_column_holds_is_said(films, said):
    assert "Nothing here tells how long it is." in talk(films, f"comedies, {said}")[0].text
    first, answer = talk(films, "comedies", said)
    assert answer.text == "Nothing here tells how long it is. The list stays as it was."
    assert answer.understood == first.understood


def test_what_nothing_says_cannot_be_left_out(films):
    _, nobody, some = talk(films, "comedies", "no Tarkovsky", "I hate Adam Sandler")
    assert nobody.understood == {"wanted": ["Comedy"]} and "cannot be left out" in nobody.text
    assert some.understood["not_about"] == ["adam sandler"] and "of the others nobody can tell" in some.text
    tags = column(films, some.slate, "tags")
    assert not any("adam sandler" in (own or ()) for own in tags)


def test_something_completely_different_drops_what_was_wished(films):
    first, other, more = talk(films, "war films with Tom Hanks", "something completely different", "a comedy")
    assert other.understood == {} and set(ids(first.slate)).isdisjoint(ids(other.slate))
    assert more.understood == {"wanted": ["Comedy"]}


def test_a_count_that_cannot_be_kept_is_no_condition(films, hotels):
    first, answer = talk(films, "comedies", "at least two from the 90s")
    assert answer.understood == first.understood and "cannot promise how many" in answer.text
    assert talk(hotels, "spa", "at least two with a pool")[1].understood["at_least"] == ["2 pool"]


def test_films_are_counted_by_what_is_asked(films):
    _, answer, total = talk(
        films, "comedies", "how many films do you have from the 80s?", "how many films do you have?"
    )
    assert answer.intent is Intent.HOW_MANY and "(year 1980-1989)" in answer.text
    assert answer.understood == {"wanted": ["Comedy"]} and "meet what you asked for" in total.text


def test_more_of_that_kind(films):
    first, answer = talk(films, "comedies", "the third looks good, more of that kind")
    assert answer.understood["like"] == [first.slate.items[2].title]


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        (["a pool or in Berlin", "under 120"], {"with": ["pool, or city: Berlin", "price: under 120"]}),
        (["a pool or in Berlin", "forget the pool"], {"with": ["city: Berlin"]}),
        (["a pool or under 100", "forget the price"], {"with": ["pool"]}),
        (["a pool or under 100", "no pool"], {"with": ["price: under 100"], "without": ["pool"]}),
        (
            ["a hotel in Paris under 100 or one in Berlin under 150", "forget Paris"],
            {"with": ["price: under 150", "city: Berlin"]},
        ),
        (["a pool or pets allowed or under 100"], {"with": ["pool, or pets allowed, or price: under 100"]}),
        (
            ["a hotel in Paris with a pool, or a hotel in Berlin under 120"],
            {"with": ["pool with city: Paris, or price: under 120 with city: Berlin"]},
        ),
        (
            ["a hotel in Paris with a pool or one in Berlin with breakfast", "in Vienna"],
            {"with": ["city: Vienna"]},
        ),
        (["a pool in Berlin", "ok start over: spa hotels"], {"wanted": ["Spa"]}),
        (["a pool in Berlin", "forget that, show me ski hotels"], {"wanted": ["Ski"]}),
        (["with a pool or breakfast"], {"with": ["pool or breakfast included"]}),
        (["no hotels in Berlin over 150"], {"without": ["price: more than 150 with city: Berlin"]}),
        (["in Paris or Berlin", "not in Berlin"], {"with": ["city: Paris"], "without": ["city: Berlin"]}),
        (["not in Berlin", "Paris or Berlin with a pool"], {"with": ["pool", "city: Paris or Berlin"]}),
    ],
)
def test_what_an_or_leaves_to_choose(hotels, said, understood):
    assert talk(hotels, *said)[-1].understood == understood


@pytest.mark.parametrize(
    ("said", "name", "way"),
    [("fewer rooms", "rooms", -1), ("higher guest rating", "guest_rating", 1), ("a lower price", "price", -1)],
)
def test_more_and_less_of_a_column(hotels, said, name, way):
    first, second = talk(hotels, "spa hotels", said)
    middle = np.median(column(hotels, first.slate, name))
    assert second.slate.items and all(way * value > way * middle for value in column(hotels, second.slate, name))


def test_a_list_that_does_not_meet_what_is_asked_is_said_to_be_the_one_before(hotels):
    _, none, sorted_ = talk(hotels, "spa hotels in Paris", "under 1 euro", "sort by price")
    assert none.slate is None and "It is the list before" in sorted_.text
