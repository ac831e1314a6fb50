import gzip

import numpy as np
import polars as pl
import pytest

from retrieval.artifacts import check_place
from retrieval.datasets import TabularSource, load
from retrieval.datasets.tabular import Columns
from retrieval.errors import ConfigError, DataError
from retrieval.facts import Within
from retrieval.filters import ItemFilter


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


def test_the_one_column_of_ids_that_is_left_is_told(tmp_path):
    (tmp_path / "orders.csv").write_text("customer_id,course_id,stars\na,k1,5\nb,k2,4\n")
    (tmp_path / "products.csv").write_text("course_id,title\nk1,Bread\nk2,Yoga\n")
    data = load(tmp_path)
    assert list(data.catalog.titles) == ["Bread", "Yoga"]
    assert any("item = course_id" in note for note in data.notes)
    for others in ("course_id,lesson_id", "category_id,stars", "zip_code,stars"):
        (tmp_path / "orders.csv").write_text(f"customer_id,{others}\na,k1,5\n")
        with pytest.raises(ConfigError, match="no column that looks like the item"):
            load(tmp_path)


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


@pytest.mark.parametrize(
    ("cells", "expected", "how"),
    [
        ([repr(["Action", "RPG"]), "[]", ""], [["Action", "RPG"], [], []], "lists in brackets"),
        (['["Rock, hard", "Pop"]', '["Pop"]', "[Folk, Jazz]"], [["Rock, hard", "Pop"], ["Pop"], ["Folk", "Jazz"]], ""),
        (["['Ac' 'Tion']", "[['Games', 'PC']]", "{'A'}"], [["Ac", "Tion"], ["Games", "PC"], ["A"]], ""),
        (['[{"id": 1, "name": "Drama"}]', "[]", "[None]"], [["Drama"], [], []], ""),
        (["Home;Light", "Home", " ; "], [["Home", "Light"], ["Home"], []], "split at ';'"),
        (["Home, Light", "[new] Home", "Home,Home"], [["Home", "Light"], ["[new] Home"], ["Home"]], "split at ','"),
    ],
)
def test_lists_in_a_cell(tmp_path, cells, expected, how):
    write(tmp_path, "interactions.csv", "user,item\na,x0\n")
    pl.DataFrame({"item": ["x0", "x1", "x2"], "genres": cells}).write_csv(tmp_path / "items.csv")
    d = load(tmp_path)
    assert d.catalog.table["categories"].to_list() == expected
    assert any(how in note and "categories = genres" in note for note in d.notes)


@pytest.mark.parametrize("cell", ["\"['Action', 'RPG'\"", "\"['a', {'b': 1}]\"", '"[""a"", "'])
def test_a_broken_list_is_not_guessed(tmp_path, cell):
    write(tmp_path, "interactions.csv", "user,item\na,x\n")
    write(tmp_path, "items.csv", f"item,genres\nw,Drama\nx,{cell}\n")
    with pytest.raises(DataError, match=r"items.csv: row 3, column 'genres'.* is no list of names") as caught:
        load(tmp_path)
    assert "['first', 'second']" in caught.value.remedy


@pytest.mark.parametrize(
    ("column", "values", "above", "liked"),
    [
        ("plays", [10, 1, 4], 0, 3),
        ("count", [5, 1, 0], 0, 2),
        ("score", [10, 7, 8], 7, 2),
        ("rating", [100, 20, 71], 70, 2),
        ("rating", [4, 1, 3], 3.5, 1),
        ("rating", [1, 1, 0], 0, 2),
        ("rating", [3, 2, 1], 0, 3),
        ("rating", [-10, 4, 9], 0, 2),
        ("weight", [5, 3, 1], 0, 3),
        ("overall", [4.5, 3.25, 1], 3.5, 1),
    ],
)
def test_what_counts_as_liked_is_always_said(tmp_path, column, values, above, liked):
    rows = "".join(f"u,i{i},{value}\n" for i, value in enumerate(values))
    write(tmp_path, "events.csv", f"user,item,{column}\n{rows}")
    d = load(tmp_path)
    assert (d.like_above, len(d.likes())) == (above, liked)
    assert any(
        f"{column!r}" in note and f"above {above:g} counts as liked: {liked} of 3" in note and "--like-above" in note
        for note in d.notes
    )
    stated = load(tmp_path, like_above=2)
    assert any(f"{column!r} above 2 counts as liked" in note for note in stated.notes)


