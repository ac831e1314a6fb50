"""What strangers said to films and to shops and were misunderstood in: wholes that are denied, words that items say, places that are not there."""

import numpy as np
import polars as pl
import pytest

from agent.chat.answers import Answers
from agent.chat.intents import Intent
from agent.chat.reading import RequestReader
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog
from retrieval.text_said import SaidWords
from retrieval.titles import TitleIndex
from tests.agent.test_talk import column, ids, talk


def wine_shop():
    rows = {
        "item_id": [f"w{n}" for n in range(8)],
        "title": ["Alba", "Bruma", "Cima", "Duna", "Etna", "Faro", "Gala", "Hora"],
        "categories": [["gift"], [], ["gift"], [], [], ["gift"], [], []],
        "year": pl.Series([2015, 2016, 2017, 2018, 2019, 2020, 2021, None], dtype=pl.Int32),
        "count": [8, 7, 6, 5, 4, 3, 2, 1],
        "type": ["Red", "Red", "White", "White", "Red", "White", "Red", "White"],
        "country": ["France", "Italy", "France", "Germany", "Italy", "Germany", "France", "Italy"],
        "price": [9.0, 19.5, 30.0, 12.0, 50.0, 8.0, 22.0, 15.0],
        "sweetness": [1, 1, 2, 5, 1, 5, 1, 3],
        "bottles_in_stock": [0, 3, 12, 0, 6, 1, 2, 4],
        "organic": ["yes", "no", "no", "yes", "no", "no", "yes", "no"],
        "vegan": ["no", "yes", "no", "yes", "no", "no", "no", "no"],
    }
    catalog = Catalog(pl.DataFrame(rows))
    return catalog, RequestReader(catalog, TitleIndex(catalog), searched=True, called="wineshop")


@pytest.mark.parametrize(
    ("said", "passing"),
    [
        ("red wine", "ABEG"),
        ("an Italian wine", "BEH"),
        ("no German wine", "ABCEGH"),
        ("not french", "BDEFH"),
        ("no Italian reds", "ACDFGH"),
        ("no Italian reds or whites", "ACDFG"),
        ("no reds from 2015 to 2017", "CDEFGH"),
        ("no reds between 2015 and 2017", "CDEFGH"),
        ("no reds from 2015 and 2016", "CDEFGH"),
        ("no 2015 or 2016 reds", "CDEFGH"),
        ("no reds or whites from 2015", "BCDEFGH"),
        ("no French or Italian reds", "CDFH"),
        ("no Italian wines or whites from 2018", "ACFG"),
        ("no old reds", "CDEFGH"),
        ("no reds of the 2010s", "CDFGH"),
        ("recent reds", "EG"),
        ("a recent Italian wine", "E"),
        ("reds of the 2010s", "ABE"),
        ("2016 reds", "B"),
        ("2016", "B"),
        ("no reds from France or Italy", "CDFH"),
        ("no red wine from Italy or France", "CDFH"),
        ("anything from outside France", "BDEFH"),
        ("white wine, in stock", "CFH"),
        ("out of stock", "AD"),
        ("organic or vegan", "ABDG"),
        ("organic and vegan", "D"),
        ("organic or under 15", "ADFG"),
        ("vegan or French", "ABCDG"),
        ("sweet or French", "ACDFGH"),
        ("organic, vegan or in stock", "ABCDEFGH"),
        ("organic, under 15", "AD"),
        ("a red, organic or under 10", "AG"),
        ("a red from France or a white from Germany", "ADFG"),
        ("Italian reds, German whites", "BDEF"),
        ("reds from 2015 and whites from 2018", "AD"),
        ("reds over 20 or under 10", "AEG"),
        ("not over 20", "ABDFH"),
        ("not sweet or organic", "BCE"),
        ("neither sweet nor organic", "BCE"),
        ("not sweet, organic", "AG"),
        ("sweet wine", "DFH"),
        ("not too sweet", "ABCEG"),
        ("$20", "ABDFH"),
        ("20 bucks", "ABDFH"),
        ("a red, 20\u20ac budget", "AB"),
        ("\u00a3 15 max", "ADFH"),
        ("about $20", "BG"),
        ("12 dollar bottles", "D"),
    ],
)
def test_what_a_shop_of_wines_is_asked(said, passing):
    catalog, reader = wine_shop()
    reading = reader.read(said)
    assert (
        "".join(t[0] for t, keep in zip(catalog.titles, reading.filter.mask(catalog), strict=True) if keep) == passing
    )
    assert not reading.about or reading.about == ("bottles",)


