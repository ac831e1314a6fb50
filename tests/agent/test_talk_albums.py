"""What a stranger said to a shop of records and was misunderstood in: makers behind titles, opinions beside questions."""

import polars as pl
import pytest

from agent.chat.intents import Intent
from agent.chat.moves import moves_of
from agent.chat.reading import RequestReader
from agent.chat.references import References, Shown
from agent.memory.people import Kind
from retrieval.facts import OneOf
from retrieval.schema import Catalog
from retrieval.titles import TitleIndex


@pytest.fixture(scope="module")
def reader():
    rows = {
        "item_id": ["r1", "r2", "r3", "r4"],
        "title": ["Blue", "Kid A", "Kind of Blue", "Hejira"],
        "categories": [["Folk"], ["Rock"], ["Jazz"], ["Folk"]],
        "year": pl.Series([1971, 2000, 1959, 1976], dtype=pl.Int32),
        "count": [4, 3, 2, 1],
        "artist": ["Joni Mitchell", "Radiohead", "Miles Davis", "Joni Mitchell"],
    }
    catalog = Catalog(pl.DataFrame(rows))
    return RequestReader(catalog, TitleIndex(catalog), searched=True, called="records")


@pytest.mark.parametrize(
    ("said", "liked", "by"),
    [
        ("something like Blue by Joni Mitchell", (0,), None),
        ("I love Kid A by Radiohead", (1,), None),
        ("something like Blue by Joni Mitchell but by Radiohead", (0,), "Radiohead"),
        ("something like Kid A by Joni Mitchell", (1,), "Joni Mitchell"),  # is not whose it is: a condition
    ],
)
def test_whose_a_title_is_says_which_is_meant(reader, said, liked, by):
    reading = reader.read(said)
    assert reading.seeds == liked
    assert reading.filter.facts == (() if by is None else (OneOf(("artist",), (by,)),))


@pytest.fixture(scope="module")
def references():
    return References([Shown(f"r{n}", f"Record {n}") for n in range(1, 6)], lambda _: None)


@pytest.mark.parametrize(
    ("said", "feedback"),
    [
        ("not the second, saw it already", [("r2", Kind.SEEN)]),
        ("not number 3 because heard it before", [("r3", Kind.SEEN)]),
        ("I've heard number 1, it was boring", [("r1", Kind.SEEN), ("r1", Kind.DISLIKE)]),
        ("I know number 2, and it was great", [("r2", Kind.SEEN), ("r2", Kind.LIKE)]),
    ],
)
def test_what_is_said_of_an_item_beside_knowing_it_is_kept(references, said, feedback):
    moves = moves_of(said, references)
    assert list(moves.feedback) == feedback
    assert not moves.rest


def test_a_question_beside_an_opinion_is_answered(references):
    moves = moves_of("the first looks nice, is it in stock?", references)
    assert (moves.intent, moves.asked.what, moves.asked.pointed.items) == (Intent.FACTS, "in stock", ("r1",))
    assert moves_of("the first looks nice, something jazzier?", references).intent is Intent.RECOMMEND


@pytest.mark.parametrize(
    "said", ["show me others than those shown", "others than these", "something else than the ones you showed"]
)
def test_others_than_those_that_were_shown(references, said):
    moves = moves_of(said, references)
    assert moves.others and not moves.rest


@pytest.mark.parametrize(
    "said", ["you're a robot, aren't you?", "are you a robot or a person?", "you are just a machine, right?"]
)
def test_who_is_speaking_is_no_topic(references, said):
    assert moves_of(said, references).intent is Intent.HELP
