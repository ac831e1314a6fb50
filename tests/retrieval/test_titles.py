import polars as pl
import pytest

from retrieval.errors import NotFoundError
from retrieval.filters import ItemFilter
from retrieval.schema import Catalog
from retrieval.titles import TitleIndex, spelled


@pytest.fixture(scope="module")
def titles(catalog):
    return TitleIndex(catalog)


def made_up(*rows):
    """A catalogue of (title, year, count)."""
    names, years, counts = zip(*rows, strict=True)
    return Catalog(
        pl.DataFrame(
            {
                "item_id": [f"i{n}" for n in range(len(rows))],
                "title": names,
                "categories": pl.Series([[]] * len(rows), dtype=pl.List(pl.String)),
                "year": pl.Series(years, dtype=pl.Int32),
                "count": counts,
            }
        )
    )


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("the matrix", "Matrix, The (1999)"),
        ("Matrix", "Matrix, The (1999)"),
        ("Se7en", "Seven (a.k.a. Se7en) (1995)"),
        ("amelie", "Amelie (Fabuleux destin d'Amélie Poulain, Le) (2001)"),
        ("Titanic (1997)", "Titanic (1997)"),
        ("star wars", "Star Wars: Episode IV - A New Hope (1977)"),
        # exact titles before the beginnings of more popular ones
        ("The Mission", "Mission, The (1986)"),
        ("Star Trek", "Star Trek (2009)"),
        ("Mad Max", "Mad Max (1979)"),
        ("Captain America", "Captain America (1990)"),
        ("Mission: Impossible", "Mission: Impossible (1996)"),
        ("Mad Max: Fury Road", "Mad Max: Fury Road (2015)"),
        ("Frantic", "Frantic (1988)"),
        # an article tells two titles apart, and may be left out where it does not
        ("Hero", "Hero (Ying xiong) (2002)"),
        ("The Hero", "The Hero (2017)"),
        ("the alien", "Alien (1979)"),
        ("Star Trek (1996)", "Star Trek: First Contact (1996)"),
    ],
)
def test_titles(catalog, titles, typed, meant):
    assert catalog.titles[titles.resolve(typed)] == meant


def test_no_title_of_the_catalogue_means_an_item_that_is_called_otherwise(catalog, titles):
    from retrieval.titles import _BRACKETS, _YEAR

    def own(title):
        bare = _YEAR.sub("", title)
        return {spelled(bare), spelled(_BRACKETS.sub("", bare))}

    for title in catalog.titles:
        assert own(title) & own(catalog.titles[titles.resolve(_YEAR.sub("", title))])


def test_the_closest_titles_are_suggested(titles):
    with pytest.raises(NotFoundError) as caught:
        titles.resolve("The Godfathr")
    assert "Godfather, The (1972)" in caught.value.suggestions
    assert "did you mean" in caught.value.remedy


def test_the_beginning_of_a_title_is_the_last_resort():
    games = TitleIndex(made_up(("Zelda: Ocarina of Time", 1998, 90), ("Zelda", 1986, 5), ("Halo: Reach", 2010, 9)))
    assert (games.find("Zelda"), games.find("Halo"), games.find("Ocarina of Time")) == (1, 2, None)
    assert games.longest_prefix(["zelda", "please"]) == (1, 1)


def test_unwanted_years_let_items_without_a_year_pass():
    some = made_up(("A", 1985, 1), ("B", 1995, 1), ("C", None, 1))
    assert ItemFilter(unwanted_years=((1980, 1989),)).mask(some).tolist() == [False, True, True]
    assert ItemFilter(years=((1980, 1989),)).mask(some).tolist() == [True, False, False]


def test_years_ask_nothing_of_a_catalogue_without_years():
    none = made_up(("A", None, 1), ("B", None, 1))
    assert ItemFilter(years=((1980, 1989),)).mask(none).all()
    assert ItemFilter(unwanted_years=((1980, 1989),)).mask(none).all()


@pytest.mark.parametrize("words", ["???", "\u2026", "\U0001f600 please", "- -"])
def test_what_has_no_letters_names_nothing(titles, words):
    assert titles.longest_prefix(words.split()) is None