@pytest.mark.parametrize(
    ("column", "values", "above", "liked", "how"),
    [
        ("stars_given", [5, 4, 1], 3.5, 2, "read as a rating up to 5"),
        ("verdict", [10, 6, 8], 7, 2, "read as a rating up to 10"),
        ("weight", [4.5, 3, 1], 3.5, 1, "read as a rating up to 5"),
        ("plays", [5, 3, 1], 0, 3, "read as a count"),  # the same role says how much
        ("amount", [80, 12, 3], 0, 3, "read as a count"),
        ("bought", [1, 0, 1], 0, 2, "of ones and zeros"),
        ("verdict", [-1, 1, 2], 0, 2, "from -1 to 2 and on no known scale"),
    ],
)
def test_what_is_declared_as_a_rating_is_read_as_one(tmp_path, column, values, above, liked, how):
    rows = "".join(f"u,i{i},{value}\n" for i, value in enumerate(values))
    write(tmp_path, "events.csv", f"user,item,{column}\n{rows}")
    declared = load(tmp_path, TabularSource(columns=Columns(rating=column)))
    assert (declared.like_above, len(declared.likes())) == (above, liked)
    assert f"{column!r}, {how}, above {above:g} counts as liked: {liked} of 3 rows" in " ".join(declared.notes)
    write(tmp_path, "dataset.yaml", f"columns: {{rating: {column}}}\n")
    assert load(tmp_path).like_above == above


def test_how_to_declare_a_rating_is_said(tmp_path):
    write(tmp_path, "events.csv", "user,item,value\nu,a,5\nu,b,2\n")
    said = "from 2 to 5 and not named as a rating (--column rating=value reads it as one), above 0 counts as liked"
    assert said in " ".join(load(tmp_path).notes)


def test_notes_name_roles_gaps_and_what_is_not_used(tmp_path):
    write(tmp_path, "interactions.csv", "customer_id,sku,split\nann,x1,train\n")
    alone = " ".join(load(tmp_path).notes)
    for words in ("user = customer_id, item = sku, no rating", "no time", "not used: split", "no table of items"):
        assert words in alone
    write(tmp_path, "items.csv", "sku,brand\nx1,ACME\n")
    assert any("item = sku, no title (ids instead)" in note and "kept: brand" in note for note in load(tmp_path).notes)
    write(tmp_path, "ratings.csv", "userId,movieId,rating,timestamp\n1,1,5,1\n")
    write(tmp_path, "movies.csv", "movieId,title,genres\n1,A,B\n")
    assert "'rating' above 3.5 counts as liked: 1 of 1 rows" in " ".join(load(tmp_path).notes)


def test_liked_in_words(tmp_path):
    write(tmp_path, "events.csv", "user,item,liked\na,i,true\na,j,False\nb,i,\nb,j,TRUE\n")
    d = load(tmp_path)
    assert d.interactions.values.tolist() == [1, 0, 1]
    assert len(d.likes()) == 2
    write(tmp_path, "events.csv", "user,item,liked\na,i,true\na,j,maybe\n")
    with pytest.raises(DataError, match=r"row 2, column 'liked': 'true' is not a number"):
        load(tmp_path)


DAY = 86_400
JAN_5_2024 = 1_704_412_800


@pytest.mark.parametrize(
    ("dates", "seconds", "note"),
    [
        (["2024-01-05", "2024/1/6 01:00", "2024-01-05T02:00:00.5+02:00"], [0, DAY + 3600, 0], ""),
        (["05/01/2024", "13/01/2024", "06.01.2024"], [0, 8 * DAY, DAY], "day/month/year, since there is '13/01/2024'"),
        (["01/05/2024 1:00 PM", "1/31/2024", "1-6-2024 12:30 am"], [46_800, 26 * DAY, DAY + 1800], "month/day/year"),
        (["1704412800", "1704412801.7", "1704412800"], [0, 1, 0], ""),
    ],
)
def test_dates_that_can_be_read_in_one_way(tmp_path, dates, seconds, note):
    write(tmp_path, "events.csv", "user,item,date\n" + "".join(f"u{i},i,{day}\n" for i, day in enumerate(dates)))
    d = load(tmp_path)
    assert d.interactions.times is not None
    assert (d.interactions.times - JAN_5_2024).tolist() == seconds
    assert any(note in line for line in d.notes)
    assert any("'date' is read as" in line for line in d.notes) == bool(note)


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        (["05/05/2024", "01/05/2024"], "row 3, column 'date': '01/05/2024' can be read in two ways"),
        (["13/01/2024", "01/31/2024"], "some rows have the day first, others the month"),
        (["2024-01-05", "5 Jan"], "row 3, column 'date': '5 Jan' is neither a number nor a date"),
        (["2024-01-05", "2024-02-30"], "row 3, column 'date': '2024-02-30' is neither"),
        (["1704412800", "1704412800", "soon"], "row 4, column 'date': 'soon' is not a number"),
        (["2024-01-05", ""], "row 3, column 'date' is empty"),
    ],
)
def test_dates_that_cannot_are_refused(tmp_path, dates, words):
    write(tmp_path, "events.csv", "user,item,date\n" + "".join(f"u{i},i,{day}\n" for i, day in enumerate(dates)))
    with pytest.raises(DataError, match=words) as caught:
        load(tmp_path)
    assert "events.csv" in caught.value.message
    assert caught.value.remedy


