"""The way back: undo over undo, conditions taken back by what they are called."""

import pytest

from agent.chat.joining import joined
from agent.chat.reading import RequestReader
from agent.chat.taking_back import TakingBack
from agent.chat.turns import TurnState, unchanged, undone
from agent.chat.wish import Wish
from retrieval.titles import TitleIndex


def after(before, *words):
    return [*before, TurnState(wish=Wish(words=words))]


def test_one_undo_after_the_other_goes_further_back():
    states = after(after(after([], "a"), "b"), "c")
    seen = []
    for _ in range(4):
        states = [*states, undone(states)]
        seen.append(states[-1].wish.words)
    assert seen == [("b",), ("a",), (), ()]


def test_an_undo_after_something_new_goes_back_to_where_that_began():
    states = after(after([], "a"), "b")
    states = after([*states, undone(states)], "c")
    states = [*states, undone(states)]
    assert states[-1].wish.words == ("a",)
    assert undone(states).wish.words == ()


def test_a_question_between_changes_nothing():
    states = after(after([], "a"), "b")
    states = [*states, undone(states)]
    states = [*states, unchanged(states, ("i1",))]
    assert (states[-1].wish.words, states[-1].spoken) == (("a",), ("i1",))
    assert undone(states).wish.words == ()
    assert undone([]).wish == Wish()


@pytest.fixture(scope="module")
def taking_back(catalog):
    reader = RequestReader(catalog, TitleIndex(catalog), searched=True)

    def made(text):
        return joined(Wish(), reader.read(text), catalog, fresh=False, beside=False, within=False)

    return TakingBack(catalog, reader), made


@pytest.mark.parametrize(
    ("asked", "what", "left"),
    [
        ("comedies from the 90s", "90s", {"wanted": ["Comedy"]}),
        ("comedies from the 90s", "the year", {"wanted": ["Comedy"]}),
        ("comedies from the 90s", "comedies", {"years": ["1990-1999"]}),
        ("comedies from the 90s", "genre", {"years": ["1990-1999"]}),
        ("comedies with dogs", "with dogs", {"wanted": ["Comedy"]}),
        ("comedies, no horror", "no horror", {"wanted": ["Comedy"]}),
        ("five comedies", "five", {"wanted": ["Comedy"]}),
        ("obscure comedies like Heat", "Heat", {"wanted": ["Comedy"], "popularity": "hidden gems"}),
        ("obscure comedies", "obscure", {"wanted": ["Comedy"]}),
        ("comedies", "the weather", {"wanted": ["Comedy"]}),
    ],
)
def test_a_condition_is_taken_back_by_what_it_is_called(taking_back, catalog, asked, what, left):
    back, made = taking_back
    what = what.removeprefix("the ")
    assert back(made(asked), what).understood(catalog) == left


def test_counts_of_a_group_never_contradict_each_other(catalog):
    wish = Wish().of_group("Drama", 3, None).of_group("Drama", None, 5)
    assert wish.understood(catalog) == {"at_least": ["3 Drama"], "at_most": ["5 Drama"]}
    assert wish.of_group("Drama", None, 1).parts == {"Drama": (None, 1)}
    assert wish.without("at_most", "5 Drama", catalog) == Wish()


def test_any_lifts_what_was_wanted_and_leaves_what_was_denied(taking_back, catalog):
    back, made = taking_back
    wish, rest, taken = back.lifted(made("comedies from the 90s, no horror"), "any genre, with dogs")
    assert wish.understood(catalog) == {"unwanted": ["Horror"], "years": ["1990-1999"]}
    assert (rest, taken) == (", with dogs", ("any genre",))
    assert back.lifted(Wish(), "any good comedies?") == (Wish(), "any good comedies?", ())


def test_nothing_at_least_is_no_condition():
    """Of what nothing meets, no more can be asked for; a conversation that was kept may say so."""
    wish = Wish(at_least={"Drama": 0, "War": 2}, parts={"Comedy": (0, None), "Crime": (None, 1)})
    rules = wish.rules(dict.fromkeys(("Drama", "War", "Comedy", "Crime"), "categories"), 10)
    assert [(rule.value, rule.at_least, rule.at_most) for rule in rules] == [("Crime", 0, 1), ("War", 2, None)]
