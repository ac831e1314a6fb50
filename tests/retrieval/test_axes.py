import numpy as np
import polars as pl
import pytest

from retrieval.axes import UNLABELLED, joined, make_axis, parse_axes

SHOP = pl.DataFrame(
    {
        "item_id": [str(i) for i in range(100)],
        "year": [1988, 1990, None, *[2001] * 97],
        "count": [60, 40, *[1] * 90, *[0] * 8],
        "price": [float(i) for i in range(99)] + [None],
        "maker": ["acme"] * 50 + ["bolt"] * 49 + [None],
        "stars": [i % 5 for i in range(100)],
    }
)


def held(axis, row):
    return {axis.labels[g]: float(v) for g, v in zip(axis.share[row].indices, axis.share[row].data, strict=True)}


def test_decades_come_from_years():
    axis = make_axis(SHOP, "decade")
    assert axis.labels == ("1980s", "1990s", "2000s", UNLABELLED)
    assert [held(axis, i) for i in range(3)] == [{"1980s": 1}, {"1990s": 1}, {UNLABELLED: 1}]


def test_popularity_bands_hold_a_fifth_three_fifths_and_a_fifth():
    axis = make_axis(SHOP, "popularity")  # 190 interactions: the first item alone takes more than 38
    assert held(axis, 0) == {"head": 1}
    assert held(axis, 1) == {"middle": 1}
    assert held(axis, 60) == {"tail": 1}
    assert held(axis, 99) == {"tail": 1}


def test_columns_of_names_and_of_numbers():
    assert make_axis(SHOP, "maker").labels == ("acme", "bolt", UNLABELLED)
    assert make_axis(SHOP, "stars").labels == ("0", "1", "2", "3", "4")
    price = make_axis(SHOP, "price")
    assert len(price.labels) == 5
    shares = np.asarray(price.share.sum(axis=0)).ravel() / 100
    np.testing.assert_allclose(shares[:4], 0.25, atol=0.011)
    assert held(price, 99) == {UNLABELLED: 1}
    np.testing.assert_allclose(np.asarray(price.share.sum(axis=1)).ravel(), 1)


def test_weights_are_read_and_sum_to_one():
    assert parse_axes("categories") == {"categories": 1.0}
    assert parse_axes("a=3, b=1") == {"a": 0.75, "b": 0.25}


def test_rows_side_by_side_sum_to_one():
    rows = joined([np.array([[0.5, 0.5]]), np.array([[1.0, 0.0, 0.0]])], [0.25, 0.75])
    np.testing.assert_allclose(rows, [[0.125, 0.125, 0.75, 0, 0]])


@pytest.mark.parametrize("column", ["item_id"])
def test_a_name_for_every_item_is_no_axis(column):
    with pytest.raises(Exception, match="groups for 100 items"):
        make_axis(SHOP, column)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([8.1 + 0.2725 * i for i in range(300)], ("0 to 30", "30 to 50", "50 to 70", "70 to 90")),
        ([1950 + i % 74 for i in range(296)], ("1950 to 1968", "1968 to 1986", "1986 to 2005", "2005 to 2023")),
        ([10.0 ** (i / 50) for i in range(301)], ("0 to 30", "30 to 1000", "1000 to 30000", "30000 to 1000000")),
        ([i - 50 for i in range(101)], ("-50 to -25", "-25 to 0", "0 to 25", "25 to 50")),
        ([10**12 + i for i in range(9) for _ in range(9)], tuple(str(10**12 + i) for i in range(9))),
        ([6, 8, 10, 12, 14] * 5, ("6", "8", "10", "12", "14")),
    ],
)
def test_groups_of_numbers_stand_in_their_order_with_short_borders(values, labels):
    axis = make_axis(pl.DataFrame({"n": values}), "n")
    assert axis.labels == labels
    for row, value in enumerate(values):
        (name,) = held(axis, row)
        low, _, high = name.partition(" to ")
        assert float(low) <= value <= float(high or low)
