"""What is remembered: the same rules on SQLite and on a real Postgres, and nothing acknowledged is lost."""

import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.memory.database import ConflictError, Database, StorageError
from agent.memory.people import Kind, People, Said, Turn, fingerprint
from retrieval.errors import ConfigError


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/memory.db")
    else:
        database = Database(request.getfixturevalue("postgres").url)
    database.upgrade()
    yield database
    database.close()


def test_the_last_word_on_an_item_counts(database):
    people = People(database)
    people.delete("t", "u")
    people.say(
        "t", "u", [Said("a", Kind.LIKE), Said("b", Kind.RATING, 1.5), Said("c", Kind.RATING, 3.0), Said("d", Kind.SKIP)]
    )
    people.say("t", "u", [Said("a", Kind.DISLIKE), Said("e", Kind.RATING, 4.0), Said("d", Kind.FORGET)])
    standing = people.standing("t", "u")
    assert (standing.likes, standing.dislikes, standing.gone) == (("e",), ("b", "a"), ("c",))
    assert people.standing("other", "u").likes == ()


def test_conversations_belong_to_their_person_and_can_be_branched(database):
    people = People(database)
    people.delete("t", "u")
    talk = people.start("t", "u")
    heard = []
    for number in range(3):
        heard += [f"say {number}", f"reply {number}"]
        people.turn("t", "u", Turn(talk, number, heard[-2], heard[-1], {"n": number}), fingerprint(heard))
    assert people.turns("t", "other", talk) is None
    assert people.branch("t", "other", fingerprint(heard[:4])) is None
    branch = people.branch("t", "u", fingerprint(heard[:4]))
    assert [t.state["n"] for t in people.turns("t", "u", branch)] == [0, 1]
    with pytest.raises(ConflictError):
        people.turn("t", "u", Turn(talk, 2, "again", "", {}), fingerprint(["x"]))
    assert len(people.export("t", "u")["turns"]) == 5
    assert people.delete("t", "u") == 7
    assert people.turns("t", "u", talk) is None


def test_migrations_make_the_tables_that_the_code_uses(database):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from agent.memory.tables import metadata

    with database.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_replicas_that_start_at_once_take_turns(database):
    errors = []

    def start():
        try:
            other = Database(database.url.render_as_string(hide_password=False))
            other.upgrade()
            other.close()
        except Exception as why:  # noqa: BLE001
            errors.append(why)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(list(Kind)), st.floats(1, 5)), max_size=12))
def test_a_person_in_memory_and_in_the_database_stand_alike(tmp_path, said):
    from agent.chat.person import Person

    database = Database(f"sqlite:///{tmp_path}/alike.db")
    database.upgrade()
    people = People(database)
    people.delete("t", "u")
    words = tuple(Said(item, kind, value if kind is Kind.RATING else None) for item, kind, value in said)
    people.say("t", "u", words)
    stored, held = people.standing("t", "u"), Person("u").after(words).standing
    assert set(stored.likes) == set(held.likes)
    assert set(stored.dislikes) == set(held.dislikes)
    assert set(stored.gone) == set(held.gone)
    database.close()


def test_a_full_disk_is_said_and_nothing_is_half_written(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/full.db")
    database.upgrade()
    people = People(database)
    people.say("t", "u", [Said("first", Kind.LIKE)])
    with database.engine.connect() as connection:
        pages = connection.exec_driver_sql("pragma page_count").scalar()
        connection.exec_driver_sql(f"pragma max_page_count={pages}")
        connection.close()
    from sqlalchemy import event

    @event.listens_for(database.engine, "checkout")
    def small(connection, _record, _proxy):
        connection.execute(f"pragma max_page_count={pages}")

    with pytest.raises(StorageError, match="full"):
        people.say("t", "u", [Said(f"{i}" * 300, Kind.LIKE) for i in range(200)])
    assert people.standing("t", "u").likes == ("first",)
    event.remove(database.engine, "checkout", small)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("pragma max_page_count=1000000")
    people.say("t", "u", [Said("second", Kind.LIKE)])
    assert people.standing("t", "u").likes == ("first", "second")


def test_postgres_may_go_away_and_come_back(postgres):
    database = Database(postgres.url)
    database.upgrade()
    people = People(database)
    people.delete("t", "away")
    people.say("t", "away", [Said("kept", Kind.LIKE)])
    postgres.stop()
    with pytest.raises(StorageError, match="does not answer"):
        people.say("t", "away", [Said("lost", Kind.LIKE)])
    postgres.start()
    people.say("t", "away", [Said("later", Kind.LIKE)])
    assert people.standing("t", "away").likes == ("kept", "later")


WRITER = """
import sys
from agent.memory.database import Database
from agent.memory.people import Kind, People, Said
people = People(Database(sys.argv[1]))
for i in range(100000):
    people.say("t", "u", [Said(str(i), Kind.LIKE)])
    print(i, flush=True)
"""


@pytest.mark.parametrize("moment", [0.0, 0.11, 0.23])
def test_what_was_acknowledged_outlives_a_kill(tmp_path, moment):
    url = f"sqlite:///{tmp_path}/killed.db"
    Database(url).upgrade()
    process = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "0"
    time.sleep(moment)
    process.kill()
    acknowledged = [0, *(int(line) for line in process.stdout.read().splitlines() if line.strip())]
    likes = People(Database(url)).standing("t", "u").likes
    assert likes[: len(acknowledged)] == tuple(str(i) for i in acknowledged)
    assert len(likes) <= len(acknowledged) + 1  # one may have been written and not yet said


@pytest.mark.parametrize(
    ("url", "word"), [("sqlite://", "memory"), ("nonsense", "parse"), ("mysql+nodriver://x", "nodriver")]
)
def test_a_bad_url_is_said(url, word):
    with pytest.raises(ConfigError, match=word):
        Database(url)


def test_messages_of_storage_errors_hold_no_parameters(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/x.db")  # never upgraded: no tables
    with pytest.raises(StorageError) as caught:
        People(database).say("t", "secret-person", [Said("secret-item", Kind.LIKE)])
    assert "secret" not in str(caught.value)
