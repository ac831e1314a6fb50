"""What is a part of the list and not its length, two questions in one message, and items beside each other."""

import polars as pl
import pytest

from agent.chat.answers import Answers
from agent.chat.intents import Intent
from agent.chat.moves import moves_of
from agent.chat.reading import RequestReader
from agent.chat.references import References, Shown
from agent.chat.wish import Wish
from retrieval.facts import Within
from retrieval.schema import Catalog
from retrieval.titles import TitleIndex
from tests.agent.test_talk import column, talk


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("three of them should be French", [("French", 3, None)]),
        ("3 of them should be soups, please", [("soups", 3, None)]),
        ("I want two of them to be in German", [("in German", 2, None)]),
        ("can two of these be westerns?", [("westerns", 2, None)]),
        ("three of which must be dramas", [("dramas", 3, None)]),
        ("make two of them Thai", [("Thai", 2, None)]),
        ("ten films, two of them westerns", [("westerns", 2, None)]),
        ("at least three Greek ones", [("greek", 3, None)]),
        ("at least two gluten free ones please", [("gluten free", 2, None)]),
        ("at least two with a pool", [("with a pool", 2, None)]),
        ("only one of them should be a western", [("western", None, 1)]),
        ("exactly two of them should be dramas", [("dramas", 2, 2)]),
        ("two or three of them should be dramas", [("dramas", 2, 3)]),
        ("between two and four of them should be dramas", [("dramas", 2, 4)]),
        ("two should be French and two should be Greek", [("French", 2, None), ("Greek", 2, None)]),
        ("two of them should be German and one Austrian", [("German", 2, None), ("Austrian", 1, None)]),
        ("three of them should not be dramas", [("not dramas", 3, None)]),
        ("two of them should be vegan, 30 minutes at most", [("vegan", 2, None)]),
        ("at least one should be a comedy", [("comedy", 1, None)]),
        ("the first three should be dramas", []),
        ("number three should be a drama", []),
        ("three of them", []),
        ("one should be able to play it alone", []),
        ("only three of them please", []),
        ("two of them are boring", []),
        ("I have seen three of them", []),
        ("at least 2 player games", []),
        ("at least 4 star ones", []),
        ("at least 5 good ones", []),
        ("at least 30 minutes", []),
    ],
)
def test_a_number_of_a_group_is_a_part_of_the_list(message, parts):
    references = References([Shown(i, f"Title {i}") for i in "abcde"], lambda _: None)
    assert [(p.words, p.least, p.most) for p in moves_of(message, references).parts] == parts


@pytest.mark.parametrize(
    ("message", "name", "value", "said"),
    [
        ("three of them should be by Kosmos", "publisher", "Kosmos", "3 publisher: Kosmos"),
        ("at least three Kosmos ones", "publisher", "Kosmos", "3 publisher: Kosmos"),
        ("make seven of them in stock", "in_stock", "yes", "7 in stock"),
    ],
)
def test_so_many_have_a_value_of_a_column(shop, message, name, value, said):
    first, answer, back = talk(shop, "10 games", message, "undo")
    assert answer.understood == first.understood | {"at_least": [said]}
    assert len(answer.slate.items) == 10
    assert column(shop, answer.slate, name).count(value) >= int(said[0])
    assert back.understood == first.understood


def test_of_a_value_that_few_have_it_is_told_how_many_there_are(hotels):
    _, answer, forgot = talk(hotels, "ski hotels in Vienna", "nine of them should have a pool", "forget pool")
    assert answer.understood["at_least"] == ["9 pool"]
    assert "you asked for at least 9 pool: yes, and this list has" in answer.text
    assert "at_least" not in forgot.understood
    assert column(hotels, answer.slate, "city") == ["Vienna"] * len(answer.slate.items)


def test_so_many_are_of_a_category_beside_what_is_asked(films):
    answer = talk(films, "a comedy from the 90s, three of them should be westerns")[0]
    assert answer.understood == {"wanted": ["Comedy"], "years": ["1990-1999"], "at_least": ["3 Western"]}
    assert len(answer.slate.items) == 10 and sum("Western" in item.categories for item in answer.slate.items) >= 3
    _, most = talk(films, "10 films", "at most two of them should be dramas")
    assert sum("Drama" in item.categories for item in most.slate.items) <= 2


@pytest.mark.parametrize(
    "message",
    [
        "three of them should be french",
        "three of them should be from the 80s",
        "three of them should be romantic comedies",
        "three of them should not be dramas",
        "three of them should be dark",
        "three of them should be about dogs",
    ],
)
def test_what_cannot_be_counted_is_said_and_changes_nothing(films, message):
    first, answer = talk(films, "comedies", message)
    assert answer.slate is None and answer.understood == first.understood
    assert "cannot promise how many are" in answer.text


