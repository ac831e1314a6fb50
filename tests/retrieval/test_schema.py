import numpy as np
import polars as pl
import pytest

from retrieval.axes import UNLABELLED
from retrieval.errors import DataError, NotFoundError
from retrieval.schema import Catalog, Histories, Interactions


def small_catalog(**columns):
    table = {"item_id": ["a", "b", "c"], "title": ["A", "B", "C"], "categories": [["x", "y"], ["x"], []]}
    return Catalog(pl.DataFrame({**table, "year": [1999, None, 2001], "count": [3, 1, 0], **columns}))


def test_axis_is_uniform_over_an_items_categories():
    axis = small_catalog().axis()
    assert axis.labels == ("x", "y", UNLABELLED)
    assert axis.rows(np.array([0, 1, 2, -1], np.int32)).tolist() == [[0.5, 0.5, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_axis_along_any_column_of_names():
    axis = small_catalog(brand=["p", "q", None]).axis("brand")
    assert axis.labels == ("p", "q", UNLABELLED)
    assert axis.share.toarray().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_positions_name_the_unknown_id():
    assert small_catalog().positions(["c", "a"]).tolist() == [2, 0]
    with pytest.raises(NotFoundError, match="'z'"):
        small_catalog().positions(["z"])


def test_repeated_item_is_refused():
    with pytest.raises(DataError, match="'a' stands more than once"):
        small_catalog(item_id=["a", "a", "c"])


def test_histories_drop_repeats_and_keep_the_order():
    h = Histories.of([[3, 1, 3], [], [2]], [[1, 2, 5], [], [4]])
    assert [h.row(b).tolist() for b in range(3)] == [[3, 1], [], [2]]
    assert h.weights.tolist() == [5, 2, 4]
    assert h.owner.tolist() == [0, 0, 2]
    part = h.slice(1, 3)
    assert part.lengths.tolist() == [0, 1]
    assert part.items.tolist() == [2]
    assert part.weights.tolist() == [4]


def test_interactions_become_histories():
    i = Interactions(
        ("u", "v", "w"), np.array([0, 0, 0, 2], np.int32), np.array([5, 4, 5, 1], np.int32), np.ones(4, np.float32)
    )
    h = i.histories()
    assert [h.row(b).tolist() for b in range(3)] == [[5, 4], [], [1]]


def test_repeats_are_one_pair_with_their_largest_value_and_last_time():
    user, item = np.array([0, 0, 0, 0, 1], np.int32), np.array([7, 8, 7, 9, 7], np.int32)
    value, time = np.array([5, 4, 1, 2, 3], np.float32), np.array([10, 20, 30, 40, 5])
    i = Interactions(("u", "v"), user, item, value, time, np.array([4, 3, 2, 1, 0]))
    once = i.distinct()
    assert once.users.tolist() == [0, 0, 0, 1]
    assert once.items.tolist() == [8, 7, 9, 7]
    assert once.values.tolist() == [4, 5, 2, 3]
    assert once.times.tolist() == [20, 30, 40, 5]
    assert once.source_rows.tolist() == [3, 2, 1, 0]
    assert once.distinct() is once
    assert i.histories().row(0).tolist() == [8, 7, 9]
    assert i.where(value > 1.5).source_rows.tolist() == [4, 3, 1, 0]


def test_rows_are_counted_where_none_are_stated():
    i = Interactions(("u",), np.zeros(3, np.int32), np.arange(3, dtype=np.int32), np.ones(3, np.float32))
    assert i.source_rows.tolist() == [0, 1, 2]
    assert i.where(np.array([False, True, True])).source_rows.tolist() == [1, 2]
    assert len(i.where(np.zeros(3, bool)).distinct()) == 0
