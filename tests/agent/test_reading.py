import pytest

from agent.chat.reading import RequestReader
from retrieval.filters import Popularity
from retrieval.titles import TitleIndex


@pytest.fixture(scope="module")
def reader(catalog):
    return RequestReader(catalog, TitleIndex(catalog))


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("something like Alien but funnier, no horror", {"like": ["Alien (1979)"], "unwanted": ["Horror"]}),
        ("five comedies from the 90s", {"wanted": ["Comedy"], "years": ["1990-1999"], "k": 5}),
        ("romantic comedy before 1980", {"wanted": ["Comedy + Romance"], "years": ["up to 1979"]}),
        ("sci-fi or thriller after 2005", {"wanted": ["Sci-Fi", "Thriller"], "years": ["2006 on"]}),
        ("I'd like a scary movie", {"wanted": ["Horror"]}),
        ("I want dark comedies, but not romance", {"wanted": ["Comedy"], "unwanted": ["Romance"]}),
        ("no musicals or war, please", {"unwanted": ["Musical", "War"]}),
        ("top 3 between 1994 and 1999", {"years": ["1994-1999"], "k": 3}),
        ("like Se7en, Fargo and Heat (1995)", {"like": ["Seven (a.k.a. Se7en) (1995)", "Fargo (1996)", "Heat (1995)"]}),
        ('movies like "Foo Bar"', {"not_found": ["Foo Bar"]}),
        ("something like Zzyzx Road Movie", {"not_found": ["Zzyzx Road Movie"]}),
        ("films from 1999", {"years": ["1999"]}),
        ("hidden gems of the eighties", {"popularity": "hidden gems", "years": ["1980-1989"]}),
        ("less popular westerns", {"wanted": ["Western"], "popularity": "hidden gems"}),
        ("popular kids movies since 2010", {"wanted": ["Children"], "years": ["2010 on"], "popularity": "well known"}),
        ("", {}),
        ("surprise me", {}),
    ],
)
def test_requests(reader, catalog, text, understood):
    assert reader.read(text).understood(catalog) == understood


def test_nothing_assumes_films():
    import polars as pl

    from retrieval.schema import Catalog

    table = {
        "item_id": ["1", "2"],
        "title": ["Catan", "Uno"],
        "categories": [["Strategy Games"], ["Card Games", "Party"]],
    }
    shop = Catalog(pl.DataFrame({**table, "year": [1995, 1971], "count": [3, 9]}))
    reader = RequestReader(shop, TitleIndex(shop))
    assert reader.read("4 card games like Catan, no party").understood(shop) == {
        "like": ["Catan"], "wanted": ["Card Games"], "unwanted": ["Party"], "k": 4,
    }  # fmt: skip


def test_popularity_is_a_condition(reader):
    assert reader.read("obscure thrillers").filter.popularity is Popularity.HIDDEN


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("no horror. comedies please", [{"Comedy"}], {"Horror"}),
        ("no horror, comedies please", [{"Comedy"}], {"Horror"}),
        ("comedies, westerns", [{"Comedy"}, {"Western"}], set()),
        ("anything but horror", [], {"Horror"}),
        ("no more than five comedies", [{"Comedy"}], set()),
    ],
)
def test_punctuation_and_exceptions(catalog, text, wanted, unwanted):
    found = RequestReader(catalog, TitleIndex(catalog)).read(text).filter
    assert [set(group) for group in found.wanted] == wanted
    assert found.unwanted == unwanted


@pytest.mark.parametrize("text", ["I don't like Titanic", "nothing like Titanic", "I never liked Titanic"])
def test_what_is_not_liked_is_no_seed(catalog, text):
    reading = RequestReader(catalog, TitleIndex(catalog)).read(text)
    assert reading.seeds == ()
    assert [catalog.titles[i] for i in reading.filter.excluded] == reading.understood(catalog)["not_like"]
    assert any("Titanic" in title for title in reading.understood(catalog)["not_like"])
