"""What is remembered: the same rules on SQLite and on a real Postgres, and nothing acknowledged is lost."""

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.memory.database import ConflictError, Database, StorageError
from agent.memory.people import Kind, NewTurn, People, Said, Turn, fingerprint, new_conversation
from agent.memory.privacy import Privacy
from agent.memory.tables import conversations, feedback, turns
from retrieval.errors import ConfigError


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/memory.db")
    else:
        database = Database(request.getfixturevalue("postgres").fresh())
    database.upgrade()
    yield database
    database.close()


def test_the_last_word_on_an_item_counts(database):
    people = People(database)
    Privacy(people._database).delete("t", "u")
    people.say(
        "t", "u", [Said("a", Kind.LIKE), Said("b", Kind.RATING, 1.5), Said("c", Kind.RATING, 3.0), Said("d", Kind.SKIP)]
    )
    people.say("t", "u", [Said("a", Kind.DISLIKE), Said("e", Kind.RATING, 4.0), Said("d", Kind.FORGET)])
    standing = people.standing("t", "u")
    assert (standing.likes, standing.dislikes, standing.gone) == (("e",), ("b", "a"), ("c",))
    assert people.standing("other", "u").likes == ()


def test_conversations_belong_to_their_person_and_can_be_branched(database):
    people, privacy = People(database), Privacy(database)
    privacy.delete("t", "u")
    talk, heard = new_conversation(), []
    for number in range(3):
        heard += [f"say {number}", f"reply {number}"]
        assert people.keep("t", "u", turn=turn(talk, number, heard))
    assert people.turns("t", "other", talk) is None
    assert people.led_to("t", "other", fingerprint(heard[:4])) == []
    found = people.led_to("t", "u", fingerprint([f" {word}\n" for word in heard[:4]]))
    assert [(t.conversation, t.state["n"]) for t in found] == [(talk, 0), (talk, 1)]
    branch = new_conversation()
    assert people.keep("t", "u", turn=turn(branch, 2, [*heard[:4], "else", "other"], branch_of=(talk, 1)))
    assert [t.said for t in people.turns("t", "u", branch)] == ["say 0", "say 1", "else"]
    assert [t.said for t in people.turns("t", "u", talk)] == ["say 0", "say 1", "say 2"]
    kept = privacy.export("t", "u")["turns"]
    assert len(kept) == 6
    assert all(t["at"].endswith("+00:00") for t in kept)
    assert privacy.delete_conversation("t", "other", talk) == -1
    assert privacy.delete_conversation("t", "u", talk) == 3
    assert privacy.conversation("t", "u", talk) is None
    assert [t["said"] for t in privacy.conversation("t", "u", branch)] == ["say 0", "say 1", "else"]
    assert privacy.delete("t", "u") == 4
    assert people.turns("t", "u", branch) is None


def turn(conversation, number, heard, **more):
    return NewTurn(Turn(conversation, number, heard[-2], heard[-1], {"n": number}), fingerprint(heard), **more)


def test_what_one_request_leaves_is_kept_whole_or_not_at_all(database, recorded):
    people, privacy = People(database), Privacy(database)
    privacy.delete("t", "u")
    talk = new_conversation()
    people.keep("t", "u", turn=turn(talk, 0, ["a", "b"]))
    people.keep("t", "u", turn=turn(talk, 1, ["a", "b", "c", "d"]))
    with pytest.raises(ConflictError, match="nothing of this message was kept"):
        people.keep("t", "u", said=[Said("1", Kind.LIKE)], turn=turn(talk, 1, ["e", "f"]), shown=recorded)
    kept = privacy.export("t", "u")
    assert (kept["feedback"], kept["experiments"], len(kept["turns"])) == ([], [], 2)


def test_a_list_is_put_in_the_place_of_the_last(database, recorded):
    people, privacy = People(database), Privacy(database)
    privacy.delete("t", "u")
    since, talk = people.standing("t", "u").since, new_conversation()
    people.keep("t", "u", since, turn=turn(talk, 0, ["a", "b"]))
    (read,) = people.turns("t", "u", talk)
    assert people.relist("t", "u", since, read, recorded)
    (now,) = people.turns("t", "u", talk)
    assert (now.said, now.reply, now.state["n"]) == ("a", "b", 0)
    assert now.state["slate"] == recorded.model_dump(mode="json")
    assert not people.relist("t", "other", people.standing("t", "other").since, now, recorded)
    new = ["a", "b", "c", "d"]
    with pytest.raises(ConflictError, match="nothing of this message"):  # it was answered of the list before
        people.keep("t", "u", since, said=[Said("1", Kind.LIKE)], turn=turn(talk, 1, new, after=read.state))
    assert people.standing("t", "u").likes == ()
    assert people.keep("t", "u", since, turn=turn(talk, 1, new, after=now.state))
    with pytest.raises(ConflictError, match="nothing of this list"):
        people.relist("t", "u", since, now, recorded)
    privacy.delete("t", "u")
    assert not people.relist("t", "u", since, now, recorded)


