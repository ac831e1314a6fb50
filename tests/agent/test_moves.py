"""Messages taken apart: what they point to, what they say of items, what they compare."""

import pytest

from agent.chat.intents import Intent
from agent.chat.move import Moves
from agent.chat.moves import moves_of
from agent.chat.reading import RequestReader
from agent.chat.references import References, Shown
from agent.memory.people import Kind
from retrieval.filters import Popularity
from retrieval.titles import TitleIndex


@pytest.fixture(scope="module")
def ground(catalog):
    """A list of the five most popular items, called 1 to 5 here, and a reader."""
    top = sorted(range(len(catalog)), key=lambda i: -catalog.counts[i])[:5]
    titles = TitleIndex(catalog)

    def title(words):
        match = titles.longest_prefix(words)
        return None if match is None else (catalog.titles[match[0]], match[1])

    shown = [Shown(str(place), catalog.titles[i]) for place, i in enumerate(top, 1)]
    return shown, title, RequestReader(catalog, titles)


def moved(ground, message, **kwargs):
    shown, title, reader = ground
    return moves_of(message, References(shown, title, **kwargs), reader.categories)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("too dark", {"less": ("dark",)}),
        ("that's too violent", {"less": ("violent",)}),
        ("not scary enough", {"more": ("scary",)}),
        ("not enough comedy", {"more": ("comedy",)}),
        ("more action less romance", {"more": ("action",), "less": ("romance",)}),
        ("less violent or scary", {"less": ("violent", "scary")}),
        ("a bit darker", {"more": ("dark",)}),
        ("funnier and older", {"more": ("funny",), "age": -1}),
        ("too long", {"length": -1}),
        ("not long enough", {"length": 1}),
        ("too old", {"age": 1}),
        ("too new", {"age": -1}),
        ("cheaper", {"price": -1}),
        ("too expensive", {"price": -1}),
        ("less well-known", {"popularity": Popularity.HIDDEN}),
        ("too obscure", {"popularity": Popularity.WELL_KNOWN}),
        # what only looks like a comparison
        ("no more dramas", {}),
        ("I don't want more drama", {}),
        ("not more comedy", {}),
        ("no longer crime", {}),
        ("more movies by the director", {}),
        ("older people falling in love", {}),
        ("a dry red, not too expensive", {}),  # a bound
        ("nothing too long", {}),
        ("1995 or newer", {}),
        ("from 2005 or earlier", {}),
        ("comedies too", {}),
        ("a thriller about a number", {}),
    ],
)
def test_comparisons(ground, message, expected):
    moves = moved(ground, message)
    fields = ("more", "less", "age", "length", "price", "popularity")
    assert {f: getattr(moves, f) for f in fields if getattr(moves, f) != getattr(Moves(), f)} == expected


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("I liked number 2", [("2", Kind.LIKE)]),
        ("I just watched Heat and loved it", [("Heat (1995)", Kind.SEEN), ("Heat (1995)", Kind.LIKE)]),
        ("I have seen number 2 and hated it", [("2", Kind.SEEN), ("2", Kind.DISLIKE)]),
        ("we bought number 2", [("2", Kind.SEEN)]),
        ("seen 1, 2 and 3", [("1", Kind.SEEN), ("2", Kind.SEEN), ("3", Kind.SEEN)]),
        ("number 3 was great", [("3", Kind.LIKE)]),
        ("the second was boring", [("2", Kind.DISLIKE)]),
        ("forget that I liked number 2", [("2", Kind.FORGET)]),
        ("forget that I saw Titanic", [("Titanic (1997)", Kind.FORGET)]),
        ("I love it when movies end well", []),
        ("I hate it when dogs die", []),
        ("I like that kind of thing", []),
        ("I like this list", []),
        ("I've seen it all", []),
        ("I liked the first Alien movie", []),
        ("I like those with dogs", []),
        ("I love it", []),
        ("number 1 is boring", []),
    ],
)
def test_what_is_said_of_items(ground, message, said):
    assert list(moved(ground, message).feedback) == said


@pytest.mark.parametrize(
    ("message", "field", "items"),
    [
        ("number 1 is boring", "reject", ("1",)),
        ("1 is good, 2 is not", "reject", ("2",)),
        ("not the 2nd one", "reject", ("2",)),
        ("swap number 2", "reject", ("2",)),
        ("replace the third", "reject", ("3",)),
        ("more like 3 but older", "more_like", ("3",)),
        ("the third one looks good, more like that", "more_like", ("3",)),
        ("number 1 please, more like it", "more_like", ("1",)),
        ("more like it", "more_like", ()),
        ("I already know most of these", "more_like", ()),
        ("the last one but funnier", "more_like", ("5",)),
        ("I don't like any of these", "others", True),
        ("more movies please", "others", True),
        ("I love it", "unclear", True),
        ("seen it", "unclear", True),
        ("already seen", "unclear", True),
        ("these are terrible", "others", True),
        ("not good", "others", True),
        ("5 more", "others", True),
        ("something completely different", "others", True),
    ],
)
def test_what_is_pointed_to(ground, message, field, items):
    assert getattr(moved(ground, message), field) == items


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("only one horror", [("horror", None, 1)]),
        ("at least three documentaries please", [("documentaries", 3, None)]),
        ("5 comedies and 5 dramas", [("comedies", 5, None), ("dramas", 5, None)]),
        ("five comedies", []),
        ("only 4", []),
    ],
)
def test_counts_of_a_part(ground, message, parts):
    assert [(p.words, p.least, p.most) for p in moved(ground, message).parts] == parts