def test_plays_of_the_same_listener_count_one_person(tmp_path):
    plays = "".join(f"{who},song,{day}\n" for who in "abcdef" for day in range(1, 13))
    write(tmp_path, "events.csv", f"user,item,time\n{plays}a,other,5\n")
    d = load(tmp_path)
    assert d.catalog.counts.tolist() == [6, 1]
    assert len(d.likes()) == 7
    assert d.histories().row(0).tolist() == [1, 0]  # the song was last heard after the other
    assert any("66 rows repeat a user and an item" in note for note in d.notes)
    write(tmp_path, "events.csv", "user,item,rating,time\na,x,5,1\na,x,2,9\na,y,4,3\n")
    changed = load(tmp_path)
    assert changed.catalog.counts.tolist() == [1, 1]
    assert changed.histories().row(0).tolist() == [1, 0]


RATINGS_CSV = "userId,movieId,rating,timestamp\n1,1,5,1\n"


def test_movielens_without_genres_has_no_categories(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    write(old, "u.data", "196\t1\t4\t881250949\n")
    write(old, "u.item", "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|1\n", "latin-1")
    write(new, "ratings.csv", RATINGS_CSV)
    write(new, "movies.csv", "movieId,title\n1,Toy Story (1995)\n")
    for folder, missing in ((old, "u.genre"), (new, "'genres'")):
        d = load(folder)
        assert d.catalog.titles == ["Toy Story (1995)"]
        assert not d.catalog.has_labels()
        assert any(missing in note and "no categories" in note for note in d.notes)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"ratings.csv": RATINGS_CSV, "movies.csv": "id,title,genres\n1,A,B\n"}, "movies.csv: no column 'movieId'"),
        ({"ratings.csv": RATINGS_CSV, "movies.csv": "movieId,genres\n1,B\n"}, "movies.csv: no column 'title'"),
        ({"ratings.csv": "userId,movieId,rating\n1,1,5\n", "movies.csv": "movieId,title\n"}, "no column 'timestamp'"),
        ({"ratings.csv": RATINGS_CSV + "1,2,x,4\n", "movies.csv": "movieId,title\n1,A\n"}, "row 3, column 'rating'"),
        ({"ratings.dat": "1::10::five::100\n", "movies.dat": "10::A::B\n"}, "row 1, column 'rating': 'five'"),
        ({"ratings.dat": "1::10::5::1\n\n::10::5::1\n", "movies.dat": "10::A::B\n"}, "row 3, column 'userId' is empty"),
        ({"ratings.dat": "1::10::5::1\n", "movies.dat": "\n10::A\n"}, "movies.dat: row 2 has 2 fields"),
        ({"u.data": "1\t1\t\t1\n", "u.item": "1|A|||x|0\n"}, "u.data: row 1, column 'rating' is empty"),
        ({"u.data": "1\t1\t3\t1\n", "u.item": "1|A\n"}, "u.item: row 1 has 2 fields where 5"),
    ],
)
def test_movielens_errors_name_the_row_and_no_mapping(tmp_path, files, words):
    for name, text in files.items():
        write(tmp_path, name, text)
    with pytest.raises(DataError, match=words) as caught:
        load(tmp_path)
    assert caught.value.remedy
    assert "--column" not in caught.value.remedy


def test_a_description_in_another_encoding(tmp_path):
    write(tmp_path, "ratings.csv", "user,item\na,b\n")
    write(tmp_path, "dataset.yaml", "name: caf\u00e9\n", "latin-1")
    with pytest.raises(ConfigError, match=r"dataset.yaml: not UTF-8") as caught:
        load(tmp_path)
    assert "UTF-8" in caught.value.remedy