def test_what_cannot_be_counted_is_named_beside_the_count():
    catalog, reader = wine_shop()
    answers = Answers(catalog, reader)
    told = answers.how_many_of(reader.read("sweet smoky wines from Germany"), ItemFilter())
    assert (
        told
        == "There are 2 of that (sweetness: 3 or more, country: Germany), of 8 in the catalogue. I did not count by \u201csmoky\u201d."
    )


def test_the_number_of_a_word_does_not_matter_to_what_says_it():
    rows = {"item_id": list("abcde"), "title": ["A superhero", "Two superheroes", "A wolf", "Stories of wolves", "Dogs that talk"], "categories": [[]] * 5, "year": pl.Series([None] * 5, dtype=pl.Int32), "count": [1] * 5}  # fmt: skip
    said = SaidWords(Catalog(pl.DataFrame(rows)))

    def saying(phrase):
        return np.flatnonzero(said.mask([phrase])).tolist()

    assert saying("superheroes") == saying("superhero") == [0, 1]
    assert saying("wolves") == saying("wolf") == [2, 3]
    assert saying("story") == [3]
    assert saying("talk dogs") == [4]
    assert saying("talk wolves") == []


def test_what_is_denied_as_a_whole_leaves_its_parts(films):
    first, no80s, fine = talk(films, "horror movies", "no 80s horror", "80s horror is fine again")
    assert no80s.understood == {"wanted": ["Horror"], "without": ["Horror of 1980-1989"]}
    assert len(no80s.slate.items) == 10
    assert all("Horror" in i.categories and not 1980 <= i.year <= 1989 for i in no80s.slate.items)
    assert fine.understood == first.understood
    _, anew, taken = talk(films, "I hate 80s horror", "recommend me a film", "forget the 80s horror")
    assert "still without Horror of 1980-1989" in anew.text and taken.understood == {}


def test_more_of_what_was_denied_wants_it_again(films):
    _, denied, more, same = talk(films, "romantic comedies", "no romance", "a bit more romance though", "no musicals")
    assert denied.understood["unwanted"] == ["Romance"]
    assert more.understood == {"wanted": ["Comedy"], "more_of": ["Romance"]}
    assert any("Romance" in item.categories for item in more.slate.items)
    assert "together" not in more.text + same.text


def test_items_that_say_what_is_asked_stand_first_and_the_others_are_told_apart(films):
    zombies, none = talk(films, "how about zombies", "no horror")
    said = films.recommender.outright("zombies")
    rows = [films.recommender.resolve(f"id:{item}") for item in ids(zombies.slate)]
    count = sum(row in said for row in rows)
    assert all(row in said for row in rows[:count]) and count >= 3
    assert f"{count} of the 10 say \u201czombies\u201d" in zombies.text
    assert not any("Horror" in item.categories for item in none.slate.items)
    assert "none of these says" in talk(films, "a comedy", "feel-good rainy sunday")[1].text.lower()
    assert "speaks of \u201cflibber wobble\u201d" in talk(films, "flibber the wobble")[0].text


def test_a_place_that_is_not_there_is_not_what_was_spoken_of_before(shop):
    _, _, bought, own = talk(
        shop, "party games", "why number 2?", "I bought number 30 last year and loved it", "I played number 1 a hundred times. and number 2 too"
    )  # fmt: skip
    assert bought.feedback == () and bought.text == "The last list has no number 30. The list stays as it was."
    assert [f.kind.value for f in own.feedback] == ["seen", "seen"] and "about" not in own.understood