def test_what_began_before_a_deletion_is_not_kept_after_it(database, recorded):
    people, privacy = People(database), Privacy(database)
    privacy.delete("t", "u")
    for _ in range(2):  # also for whom deleted before
        since = people.standing("t", "u").since
        talk = new_conversation()
        assert people.keep("t", "u", since, said=[Said("1", Kind.LIKE)], turn=turn(talk, 0, ["a", "b"]))
        assert privacy.delete("t", "u") == 3
        assert not people.keep("t", "u", since, turn=turn(talk, 1, ["a", "b", "my secret", "d"]))
        assert not people.keep("t", "u", since, turn=turn(new_conversation(), 0, ["my secret", "d"]))
        assert not people.keep("t", "u", since, turn=turn(new_conversation(), 1, ["s", "d"], branch_of=(talk, 0)))
        assert not people.keep("t", "u", since, said=[Said("1", Kind.LIKE)], shown=recorded)
        assert privacy.delete("t", "u") == 0
    gone = new_conversation()
    people.keep("t", "", turn=turn(gone, 0, ["a", "b"]))
    privacy.delete_conversation("t", "", gone)
    assert not people.keep("t", "", turn=turn(gone, 1, ["a", "b", "c", "d"]))


def test_nothing_is_left_of_people_who_are_deleted_while_they_talk(database):
    people, privacy, stop = People(database), Privacy(database), threading.Event()
    broken = []

    def talk(who):
        while not stop.is_set():
            since, conversation, heard = people.standing("t", who).since, new_conversation(), []
            for number in range(3):
                heard += ["words", "reply"]
                try:
                    people.keep("t", who, since, said=[Said("1", Kind.LIKE)], turn=turn(conversation, number, heard))
                except Exception as why:  # noqa: BLE001
                    broken.append(why)

    who = ["u1", "u2"]
    talking = [threading.Thread(target=talk, args=(w,)) for w in who * 2]
    for one in talking:
        one.start()
    for _ in range(30):
        for w in who:
            privacy.delete("t", w)
    stop.set()
    for one in talking:
        one.join()
    for w in who:
        privacy.delete("t", w)
    assert broken == []
    queries = [sa.select(turns), *(sa.select(t).where(t.c.tenant == "t") for t in (conversations, feedback))]
    with database.reading() as connection:
        assert [connection.execute(query).all() for query in queries] == [[], [], []]


def test_conversations_of_nobody_end_by_themselves(database):
    people, privacy = People(database), Privacy(database)
    nobody, somebody = new_conversation(), new_conversation()
    people.keep("t", "", turn=turn(nobody, 0, ["a", "b"]), said=[Said("1", Kind.LIKE)])
    people.keep("t", "u", turn=turn(somebody, 0, ["a", "b"]))
    now = datetime.now(UTC)
    assert privacy.expire(now - timedelta(hours=1)) == 0
    assert privacy.expire(now + timedelta(hours=1)) == 1
    assert people.turns("t", "", nobody) is None
    assert people.turns("t", "u", somebody)
    assert privacy.export("t", "")["feedback"] == []
    privacy.delete("t", "u")


def test_a_migration_removes_turns_whose_conversation_was_deleted(tmp_path):
    from alembic import command
    from alembic.config import Config

    database = Database(f"sqlite:///{tmp_path}/old.db")
    settings = Config()
    settings.set_main_option("script_location", "agent.memory:migrations")
    with database.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0002")
        connection.execute(sa.text("insert into conversations values ('kept', 't', 'u', '2026-01-01')"))
        for conversation in ("kept", "orphan"):
            row = "insert into turns values (:conversation, 0, 'f', 'words', 'reply', '{}', '2026-01-01')"
            connection.execute(sa.text(row), {"conversation": conversation})
    database.upgrade()
    with database.reading() as connection:
        assert connection.execute(sa.text("select conversation_id from turns")).scalars().all() == ["kept"]
    assert Privacy(database).delete("t", "u") == 2
    database.close()


def test_what_a_database_cannot_hold_is_the_callers_fault(postgres):
    database = Database(postgres.fresh())
    database.upgrade()
    with pytest.raises(ConfigError, match="cannot hold"):
        People(database).say("t", "u", [Said("a\x00", Kind.LIKE)])
    database.close()


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
    Privacy(people._database).delete("t", "u")
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
    database = Database(postgres.fresh())
    database.upgrade()
    people = People(database)
    Privacy(people._database).delete("t", "away")
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
    ("url", "word"),
    [("sqlite://", "memory"), ("nonsense", "parse"), ("mysql://x", "mysql"), ("postgresql+nodriver://x", "nodriver")],
)
def test_a_bad_url_is_said(url, word):
    with pytest.raises(ConfigError, match=word):
        Database(url)


def test_messages_of_storage_errors_hold_no_parameters(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/x.db")  # never upgraded: no tables
    with pytest.raises(StorageError) as caught:
        People(database).say("t", "secret-person", [Said("secret-item", Kind.LIKE)])
    assert "secret" not in str(caught.value)
