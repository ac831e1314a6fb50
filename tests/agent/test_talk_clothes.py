"""What people say in a shop of clothes and in one of courses: for whom, colours before nouns, what is free, words as they are typed."""

import polars as pl
import pytest

from agent.chat.reading import RequestReader
from agent.chat.spelling import _is_slip
from retrieval.schema import Catalog
from retrieval.titles import TitleIndex


def clothes():
    rows = {
        "item_id": [f"i{n}" for n in range(8)],
        "title": ["Arlo", "Bruni", "Clio", "Dora", "Enzo", "Fila", "Gino", "Hedda"],
        "categories": [["Boots"], ["Boots"], ["Dresses"], ["Dresses"], ["Skirts"], ["Coats"], ["Boots"], ["Jackets"]],
        "year": pl.Series([2020, 2021, 2022, 2023, 2020, 2021, 2022, 2023], dtype=pl.Int32),
        "count": [8, 7, 6, 5, 4, 3, 2, 1],
        "gender": ["men", "women", "women", "women", "women", "men", "kids", "men"],
        "colour": ["black", "black", "red", "black", "black", "brown", "red", "brown"],
        "made_in": ["Italian", "Italian", "Thai", "Thai", "Italian", "Thai", "Italian", "Thai"],
        "price": [90.0, 210.0, 60.0, 0.0, 120.0, 250.0, 40.0, 0.0],
        "hours": [2, 4, 6, 8, 10, 12, 14, 16],
        "vegan": ["yes", "no", "no", "yes", "no", "no", "yes", "no"],
        "size_range": ["36-41", "38-44", "XS-XL", "XS-L", "S-XL", "M-XL", "25-35", "S-M"],
    }
    catalog = Catalog(pl.DataFrame(rows))
    return catalog, RequestReader(catalog, TitleIndex(catalog), searched=True, called="shop")


_SEARCHED = ("black free things", "a black tie event")


@pytest.mark.parametrize(
    ("said", "passing"),
    [
        ("black boots for women", "B"),
        ("I need black boots", "AB"),
        ("women's black boots", "B"),
        ("black women's boots under 220 euros", "B"),
        ("something for men", "AFH"),
        ("now for women", "BCDE"),
        ("not for kids", "ABCDEFH"),
        ("for kids or women", "BCDEG"),
        ("a dress", "CD"),
        ("a red dress", "C"),
        ("a dress or a skirt", "CDE"),
        ("red dresses or black skirts", "CE"),
        ("red dresses or black skirts under 100", "C"),
        ("a jaket", "H"),
        ("black free things", "ABCDEFGH"),
        ("a black tie event", "ABCDEFGH"),
        ("brwon jackets", "H"),
        ("dont want boots", "CDEFH"),
        ("from Thailand", "CDFH"),
        ("only ones from Italy, for women", "BE"),
        ("free ones", "DH"),
        ("something that costs nothing", "DH"),
        ("vegan or free", "ADGH"),
        ("anything shorter than 5 hours", "AB"),
        ("a short dress", "C"),
        ("no black or red dresses", "ABEFGH"),
        ("black boots or dresses", "ABD"),
        ("a skirt or a red dress", "CE"),
        ("vegan boots or something for men", "AFGH"),
        ("boots or something vegan", "ABDG"),
        ("dresses or anything free", "CDH"),
        ("around 210", "BF"),
        ("a cosy black or brown one", "ABDEFH"),
        ("anything Thai or Italian", "ABCDEFGH"),
        ("no black things", "CFGH"),
        ("no boots or black dresses", "CEFH"),
        ("no black boots or red dresses", "DEFGH"),
        ("for women over 50", "BCDE"),
    ],
)
def test_what_a_shop_of_clothes_is_asked(said, passing):
    catalog, reader = clothes()
    kept = reader.read(said).filter.mask(catalog)
    assert "".join(t[0] for t, keep in zip(catalog.titles, kept, strict=True) if keep) == passing
    assert not reader.read(said).about or "cosy" in said or said in _SEARCHED


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("piano or guitar", "piano or guitar"),
        ("black boots with piano or guitar", "piano or guitar"),
        ("waterproof and waterproof or warm", "waterproof or warm"),
        ("somthing with zippers", "zippers"),
    ],
)
def test_an_or_between_what_is_searched_for_stays_one(said, about):
    assert clothes()[1].read(said).about == (about,)


@pytest.mark.parametrize(
    "said",
    [
        "block heels",
        "a basic coat",
        "back to school",
        "like Im Westen nichts Neues",
        "free jazz",
        "over 50",
        "short boots",
    ],
)
def test_ordinary_words_are_no_conditions_of_a_shop(said):
    """What one letter, or a word beside it, would make a condition of."""
    condition = clothes()[1].read(said).filter
    assert not {"black", "women", "men"} & {v for f in condition.facts for v in getattr(f, "values", ())}
    assert said != "free jazz" or not condition.facts


@pytest.mark.parametrize(
    ("typed", "word", "slip"),
    [
        ("thriler", "thriller", True), ("comdey", "comedy", True), ("vegeterian", "vegetarian", True), ("insted", "instead", True),
        ("horrror", "horror", True), ("auction", "action", False), ("basic", "basil", False), ("thrilled", "thriller", False),
        ("advance", "advanced", False), ("back", "black", False), ("mastery", "mystery", False), ("write", "white", False),
    ],
)  # fmt: skip
def test_slips_that_make_no_other_word(typed, word, slip):
    assert _is_slip(typed, word) is slip
