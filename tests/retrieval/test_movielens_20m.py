"""MovieLens-20M, which may not be shipped: files laid out alike, and the published protocol worked out from them in NumPy alone."""

import csv
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from eval.retrieve_ground import make_split, prepare
from retrieval.datasets import load
from retrieval.schema import Interactions

DOCS = Path(__file__).parents[2] / "docs"
USERS, MOVIES, EVENTS = 136_677, 20_108, 9_990_682
"""Liang et al. 2018, table 1 and the authors' notebook; movies are those of the training users."""


def lay_out(dataset, folder, newline="\n", last_user=610):
    """The bundled ratings as GroupLens writes 20M: by user, then movie; half stars; titles with commas in double quotes."""
    rows, catalog = dataset.interactions, dataset.catalog.table
    folder.mkdir(parents=True)

    def write(name, header, lines):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator=newline)
            out.writerow(header.split(","))
            out.writerows(lines)

    movies = [int(item) for item in dataset.catalog.item_ids]
    ratings = (
        (int(rows.user_ids[user]), movies[item], float(value), int(time))
        for user, item, value, time in zip(rows.users, rows.items, rows.values, rows.times, strict=True)
        if int(rows.user_ids[user]) <= last_user
    )
    genres = ["|".join(names) or "(no genres listed)" for names in catalog["categories"].to_list()]
    write("ratings.csv", "userId,movieId,rating,timestamp", sorted(ratings))
    write("movies.csv", "movieId,title,genres", zip(movies, catalog["title"], genres, strict=True))
    write("tags.csv", "userId,movieId,tag,timestamp", [(2, movies[0], "pixar, of course", 1_445_714_994)])
    write("links.csv", "movieId,imdbId,tmdbId", ((movie, f"{movie:07}", "") for movie in movies))
    write("genome-tags.csv", "tagId,tag", [(1, "007"), (2, "007 (series)")])
    write("genome-scores.csv", "movieId,tagId,relevance", [(movies[0], 1, 0.025), (movies[0], 2, 0.0285)])
    (folder / "README.txt").write_text("Summary\n")
    return folder


@pytest.fixture(scope="module")
def folder(dataset, tmp_path_factory):
    return lay_out(dataset, tmp_path_factory.mktemp("grouplens") / "ml-20m")


class Published:
    """The preprocessing of the authors' notebook, step by step, on ``(n, 2)`` rows of user and movie in the order of the file.

    Attributes:
        rows: Ratings above 3.5 of users with five of them.
        users: Those users, permuted; the last are test, those before them validation.
        train: Rows of the training users.
        movies: Theirs, which are all that is ranked.
        sets: Of validation and test: rows that are shown, rows that are hidden.
    """

    def __init__(self, ratings, held_out):
        raw = np.loadtxt(ratings, delimiter=",", skiprows=1)
        self.rows = raw[raw[:, 2] > 3.5, :2].astype(np.int64)
        users, counts = np.unique(self.rows[:, 0], return_counts=True)
        users = users[counts >= 5]
        self.rows = self.rows[np.isin(self.rows[:, 0], users)]
        np.random.seed(98765)
        self.users = users[np.random.permutation(users.size)]
        self.train = self.rows[np.isin(self.rows[:, 0], self.users[: -2 * held_out])]
        self.movies = np.unique(self.train[:, 1])
        held = self.users[-2 * held_out : -held_out], self.users[-held_out:]
        self.sets = [self._proportion(users) for users in held]

    def _proportion(self, users):
        rows = self.rows[np.isin(self.rows[:, 0], users) & np.isin(self.rows[:, 1], self.movies)]
        hidden = np.zeros(len(rows), bool)
        np.random.seed(98765)
        for user in np.unique(rows[:, 0]):
            own = np.flatnonzero(rows[:, 0] == user)
            if own.size >= 5:
                hidden[own[np.random.choice(own.size, size=int(0.2 * own.size), replace=False)]] = True
        return rows[~hidden], rows[hidden]


def ordered(rows):
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


def named(dataset, users, items):
    """External ids of users and movies, ``(n, 2)``, by user, then movie."""
    user_ids, item_ids = (
        np.array([int(name) for name in names]) for names in (dataset.interactions.user_ids, dataset.catalog.item_ids)
    )
    return ordered(np.stack([user_ids[users], item_ids[items]], axis=1))


