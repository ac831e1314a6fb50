"""What cards and the API show of a catalogue's further columns."""

import polars as pl

from agent.shown import ShownFacts
from retrieval.schema import Catalog


def catalog(**columns):
    n = len(next(iter(columns.values())))
    own = {"item_id": [str(i) for i in range(n)], "title": [f"Game {i}" for i in range(n)], "year": [2001] * n}
    return Catalog(pl.DataFrame({**own, "categories": [["Party"]] * n, "count": [1] * n, **columns}))


def test_numbers_and_names_are_shown_gaps_codes_tags_and_texts_are_not():
    shown = ShownFacts(
        catalog(
            price=[24.5, None, float("nan"), 9.0],
            min_players=[2, 3, 4, 5],
            publisher=["Kosmos", "Lookout", None, "Kosmos"],
            cast=["Ann Lee, Bob Roy, Cem Can, Dan Poe, Eve Orr, Fay Ode", "Ann Lee", "", "Bob Roy"],
            isbn13=[9780, 9781, 9782, 9783],
            imdbId=[1, 2, 3, 4],
            tags=[["dark", "slow"], ["slow"], ["dark"], ["odd"]],
            blurb=["a long text that goes on and on about the game"] * 4,
        )
    )
    cast = "Ann Lee, Bob Roy, Cem Can, Dan Poe, Eve Orr"
    assert shown.of(0) == {"price": 24.5, "min_players": 2, "publisher": "Kosmos", "cast": cast}
    assert shown.of(1) == {"min_players": 3, "publisher": "Lookout", "cast": "Ann Lee"}
    assert shown.of(2) == {"min_players": 4}


def test_eight_columns_at_most_and_none_where_there_are_none():
    many = ShownFacts(catalog(**{f"weight_{c}": pl.Series([0.1, 2.0], dtype=pl.Float32) for c in "abcdefghij"}))
    assert many.of(0) == {f"weight_{c}": 0.1 for c in "abcdefgh"}
    own = catalog(tags=[["a"]]).table.drop("tags")
    assert ShownFacts(Catalog(own)).of(0) == {}
