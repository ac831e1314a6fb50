import numpy as np
import polars as pl
import pytest

from retrieval.datasets import TabularSource, load
from retrieval.datasets.tabular import Columns
from retrieval.errors import ConfigError, DataError


def test_bundled_data_are_as_published(dataset):
    assert len(dataset.interactions) == 100_836
    assert len(dataset.interactions.user_ids) == 610
    assert len(dataset.catalog) == 9_742
    assert len(dataset.likes()) == 48_580
    assert "GroupLens" in dataset.licence
    assert dataset.catalog.axis().labels[-1] == "(none)"


def write(folder, name, text, encoding="utf-8"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding=encoding)


def test_movielens_csv(tmp_path):
    write(tmp_path, "ratings.csv", "userId,movieId,rating,timestamp\n1,10,4.0,100\n1,20,3.5,50\n2,10,5.0,7\n")
    write(
        tmp_path,
        "movies.csv",
        'movieId,title,genres\n10,"Matrix, The (1999)",Action|Sci-Fi\n20,Odd (2001),(no genres listed)\n',
    )
    d = load(tmp_path)
    assert d.catalog.table["title"].to_list() == ["Matrix, The (1999)", "Odd (2001)"]
    assert d.catalog.table["year"].to_list() == [1999, 2001]
    assert d.catalog.table["categories"].to_list() == [["Action", "Sci-Fi"], []]
    assert d.interactions.items.tolist() == [1, 0, 0]  # by user, then time
    assert d.likes().items.tolist() == [0, 0]  # 3.5 itself is not above 3.5


def test_movielens_dat_in_latin1(tmp_path):
    write(tmp_path, "ratings.dat", "1::10::5::100\n2::10::3::7\n")
    write(tmp_path, "movies.dat", "10::Misérables, Les (1995)::Drama|Musical\n", "latin-1")
    d = load(tmp_path)
    assert d.catalog.titles == ["Misérables, Les (1995)"]
    assert d.interactions.values.tolist() == [5.0, 3.0]


def test_movielens_100k(tmp_path):
    write(tmp_path, "u.data", "196\t1\t3\t881250949\n186\t1\t5\t891717742\n")
    write(tmp_path, "u.genre", "unknown|0\nAction|1\nComedy|2\n")
    write(tmp_path, "u.item", "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|1\n", "latin-1")
    d = load(tmp_path)
    assert d.catalog.table["categories"].to_list() == [["Comedy"]]
    assert len(d.likes()) == 1


def test_movielens_malformed_row_is_named(tmp_path):
    write(tmp_path, "ratings.dat", "1::10::5::100\n2::10::3\n")
    write(tmp_path, "movies.dat", "10::A (1995)::Drama\n")
    with pytest.raises(DataError, match=r"ratings.dat: row 2 has 3 fields"):
        load(tmp_path)


def test_own_tables_are_recognised_by_name(tmp_path):
    write(tmp_path, "events.csv", "customer_id,sku,ts\nann,x1,2024-01-05\nann,x2,2024-01-02\nbob,x1,2024-03-01\n")
    write(tmp_path, "products.csv", "sku,name,department\nx1,Lamp,Home;Light\nx2,Chair,Home\nx3,Desk,Home\n")
    d = load(tmp_path)
    assert d.interactions.user_ids == ("ann", "bob")
    assert d.interactions.items.tolist() == [1, 0, 0]
    assert d.catalog.table["categories"].to_list()[0] == ["Home", "Light"]
    assert d.catalog.counts.tolist() == [2, 1, 0]
    assert d.catalog.table["year"].null_count() == 3


def test_mapping_says_which_column(tmp_path):
    write(tmp_path, "log.csv", "who,what,how_much\na,i,3\na,j,0\nb,i,1\n")
    source = TabularSource(columns=Columns(user="who", item="what", rating="how_much"))
    d = load(tmp_path / "log.csv", source)
    assert len(d.likes()) == 2
    assert d.catalog.titles == ["i", "j"]


def test_stars_are_recognised_and_said(tmp_path):
    write(tmp_path, "ratings.csv", "user,item,stars\na,i,5\na,j,3\nb,i,4\n")
    d = load(tmp_path)
    assert d.like_above == 3.5
    assert any("above 3.5" in note for note in d.notes)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("user,item,rating\na,i,4\nb,j,good\n", DataError, ["ratings.csv", "row 3", "'rating'", "'good'"]),
        ("user,item,rating\na,i,4\n,j,5\n", DataError, ["ratings.csv", "row 3", "'user'"]),
        ("user,item,rating\na,i,4,9,9\n", DataError, ["ratings.csv", "row 2"]),
        ("", DataError, ["ratings.csv", "empty"]),
        ("user,item\n", DataError, ["no interactions"]),
        ("who,item\na,b\n", ConfigError, ["ratings.csv", "user", "who, item"]),
    ],
)
def test_malformed_tables_name_file_row_and_column(tmp_path, text, error, words):
    write(tmp_path, "ratings.csv", text)
    with pytest.raises(error) as caught:
        load(tmp_path)
    for word in words:
        assert word in caught.value.message


