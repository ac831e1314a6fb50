"""``data check``: facts by hand on small tables of other domains, each finding, and the command."""

import json

import polars as pl
import pytest

from retrieval.datasets import load
from retrieval.datasets.check import BANDS, check
from tests.agent.test_cli import polytaste


def events(users=12, likes=3):
    """Each user cooks the next dishes of a ring of twenty."""
    rows = [(f"cook{u}", f"dish{(u + i) % 20}", 5, f"2024-05-{1 + i:02d}") for u in range(users) for i in range(likes)]
    return pl.DataFrame(rows, schema=["cook", "dish", "stars", "cooked_on"], orient="row")


@pytest.fixture
def kitchen(tmp_path):
    """Recipes, with columns of odd names."""
    events().write_csv(tmp_path / "events.csv")
    dishes = [(f"dish{i}", f"Dish number {i}", "Soup|Vegan" if i % 2 else "Cake", 100 + i, 7) for i in range(22)]
    names = ["dish", "called", "kind", "serial", "constant"]
    pl.DataFrame(dishes, schema=names, orient="row").write_csv(tmp_path / "items.csv")
    (tmp_path / "dataset.yaml").write_text(
        "name: kitchen\nlike_above: 3\ncategory_separator: '|'\n"
        "columns: {user: cook, item: dish, rating: stars, time: cooked_on, title: called, categories: kind}\n"
    )
    return tmp_path


def test_numbers_in_a_file_of_text_are_numbers(kitchen):
    items = pl.read_csv(kitchen / "items.csv").with_columns(minutes=pl.arange(0, 22) * 1.5 + 0.25)
    more = pl.DataFrame({"dish": [f"x{i}" for i in range(40)], "minutes": [i + 0.5 for i in range(40)]})
    pl.concat([items, more], how="diagonal").write_csv(kitchen / "items.csv")
    axes = {axis.name: axis for axis in check(load(kitchen)).axes}
    assert axes["minutes"].groups == 4  # quarters
    assert axes["minutes"].examples == ("0.2 to 9.3", "9.3 to 18", "18 to 27", "27 to 40")


def what(facts):
    return " / ".join(finding.what for finding in facts.findings)


def test_facts_by_hand(kitchen):
    facts = check(load(kitchen))
    assert (facts.users, facts.items, facts.touched, facts.liked) == (12, 22, 14, 14)
    assert (facts.events, facts.likes, facts.repeats, facts.median) == (36, 36, 0, 3.0)
    assert facts.period == ("2024-05-01", "2024-05-03")
    assert dict(zip(BANDS, facts.lengths, strict=True))[2, 4] == sum(facts.lengths) == 12
    assert facts.density == pytest.approx(36 / (12 * 14))
    assert facts.top_share == pytest.approx(3 / 36)
    assert [(axis.name, axis.groups) for axis in facts.axes] == [
        ("categories", 3),
        ("popularity", 3),
    ]
    assert facts.axes[0].examples == ("Cake", "Soup", "Vegan")
    assert facts.trainable
    assert what(facts) == "8 items are liked by nobody"


def test_too_few_users_is_fatal_and_stands_first(kitchen):
    events(users=9).write_csv(kitchen / "events.csv")
    facts = check(load(kitchen))
    assert not facts.trainable
    assert facts.findings[0].what == "only 9 users like two items or more"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: pl.concat([t, t]), "36 of 72 rows repeat a user and an item"),
        (lambda t: t.with_columns(dish=pl.when(pl.arange(0, 36) % 3 == 0).then(pl.lit("dish1")).otherwise("dish")), "is liked by"),
        (lambda t: t.with_columns(stars=pl.arange(0, 36) % 2 + 4), "every row counts as liked, whatever its value"),
        (lambda t: pl.concat([t, *(t.head(1).with_columns(cook=pl.lit(f"loner{n}")) for n in range(20))]), "20 of 32 users like fewer"),
    ],
)  # fmt: skip
def test_what_would_surprise_is_said(kitchen, change, expected):
    change(events()).write_csv(kitchen / "events.csv")
    facts = check(load(kitchen))
    assert expected in what(facts)
    assert facts.trainable


def test_bare_events_have_ids_for_titles_and_personas_for_an_axis(tmp_path):
    events().rename({"cook": "user_id", "dish": "item_id"}).drop("stars", "cooked_on").write_csv(tmp_path / "plays.csv")
    facts = check(load(tmp_path / "plays.csv"))
    assert "no categories" in what(facts)
    assert "no titles" in what(facts)
    assert (facts.period, facts.ordered) == (None, False)


def test_the_command_shows_facts_and_what_to_run_next(kitchen):
    done = polytaste("data", "check", str(kitchen))
    assert done.returncode == 0
    assert "categories (3 groups: Cake, Soup, Vegan)" in " ".join(done.stdout.split())
    assert "\u2588" in done.stdout
    assert f"polytaste train --data {kitchen}" in done.stderr
    assert "polytaste recommend --user cook0" in done.stderr
    facts = json.loads(polytaste("data", "check", str(kitchen), "--json").stdout)
    assert (facts["trainable"], facts["likes"], facts["axes"][0]["name"]) == (True, 36, "categories")


def test_data_that_cannot_be_trained_on_are_refused_after_the_facts(kitchen):
    events(users=3).write_csv(kitchen / "events.csv")
    done = polytaste("data", "check", str(kitchen))
    assert done.returncode == 3
    assert "users by number of likes" in done.stdout
    assert "only 3 users" in done.stderr
    assert "next:" not in done.stderr
    assert polytaste("data", "check", str(kitchen / "nothing")).returncode == 3
