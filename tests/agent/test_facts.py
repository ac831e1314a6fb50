"""Conditions on columns that no catalogue must have: people, publishers, players, ages, length, price."""

import re
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.chat.facts import together
from agent.chat.joining import joined
from agent.chat.move import Moves
from agent.chat.numerals import NUMBER, number
from agent.chat.quantities import LENGTH, PRICE
from agent.chat.reading import RequestReader
from agent.chat.steering import Steering
from agent.chat.wish import Wish
from agent.chat.wording import fact_in_words
from retrieval.datasets import load
from retrieval.facts import OneOf, Within, names_in
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog
from retrieval.titles import TitleIndex


def made(columns):
    n = len(columns["title"])
    own = {"item_id": [f"i{i}" for i in range(n)], "count": list(range(n, 0, -1))}
    years = pl.Series("year", columns.pop("year", [None] * n), dtype=pl.Int32)
    catalog = Catalog(pl.DataFrame({**own, **columns}).with_columns(years))
    return catalog, RequestReader(catalog, TitleIndex(catalog), searched=True)


BOOKS = made({
    "title": ["The Dispossessed", "Lavinia", "Good Omens", "Coraline", "Mort", "The Stand"],
    "categories": [["Science Fiction"], ["Fantasy"], ["Fantasy", "Comedy"], ["Fantasy"], ["Fantasy", "Comedy"], ["Horror"]],
    "author": ["Ursula K. Le Guin", "Ursula K. Le Guin", "Neil Gaiman, Terry Pratchett", "Neil Gaiman", "Terry Pratchett", "Stephen King"],
    "language": ["English", "German", "English", "English", "French", "English"],
    "pages": [341, 279, 383, 162, 243, None],
    "isbn": ["1", "2", "3", "4", "5", "6"],
})  # fmt: skip
GAMES = made({
    "title": ["Catan", "Pandemic", "Hive", "Ticket to Ride", "Codenames"],
    "categories": [["Strategy"], ["Cooperative"], ["Abstract"], ["Family"], ["Party"]],
    "designer": [["Klaus Teuber"], ["Matt Leacock"], ["John Yianni"], ["Alan R. Moon"], ["Vlaada Chv\u00e1til"]],
    "publisher": ["Kosmos", "Z-Man Games", "Gen42", "Days of Wonder", "CGE"],
    "min_players": [3, 2, 2, 2, 4],
    "max_players": [4, 4, 2, 5, 8],
    "min_age": [10, 8, 9, 8, 14],
    "playtime": [90, 45, 20, 60, 15],
    "price": [44.9, 39.0, 25.0, 42.5, 19.9],
})  # fmt: skip
MEALS = made({
    "title": ["Dal", "Tom Kha", "Ribollita", "Pho", "Minestrone", "Som Tam"],
    "categories": [["Main"], ["Soup"], ["Soup"], ["Soup"], ["Soup"], ["Salad"]],
    "cuisine": ["Indian", "Thai", "Italian", "Vietnamese", "Italian", "Thai"],
    "difficulty": ["easy", "medium", "easy", "hard", "easy", "medium"],
    "cook_time_min": [40, 25, 90, 180, 60, 15],
    "servings": [4, 2, 6, 4, 8, 2],
    "calories": [450, 380, 520, 610, 300, 180],
    "protein_g": [18, 20, 14, 35, 9, 6],
    "sugar_g": [4, 12, 6, 3, 8, 16],
    "distance_km": [1.0, 2.5, 8.0, 0.5, 4.0, 12.0],
})  # fmt: skip
FILMS = made({
    "title": ["A", "B", "C", "D"],
    "categories": [["Crime"], ["Comedy"], ["Crime"], ["Comedy"]],
    "certificate": ["PG-13", "R", "PG", "R"],
})  # fmt: skip
SONGS = made({
    "title": ["Kiss", "Like a Prayer", "Doo Wop"],
    "categories": [["Funk"], ["Pop"], ["Soul"]],
    "artist": ["Prince", "Madonna", "Lauryn Hill"],
    "duration_ms": [226_000, 340_000, 320_000],
})  # fmt: skip
WINES = made({
    "title": ["Alte Reben", "Hochgew\u00e4chs", "Monte Bello", "Cl\u00e1sico", "Nouveau", "Cuv\u00e9e"],
    "categories": [["White"], ["White"], ["Red"], ["Red"], ["Red"], ["White"]],
    "grape": ["Riesling", "Riesling", "Merlot", "Merlot", "Gamay", "Gamay"],
    "region": ["Mosel", "Mosel", "Rioja", "Rioja", "Mosel", "Rioja"],
    "producer": ["Gaja", "Penfolds", "Ridge", "Muga", "Leroy", "Gaja"],
    "pairs_with": [["fish"], ["fish", "cheese"], ["steak", "cheese"], ["cheese", "lamb"], ["fish"], ["lamb", "cheese"]],
    "organic": ["yes", "no", "yes", "no", "yes", "no"],
    "price_eur": [12.0, 18.0, 150.0, 25.0, 9.0, None],
    "alcohol": [11.5, 12.0, 14.5, 13.5, 12.5, 14.0],
    "points": [90, 86, 95, 92, None, 88],
    "bottle_ml": [750, 750, 750, 1500, 375, 750],
    "stock": [3, 0, 12, 100, 0, 4],
})  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "titles"),
    [
        (BOOKS, "books by Ursula K. Le Guin", ["The Dispossessed", "Lavinia"]),
        (BOOKS, "something by le guin", []),  # no surname of two words is known, and nothing is guessed
        (BOOKS, "a Gaiman novel", ["Good Omens", "Coraline"]),
        (BOOKS, "by Neil Gaiman and Terry Pratchett", ["Good Omens"]),
        (BOOKS, "by Neil Gaiman or Stephen King", ["Good Omens", "Coraline", "The Stand"]),
        (BOOKS, "written by Gaiman, King", ["Good Omens", "Coraline", "The Stand"]),  # no book has both: a choice
        (BOOKS, "fantasy, but nothing by Terry Pratchett", ["Lavinia", "Coraline"]),
        (BOOKS, "fantasy in English", ["Good Omens", "Coraline"]),
        (BOOKS, "German books", ["Lavinia"]),
        (BOOKS, "under 300 pages", ["Lavinia", "Coraline", "Mort"]),
        (BOOKS, "no more than 243 pages", ["Coraline", "Mort"]),
        (BOOKS, "300+ pages", ["The Dispossessed", "Good Omens"]),
        (BOOKS, "between 250 and 350 pages", ["The Dispossessed", "Lavinia"]),
        (BOOKS, "nothing over 300 pages", ["Lavinia", "Coraline", "Mort"]),
        (BOOKS, "a short book", ["Coraline", "Mort"]),
        (GAMES, "a game for 2 players", ["Pandemic", "Hive", "Ticket to Ride"]),
        (GAMES, "for five people", ["Ticket to Ride", "Codenames"]),
        (GAMES, "for my 9-year-old", ["Pandemic", "Hive", "Ticket to Ride"]),
        (GAMES, "under an hour, cheaper than $40", ["Pandemic", "Hive", "Codenames"]),
        (GAMES, "designed by Vlaada Chvatil", ["Codenames"]),
        (GAMES, "published by kosmos", ["Catan"]),
        (GAMES, "not by Klaus Teuber", ["Pandemic", "Hive", "Ticket to Ride", "Codenames"]),
        (GAMES, "up to \u20ac25", ["Hive", "Codenames"]),
        (WINES, "by ridge or gaja", ["Alte Reben", "Monte Bello", "Cuv\u00e9e"]),
        (WINES, "goes with cheese and lamb", ["Cl\u00e1sico", "Cuv\u00e9e"]),
        (WINES, "a Riesling from Mosel", ["Alte Reben", "Hochgew\u00e4chs"]),
        (WINES, "red from rioja", ["Monte Bello", "Cl\u00e1sico"]),
        (WINES, "I hate Merlot", ["Alte Reben", "Hochgew\u00e4chs", "Nouveau", "Cuv\u00e9e"]),
        (WINES, "merlot or gamay, no rieslings", ["Monte Bello", "Cl\u00e1sico", "Nouveau", "Cuv\u00e9e"]),
        (WINES, "yes, a ridge walk", []),  # a truth value is no name, and nothing says that this ridge is one
        (BOOKS, "books in english", ["The Dispossessed", "Good Omens", "Coraline", "The Stand"]),
        (BOOKS, "english books", ["The Dispossessed", "Good Omens", "Coraline", "The Stand"]),
        (BOOKS, "the english of his time", []),
        (BOOKS, "under 350 pages and more than 250", ["The Dispossessed", "Lavinia"]),
        (BOOKS, "around 300 pages", ["The Dispossessed", "Lavinia", "Mort"]),
        (BOOKS, "a 350 page novel", ["The Dispossessed", "Good Omens"]),
        (BOOKS, "less than two hundred and fifty pages", ["Coraline", "Mort"]),
        (BOOKS, "pages under 300, in German", ["Lavinia"]),
        (BOOKS, "too long", ["Lavinia", "Coraline", "Mort"]),
        (BOOKS, "a story of 300 Spartans", []),
        (WINES, "alcohol under 13", ["Alte Reben", "Hochgew\u00e4chs", "Nouveau"]),
        (WINES, "less than 13% alcohol", ["Alte Reben", "Hochgew\u00e4chs", "Nouveau"]),
        (WINES, "14% or more", ["Monte Bello", "Cuv\u00e9e"]),
        (WINES, "rated above 90", ["Monte Bello", "Cl\u00e1sico"]),
        (WINES, "a rating of at least 90", ["Alte Reben", "Monte Bello", "Cl\u00e1sico"]),
        (WINES, "at least 90 and at most 92 points", ["Alte Reben", "Cl\u00e1sico"]),
        (WINES, "more than 3 in stock", ["Monte Bello", "Cl\u00e1sico", "Cuv\u00e9e"]),
        (WINES, "cheaper than 20", ["Alte Reben", "Hochgew\u00e4chs", "Nouveau"]),
        (WINES, "more expensive than 20 but under 100", ["Cl\u00e1sico"]),
        (WINES, "less than fifteen euros", ["Alte Reben", "Nouveau"]),
        (WINES, "10-20\u20ac", ["Alte Reben", "Hochgew\u00e4chs"]),
        (WINES, "my budget is twenty-five euros", ["Alte Reben", "Hochgew\u00e4chs", "Cl\u00e1sico", "Nouveau"]),
        (WINES, "red under 30", ["Cl\u00e1sico", "Nouveau"]),
        (WINES, "1.5 litres", ["Cl\u00e1sico"]),
        (WINES, "a 750ml bottle", ["Alte Reben", "Hochgew\u00e4chs", "Monte Bello", "Cuv\u00e9e"]),
        (WINES, "a cheap red", ["Nouveau"]),
        (WINES, "ready in less than 5 days", []),
        (WINES, "two bottles of red", ["Monte Bello", "Cl\u00e1sico", "Nouveau"]),  # bottle_ml holds no bottles
        (WINES, "low alcohol", ["Alte Reben", "Hochgew\u00e4chs", "Nouveau"]),
        (WINES, "best rated", ["Monte Bello", "Cl\u00e1sico"]),
        (WINES, "rated under 20", ["Alte Reben", "Hochgew\u00e4chs", "Nouveau"]),  # no points are so few: a price
        (WINES, "nothing cheap", ["Hochgew\u00e4chs", "Monte Bello", "Cl\u00e1sico"]),
        (WINES, "Rioja merlot", ["Monte Bello", "Cl\u00e1sico"]),
        (WINES, "a cheap riesling", ["Alte Reben"]),
        (WINES, "something from muga", ["Cl\u00e1sico"]),
        (WINES, "gaja", ["Alte Reben", "Cuv\u00e9e"]),
        (BOOKS, "Casino is great, but a bit long", ["Lavinia", "Coraline", "Mort"]),
        (BOOKS, "it was far too long", []),
        (BOOKS, "as long as it is funny, not too long ago", []),
        (BOOKS, "the first 300 pages", []),
        (BOOKS, "give me 2 pages of your time", []),  # no book has so few
        (BOOKS, "a biography of King Arthur", []),
        (WINES, "the Rioja Express", []),
        (GAMES, "about a 10 year old boy", []),
        (GAMES, "best min effort game", []),
        (MEALS, "a soup under an hour and a half", ["Tom Kha", "Minestrone"]),
        (MEALS, "ready in half an hour", ["Tom Kha", "Som Tam"]),
        (MEALS, "dinner for 4", ["Dal", "Ribollita", "Pho", "Minestrone"]),
        (MEALS, "for a family of six", ["Ribollita", "Minestrone"]),
        (MEALS, "under 400 kcal", ["Tom Kha", "Minestrone", "Som Tam"]),
        (MEALS, "less than 10 g of sugar", ["Dal", "Ribollita", "Pho", "Minestrone"]),
        (MEALS, "at least 20g protein", ["Tom Kha", "Pho"]),
        (MEALS, "sugar under 5 grams", ["Dal", "Pho"]),
        (MEALS, "low sugar", ["Dal", "Ribollita", "Pho"]),
        (MEALS, "medium difficulty", ["Tom Kha", "Som Tam"]),
        (MEALS, "thai cuisine", ["Tom Kha", "Som Tam"]),
        (MEALS, "within 2 miles", ["Dal", "Tom Kha", "Pho"]),
        (FILMS, "rated R or PG", ["B", "C", "D"]),
        (FILMS, "no R rated films", ["A", "C"]),
        (FILMS, "r rated", ["B", "D"]),
        (FILMS, "not rated R", ["A", "C"]),
        (GAMES, "a 5 player game", ["Ticket to Ride", "Codenames"]),
        (GAMES, "not for children", ["Codenames"]),
        (GAMES, "games for kids", ["Catan", "Pandemic", "Hive", "Ticket to Ride"]),
        (GAMES, "for ages 8 to 12", ["Pandemic", "Ticket to Ride"]),
        (GAMES, "I have half an hour", ["Hive", "Codenames"]),
        (GAMES, "about an hour", ["Ticket to Ride"]),
        (GAMES, "I played it two hours ago", []),
        (SONGS, "songs by Prince", ["Kiss"]),
        (SONGS, "a song fit for a prince", ["Kiss", "Like a Prayer", "Doo Wop"]),
        (SONGS, "longer than five minutes", ["Like a Prayer", "Doo Wop"]),
    ],
)  # fmt: skip
def test_other_columns_are_conditions(kind, text, titles):
    catalog, reader = kind
    reading = reader.read(text)
    kept = [t for t, keep in zip(catalog.titles, reading.filter.mask(catalog), strict=True) if keep]
    if titles:
        assert kept == titles
    else:
        assert not reading.filter.facts