@pytest.mark.parametrize(
    ("message", "beside"),
    [
        ("also romance", True),
        ("comedies too", True),
        ("or westerns", True),
        ("too long", False),
        ("1995 or newer", False),
    ],
)
def test_what_comes_beside(ground, message, beside):
    assert moved(ground, message).beside is beside


def test_a_denied_comparison_takes_its_no_along(ground):
    moves = moved(ground, "nothing older, comedies")
    assert (moves.age, moves.rest) == (1, ", comedies")


def test_it_is_what_was_spoken_of_last(ground):
    assert moved(ground, "I hate it", spoken=["4"]).feedback == (("4", Kind.DISLIKE),)


def test_what_is_forgotten_of_a_place_is_what_was_said_of_it(ground):
    earlier = [[Shown("9", "A"), Shown("8", "B")]]
    assert moved(ground, "forget that I liked number 2", earlier=earlier, known={"8"}).feedback == (("8", Kind.FORGET),)
    assert moved(ground, "I liked number 2", earlier=earlier, known={"8"}).feedback == (("2", Kind.LIKE),)


@pytest.mark.parametrize(
    ("message", "intent"),
    [
        ("what do you think I like?", Intent.TASTES),
        ("what kind of movies do I like", Intent.TASTES),
        ("what are my tastes?", Intent.TASTES),
        ("which comedy would I like?", Intent.RECOMMEND),
        ("what movie do you think my mom would like", Intent.RECOMMEND),
        ("what films am I missing", Intent.RECOMMEND),
        ("tell me what you know about war movies I might enjoy", Intent.RECOMMEND),
        ("why not number 2?", Intent.WHY),
        ("why not a comedy", Intent.RECOMMEND),
        ("tell me about the third", Intent.FACTS),
        ("what's number 2 about?", Intent.FACTS),
        ("what is the best comedy?", Intent.RECOMMEND),
        ("I prefer the earlier list", Intent.UNDO),
        ("the second one please", Intent.CHOSEN),
        ("number 3", Intent.CHOSEN),
        ("forget the 90s", Intent.FORGET),
        ("the one before was better", Intent.UNDO),
        ("show me number 2 again", Intent.FACTS),
        ("show me 2", Intent.RECOMMEND),
        ("how many movies do you have?", Intent.HOW_MANY),
        ("how many comedies do you have?", Intent.HOW_MANY),
        ("is there anything for kids?", Intent.RECOMMEND),
        ("how long?", Intent.RECOMMEND),
        ("how about number 2?", Intent.FACTS),
        ("are there more like number 1?", Intent.RECOMMEND),
    ],
)
def test_intents(ground, message, intent):
    assert moved(ground, message).intent is intent


@pytest.mark.parametrize(
    ("message", "what", "items"),
    [
        ("what's the price of the second?", "price", ("2",)),
        ("and the price of number 3?", "price", ("3",)),
        ("how long does number 1 take?", "long", ("1",)),
        ("how many players does the third need?", "players", ("3",)),
        ("how much are the first two?", "much", ("1", "2")),
        ("what age is number 1 for?", "age", ("1",)),
        ("what does number 2 cost?", "cost", ("2",)),
        ("when was the last one released?", "when", ("5",)),
        ("who directed number 2?", "directed", ("2",)),
        ("why is the first one so expensive?", "expensive", ("1",)),
        ("tell me about number 1", "", ("1",)),
        ("is number 1 good for kids?", "good for kids", ("1",)),
        ("can we play the second one with 6 people?", "with 6 people", ("2",)),
    ],
)
def test_questions_of_fact_set_no_condition(ground, message, what, items):
    moves = moved(ground, message)
    assert (moves.intent, moves.rest, moves.spoken) == (Intent.FACTS, "", items)
    assert (moves.asked.what, moves.asked.pointed.items) == (what, items)


@pytest.mark.parametrize(
    ("message", "than"),
    [
        ("not the first one, it's too expensive", ("1",)),
        ("number 2 is too long", ("2",)),
        ("not number 3 because it is too old", ("3",)),
        ("it's too long", ()),
        ("these are too long", ()),
        ("too long", ()),
    ],
)
def test_what_is_too_much_of_something_is_what_the_next_are_compared_with(ground, message, than):
    assert moved(ground, message).than == than


@pytest.mark.parametrize(
    ("message", "fresh"),
    [("recommend me a comedy", True), ("give me a comedy for number 2", False), ("find me a comedy from 1995", True)],
)
def test_who_speaks_of_a_place_does_not_ask_anew(ground, message, fresh):
    assert moved(ground, message).fresh is fresh