@pytest.mark.parametrize(
    ("said", "intent", "says"),
    [
        ("thanks, you're a star", Intent.GREETING, "You are welcome"),
        ("cheers mate", Intent.GREETING, "You are welcome"),
        ("are party games still out?", Intent.ASKED, "Asked for now: Party."),
        ("how many of those have you?", Intent.HOW_MANY, "meet what you asked for"),
        ("which has the highest min age?", Intent.ORDER, "The highest min age of the 10"),
        ("which one has the best view?", Intent.ORDER, "does not tell the view"),
        ("who directed number 1?", Intent.FACTS, "does not tell who directed"),
        ("who makes number 1?", Intent.FACTS, "publisher"),
    ],
)
def test_what_changes_nothing(shop, said, intent, says):
    first, answer = talk(shop, "party games", said)
    assert (answer.intent, answer.slate, answer.understood) == (intent, None, first.understood)
    assert says in answer.text


def test_what_somebody_else_does_not_like_is_not_what_is_wanted(shop):
    first, answer = talk(shop, "party games", "not the first, my wife doesn't like it")
    assert answer.understood == {"wanted": ["Party"], "not_like": [first.slate.items[0].title]}


def test_fewer_are_the_first_of_the_list(shop):
    first, five, two = talk(shop, "party games", "five is enough", "only 2")
    assert ids(five.slate) == ids(first.slate)[:5] and ids(two.slate) == ids(first.slate)[:2]
    assert five.text == "Here are 5 for you."
    assert "There are only" in talk(shop, "50 wargames by Kosmos")[0].text


def test_the_first_of_an_order_are_the_list_from_then_on(shop):
    first, three, own = talk(shop, "party games", "show me the 3 cheapest", "I bought number 1")
    held = column(shop, first.slate, "price")
    cheapest = sorted((p, i) for i, p in zip(ids(first.slate), held, strict=True) if p is not None)[:3]
    assert ids(three.slate) == [item for _, item in cheapest]
    assert own.feedback[0].item_id == cheapest[0][1]


def test_newer_than_what_is_named(films):
    answer = talk(films, "comedies from the 80s", "like Groundhog Day but newer")[1]
    assert answer.understood["years"] == ["1994 on"]
    assert talk(films, "comedies", "not too old, 2000s or 2010s")[1].understood["years"] == ["2000-2009", "2010-2019"]


def test_dislikes_are_part_of_what_is_known(films):
    assert "you do not like Musical" in talk(films, "I hate musicals", "what do you think I like?")[1].text
    assert talk(films, "undo")[0].text == "Back to the beginning: nothing is asked for now."


def music_shop():
    rows = {
        "item_id": [f"m{n}" for n in range(6)],
        "title": ["Paper", "Rivers", "Mirrors", "Tides", "Lanterns", "Echoes"],
        "categories": [["Blues"], ["Blues", "Rock"], ["Rock"], ["Jazz"], ["Rock"], ["Jazz"]],
        "year": pl.Series([1961, 1968, 1975, 1989, 2004, 2021], dtype=pl.Int32),
        "count": [6, 5, 4, 3, 2, 1],
        "label": ["Blue Door", "Nordwind", "Blue Door", "Nordwind", "Blue Door", "Nordwind"],
        "language": ["French", "German", "French", "German", "English", "English"],
        "format": ["vinyl", "CD", "cassette", "vinyl", "CD", "cassette"],
        "minutes": [30, 70, 45, 50, 62, 38],
    }
    catalog = Catalog(pl.DataFrame(rows))
    return catalog, RequestReader(catalog, TitleIndex(catalog), searched=True, called="albums")


@pytest.mark.parametrize(
    ("said", "passing"),
    [
        ("on vinyl please", "PT"),
        ("on cd or vinyl", "PRTL"),
        ("my sister loves french music", "PM"),
        ("not Blue Door", "RTE"),
        ("no blues", "MTLE"),
        ("no German vinyl", "PRMLE"),
        ("recent ones", "TLE"),
        ("old albums", "PRM"),
        ("something modern", "TLE"),
        ("jazz from the early 80s", "T"),
    ],
)
def test_what_a_shop_of_music_is_asked(said, passing):
    catalog, reader = music_shop()
    mask = reader.read(said).filter.mask(catalog)
    assert "".join(t[0] for t, keep in zip(catalog.titles, mask, strict=True) if keep) == passing