def test_a_list_in_one_text_is_taken_apart_and_codes_are_no_names():
    catalog, reader = BOOKS
    names = catalog.table.select(names_in(catalog.table, "author"))["author"].to_list()
    assert names[2] == ["Neil Gaiman", "Terry Pratchett"]
    assert not reader.read("number 3 of 5").filter.facts  # an ISBN of digits is never meant


def test_tags_are_searched_for_and_names_are_conditions():
    """Of an item without a tag nobody knows whether the tag would fit; who made it is another matter."""
    n = 60
    tags = [["road trip", "paris"], ["tom hanks"], ["time travel"], *[[]] * (n - 3)]
    cast = [["Tom Hanks", "Meg Ryan"], ["Meg Ryan"], *[[]] * (n - 2)]
    columns = {"title": [f"T{i}" for i in range(n)], "categories": [["Drama"]] * n}
    catalog, reader = made({**columns, "tags": tags})
    for text in ("a road trip", "with Tom Hanks", "time travel", "set in Paris"):
        reading = reader.read(text)
        assert not reading.filter.facts
        assert reading.about
    catalog, reader = made({**columns, "tags": tags, "cast": cast})
    assert reader.read("with Tom Hanks").filter.mask(catalog).sum() == 1


def test_years_of_a_few_titles_hide_nothing():
    n = 40
    columns = {"title": [f"T{i}" for i in range(n)], "categories": [["Strategy"]] * n}
    catalog, reader = made({**columns, "year": [2010, *[None] * (n - 1)]})
    reading = reader.read("strategy games from 2010")
    assert reading.filter.mask(catalog).all()
    assert reading.understood(catalog)["years"] == "ignored, the catalogue has hardly any"
    catalog, reader = made({**columns, "year": [2010, 2011] * (n // 4) + [None] * (n // 2)})
    assert reader.read("strategy games from 2010").filter.mask(catalog).sum() == n // 4


def test_a_child_gets_what_is_for_children_where_no_column_knows_ages():
    catalog, reader = made({"title": ["A", "B"], "categories": [["Children"], ["Drama"]]})
    assert reader.read("something for my 7 year old").understood(catalog) == {"wanted": ["Children"]}
    assert "wanted" not in reader.read("something for my 40 year old").understood(catalog)


def test_understood_in_words():
    catalog, reader = GAMES
    said = reader.read("for 2 players, under 50 minutes, nothing by Matt Leacock").understood(catalog)
    assert said["with"] == ["for 2 players", "playtime: under 50"]
    assert said["without"] == ["designer: Matt Leacock"]
    assert fact_in_words(Within("pages", 1200, 1200)) == "pages: 1,200"


def test_a_wish_keeps_replaces_and_takes_back_facts():
    catalog, reader = GAMES
    wish = Wish()
    for text in ("under $43", "under $30"):
        wish = joined(wish, reader.read(text), catalog, fresh=False, beside=False, within=False)
    assert [f.high for f in wish.facts] == pytest.approx([30.0])
    wish = joined(wish, reader.read("for 2 players"), catalog, fresh=False, beside=False, within=False)
    assert len(wish.facts) == 3
    assert Wish.model_validate_json(wish.model_dump_json()) == wish
    assert len(wish.without("with", "price: under 30", catalog).facts) == 2
    wish = joined(wish, reader.read("not by John Yianni"), catalog, fresh=False, beside=False, within=False)
    assert "Hive" not in [
        t for t, k in zip(catalog.titles, wish.reading(catalog).filter.mask(catalog), strict=True) if k
    ]


@pytest.mark.parametrize(
    ("kind", "turns", "said"),
    [
        (BOOKS, [("by Stephen King", ""), ("or Neil Gaiman", "beside")], ["author: Stephen King or Neil Gaiman"]),
        (BOOKS, [("in German", ""), ("and French", "beside")], ["language: German or French"]),
        (BOOKS, [("in German", ""), ("only in French", "within")], ["language: French"]),
        (BOOKS, [("in English", ""), ("by Neil Gaiman", "")], ["language: English", "author: Neil Gaiman"]),
        (BOOKS, [("by Neil Gaiman", ""), ("also by Terry Pratchett", "beside")], ["author: Neil Gaiman", "author: Terry Pratchett"]),
        (BOOKS, [("by Neil Gaiman", ""), ("or by Terry Pratchett", "beside")], ["author: Neil Gaiman or Terry Pratchett"]),
        (WINES, [("by Penfolds", ""), ("by Ridge or Penfolds", "beside")], ["producer: Penfolds or Ridge"]),
        (WINES, [("with cheese", "within"), ("with lamb", "within")], ["pairs with: cheese", "pairs with: lamb"]),
        (GAMES, [("under $20", ""), ("over $30", "")], ["price: more than 30"]),
        (GAMES, [("over $30", ""), ("between $10 and $20", "")], ["price: 10 to 20"]),
        (GAMES, [("over $30", ""), ("under $50", "")], ["price: more than 30", "price: under 50"]),
    ],
)  # fmt: skip
def test_conditions_of_several_messages_can_be_met(kind, turns, said):
    catalog, reader = kind
    wish = Wish()
    for text, how in turns:
        beside, within = how == "beside", how == "within"
        wish = joined(wish, reader.read(text), catalog, fresh=False, beside=beside, within=within)
    assert wish.understood(catalog)["with"] == said
    assert wish.reading(catalog).filter.mask(catalog).any()


def test_a_shop_of_text_files_can_be_asked_for_numbers(tmp_path):
    (tmp_path / "interactions.csv").write_text("user,item\na,i0\n")
    (tmp_path / "items.csv").write_text(
        "item,title,price,pages,min_players,max_players\ni0,A,\u20ac9.50,300,2,4\ni1,B,n/a,120,1,1\ni2,C,24.00,,3,6\n",
        encoding="utf-8",
    )
    catalog = load(tmp_path).catalog
    reader = RequestReader(catalog, TitleIndex(catalog), searched=True)
    for text, titles in (
        ("under 20 euros", ["A"]),
        ("over 15", ["C"]),
        ("100-200 pages", ["B"]),
        ("for 4 players", ["A", "C"]),
        ("for 4 friends", ["A", "C"]),
    ):
        reading = reader.read(text)
        kept = [t for t, keep in zip(catalog.titles, reading.filter.mask(catalog), strict=True) if keep]
        assert kept == (titles or ["A", "B", "C"])
        assert not reading.about


def test_conditions_on_columns_that_are_gone_ask_nothing():
    catalog, _ = BOOKS
    gone = ItemFilter(facts=(Within("weight", high=1.0), OneOf(("editor",), ("Ann",))))
    assert gone.mask(catalog).all()


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("1,200", 1200), ("4.5", 4.5), ("12,50", 12.5), ("1.299,00", 1299), ("20k", 20_000), ("1.5 million", 1.5e6), ("a dozen", 12),
        ("fifteen", 15), ("twenty-five", 25), ("two hundred and fifty", 250), ("three thousand two hundred", 3200), ("two and a half", 2.5),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(said, value):
    assert re.fullmatch(NUMBER, said)
    assert number(said) == value


def test_longer_and_shorter_than_the_last_list():
    _, reader = GAMES
    assert reader.facts.beyond(["i1", "i2", "i4"], -1, PRICE) == Within("price", high=pytest.approx(25.0))
    assert reader.facts.beyond(["i1", "i2", "i4"], -1, LENGTH) == Within("playtime", high=pytest.approx(20.0))
    assert reader.facts.beyond(["i1"], 1, LENGTH) == Within("playtime", low=pytest.approx(45.0))
    _, none = made({"title": ["A"], "categories": [["X"]]})
    assert none.facts.beyond(["i0"], 1, LENGTH) is None


def test_cheaper_and_dearer_than_the_last_list():
    catalog, reader = GAMES
    steering = Steering(catalog, TitleIndex(catalog), reader)

    def after(wish, way, shown):
        last = SimpleNamespace(items=[SimpleNamespace(item_id=f"i{i}", year=None) for i in shown])
        steered = steering(wish, Moves(price=way), last, {}, reader.read(""))
        return steered.wish, steered.wish.understood(catalog).get("with", []), steered.notes

    wish, said, _ = after(Wish(), -1, (0, 1, 3))
    assert said == ["price: under 42.5"]
    wish, said, _ = after(wish, -1, (1, 2, 4))
    assert said == ["price: under 25"]
    again, said, notes = after(wish, -1, (4,))
    assert again == wish
    assert any("further" in note for note in notes)
    _, said, _ = after(wish, 1, (2,))  # what is dearer than all that is left: the bound before goes
    assert said == ["price: more than 25"]
    songs, of_songs = SONGS
    nothing = Steering(songs, TitleIndex(songs), of_songs)
    last = SimpleNamespace(items=[SimpleNamespace(item_id="i0", year=None)])
    assert any("price" in note for note in nothing(Wish(), Moves(price=1), last, {}, of_songs.read("")).notes)


@given(st.lists(st.floats(0, 1e6).map(lambda x: Within("price", high=x)), min_size=1, max_size=5))
def test_one_bound_of_a_side_remains(bounds):
    facts = ()
    for bound in bounds:
        facts = together(facts, (bound,), GAMES[0])
    assert facts == (bounds[-1],)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_can_be_read(text):
    for catalog, reader in (BOOKS, GAMES, SONGS):
        reader.read(text).filter.mask(catalog)