def test_who_asks_anew_with_a_part_asks_anew(films):
    anew = talk(films, "comedies from the 90s", "show me 10 dramas, two of them should be westerns")[1]
    assert anew.understood == {"wanted": ["Drama"], "k": 10, "at_least": ["2 Western"]}
    of_those = talk(films, "comedies from the 90s", "I want two of them to be westerns")[1]
    assert of_those.understood == {"wanted": ["Comedy"], "years": ["1990-1999"], "at_least": ["2 Western"]}


def test_a_value_that_the_catalogue_has_no_longer_is_not_counted(shop):
    steering = shop._steering
    wish = Wish(parts={"cuisine: Greek": (3, None)}, counted={"cuisine: Greek": ("cuisine", "Greek")})
    assert wish.rules(steering.columns(wish, {}), 10) == []
    gone = Wish(parts={"by": (3, None)}, counted={"by": ("publisher", "Nobody")})
    assert gone.rules(steering.columns(gone, {}), 10) == []


LISTED = ("g3", "g4", "g1")  # both of the first two are of Kosmos


@pytest.fixture(scope="module")
def rows(shop):
    """What the catalogue says of a list of three games."""
    held = {row["item_id"]: row for row in shop.recommender.model.catalog.table.to_dicts()}
    return [held[item] for item in LISTED]


@pytest.fixture(scope="module")
def answered(shop, rows):
    """Answers about that list, of which nothing was spoken before."""
    catalog, reader = shop.recommender.model.catalog, shop.recommender.reader
    shown = [Shown(row["item_id"], row["title"]) for row in rows]

    def answer(message, spoken=()):
        moves = moves_of(message, References(shown, lambda _: None, spoken=spoken), reader.comparable)
        assert moves.intent is Intent.FACTS, message
        return (shop._asides._comparing if moves.asked.compared else Answers(catalog, reader))(moves.asked, LISTED)

    return answer


@pytest.mark.parametrize(
    ("message", "starts"),
    [
        ("is number 1 in stock, and how long does it take?", ["Yes: One", "One: play minutes"]),
        ("is number 1 in stock and how much does it cost", ["Yes: One", "One: price"]),
        ("what's the publisher of the second and is it in stock?", ["Two: publisher", "No: Two"]),
        ("how long does number 1 take and how many players", ["One: play minutes", "One: min players"]),
        ("how many players and how long does number 1 take?", ["One: min players", "One: play minutes"]),
        ("what's the price and publisher of number 2?", ["Two: price", "Two: publisher"]),
        ("how long is number 1? and number 2?", ["One: play minutes", "Two: play minutes"]),
        ("how long is number 1 and when is number 2 from?", ["One: play minutes", "Two: year"]),
        (
            "are numbers 1 and 2 in stock and how long do they take?",
            ["Yes: One", "No: Two", "One: play", "Two: play"],
        ),
        ("number 2: is it in stock and how long does it take?", ["No: Two", "Two: play minutes"]),
        ("how long does number 1 take and is there a price", ["One: play minutes", "One: price"]),
        ("who published number 1, and its price?", ["One: publisher", "One: price"]),
        # one question
        ("is number 1 in stock and for kids?", ["Yes: One"]),
        ("tell me about number 1 and number 2", ["One: categories", "Two: categories"]),
        ("is number 12 in stock and how long does it take?", ["The last list has no number 12."]),
        ("is it in stock and how long does it take?", ["I cannot tell which one you mean"]),
        ("how long is it and is it in stock?", ["I cannot tell which one you mean"]),
    ],
)
def test_each_question_of_a_message_is_answered(rows, answered, message, starts):
    named = {word: f"{rows[at]['title']} (number {at + 1})" for at, word in enumerate(("One", "Two"))}
    lines = answered(message).split("\n\n")
    for word, title in named.items():
        starts = [start.replace(word, title) for start in starts]
    assert len(lines) == len(starts)
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True)), lines


def test_who_asks_two_things_of_an_item_speaks_of_it(shop):
    first, both, more = talk(
        shop, "party games", "how much is number 1 and is it in stock?", "how many players does it need?"
    )
    assert (both.intent, both.slate, both.understood) == (Intent.FACTS, None, first.understood)
    assert more.text.startswith(first.slate.items[0].title)


@pytest.mark.parametrize(
    "message",
    [
        "compare 1 and 2",
        "compare number 1 with number 2",
        "compare the first two",
        "what's the difference between number 1 and 2",
        "whats the difference between the first and the second?",
        "how does number 1 compare to number 2?",
        "how do 1 and 2 differ?",
        "what is different about 1 and 2?",
        "can you compare 1 and 2 for me, please?",
    ],
)
def test_of_items_beside_each_other_what_differs_comes_first(rows, answered, message):
    one, two, both = answered(message).split("\n\n")
    for row, line in zip(rows[:2], (one, two), strict=True):
        assert line.startswith(row["title"]) and f"year {row['year']}" in line
        assert f"in stock {row['in_stock']}" in line
    assert both.startswith("Both: ") and "publisher Kosmos" in both and "publisher" not in one + two


