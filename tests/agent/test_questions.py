"""Questions of fact are answered from the catalogue's own columns, and what these do not hold is said so."""

import polars as pl
import pytest

from agent.chat.answers import Answers
from agent.chat.moves import moves_of
from agent.chat.reading import RequestReader
from agent.chat.references import References, Shown
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog
from retrieval.titles import TitleIndex

LISTED = ["g1", "g0", "g2"]


@pytest.fixture(scope="module")
def games():
    table = {
        "item_id": ["g0", "g1", "g2"],
        "title": ["Lost Railway", "Golden Temple", "Iron Harbour"],
        "categories": [["Strategy"], ["Party", "Family"], ["Party"]],
        "year": pl.Series([1995, 2008, None], dtype=pl.Int32),
        "count": [3, 2, 1],
        "price": [31.7249, 18.0, None],
        "publisher": ["Kosmos", "Lookout", "Kosmos"],
        "min_players": [1, 3, 2],
        "max_players": [4, 8, 2],
        "play_minutes": [45, 60, 90],
        "min_age": [14, 8, None],
        "url": ["a", "b", "c"],
    }
    catalog = Catalog(pl.DataFrame(table))
    return catalog, RequestReader(catalog, TitleIndex(catalog), searched=True)


def answered(games, message, spoken=()):
    catalog, reader = games
    shown = [Shown(i, catalog.titles[int(catalog.positions([i])[0])]) for i in LISTED]
    moves = moves_of(message, References(shown, lambda _: None, spoken=spoken), reader.categories)
    return Answers(catalog, reader)(moves.asked, LISTED)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("what's the price of the second?", "Lost Railway (number 2): price 31.72."),
        ("how much is Golden Temple?", "Golden Temple (number 1): price 18."),
        ("how long does number 1 take?", "Golden Temple (number 1): play minutes 60."),
        ("how many players does the third need?", "Iron Harbour (number 3): min players 2; max players 2."),
        ("what age is number 1 for?", "Golden Temple (number 1): min age 8."),
        ("who published number 2?", "Lost Railway (number 2): publisher Kosmos."),
        ("when was number 2 released?", "Lost Railway (number 2): year 1995."),
        ("is number 1 good for kids?", "Yes: Golden Temple (number 1) \u2013 min age 8."),
        ("is number 2 good for kids?", "No: Lost Railway (number 2) \u2013 min age 14."),
        ("is number 2 a party game?", "No: Lost Railway (number 2) \u2013 categories Strategy."),
        ("what does number 3 cost?", "The catalogue does not tell \u201ccost\u201d of Iron Harbour (number 3)."),
        ("what does number 7 cost?", "The last list has no number 7."),
        ("how long is it?", "I cannot tell which one you mean; say its number."),
    ],
)  # fmt: skip
def test_an_answer_is_what_the_catalogue_says(games, message, answer):
    assert answered(games, message) == answer


def test_it_is_what_was_spoken_of(games):
    assert answered(games, "how long is it?", spoken=("g2",)) == "Iron Harbour (number 3): play minutes 90."


@pytest.mark.parametrize(
    "message", ["is number 3 good for kids?", "is number 3 available in German?", "is number 3 too long?"]
)
def test_what_the_catalogue_does_not_hold_is_neither_yes_nor_no(games, message):
    said = answered(games, message)
    assert said.startswith("What the catalogue says of Iron Harbour (number 3) does not answer")
    assert "play minutes 90" in said
    assert "url" not in said


def test_what_is_asked_of_no_item_is_no_question_of_fact():
    references = References([Shown("g1", "Golden Temple")], lambda _: None, spoken=["g1"])
    assert moves_of("is that all?", references).asked is None
    assert moves_of("is it possible to see party games?", references).asked is None


def test_how_many_there_are(games):
    catalog, reader = games
    answers = Answers(catalog, reader)
    assert answers.how_many(ItemFilter()) == "There are 3 in the catalogue."
    assert answers.how_many(reader.read("party games").filter).endswith("; 2 of them meet what you asked for.")
