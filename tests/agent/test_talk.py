"""What people say to a shop, and to a shelf of films: order, dislikes, what nobody understands, empty answers, titles, tags."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from agent.chat.intents import Intent
from agent.chat.person import Person
from agent.chat.reading import RequestReader
from agent.chat.replies import tastes
from agent.llm.loop import run
from agent.slate import PersonaCard
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog
from retrieval.titles import TitleIndex


def talk(dialogue, *messages, user="nobody"):
    person, states, answers = Person(user), [], []
    for message in messages:
        answers.append(run(dialogue.respond(message, person, states)))
        person = person.after(answers[-1].feedback)
        states.append(answers[-1].state)
    return answers


def column(dialogue, slate, name):
    table = dialogue.recommender.model.catalog.table
    held = dict(zip(table["item_id"].to_list(), table[name].to_list(), strict=True))
    return [held[item.item_id] for item in slate.items]


def ids(slate):
    return [item.item_id for item in slate.items]


@pytest.mark.parametrize(
    "asked", ["sort by price", "cheapest first", "from cheapest to most expensive", "sort by price, low to high"]
)
def test_a_list_is_put_in_order_with_gaps_last(shop, asked):
    first, by_price, back = talk(shop, "10 games", asked, "undo")
    assert by_price.intent is Intent.ORDER
    assert sorted(ids(by_price.slate)) == sorted(ids(first.slate))
    prices = column(shop, by_price.slate, "price")
    known = [price for price in prices if price is not None]
    assert known == sorted(known) and prices[: len(known)] == known
    assert [item.rank for item in by_price.slate.items] == list(range(1, 11))
    assert by_price.understood == first.understood
    assert ids(back.slate) == ids(first.slate)


@pytest.mark.parametrize(
    ("asked", "name", "best"),
    [
        ("which one is the cheapest?", "price", min),
        ("the most expensive of these", "price", max),
        ("the shortest one please", "play_minutes", min),
        ("which is the newest?", "year", max),
        ("the oldest", "year", min),
        ("which has the most players?", "max_players", max),
        ("the most popular one", "count", max),
    ],
)
def test_the_first_of_the_list_is_named_and_nothing_is_filtered(shop, asked, name, best):
    first, answer = talk(shop, "10 games", asked)
    assert (answer.intent, answer.slate, answer.understood) == (Intent.ORDER, None, first.understood)
    held = column(shop, first.slate, name)
    at = held.index(best(value for value in held if value is not None))
    assert f"(number {at + 1})" in answer.text


def test_without_a_list_a_question_is_of_the_whole_catalogue(shop):
    table = shop.recommender.model.catalog.table
    cheapest = table.sort("price", nulls_last=True)["title"][0]
    assert f"of all {table.height}: {cheapest}" in talk(shop, "which game is the cheapest?")[0].text
    assert f": {cheapest}" in talk(shop, "10 games", "the cheapest you have")[1].text
    assert "no list yet" in talk(shop, "sort by price")[0].text


def test_films_have_years_and_no_prices(films):
    first, by_year, cheapest = talk(films, "comedies from the 90s", "newest first", "which one is the cheapest?")
    years = [item.year for item in by_year.slate.items]
    assert years == sorted(years, reverse=True) and sorted(ids(by_year.slate)) == sorted(ids(first.slate))
    assert cheapest.text == "The catalogue does not tell the price of any of these."
    assert cheapest.understood == {"wanted": ["Comedy"], "years": ["1990-1999"]}
    assert "cannot" not in talk(films, "comedies", "which is the most romantic?")[1].text
    assert talk(films, "what is the best comedy?")[0].intent is Intent.RECOMMEND


@pytest.mark.parametrize(
    ("hates", "lacks"),
    [
        ("I hate horror", "Horror"),
        ("I don't like horror", "Horror"),
        ("I'm not into horror", "Horror"),
        ("I can't stand horror. A comedy please", "Horror"),
    ],
)
def test_what_is_hated_stays_out_until_it_is_taken_back(films, hates, lacks):
    _, anew, asked_for, again, fine, last = talk(
        films, hates, "recommend me something", "give me a horror film", "find me a drama", "horror is fine again", "recommend me something"
    )  # fmt: skip
    for answer in (anew, again):
        assert lacks in answer.understood["unwanted"] and "still without Horror" in answer.text
        assert not any(lacks in item.categories for item in answer.slate.items)
    assert asked_for.understood == {"wanted": ["Horror"]}
    assert "unwanted" not in fine.understood and last.understood == {}


def test_a_maker_is_hated_as_well_as_a_kind(shop):
    first, anew, forgot = talk(
        shop, "I loved Golden Temple and I hate wargames", "recommend me a game", "forget wargames"
    )
    assert not any("Wargame" in item.categories for item in [*first.slate.items, *anew.slate.items])
    assert forgot.understood == {}
    anew = talk(shop, "I dislike everything by Kosmos", "recommend me a party game")[1]
    assert anew.understood["without"] == ["publisher: Kosmos"]
    assert "Kosmos" not in column(shop, anew.slate, "publisher")
    assert talk(shop, "no horror", "recommend me a game")[1].understood == {}
    assert talk(shop, "I hate horror", "undo", "recommend me a game")[2].understood == {}
    assert talk(shop, "I hate horror", "start over", "recommend me a game")[2].understood == {}


@pytest.mark.parametrize(
    "message",
    [
        "you're useless",
        "you are really not helpful",
        "add number 1 to my cart",
        "I want to return a game",
        "can I get a refund?",
        "what can you do?",
        "help",
        "do you ship to Germany?",
    ],
)
def test_what_is_no_business_of_a_recommender_gets_help(shop, message):
    first, answer, order = talk(shop, "party games", message, "which one is the cheapest?")
    assert (answer.intent, answer.slate, answer.understood) == (Intent.HELP, None, first.understood)
    assert "start over" in answer.text
    assert "of the" in order.text


def test_what_nothing_speaks_of_is_said_and_not_followed(shop, films):
    for dialogue in (shop, films):
        nothing, submarines, same = talk(dialogue, "qwertyuiop", "about submarines", "spreadsheets")
        assert nothing.understood == {} and "speaks of \u201cqwertyuiop\u201d" in nothing.text
        assert submarines.understood == {"about": ["submarines"]}
        assert same.slate is None and "The list stays as it was" in same.text
        assert same.understood == submarines.understood


SPOKEN_OF = yaml.safe_load((Path(__file__).parent / "spoken_of.yaml").read_text(encoding="utf-8"))


def test_the_threshold_parts_what_films_speak_of_from_what_they_do_not(films):
    speaks = films.recommender.speaks_of
    # these films say less than all of them do, and no tags
    assert sum(map(speaks, SPOKEN_OF["spoken"])) >= 0.75 * len(SPOKEN_OF["spoken"])
    assert sum(map(speaks, SPOKEN_OF["not_spoken"])) <= 0.35 * len(SPOKEN_OF["not_spoken"])


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("a gift for my dad who likes trains", "trains"),
        ("something for my wife, she likes railways", "railways"),
        ("a birthday present for my best friend", ""),
        ("what games do you sell?", ""),
        ("a film about my father", "father"),
        ("a story about a father and his son", "story father son"),
        ("games for a group of friends", ""),
    ],
)
def test_for_whom_it_is_is_not_searched_for(shop, text, about):
    said = " ".join(shop.recommender.reader.read(text).about)
    assert said.removeprefix("story ") == about.removeprefix("story ")


def test_for_somebody_else_instead_asks_anew(shop):
    assert talk(shop, "horror", "something for my wife instead, she likes animals")[1].understood == {
        "about": ["animals"]
    }


def test_nouns_of_the_catalogue_itself_are_not_searched_for(shop, catalog):
    read = shop.recommender.reader.read
    assert read("a game set in a submarine").about == ("submarine",)  # every item is a game that is set in something
    wines = Catalog(catalog.table.head(30))
    assert RequestReader(wines, TitleIndex(wines), searched=True, called="wines").read("wines with oak").about == (
        "oak",
    )
    assert RequestReader(wines, TitleIndex(wines), searched=True).read("wines with oak").about == ("wines oak",)


def test_an_empty_answer_keeps_the_list_and_names_the_way_out(shop):
    first, empty, about_it, more = talk(
        shop, "party games", "under 3 euros", "the first one was boring", "forget price: under 3"
    )
    assert empty.slate is None and "Without \u201cprice: under 3\u201d there are" in empty.text
    assert "forget price: under 3" in empty.text
    assert about_it.feedback[0].item_id == first.slate.items[0].item_id
    assert more.slate.items and first.slate.items[0].item_id not in ids(more.slate)
    nothing = talk(shop, "games over 5000 euros")[0]
    assert nothing.slate.items == [] and "Without" in nothing.text


def test_an_empty_answer_about_films(films):
    first, empty, back = talk(films, "westerns from the 90s", "no western", "undo")
    assert empty.slate is None or empty.slate.items
    first, empty, back = talk(films, "comedies from 1999", "only film noir", "undo")
    assert empty.slate is None and "Nothing here meets" in empty.text and "Without" in empty.text
    assert ids(back.slate) == ids(first.slate)


def test_a_title_that_is_asked_for_is_looked_up(shop, films):
    have, like = talk(shop, "do you have Golden Temple?", "more like it")
    assert have.intent is Intent.HAVE and have.text.startswith("Yes: Golden Temple \u2013 categories")
    assert like.understood == {"like": ["Golden Temple"]}
    assert talk(shop, "do you have golden temple")[0].text.startswith("Yes: Golden Temple")
    assert "did you mean Golden Temple" in talk(shop, "do you have Golden Tempel?")[0].text
    assert talk(shop, "do you have party games?")[0].understood == {"wanted": ["Party"]}
    assert talk(shop, "do you have anything by Kosmos?")[0].understood == {"with": ["publisher: Kosmos"]}
    assert talk(films, "do you have The Matrix?")[0].text.startswith("Yes: Matrix, The (1999)")
    assert talk(films, "is there a drama?")[0].understood == {"wanted": ["Drama"]}


def test_shorter_than_what_is_named_first(shop):
    answer = talk(shop, "like Winter Temple but shorter")[0]
    assert answer.understood == {"like": ["Winter Temple"], "with": ["play minutes: under 120"]}
    assert all(minutes < 120 for minutes in column(shop, answer.slate, "play_minutes"))


def test_conditions_are_said_as_people_say_them(shop):
    answer = talk(shop, "3 party games for 2 friends under 60 minutes", "why number 1?")
    assert answer[0].text.startswith("Here are 3: Party; for 2 players, play minutes: under 60.")
    assert "You asked for: Party; for 2 players, play minutes: under 60; 3 of them." in answer[1].text
    assert talk(shop, "more than 4 players")[0].understood == {"with": ["max players: more than 4"]}
    first, taken = talk(shop, "for 2 players", "forget for 2 players")
    assert first.understood == {"with": ["for 2 players"]} and taken.understood == {}


def test_the_one_before_was_better(shop):
    first, _, back = talk(shop, "party games", "cheaper", "the one before was better")
    assert ids(back.slate) == ids(first.slate)


@pytest.mark.parametrize(
    "said", ["not the second, we already have it", "I bought number 2", "number 2, I already own it"]
)
def test_what_somebody_has_already_is_seen(shop, said):
    first, answer = talk(shop, "party games", said)
    assert [(f.item_id, f.kind.value) for f in answer.feedback] == [(first.slate.items[1].item_id, "seen")]


def test_thanks_and_a_place_is_a_choice(shop):
    assert talk(shop, "party games", "thanks, I take number 2")[1].intent is Intent.CHOSEN


def test_columns_of_yes_and_no_are_conditions(shop):
    for said, value in (("party games in stock", "yes"), ("party games that are in stock", "yes")):
        answer = talk(shop, said)[0]
        assert answer.understood == {"wanted": ["Party"], "with": ["in stock"]}
        assert set(column(shop, answer.slate, "in_stock")) == {value}
    answer = talk(shop, "party games", "not in stock")[1]
    assert answer.understood == {"wanted": ["Party"], "without": ["in stock"]}
    assert set(column(shop, answer.slate, "in_stock")) == {"no"}


@pytest.mark.parametrize("values", [[True, False, None, True], ["yes", "no", None, "Yes"], [1, 0, None, 1]])
def test_whatever_yes_is_written_as(values):
    rows = {"item_id": list("abcd"), "title": ["Dal", "Stew", "Soup", "Pho"], "categories": [["Main"]] * 4, "year": pl.Series([None] * 4, dtype=pl.Int32), "count": [4, 3, 2, 1], "is_vegan": values}  # fmt: skip
    catalog = Catalog(pl.DataFrame(rows))
    reader = RequestReader(catalog, TitleIndex(catalog))

    def passing(text):
        condition = reader.read(text).filter
        assert condition != ItemFilter(), text
        return [t for t, keep in zip(catalog.titles, condition.mask(catalog), strict=True) if keep]

    for text in ("vegan ones", "something vegan"):
        assert passing(text) == ["Dal", "Pho"]
    for text in ("not vegan", "nothing vegan", "non-vegan"):
        assert passing(text) == ["Stew", "Soup"]


def test_a_series_that_is_far_better_known_is_meant(films):
    wanted = "Lord of the Rings: The Fellowship of the Ring, The (2001)"
    for said in ("like the lord of the rings", "I want something like The Lord of the Rings"):
        assert talk(films, said)[0].understood["like"] == [wanted]
    exact = talk(films, "like The Lord of the Rings (1978)")[0]
    assert exact.understood["like"] == ["Lord of the Rings, The (1978)"]
    assert (
        films.recommender.titles.find("Captain America")
        != films.recommender.titles.longest_prefix(["Captain", "America"])[0]
    )


@pytest.mark.parametrize("said", ["a film with Tom Hanks", "films starring tom hanks", "tom hanks movies"])
def test_what_is_tagged_with_a_name_stands_first(films, said):
    answer = talk(films, said)[0]
    tags = column(films, answer.slate, "tags")
    tagged = ["tom hanks" in (own or []) for own in tags]
    assert sum(tagged) == 4 and all(tagged[:4])
    assert answer.understood == {"about": ["tom hanks"]}


def test_what_is_tagged_keeps_every_condition_and_is_taken_back(films):
    first, dramas, none = talk(films, "with tom hanks, no comedies", "older than 2003", "forget tom hanks")
    assert not any("Comedy" in item.categories for item in first.slate.items)
    assert "Road to Perdition (2002)" in [item.title for item in dramas.slate.items[:2]]
    assert "about" not in none.understood


def test_shares_add_up():
    def taste(n, share):
        return PersonaCard(number=n, name=f"t{n}", share=share, categories=[], exemplars=[])

    said = tastes([taste(1, 0.335), taste(2, 0.335), taste(3, 0.33)])
    assert "34%" in said and "33%" in said and "remaining" not in said
    assert "remaining 33%" in tastes([taste(1, 0.67)])
    assert "remaining" not in tastes([taste(1, 1.0)])


def test_more_of_what_nothing_is(films):
    said = talk(films, "westerns from the 30s", "more documentaries")
    assert said[-1].slate.items and "here is no more Documentary that meets what you asked for" in said[-1].text