@pytest.mark.parametrize(
    ("message", "name", "best"),
    [
        ("which is longer, 1 or 3?", "play_minutes", max),
        ("which takes longer, number 1 or number 3?", "play_minutes", max),
        ("number 1 or 3, which is shorter?", "play_minutes", min),
        ("is the first or the third newer?", "year", max),
        ("which of 1 and 3 is older?", "year", min),
        ("which of them is older, the first or the third?", "year", min),
        ("which has more players, 1 or 3?", "max_players", max),
        ("which is the cheapest, 3 or 2?", "price", min),
    ],
)
def test_which_of_two_comes_first_with_both_their_facts(rows, answered, message, name, best):
    two = [rows[2], rows[1 if "2" in message else 0]]
    said = answered(message)
    titles = sorted((row["title"] for row in two), key=said.index)
    assert titles[0] == best(two, key=lambda row: row[name])["title"]
    assert said.count(name.replace("_", " ")) == 2


def test_what_cannot_be_compared_is_said(shop, answered):
    assert "does not tell which of them is \u201cbetter\u201d" in answered("which is better, 1 or 2?")
    assert answered("compare 1 and 30") == "The last list has no number 30."
    assert answered("compare number 1").startswith("Say two numbers")
    first, many = talk(shop, "10 games", "compare them")
    assert many.text.startswith("I compare up to 5") and many.understood == first.understood
    assert "no list yet" in talk(shop, "compare 1 and 2")[0].text
    assert answered("is number 1 longer than number 2?").startswith("Yes: ")
    assert answered("is number 1 cheaper than number 2?").startswith("Yes: ")
    assert answered("is number 1 older than number 2?").startswith("Yes: ")
    assert answered("does number 2 have more players than number 1?").startswith("Yes: ")
    assert answered("is number 2 longer than number 1?").startswith("No: ")


def test_a_comparison_leaves_the_list_and_what_is_asked(films):
    first, older, undone = talk(films, "comedies", "which is older, 1 or 3?", "older than number 2")
    assert (older.intent, older.slate, older.understood) == (Intent.FACTS, None, first.understood)
    assert undone.intent is Intent.RECOMMEND and "years" in undone.understood


@pytest.mark.parametrize(
    ("message", "parts", "rest"),
    [
        ("ten films, three dramas and two westerns", [("dramas", 3, None), ("westerns", 2, None)], "ten films,"),
        ("ten games: 2 quick ones, 3 by Kosmos", [("quick", 2, None), ("by Kosmos", 3, None)], "ten games:"),
        ("12 books with three in German and two signed ones, under 20", [("in German", 3, None), ("signed", 2, None)], "12 books with"),
        ("five films, two comedies and ten dramas", [], "five films, two comedies and ten dramas"),
        ("ten films, 90 minutes and 2 stars", [], "ten films, 90 minutes and 2 stars"),
        ("ten films, three dramas", [], "ten films, three dramas"),
    ],
)  # fmt: skip
def test_counts_behind_one_of_all_are_parts_of_it(message, parts, rest):
    moves = moves_of(message, References([], lambda _: None))
    assert [(p.words, p.least, p.most) for p in moves.parts] == parts
    assert moves.rest.startswith(rest)


@pytest.mark.parametrize(
    ("said", "left"), [("forget the Kosmos ones", ["2 Party"]), ("forget the party games", ["3 publisher: Kosmos"])]
)
def test_a_part_is_taken_back_by_what_it_is_of(shop, said, left):
    asked, after = talk(shop, "ten games, three by Kosmos and two party ones", said)
    assert asked.understood == {"k": 10, "at_least": ["3 publisher: Kosmos", "2 Party"]}
    assert after.understood == {"k": 10, "at_least": left}


@pytest.mark.parametrize(("said", "way"), [("something smaller", -1), ("bigger ones", 1), ("larger please", 1)])
def test_how_big_is_compared_by_the_column_that_tells_it(hotels, said, way):
    """A shop of hotels has none: it says so. One of plants or parcels goes by height, size or width."""
    answer = talk(hotels, "spa hotels", said)[1]
    assert "\u201cbig\u201d" in answer.text or "speaks of" in answer.text
    assert answer.understood == {"wanted": ["Spa"]}
    shelf = pl.DataFrame({"item_id": list("abcd"), "title": list("ABCD"), "categories": [["X"]] * 4, "year": pl.Series([None] * 4, dtype=pl.Int32), "count": [1] * 4, "height_cm": [10, 20, 30, 40]})  # fmt: skip
    beyond = RequestReader(Catalog(shelf), TitleIndex(Catalog(shelf))).facts.beyond(["b", "c"], way, "big")
    assert beyond == Within("height_cm", **({"low": 25 + 1e-9} if way > 0 else {"high": 25 - 1e-9}))
