"""A shelf with sizes in spans, months in spans and words in texts: choices of words, which of the list, the first of a kind."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from agent.chat.ages import find_age
from agent.chat.answers import Answers
from agent.chat.fillers import bare
from agent.chat.grades import Grades
from agent.chat.intents import Intent
from agent.chat.moves import moves_of
from agent.chat.name_spans import within
from agent.chat.ordering import Ordering
from agent.chat.orders import find_order, order_behind
from agent.chat.person import Person
from agent.chat.questions import Question
from agent.chat.reading import RequestReader
from agent.chat.references import Pointed, References, Shown
from agent.chat.stock_questions import asks_how_many
from agent.chat.the_one import pointed_out
from agent.chat.which import Which, asks_which
from agent.chat.wish import Wish
from agent.chat.wording import fact_in_words
from agent.llm.loop import run
from agent.memory.people import Turn
from agent.service.remembered import from_words, remembered
from retrieval.facts import AnyOf, OneOf, Says, Within, columns_of
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog
from retrieval.text_said import SaidWords
from retrieval.titles import TitleIndex
from tests.agent.test_talk import column, ids, talk

ROWS = [
    ("A", "Trail Boot", ["Boots"], "36-41", "black", "May-July", "yes", 90.0, "Sturdy, with a zip at the side."),
    ("B", "City Boot", ["Boots"], "40-46", "brown", "Nov\u2013Feb", "no", 120.0, "Soft leather, kind to dogs."),
    ("C", "Beach Slide", ["Sandals"], "35-42", "white", "June - August", "no", 25.0, "Rubber sole; rinse with water."),
    ("D", "Cork Slide", ["Sandals"], "S-XL", "black", None, None, 45.0, "A bed of cork that shapes itself to the foot, a cork bed."),
    ("E", "Wool Coat", ["Coats"], "XS-M", "gold", "October-March", "yes", 210.0, "Warm, with a zip and a hood for windy days."),
    ("F", "Rain Coat", ["Coats"], None, "yellow", "March-May", "yes", None, "Keeps dogs and the people who walk them dry."),
]  # fmt: skip
COLUMNS = ["item_id", "title", "categories", "size_range", "colour", "worn_months", "signed_copy", "price", "text"]


COPIES = 4  # values that only one item has are shared by none


def shelf():
    rows = [(f"{row[0]}{n or ''}", *row[1:]) for n in range(COPIES) for row in ROWS]
    table = pl.DataFrame(
        [dict(zip(COLUMNS, row, strict=True)) for row in rows], schema_overrides={"size_range": pl.String}
    )
    return Catalog(table.with_columns(pl.lit(None, dtype=pl.Int32).alias("year"), pl.lit(3).alias("count")))


def passing(condition, catalog):
    kept = condition.mask(catalog)[: len(ROWS)]
    return "".join(row[0] for row, keep in zip(ROWS, kept, strict=True) if keep)


def reader():
    catalog = shelf()
    return catalog, RequestReader(catalog, TitleIndex(catalog), searched=True, called="wardrobe")


@pytest.mark.parametrize(
    ("value", "held"),
    [
        ("36-38", ("36", "37", "38")),
        ("36 \u2013 37", ("36", "37")),
        ("S-L", ("s", "m", "l")),
        ("May-July", ("may", "june", "july")),
        ("Nov\u2013Jan", ("november", "december", "january")),
        ("1990-2020", tuple(map(str, range(1990, 2021)))),
        ("1900-2020", ()),
        ("41-36", ()),
        ("38", ()),
        ("x-ray", ()),
        ("Anglo-Saxon", ()),
        ("ma-de", ()),
    ],
)
def test_a_span_holds_what_lies_between(value, held):
    assert within(value) == held


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("size 38", "AC"),
        ("boots in size 41", "AB"),
        ("boots in 36", "A"),
        ("a coat in size M", "E"),
        ("something in XL please", "D"),
        ("no size 36", "BDEF"),
        ("worn in june", "AC"),
        ("for December", "BE"),
        ("in Feb", "BE"),
        ("worn in May", "AF"),
        ("I may want coats", "EF"),
        ("no june ones", "BDEF"),
        ("36 coats", "EF"),
        ("it fits me in 2 ways", "ABCDEF"),
        ("boots or something with a cork bed", "ABD"),
        ("something with dogs or a pair of sandals", "BCDF"),
        ("something with dogs or sandals", "CD"),
        ("boots or dogs", "ABF"),
        ("a coat for my son or daughter", "EF"),
        ("a coat for Friday or Saturday night", "EF"),
        ("which are black", "AD"),
        ("a black slide", "AD"),
        ("a black tie event", "ABCDEF"),
        ("a signed copy", "AEF"),
        ("signed copies", "AEF"),
    ],
)
def test_what_a_shelf_is_asked(said, meant):
    catalog, own = reader()
    assert passing(own.read(said).filter, catalog) == meant


def test_a_size_is_told_as_it_was_said():
    catalog, own = reader()
    assert own.read("size 38").understood(catalog)["with"] == ["size range: 38"]
    assert own.read("in June or July").understood(catalog)["with"] == ["worn months: June or July"]
    assert own.read("a coat in size m").understood(catalog)["with"] == ["size range: M"]


def test_a_choice_of_words_is_said_and_kept():
    own = reader()[1]
    asked = own.read("boots or something with a cork bed").filter.facts
    assert asked == (AnyOf((OneOf(("categories",), ("Boots",)), Says("cork bed"))),)
    assert fact_in_words(asked[0]) == "Boots, or with \u201ccork bed\u201d"
    assert columns_of(asked[0]) == ("categories",)
    wish = Wish(facts=asked)
    assert Wish.model_validate_json(wish.model_dump_json()) == wish


@pytest.mark.parametrize(("words", "saying"), [("dog", "BF"), ("dogs", "BF"), ("zip", "AE"), ("coat", "EF"), ("z", "")])
def test_says_looks_into_every_text(words, saying):
    assert passing(ItemFilter(facts=(Says(words),)), shelf()) == saying


def test_a_column_of_ids_says_nothing():
    table = (
        shelf().table.with_columns(pl.lit("x").alias("title")).select("item_id", "title", "categories", "year", "count")
    )
    assert ItemFilter(facts=(Says("x"),)).mask(Catalog(table)).all()
    assert not ItemFilter(facts=(Says("a1"),)).mask(Catalog(table)).any()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("which of these are black?", "are black"),
        ("and which of them come in size 38?", "come in size 38"),
        ("are any of them under 50?", "under 50"),
        ("do any of these have a zip?", "have a zip"),
        ("which of these coats have a zip?", "have a zip"),
        ("any of them in blue?", "in blue"),
        ("which ones are signed?", "are signed"),
        ("which ones?", None),
        ("any of these", None),
        ("what do you think I like?", None),
        ("is any film in colour?", None),
        ("something black, which of course is a colour", None),
    ],
)
def test_what_is_asked_of_the_items_of_a_list(message, words):
    assert asks_which(message.lower()) == words


@pytest.mark.parametrize(
    ("words", "met", "untold"),
    [
        ("are black", "AD", ""),
        ("come in size 41", "ABC", "F"),
        ("cost under 50", "CD", "F"),
        ("are not black", "BCEF", ""),
    ],
)
def test_which_of_a_list_are_so(words, met, untold):
    catalog, own = reader()
    which = Which(catalog, own, Answers(catalog, own))
    listed = [row[0] for row in ROWS]
    asked = which.asked(words)
    assert asked is not None
    text, items = which(asked, listed, ItemFilter())
    assert "".join(items) == met
    assert text.startswith(f"{len(met)} of the 6 (")
    assert all(f"{row[1]} (number {n})" in text for n, row in enumerate(ROWS, 1) if row[0] in met + untold)
    assert ("it is not told" in text) is bool(untold)


def test_none_of_a_list_and_others_beside_it():
    catalog, own = reader()
    which = Which(catalog, own, Answers(catalog, own))
    asked = which.asked("are black")
    assert asked is not None
    text, items = which(asked, ["B", "C"], ItemFilter())
    assert (text, items) == (
        "None of the 2 (colour: black). 8 others of what you asked for are so; ask for them.",
        (),
    )
    sandals = ItemFilter(wanted=(frozenset(["Sandals"]),))
    assert which(asked, ["B", "C"], sandals)[0].endswith("4 others of what you asked for are so; ask for them.")


@pytest.mark.parametrize("words", ["would suit me", "should I take", "are like Trail Boot", "have a zeppelin"])
def test_what_nothing_tells_is_no_question_of_which(words):
    catalog, own = reader()
    assert Which(catalog, own, Answers(catalog, own)).asked(words) is None


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("have a zip", "Trail Boot (number 1) says so: text Sturdy, with a zip at the side."),
        ("have a cork bed", "The catalogue does not say \u201ccork bed\u201d of Trail Boot (number 1): text Sturdy, with a zip at the side."),
        ("signed", "Trail Boot (number 1): signed copy yes."),
        ("come in size 40", "Yes: Trail Boot (number 1) \u2013 size range 36-41."),
        ("come in size 42", "No: Trail Boot (number 1) \u2013 size range 36-41."),
    ],
)  # fmt: skip
def test_yes_no_and_what_is_not_said(what, answer):
    catalog, own = reader()
    pointed = Pointed(("A",), 0, (), by_place=True)
    assert Answers(catalog, own)(Question(what, whether=True, pointed=pointed), ["A", "B"]) == answer


@pytest.mark.parametrize(
    ("message", "by", "of"),
    [
        ("what's the cheapest coat?", "price", "coat"),
        ("how much is the cheapest one?", "price", ""),
        ("how much does the cheapest pair of boots cost?", "price", "boots"),
        ("which coat is the newest?", "year", "coat"),
    ],
)
def test_the_first_of_a_kind_is_asked_for(message, by, of):
    order = find_order(message)
    assert order is not None
    assert (order.by, order.of, order.asks) == (by, of, True)


@pytest.mark.parametrize("message", ["what is the best coat?", "show me the cheapest coats", "the cheapest coat"])
def test_a_list_that_is_asked_for_is_no_question_of_the_first(message):
    assert find_order(message) is None


@pytest.mark.parametrize(
    ("message", "at", "by", "most"),
    [
        ("coats, cheapest first", 5, "price", False),
        ("coats sorted by price", 5, "price", False),
        ("boots under 100, newest first please", 15, "year", True),
        ("coats from cheapest to dearest", 5, "price", False),
    ],
)
def test_an_order_stands_behind_a_request(message, at, by, most):
    behind = order_behind(message)
    assert behind is not None
    assert (behind[0], behind[1].by, behind[1].most) == (at, by, most)


@pytest.mark.parametrize("message", ["cheapest first", "coats, the cheapest", "the first coat", "coats, first of all"])
def test_no_order_stands_behind(message):
    assert order_behind(message) is None


def test_a_request_with_an_order_is_answered_in_it(shop):
    ordered, after = talk(shop, "party games, cheapest first please", "in stock")
    only = talk(shop, "two party games, cheapest first")[0]
    table = shop.recommender.model.catalog.table
    party = table.filter(pl.col("categories").list.contains("Party")).sort("price", nulls_last=True)
    assert ids(ordered.slate) == party["item_id"].head(10).to_list()
    assert ids(after.slate) == party.filter(pl.col("in_stock") == "yes")["item_id"].head(10).to_list()
    assert ids(only.slate) == party["item_id"].head(2).to_list()
    assert ordered.understood == {"wanted": ["Party"]}
    assert "They stand by price, lowest first" in ordered.text
    assert [item.rank for item in ordered.slate.items] == list(range(1, 11))


def test_which_of_the_list_leaves_all_as_it_was(shop):
    first, which, more = talk(shop, "party games", "which of these are by Kosmos?", "more like it")
    own = [n for n, maker in enumerate(column(shop, first.slate, "publisher"), 1) if maker == "Kosmos"]
    assert (which.intent, which.slate, which.understood) == (Intent.WHICH, None, first.understood)
    assert all(f"(number {n})" in which.text for n in own)
    assert which.text.startswith(f"{len(own)} of the 10 (publisher: Kosmos)")
    assert more.intent is Intent.RECOMMEND


def test_one_is_picked_by_what_fits_best_whatever_the_order(shop):
    first, _, pick = talk(shop, "party games", "cheapest first", "which of these would you recommend?")
    best = max(first.slate.items, key=lambda item: item.score)
    assert (pick.intent, pick.slate) == (Intent.PICK, None)
    assert f" {best.title} is number " in pick.text
    assert talk(shop, "which one would you recommend?")[0].intent is Intent.RECOMMEND


def test_the_cheapest_of_a_kind_is_told(shop):
    table = shop.recommender.model.catalog.table
    party = table.filter(pl.col("categories").list.contains("Party")).sort("price", nulls_last=True)
    answer = talk(shop, "what's the cheapest party game?")[0]
    assert answer.intent is Intent.ORDER
    assert f"of the {party.height} there are (Party): {party['title'][0]}" in answer.text


def graded(levels, name="effort"):
    rows = [{"item_id": f"i{n}", "title": f"T{n}", "categories": ["X"], "year": None, "count": 1, name: level} for n, level in enumerate(levels)]  # fmt: skip
    return Catalog(pl.DataFrame(rows, schema_overrides={"year": pl.Int32}))


LEVELS = ["easy", "Moderate", "strenuous", "easy", "challenging", "all levels", None, "moderate"] * 2


@pytest.mark.parametrize(
    ("than", "way", "values"),
    [
        ([1], 1, ("challenging", "strenuous")),
        ([1], -1, ("easy",)),
        ([0, 3], -1, ("easy",)),
        ([2], 1, ("strenuous",)),
        ([0, 2], -1, ("easy", "Moderate", "moderate")),
    ],
)
def test_grades_go_up_and_down(than, way, values):
    grades = Grades(graded(LEVELS))
    fact = grades.beyond(than, way)
    assert grades.column == "effort"
    assert fact is not None
    assert fact == OneOf(("effort",), fact.values)
    assert sorted(fact.values, key=str.lower) == sorted(values, key=str.lower)


def test_words_for_grades():
    grades = Grades(graded(LEVELS))
    said = ["easy", "easiest", "simplest", "hard", "hardest", "most demanding"[5:], "effort", "red", "west"]
    assert [grades.side(word) for word in said] == [-1, -1, -1, 1, 1, 1, 1, 0, 0]
    assert grades.beyond([6], 1) is None
    plain = Grades(graded(["red", "blue", "easy", "green"] * 3))
    assert (plain.column, plain.side("easy")) == ("", 0)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("a boot no wider than 10 cm", {"width_cm": (None, 10)}),
        ("at least 0.2 m wide", {"width_cm": (20, None)}),
        ("max width 15", {"width_cm": (None, 15)}),
        ("taller than 30 cm", {"height_cm": (30 + 1e-9, None)}),
        ("under 25 cm tall", {"height_cm": (None, 25 - 1e-9)}),
        ("shorter than a week", {"days": (None, 7 - 1e-9)}),
        ("two weeks", {"days": (13, 15)}),
        ("groups of at most 10", {"max_group_size": (None, 10)}),
        ("10 or 20 wide", {"width_cm": (10, 20)}),
    ],
)
def test_sizes_weeks_and_groups(said, meant):
    rows = [{"item_id": f"i{n}", "title": f"T{n}", "categories": ["Boots"], "year": None, "count": 1, "width_cm": 5 + n, "height_cm": 10 + n, "days": 1 + n, "min_group_size": 2, "max_group_size": 4 + n} for n in range(30)]  # fmt: skip
    catalog = Catalog(pl.DataFrame(rows, schema_overrides={"year": pl.Int32}))
    facts = RequestReader(catalog, TitleIndex(catalog)).read(said).filter.facts
    assert {f.column: (f.low, f.high) for f in facts} == {k: tuple(pytest.approx(b) if b is not None else None for b in v) for k, v in meant.items()}  # fmt: skip


def test_little_and_much_are_of_what_is_meant(shop):
    table = shop.recommender.model.catalog.table
    party = table.filter(pl.col("categories").list.contains("Party"))["price"].drop_nulls()
    for talked in (talk(shop, "cheap party games"), talk(shop, "party games", "cheap ones")):
        bound = talked[-1].state.wish.facts[0]
        assert bound == Within("price", high=party.quantile(1 / 3))
    alone = talk(shop, "cheap games")[0].state.wish.facts[0]
    assert alone == Within("price", high=table["price"].quantile(1 / 3))


def test_an_order_stays_until_another_or_none_is_asked_for(shop):
    _, ordered, narrower, ranked, anew = talk(shop, "10 games", "cheapest first", "only party games", "sort by relevance", "10 games from 2000 on")  # fmt: skip
    assert ordered.intent is Intent.ORDER
    prices = [price for price in column(shop, narrower.slate, "price") if price is not None]
    assert prices == sorted(prices)
    assert "They stand by price, lowest first" in narrower.text
    scores = [item.score for item in ranked.slate.items]
    assert scores == sorted(scores, reverse=True)
    assert "They stand by" not in anew.text


def test_one_of_the_list_is_pointed_to_by_what_it_is(shop):
    first = talk(shop, "party games")[0]
    makers = column(shop, first.slate, "publisher")
    for maker in set(makers):
        answer = talk(shop, "party games", f"the {maker} one, how long does it take?")[1]
        own = [n for n, held in enumerate(makers, 1) if held == maker]
        assert answer.intent is (Intent.FACTS if len(own) == 1 else Intent.WHICH)
        assert all(f"(number {n})" in answer.text for n in own)
    assert pointed_out("I like the funny one", ["g1"], shop.recommender.model.catalog, shop.recommender.reader) == "I like the funny one"  # fmt: skip


@pytest.mark.parametrize(
    ("said", "meant"), [("a coat in black or gold", "E"), ("coats from 90 or 210 euros", "E"), ("boots or a gold coat", "ABE")]
)  # fmt: skip
def test_what_stands_behind_a_noun_is_of_both(said, meant):
    catalog, own = reader()
    assert passing(own.read(said).filter, catalog) == meant


@pytest.mark.parametrize(
    ("what", "start"),
    [
        ("nut free", "What the catalogue says of"),  # a column of gluten has nothing to say of nuts
        ("like shade", "Yes: Fern (number 1)"),
        ("need sun", "Fern (number 1): light partial shade."),
        ("partial shade", "Yes: Fern"),
        ("full sun", "No: Fern"),
        ("good for borders", "Fern (number 1): uses woodland;hedging."),
        ("need equipment", "The catalogue does not say \u201cequipment\u201d of Fern (number 1): text No equipment needed here."),
    ],
)  # fmt: skip
def test_no_is_said_where_the_data_rule_it_out(what, start):
    rows = [
        {"item_id": f"i{n}", "title": title, "categories": ["X"], "year": None, "count": 1, "light": light, "uses": uses, "gluten_free": ["yes", "no"][n % 2], "text": text}
        for n, (title, light, uses, text) in enumerate([("Fern", "partial shade", "woodland;hedging", "No equipment needed here."), ("Rose", "full sun", "borders;walls", "Bring equipment of your own.")] * 6)
    ]  # fmt: skip
    catalog = Catalog(pl.DataFrame(rows, schema_overrides={"year": pl.Int32}))
    answers = Answers(catalog, RequestReader(catalog, TitleIndex(catalog), searched=True))
    assert answers(Question(what, whether=True, pointed=Pointed(("i0",), 0, (), by_place=True)), ["i0"]).startswith(
        start
    )


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("how much weigh", "weight g 5"),
        ("how much cost", "price 2.50"),
        ("how much tow", ""),
        ("when released", "year 2000"),
        ("when serviced", ""),
        ("when flower", "bloom months May"),
        ("where come", "country Peru"),
        ("where kept", ""),
        ("how tall grow", "height cm 7"),
        ("what months flower", "bloom months May"),
    ],
)
def test_a_question_with_a_verb_is_answered_by_what_it_is_of(what, told):
    row = {"title": "T", "categories": ["X"], "year": 2000, "count": 1, "weight_g": 5, "price": 2.5, "bloom_months": "May", "country": "Peru", "height_cm": 7}  # fmt: skip
    catalog = Catalog(pl.DataFrame([{"item_id": f"i{n}", **row} for n in range(3)], schema_overrides={"year": pl.Int32}))  # fmt: skip
    answers = Answers(catalog, RequestReader(catalog, TitleIndex(catalog)))
    said = answers(Question(what, whether=False, pointed=Pointed(("i0",), 0, (), by_place=True)), ["i0"])
    assert said == (f"T (number 1): {told}." if told else "The catalogue does not tell that of T (number 1).")


@pytest.mark.parametrize(
    "message",
    [
        "what did I like?", "which ones did I pick?", "what can you recommend?", "what did you suggest first?", "what can we buy?",
        "can you make it cheaper?", "can you remove number 1?", "can I like number 1?", "which games have 4 players?",
    ],
)  # fmt: skip
def test_what_is_no_question_of_a_single_item_and_no_pick(message):
    moves = moves_of(message, References([Shown(i, f"Title {i}") for i in "abcdefgh"], lambda _: None))
    assert moves.intent is not Intent.PICK
    assert moves.asked is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("boots, sandals or something with a hood", "ABCDE"),
        ("a boot or a sandal or something with a hood", "ABCDE"),
        ("size 36 or 44", "ABC"),
        ("boots in 36 or 44 under 200", "AB"),
        ("a coat in L or XS", "E"),
        ("size 36 or 44 boots", "AB"),
    ],
)
def test_lists_of_choices_and_sizes(said, meant):
    catalog, own = reader()
    assert passing(own.read(said).filter, catalog) == meant


def test_a_home_is_no_word_for_any_item():
    rows = [{"item_id": f"i{n}", "title": f"Nice {n}", "categories": ["Rent"], "year": None, "count": 1, "kind": ["flat", "house"][n % 2]} for n in range(20)]  # fmt: skip
    catalog = Catalog(pl.DataFrame(rows, schema_overrides={"year": pl.Int32}))
    own = RequestReader(catalog, TitleIndex(catalog), searched=True, called="homes")
    assert own.read("a house").understood(catalog)["with"] == ["kind: house"]
    assert own.read("no flats").understood(catalog)["without"] == ["kind: flat"]
    assert own.read("a home").filter == ItemFilter()


def test_a_kind_that_is_not_there_is_no_order(shop):
    for said in (
        "what's the cheapest tractor?",
        "which publisher is the cheapest?",
        "party games, the best ones first",
    ):
        assert talk(shop, said)[0].intent is Intent.RECOMMEND


def test_words_alone_keep_what_was_asked_without_a_list(shop):
    state = from_words(shop.recommender, ["which ones are in stock?", "under 30"])
    assert state.wish.understood(shop.recommender.model.catalog)["with"] == ["in stock", "price: under 30"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("hmm, undo that pls", "undo that please"),
        ("actually undo that", "undo that"),
        ("hm no, take that back", "take that back"),
        ("ok ok, cheapest first thx", "cheapest first"),
        ("one more thing: in black", "in black"),
        ("not the ones in Belem", "not in Belem"),
        ("anything but those by Casio", "not by Casio"),
        ("that's it, forget everything. A film", "forget everything. A film"),
        ("thanks", "thanks"),
        ("hmm", "hmm"),
        ("ok", "ok"),
        ("okapi films", "okapi films"),
        ("not the second one", "not the second one"),
    ],
)
def test_small_words_around_what_is_said(message, said):
    assert bare(message) == said


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("I don't want to spend more than 100", (None, 100)),
        ("we can spend 90", (None, 90)),
        ("no more than 130", (None, 130)),
        ("we'd rather not pay over 50", (None, 50)),
    ],
)
def test_what_somebody_spends_is_a_price(said, meant):
    facts = reader()[1].read(said).filter.facts
    assert [(f.column, f.low, f.high) for f in facts] == [("price", *meant)]


@pytest.mark.parametrize(
    ("said", "meant"),
    [("open on sunday", "A"), ("open Mondays", "AB"), ("closed on Monday", "C"), ("a sunny place", "ABC"), ("open Sun or Tue", "AB")],
)  # fmt: skip
def test_days_are_called_in_full_and_in_short(said, meant):
    rows = [{"item_id": f"{name}{n}", "title": f"{name} {n}", "categories": ["X"], "year": None, "count": 1, "open_days": days} for n in range(5) for name, days in (("A", "Mon;Sun"), ("B", "Mon;Tue"), ("C", "Wed;Thu"))]  # fmt: skip
    catalog = Catalog(pl.DataFrame(rows, schema_overrides={"year": pl.Int32}))
    kept = RequestReader(catalog, TitleIndex(catalog)).read(said).filter.mask(catalog)[:3]
    assert "".join(name for name, keep in zip("ABC", kept, strict=True) if keep) == meant


def test_what_is_counted_is_meant_exactly():
    rows = [{"item_id": f"i{n}", "title": f"T{n}", "categories": ["X"], "year": None, "count": 1, "strings": 4 + n % 9, "weight_g": 100 + n} for n in range(40)]  # fmt: skip
    catalog = Catalog(pl.DataFrame(rows, schema_overrides={"year": pl.Int32}))
    own = RequestReader(catalog, TitleIndex(catalog))
    assert own.read("12 strings").filter.facts == (Within("strings", 12, 12),)
    assert own.read("120 g").filter.facts == (Within("weight_g", 108, 132),)


@pytest.mark.parametrize(
    ("said", "left", "text"),
    [
        ("forget the price limit and the Kosmos ones", {"wanted": ["Party"]}, "no longer \u201cprice limit\u201d"),
        ("forget the price and the colour", {"wanted": ["Party"], "with": ["publisher: Kosmos"]}, "I find no condition \u201ccolour\u201d"),
    ],
)  # fmt: skip
def test_each_of_what_is_listed_is_taken_back(shop, said, left, text):
    after = talk(shop, "party games by Kosmos under 60", said)[1]
    assert after.understood == left
    assert text in after.text


def bikes():
    rows = [
        {"item_id": f"b{n}", "title": f"Bike {n}", "categories": ["Road"], "year": None, "count": 1, "frame_size": ["S", "M", "L", "XL"][n % 4], "condition": ["good", "fair", "new"][n % 3], "brakes": ["hydraulic disc", "rim"][n % 2], "spf": 10 * (n % 6), "perfume_free": ["yes", "no"][n % 2], "text": "Rides without perfume." if n % 2 else "Smells of perfume, it does."}
        for n in range(24)
    ]  # fmt: skip
    catalog = Catalog(pl.DataFrame(rows, schema_overrides={"year": pl.Int32}))
    return catalog, RequestReader(catalog, TitleIndex(catalog), searched=True)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("I'm looking for a road bike", []),
        ("what's good for my dad's train", []),
        ("I\u2019m after it", []),
        ("size m", ["frame size: M"]),
        ("a bike in S", ["frame size: S"]),
        ("one in good condition", ["condition: good"]),
        ("with hydraulic brakes", ["brakes: hydraulic disc"]),
        ("spf 50", ["spf: 50"]),
        ("at least SPF 30", ["spf: 30 or more"]),
        ("no perfume", ["perfume free"]),
        ("number 1", []),
    ],
)
def test_what_stands_beside_the_name_of_its_column(said, meant):
    catalog, own = bikes()
    assert own.read(said).understood(catalog).get("with", []) == meant


def test_who_is_without_a_word_does_not_say_it():
    catalog = bikes()[0]
    assert SaidWords(catalog).mask(["perfume"]).tolist() == [n % 2 == 0 for n in range(24)]


def test_first_of_nothing_is_said_to_be_none(shop):
    answer = talk(shop, "party games before 1950", "which is the cheapest?")[-1]
    assert answer.text == "Nothing here meets all that you asked for, so none of it is first."


@pytest.mark.parametrize(
    ("message", "kind"),
    [("how many of your games come from Italy?", "come from italy"), ("how many are green?", "are green"), ("how many are there?", "")],
)  # fmt: skip
def test_how_many_of_what_is_sold(message, kind):
    assert asks_how_many(message.lower()) == kind


def test_the_first_of_an_order_are_as_many_as_there_can_be(shop):
    table = shop.recommender.model.catalog.table.sort("price", nulls_last=True)
    first, liked, disliked, silent = talk(
        shop, "games, cheapest first", "I like number 1", "I don't like number 2", "nothing about harbours"
    )
    assert ids(first.slate) == table["item_id"].head(10).to_list()
    assert "most people like" not in first.text
    gone = {first.slate.items[0].item_id, liked.slate.items[1].item_id}
    left = table.filter(~pl.col("item_id").is_in(list(gone)))
    assert ids(disliked.slate) == left["item_id"].head(10).to_list()
    quiet = left.filter(~pl.col("description").str.contains("harbour") & ~pl.col("title").str.contains("Harbour"))
    assert ids(silent.slate) == quiet["item_id"].head(10).to_list()
    assert talk(shop, "games, cheapest first", "forget the order", user="c1")[1].state.wish.order is None


def test_what_somebody_of_the_data_had_is_not_the_first_of_an_order(shop):
    model = shop.recommender.model
    had = {model.catalog.item_ids[i] for i in model.seen_by("c3").tolist()}
    answer = run(shop.respond("games, cheapest first", Person("c3", of_the_data=True)))
    table = model.catalog.table.sort("price", nulls_last=True).filter(~pl.col("item_id").is_in(list(had)))
    assert ids(answer.slate) == table["item_id"].head(10).to_list()


@pytest.mark.parametrize(
    "said",
    [
        "I don't mind spending more than 500", "I'm not afraid to pay more than 100", "pay 10 percent deposit", "spend 5 evenings with it",
        "we can spend 30 to 50", "spend 300 or more", "I don't want to spend more than 30 minutes on it", "we want to spend 10 years with it",
    ],
)  # fmt: skip
def test_what_is_spent_may_be_no_money(said):
    assert not any(f.high in {5, 10, 30, 100, 300, 500} and f.low is None for f in reader()[1].read(said).filter.facts if isinstance(f, Within))  # fmt: skip


def test_a_denied_month_is_not_asked_for():
    catalog, own = reader()
    assert "A" not in passing(own.read("not worn in June").filter, catalog)


def test_easy_first_is_said_so():
    catalog = graded(LEVELS)
    own = RequestReader(catalog, TitleIndex(catalog))
    ordering = Ordering(catalog, own.facts, Answers(catalog, own))
    order = find_order("easiest first")
    assert order is not None
    left = np.ones(len(catalog), bool)
    first = ordering.first_of(order, left, 4)
    assert [catalog.table["effort"][int(i[1:])] for i in first] == ["easy"] * 4
    assert ordering.first_of(replace(order, by="nothing"), left, 4) == []


def test_a_roast_is_no_grade():
    assert Grades(graded(["light", "medium", "dark", "light"] * 3, "roast")).column == ""
    assert Grades(graded(["soft", "medium", "hard"] * 4, "mattress")).column == ""


def test_words_alone_keep_an_order(shop):
    assert from_words(shop.recommender, ["party games, cheapest first"]).wish.order is not None
    assert from_words(shop.recommender, ["party games", "newest first"]).wish.order is not None


def test_words_that_are_left_of_a_choice_are_remembered(shop):
    answers = talk(shop, "a party game or something with zombies", "forget the party")
    assert answers[-1].state.wish.facts == (Says("zombies"),)
    turn = Turn("t", 0, "x", "y", state=answers[-1].state.model_dump(mode="json"))
    kept = remembered(shop.recommender, [turn], 5)
    assert kept.states[-1].wish.facts == (Says("zombies"),)
    assert kept.notes == ()


def test_the_noun_of_a_category_is_a_part_of_its_name():
    rows = [{"item_id": f"i{n}", "title": f"T{n}", "categories": [["Musical Toys", "Baby Toys", "Puzzles"][n % 3]], "year": None, "count": 1} for n in range(12)]  # fmt: skip
    catalog = Catalog(pl.DataFrame(rows, schema_overrides={"year": pl.Int32}))
    own = RequestReader(catalog, TitleIndex(catalog), searched=True, called="toys")
    assert own.read("musical toys").understood(catalog) == {"wanted": ["Musical Toys"]}
    assert own.read("no baby toys").understood(catalog) == {"unwanted": ["Baby Toys"]}
    assert own.read("any toys").understood(catalog) == {}


@pytest.mark.parametrize(
    ("message", "rest"),
    [
        ("not the second, they're baby stuff", ""),
        ("not number 1 because it is for kids", ""),
        ("not the second, it's too long", ", it's"),
        ("not the second, but something funny", ", but something funny"),
    ],
)
def test_a_reason_is_no_wish(message, rest):
    moves = moves_of(message, References([Shown(i, f"Title {i}") for i in "abc"], lambda _: None))
    assert moves.reject
    assert moves.rest == rest


@pytest.mark.parametrize(
    "said", ["for my niece who is turning 4", "my son is 4", "a boy who is 4", "for a girl, just turned 4"]
)
def test_how_old_somebody_is(said):
    age = find_age(said)
    assert age is not None
    assert (age.youngest, age.oldest) == (4, 4)


def test_none_of_what_a_column_counts():
    rows = [{"item_id": f"i{n}", "title": f"T{n}", "categories": ["X"], "year": None, "count": 1, "caffeine_mg": 10 * (n % 3)} for n in range(12)]  # fmt: skip
    catalog = Catalog(pl.DataFrame(rows, schema_overrides={"year": pl.Int32}))
    assert RequestReader(catalog, TitleIndex(catalog)).read("without caffeine").filter == ItemFilter(facts=(Within("caffeine_mg", high=0),))  # fmt: skip