def test_a_title_written_small_is_denied_as_one(films):
    read = films.recommender.reader.read
    reading = read("time travel movies, but not back to the future")
    assert [films.recommender.model.catalog.titles[i] for i in reading.filter.excluded] == ["Back to the Future (1985)"]
    assert reading.silent == ()


def test_what_sounds_good_is_noted(shop):
    first, both, more = talk(shop, "party games", "ok, the first two sound good", "what's it about?")
    assert both.intent is Intent.CHOSEN and all(item.title in both.text for item in first.slate.items[:2])
    assert more.text == "I cannot tell which one you mean; say its number."


def test_how_many_of_those_is_of_what_is_asked_for(shop):
    _, answer, length = talk(shop, "party games under an hour", "how many of those are in stock?", "forget the length")
    assert "of the" in answer.text and "that meet what you asked for" in answer.text
    assert length.understood == {"wanted": ["Party"]}


def test_a_whole_request_is_about_what_it_says(shop):
    assert talk(shop, "games about trains", "games about animals")[1].understood["about"] == ["animals"]


@pytest.mark.parametrize(
    ("said", "intent", "says"),
    [
        ("the second cheapest", Intent.ORDER, "The second cheapest of the 10"),
        ("tell me about the top one", Intent.FACTS, "(number 1)"),
    ],
)
def test_places_and_orders_by_other_words(shop, said, intent, says):
    answer = talk(shop, "party games", said)[1]
    assert (answer.intent, answer.slate) == (intent, None) and says in answer.text


def test_fewer_keep_the_order_that_was_asked_for(shop):
    _, ordered, three = talk(shop, "party games", "sort by price", "give me 3")
    assert ids(three.slate) == ids(ordered.slate)[:3]


def test_some_that_are_so_narrows(shop):
    assert talk(shop, "party games", "show me some that are in stock")[1].understood == {
        "wanted": ["Party"],
        "with": ["in stock"],
    }


def test_what_about_something_else_instead():
    catalog, reader = music_shop()
    assert reader.read("what about french instead").filter.mask(catalog).tolist() == [
        True,
        False,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("said", ["more by the same publisher as number 2", "only the same publisher as the second"])
def test_the_same_as_an_item(shop, said):
    first, answer = talk(shop, "party games", said)
    maker = column(shop, first.slate, "publisher")[1]
    other = {"not_like": [first.slate.items[1].title]} if said.startswith("more") else {}
    assert answer.understood == {"wanted": ["Party"], "with": [f"publisher: {maker}"], **other}


def test_a_pair_that_was_denied_may_be_asked_for_again(films):
    _, denied, again = talk(films, "comedies", "no romantic comedies", "romantic comedies then")
    assert denied.understood == {"wanted": ["Comedy"], "without": ["Comedy with Romance"]}
    assert not any({"Comedy", "Romance"} <= set(item.categories) for item in denied.slate.items)
    assert again.understood == {"wanted": ["Comedy + Romance"]} and again.slate.items


@pytest.mark.parametrize(
    ("said", "passing"),
    [
        ("no organic reds or vegan whites", "BCEFH"),
        ("no reds or organic whites", "CFH"),
        ("no whites or French reds", "BE"),
        ("recent reds or sweet whites", "DEFGH"),
        ("a red under 15 or white", "ACDFH"),
        ("organic reds, vegan whites", "ADG"),
    ],
)
def test_wholes_beside_an_or(said, passing):
    catalog, reader = wine_shop()
    kept = reader.read(said).filter.mask(catalog)
    assert "".join(t[0] for t, keep in zip(catalog.titles, kept, strict=True) if keep) == passing


@pytest.mark.parametrize(
    "said",
    [
        "drop that one. number 2 was great",
        "ok never mind that, the second one is fine",
        "scratch that one, cheaper please",
    ],
)
def test_an_item_that_is_dropped_leaves_the_conditions(shop, said):
    assert talk(shop, "party games", said)[1].understood.get("wanted") == ["Party"]