def test_compressed_tables(tmp_path):
    text = "user,item\n" + "".join(f"u{i},i{i % 7}\n" for i in range(5000))
    log = tmp_path / "log.csv.gz"
    log.write_bytes(gzip.compress(text.encode()))
    assert len(load(log).interactions) == 5000
    log.write_bytes(gzip.compress(b"user,item\na,b\na,b,c\n"))
    with pytest.raises(DataError, match="row 3 has 3 values for 2 columns"):
        load(log)
    log.write_bytes(gzip.compress(text.encode())[:-2000])
    with pytest.raises(DataError, match=r"log.csv.gz: cannot be read after row \d+") as caught:
        load(log)
    assert "damaged" in caught.value.remedy


def test_parquet_rows_are_counted_from_one(tmp_path):
    log = tmp_path / "log.parquet"
    pl.DataFrame({"user": ["a", None], "item": ["x", "y"]}).write_parquet(log)
    with pytest.raises(DataError, match=r"log.parquet: row 2, column 'user' is empty"):
        load(log)
    pl.DataFrame(
        {"user": ["a"], "item": ["x"], "date": ["2024-01-05"]}, schema_overrides={"date": pl.Categorical}
    ).write_parquet(log)
    assert load(log).interactions.times.tolist() == [JAN_5_2024]
    pl.DataFrame({"user": ["a"], "item": ["x"], "rating": [[1]]}).write_parquet(log)
    with pytest.raises(DataError, match=r"column 'rating' holds List\(Int64\), not numbers"):
        load(log)


def test_a_place_for_no_model_is_refused_before_the_data_are_read(tmp_path):
    from agent.commands import train_model

    write(tmp_path / "full", "letter.txt", "dear")
    for place, words in (
        (tmp_path / "full", "exists and is not a polytaste model"),
        (tmp_path / "full" / "letter.txt", "is a file, not a polytaste model"),
        (tmp_path / "full" / "letter.txt" / "below", "letter.txt is a file"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            train_model("no such data", [], None, None, place, {}, 1, 0)
        assert "--out" in caught.value.remedy
    check_place(tmp_path / "new" / "deep")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "columns", "users", "items", "likes", "words"),
    [
        ("ml-1m", {"rating": "liked"}, 6_040, 3_883, 575_219, "time = seq_pos"),
        ("ml-100k", {}, 943, 1_682, 55_375, "above 3.5 counts as liked"),
        ("ml-latest-small", {}, 610, 9_742, 48_580, "categories = genres"),
        ("gowalla", {}, 29_858, 40_981, 1_027_370, "no time (the order of the rows counts); not used: split"),
        ("amazon-games", {}, 50_546, 16_859, 440_264, "time = seq_pos, no rating"),
    ],
)
def test_tables_of_other_projects(shared_data, name, columns, users, items, likes, words):
    if not (shared_data / name).is_dir():
        pytest.skip(f"no {name} in {shared_data} (it may not be shipped)")
    d = load(shared_data / name, TabularSource(columns=Columns(**columns)))
    assert (len(d.interactions.user_ids), len(d.catalog), len(d.likes())) == (users, items, likes)
    assert any(words in note for note in d.notes)


def test_numbers_of_items_are_numbers_in_text_as_well(tmp_path):
    write(tmp_path, "interactions.csv", "user,item\na,x1\n")
    write(
        tmp_path,
        "items.csv",
        "item,pages,price_eur,abv,list_price,rating,isbn,barcode,shelf,imdbId,size,free_text\n"
        'x1,300," 9.50 ",13%,"1.299,00 \u20ac",4.5,97801,12345678,007,1,300 ml,1\n'
        'x2,"1,200",free,12.5 %,"\u20ac9,99",3,97802,12345679,8,2,750 ml,two\n'
        "x3,n/a,,,,,97803,12345670,9,3,750 ml,3\n",
    )
    d = load(tmp_path)
    columns = {name: d.catalog.table[name].to_list() for name in ("pages", "price_eur", "abv", "list_price", "rating")}
    assert columns == {
        "pages": [300, 1200, None],
        "price_eur": [9.5, 0, None],
        "abv": [13, 12.5, None],
        "list_price": [1299, 9.99, None],
        "rating": [4.5, 3, None],
    }
    for code in ("isbn", "barcode", "shelf", "imdbId", "size", "free_text"):
        assert d.catalog.table[code].dtype == pl.String
    assert any("read as numbers: pages, price_eur, abv, list_price, rating" in note for note in d.notes)


