"""What people say in a shop of clothes and in one of courses: for whom, colours before nouns, what is free, words as they are typed."""

import polars as pl
import pytest

from agent.chat.reading import RequestReader
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
        ("a dres", "CD"),
        ("a blak jaket", ""),
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
        ("vegan boots or something for men", "AFGH"),
        ("boots or something vegan", "ABDG"),
        ("dresses or anything free", "CDH"),
        ("dresses or an Italian coat for women", "CD"),
        ("around 210", "BF"),
        ("a cosy black or brown one", "ABDEFH"),
        ("anything Thai or Italian", "ABCDEFGH"),
        ("no black things", "CFGH"),
    ],
)
def test_what_a_shop_of_clothes_is_asked(said, passing):
    catalog, reader = clothes()
    kept = reader.read(said).filter.mask(catalog)
    assert "".join(t[0] for t, keep in zip(catalog.titles, kept, strict=True) if keep) == passing
    assert not reader.read(said).about or "cosy" in said


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("piano or guitar", "piano or guitar"),
        ("black boots with piano or guitar", "piano or guitar"),
        ("something Thai or some pottery", "thai or pottery"),
        ("waterproof and waterproof or warm", "waterproof or warm"),
        ("somthing with zippers", "zippers"),
    ],
)
def test_an_or_between_what_is_searched_for_stays_one(said, about):
    assert clothes()[1].read(said).about == (about,)