def check(dataset, split, published, held_out):
    """Everything that a split says, against the notebook's."""
    sizes = np.bincount(dataset.likes().users)
    assert (int((sizes >= 5).sum()), int(sizes[sizes >= 5].sum())) == (published.users.size, len(published.rows))
    np.testing.assert_array_equal(named(dataset, split.train.users, split.train.items), ordered(published.train))
    ranked = np.array([int(item) for item in dataset.catalog.item_ids])[split.universe]
    np.testing.assert_array_equal(np.sort(ranked), published.movies)
    for held, (shown, hidden) in zip((split.validation, split.test), published.sets, strict=True):
        assert len(held.users) == held_out
        for histories, rows in ((held.fold_in, shown), (held.hidden, hidden)):
            np.testing.assert_array_equal(named(dataset, held.users[histories.owner], histories.items), ordered(rows))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_layout_of_20m_is_read_as_it_comes(dataset, tmp_path, newline):
    read = load(lay_out(dataset, tmp_path / "ml-20m", newline))
    assert read.name == "ml-20m"
    assert "read as a MovieLens folder: ratings.csv, movies.csv" in read.notes
    assert (len(read.interactions), len(read.interactions.user_ids), len(read.catalog)) == (100_836, 610, 9_742)
    assert read.like_above == 3.5
    for column in ("item_id", "categories"):
        assert read.catalog.table[column].to_list() == dataset.catalog.table[column].to_list()
    assert list(read.catalog.titles) == [title.strip() for title in dataset.catalog.titles]
    assert "11'09\"01 - September 11 (2002)" in read.catalog.titles
    rows, ours = read.interactions, dataset.interactions
    assert rows.user_ids == ours.user_ids
    for column in ("users", "items", "values", "times"):
        np.testing.assert_array_equal(getattr(rows, column), getattr(ours, column))
    assert set(np.unique(rows.values)) == set(np.arange(1, 11) / 2)


@pytest.mark.parametrize("held_out", [100, 250])
def test_the_split_is_the_notebooks(folder, held_out):
    dataset, published = load(folder), Published(folder / "ratings.csv", held_out)
    assert published.users.size == 603  # seven of the 610 like fewer than five
    assert len(published.rows) < len(dataset.likes())
    assert published.movies.size < np.unique(published.rows[:, 1]).size  # some are liked by held-out users alone
    check(dataset, prepare(dataset, held_out=held_out).split, published, held_out)
    few = [np.unique(shown[:, 0]).size - np.unique(hidden[:, 0]).size for shown, hidden in published.sets]
    assert any(few)  # some are left with fewer than five of the ranked movies, and hide none


def test_as_many_users_as_published_hold_out_ten_thousand():
    n = 100_000
    users = np.repeat(np.arange(n, dtype=np.int32), 5)
    items = np.tile(np.arange(5, dtype=np.int32), n)
    likes = Interactions(tuple(map(str, range(n))), users, items, np.ones(len(users), np.float32))

    class Data:
        catalog = range(5)

        def likes(self):
            return likes

    split, note = make_split(Data(), "strong", None, 1)
    assert note.startswith("10,000 of 100,000 users")
    assert len(split.validation.users) == len(split.test.users) == 10_000


def test_the_published_counts_on_the_real_files(shared_data):
    """Takes half a minute and two gigabytes."""
    folder = shared_data / "ml-20m"
    if not (folder / "ratings.csv").is_file():
        pytest.skip(f"the files of ML-20M are not in {folder} (they may not be shipped): polytaste download ml-20m")
    dataset = load(folder)
    assert (len(dataset.interactions), len(dataset.interactions.user_ids)) == (20_000_263, 138_493)
    split, note = make_split(dataset, "strong", None, 1)
    assert note.startswith(f"10,000 of {USERS:,} users")
    sizes = np.bincount(dataset.likes().users)
    assert sizes[sizes >= 5].sum() == EVENTS
    assert split.universe.sum() == MOVIES
    check(dataset, split, Published(folder / "ratings.csv", 10_000), 10_000)


def test_the_documented_command_runs_on_files_laid_out_alike(dataset, tmp_path):
    """The very line of the docs, with the folder's name as it stands there; fewer users, so that it takes seconds."""
    lay_out(dataset, tmp_path / "ml-20m", last_user=60)
    lines = [line for page in sorted(DOCS.rglob("*.md")) for line in page.read_text().splitlines()]
    (words,) = {line for line in lines if line.startswith("    polytaste retrieve compare --data ml-20m ")}
    name, *options = shlex.split(words)
    command = Path(sys.executable).parent / name
    done = subprocess.run([command, *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "ml-20m, strong: " in done.stdout
    for model in ("popularity", "EASE", "EDLAE", "EDLAE weighted", "personas"):
        assert f"{model}: " in done.stdout or f"{model} (K=4): " in done.stdout  # what was chosen, of each