def test_unknown_mapping_and_missing_path(tmp_path):
    write(tmp_path, "ratings.csv", "user,item\na,b\n")
    with pytest.raises(ConfigError, match="no column 'zzz' for time"):
        load(tmp_path, TabularSource(columns=Columns(time="zzz")))
    with pytest.raises(DataError, match="no such file or folder"):
        load(tmp_path / "nowhere")


def test_unknown_field_of_dataset_yaml(tmp_path):
    write(tmp_path, "ratings.csv", "user,item\na,b\n")
    write(tmp_path, "dataset.yaml", "colums: {user: user}\n")
    with pytest.raises(ConfigError, match="colums"):
        load(tmp_path)


def test_parquet_with_lists(tmp_path):
    pl.DataFrame({"user_id": [1, 1], "item_id": [7, 8]}).write_parquet(tmp_path / "interactions.parquet")
    pl.DataFrame({"item_id": [7, 8], "title": ["A", None], "tags": [["x"], None]}).write_parquet(
        tmp_path / "items.parquet"
    )
    d = load(tmp_path)
    assert d.catalog.titles == ["A", "8"]
    assert d.catalog.table["categories"].to_list() == [["x"], []]
    assert d.interactions.times is None
    assert np.all(d.interactions.values == 1)


def test_download_refuses_unknown_names(tmp_path):
    from retrieval.datasets.download import download

    with pytest.raises(ConfigError, match="ml-5m"):
        download("ml-5m", tmp_path)


def test_download_verifies_the_checksum(tmp_path, monkeypatch):
    import http.server
    import threading

    from retrieval.datasets import download as module

    served = tmp_path / "served"
    served.mkdir()
    (served / "ml-100k.zip").write_bytes(b"not the archive")
    handler = lambda *a: http.server.SimpleHTTPRequestHandler(*a, directory=str(served))  # noqa: E731
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(module, "_BASE", f"http://127.0.0.1:{server.server_port}/")
    with pytest.raises(DataError, match="download failed"):
        module.download("ml-100k", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.zip"))
    server.shutdown()


def test_odd_tables(tmp_path):
    """Gaps as NaN, blank categories, dates that are none, and a shop whose files are called as MovieLens's are."""
    import polars as pl

    from retrieval.datasets import load

    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "ratings.csv").write_text("user_id,movie_id,rating\n" + "\n".join(f"u{i},m{i % 3},4" for i in range(9)))
    (shop / "movies.csv").write_text("movie_id,title\nm0,A\nm1,B\nm2,C\n")
    assert load(shop).catalog.titles == ["A", "B", "C"]
    log = tmp_path / "log.parquet"
    pl.DataFrame({"user": ["a", "b", "c"], "item": ["x", "y", "x"], "rating": [5.0, float("nan"), 1.0]}).write_parquet(
        log
    )
    gaps = load(log)
    assert gaps.interactions.values.tolist() == [5.0, 1.0]
    assert gaps.like_above == 3.5
    assert any("1 rows without 'rating'" in note for note in gaps.notes)
    bad = tmp_path / "bad.csv"
    bad.write_text("user,item,time\na,x,yesterday\n")
    with pytest.raises(DataError, match="time"):
        load(bad)


def test_threshold_applies_to_every_layout(tmp_path):
    folder = tmp_path / "ml"
    folder.mkdir()
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,5,1\n1,2,4,2\n2,1,3,3\n")
    (folder / "movies.csv").write_text("movieId,title,genres\n1,A (1999),(no genres listed)\n2,B (2001),Drama\n")
    assert len(load(folder).likes()) == 2
    strict = load(folder, like_above=4.5)
    assert len(strict.likes()) == 1
    assert strict.catalog.table["categories"].to_list() == [[], ["Drama"]]
    assert len(load(like_above=4.5).likes()) < len(load().likes())


def test_a_mapping_is_refused_where_none_applies():
    with pytest.raises(ConfigError, match="do not apply to ml-latest-small"):
        load(source=TabularSource())
