"""Reading in batches, with what is long on the disk, is reading the table whole."""

import numpy as np
import polars as pl
import pytest

from retrieval import schema
from retrieval.datasets import events, load
from retrieval.errors import DataError


@pytest.fixture
def small(monkeypatch):
    """Batches of seven rows, nothing kept in memory, repeats looked for among five rows at a time."""
    monkeypatch.setattr(events, "ROWS", 7)
    monkeypatch.setattr(events, "_IN_MEMORY", 0)
    monkeypatch.setattr(schema, "_ROWS", 5)


def source(seed, rows=300, *, ordered=False):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({
        "user": rng.choice(["ann", "bob", "çem", "d" * 30, *(f"u{i}" for i in range(20))], rows),
        "item": rng.integers(0, 40, rows).astype(str),
        "rating": pl.Series(np.where(rng.random(rows) < 0.1, np.nan, rng.integers(1, 6, rows))).fill_nan(None),
        "timestamp": rng.integers(0, 50, rows),
    })  # fmt: skip
    return frame.sort("user", "timestamp") if ordered else frame


def whole(frame):
    """The rows in the order of the contracts, by joins and one sort of the whole table."""
    rows = frame.with_row_index("line").drop_nulls("rating").drop("line").with_row_index("row")
    numbered = [rows.select(name).unique(maintain_order=True).with_row_index(f"{name}_at") for name in ("user", "item")]
    for table, name in zip(numbered, ("user", "item"), strict=True):
        rows = rows.join(table, on=name, how="left", maintain_order="left")
    return rows.sort("user_at", "timestamp", "row"), numbered[0]["user"].to_list(), numbered[1]["item"].to_list()


@pytest.mark.parametrize("suffix", ["csv", "parquet", "tsv"])
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_rows_are_those_of_the_whole_table(tmp_path, small, suffix, ordered, seed):
    frame = source(seed, ordered=ordered)
    path = tmp_path / f"shop.{suffix}"
    if suffix == "parquet":
        frame.write_parquet(path, row_group_size=31)
    else:
        frame.write_csv(path, separator="," if suffix == "csv" else "\t")
    data = load(path)
    expected, users, items = whole(frame)
    found = data.interactions
    assert list(found.user_ids) == users
    assert data.catalog.item_ids == items
    np.testing.assert_array_equal(found.users, expected["user_at"])
    np.testing.assert_array_equal(found.items, expected["item_at"])
    np.testing.assert_array_equal(found.values, expected["rating"])
    np.testing.assert_array_equal(found.times, expected["timestamp"])
    np.testing.assert_array_equal(found.source_rows, expected["row"])
    assert isinstance(found.items, np.memmap)
    assert (found.users.dtype, found.items.dtype, found.times.dtype) == (np.int32, np.int32, np.int64)
    liked = {(u, i) for u, i, r in expected.select("user_at", "item_at", "rating").iter_rows() if r > data.like_above}
    histories = data.histories()
    assert {(u, i) for u in range(len(users)) for i in histories.row(u).tolist()} == liked
    assert len(histories.items) == len(liked)


def test_small_batches_change_nothing_of_the_bundled_data(dataset, monkeypatch):
    monkeypatch.setattr(events, "ROWS", 10_007)
    monkeypatch.setattr(events, "_IN_MEMORY", 0)
    again = load("ml-latest-small")
    assert again.notes == dataset.notes
    assert again.catalog.table.equals(dataset.catalog.table)
    for name in ("users", "items", "values", "times", "source_rows"):
        np.testing.assert_array_equal(getattr(again.interactions, name), getattr(dataset.interactions, name))


def test_an_error_in_a_later_batch_names_its_row(tmp_path, small):
    lines = [f"u{i},{i}" for i in range(40)]
    for place, bad, said in ((30, ",4", "row 32, column 'user' is empty"), (35, "u,1,2", "row 37 has 3 values")):
        path = tmp_path / "shop.csv"
        path.write_text("\n".join(["user,item", *lines[:place], bad, *lines[place:]]) + "\n", encoding="utf-8")
        with pytest.raises(DataError, match=said):
            load(path)


def test_a_time_is_found_by_its_dates_in_every_batch(tmp_path, small):
    path = tmp_path / "shop.csv"
    days = [f"2024-01-{1 + i % 28:02d}" for i in range(60)]
    rows = [f"u{i % 5},{i},{day},{day if i < 55 else 'later'}" for i, day in enumerate(days)]
    path.write_text("\n".join(["user,item,when,perhaps", *rows]) + "\n", encoding="utf-8")
    data = load(path)
    assert any("'when' is taken for the time" in note for note in data.notes)
    assert np.all(np.diff(data.interactions.times[data.interactions.users == 0]) >= 0)


def test_repeats_are_merged_wherever_they_stand(small):
    rng = np.random.default_rng(1)
    users = np.sort(rng.integers(0, 9, 100)).astype(np.int32)
    items = rng.integers(0, 12, 100).astype(np.int32)
    rows = schema.Interactions(tuple("abcdefghi"), users, items, np.ones(100, np.float32))
    once = rows.distinct()
    assert len(once) == len({*zip(users.tolist(), items.tolist(), strict=True)}) < 100
    assert once.distinct() is once
    assert once.where(np.ones(len(once), bool)) is once