def test_what_only_says_that_nothing_is_known_is_a_gap_in_names_and_categories_too(tmp_path):
    write(tmp_path, "interactions.csv", "user,item\na,na\n")
    write(
        tmp_path,
        "items.csv",
        "item,title,publisher,categories\nna,None,Kosmos,Party|Card\nx2,Two, N/A ,n/a\nx3,Three,-,NULL\nx4,Four,Nana,na\n",
    )
    table = load(tmp_path).catalog.table
    assert table["item_id"].to_list() == ["na", "x2", "x3", "x4"]
    assert table["title"].to_list()[0] == "None"
    assert table["publisher"].to_list() == ["Kosmos", None, None, "Nana"]
    assert table["categories"].to_list() == [["Party", "Card"], [], [], []]


def test_a_gap_of_other_libraries_is_no_number(tmp_path):
    pl.DataFrame({"user": ["a"], "item": ["x"]}).write_parquet(tmp_path / "interactions.parquet")
    pl.DataFrame({"item": ["x", "y", "z"], "price": [9.5, float("nan"), 20.0]}).write_parquet(
        tmp_path / "items.parquet"
    )
    catalog = load(tmp_path).catalog
    assert catalog.table["price"].to_list() == [9.5, None, 20.0]
    assert ItemFilter(facts=(Within("price", low=15.0),)).mask(catalog).tolist() == [False, False, True]


def test_the_usual_files_of_a_shop_need_no_description(tmp_path):
    write(
        tmp_path, "orders.csv", "customer,game_id,bought_on\nann,x1,2024-01-05\nann,x2,2024-01-02\nbob,x1,2024-03-01\n"
    )
    write(tmp_path, "games.csv", "game_id,name,category\nx1,Chess,Classic\nx2,Go,Classic\n")
    d = load(tmp_path)
    assert d.interactions.user_ids == ("ann", "bob")
    assert d.interactions.items.tolist() == [1, 0, 0]  # by the dates
    assert d.catalog.titles == ["Chess", "Go"]
    assert any("'bought_on' is taken for the time" in note for note in d.notes)


def test_where_no_file_has_a_usual_name_what_is_there_is_said(tmp_path):
    with pytest.raises(DataError, match="no table at all"):
        load(tmp_path)
    write(tmp_path, "baskets.csv", "customer,game_id\nann,x1\n")
    write(tmp_path, "stock.tsv", "game_id\tname\nx1\tChess\n")
    (tmp_path / "broken.parquet").write_bytes(b"no")
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    for words in ("baskets.csv (customer, game_id)", "stock.tsv (game_id, name)", "broken.parquet (unreadable)"):
        assert words in caught.value.message
    assert "dataset.yaml (interactions: FILE)" in caught.value.remedy
    (tmp_path / "dataset.yaml").write_text("interactions: baskets.csv\n")
    note = next(note for note in load(tmp_path).notes if "no table of items" in note)
    assert "stock.tsv (game_id, name)" in note
    assert "items: FILE" in note
    assert "baskets" not in note


@pytest.mark.parametrize(
    ("header", "rows", "time"),
    [
        ("bought", ["2024-01-05", "31.12.2023"], True),
        ("bought", ["05/01/2024", "06/01/2024"], False),  # day or month first: nobody knows
        ("bought", ["2024-01-05", ""], False),
        ("bought", ["2024-01-05", "soon"], False),
        ("date_of_birth", ["1990-01-05", "1980-01-01"], False),
        ("size", ["10", "12"], False),
    ],
)
def test_times_are_recognised_by_their_values(tmp_path, header, rows, time):
    write(tmp_path, "events.csv", f"user,item,{header}\n" + "".join(f"u{i},i,{v}\n" for i, v in enumerate(rows)))
    assert (load(tmp_path).interactions.times is not None) is time


def test_of_two_columns_of_dates_neither_is_the_time(tmp_path):
    write(tmp_path, "events.csv", "user,item,sent,paid\na,i,2024-01-05,2024-01-06\n")
    d = load(tmp_path)
    assert d.interactions.times is None
    assert any("dates in sent and paid; say which is the time: --column time=NAME" in note for note in d.notes)


def test_groups_of_everything_are_categories_before_free_tags(tmp_path):
    pl.DataFrame({"user": ["u", "v"], "item": ["a", "b"]}).write_csv(tmp_path / "orders.csv")
    table = pl.DataFrame({"item": ["a", "b"], "tags": ["gift|cellar", "gift"], "type": ["Red", "White"]})
    table.write_csv(tmp_path / "items.csv")
    assert load(tmp_path).catalog.table["categories"].to_list() == [["Red"], ["White"]]
    table.drop("type").write_csv(tmp_path / "items.csv")
    assert load(tmp_path).catalog.table["categories"].to_list() == [["gift", "cellar"], ["gift"]]
