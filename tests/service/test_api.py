"""Routes, errors, keys, tenants and limits, through the real application."""

import asyncio
import json
import logging
import time
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from agent.chat.dialogue import Dialogue
from agent.memory.database import Database, StorageError
from agent.memory.keys import Keys, Scope
from agent.memory.people import Kind, NewTurn, Said, Turn
from agent.memory.tables import turns
from agent.service import access
from agent.service.app import create_app
from agent.service.remembered import WORDS_ALONE
from agent.slate import Slate
from retrieval.errors import ConfigError


def post(client, path, body, **more):
    return client.post(path, json=body, **more)


def test_recommend_is_what_the_library_recommends(client, model):
    from agent.recommender import Recommender

    answer = post(client, "/v1/recommend", {"user": "1", "request": "science fiction from the 80s", "k": 7, "lam": 0.5})
    assert answer.status_code == 200
    over_http = Slate.model_validate(answer.json())
    direct = Recommender(model).recommend("science fiction from the 80s", user="1", k=7, lam=0.5)
    assert [i.item_id for i in over_http.items] == [i.item_id for i in direct.items]
    assert over_http.lam == 0.5
    assert over_http.degraded_reason == "llm_off"


def test_lambda_and_shift_change_the_list(client):
    def items(**more):
        return [i["item_id"] for i in post(client, "/v1/recommend", {"user": "1", **more}).json()["items"]]

    assert items(lam=0.0) != items(lam=1.0)
    grown = post(client, "/v1/recommend", {"user": "1", "shift": {"Horror": 20.0}}).json()
    plain = post(client, "/v1/recommend", {"user": "1"}).json()
    assert grown["target"]["Horror"] > plain["target"]["Horror"]
    assert grown["achieved"]["Horror"] > plain["achieved"].get("Horror", 0)
    assert sum(grown["target"].values()) == pytest.approx(1.0, abs=0.01)


def test_feedback_counts_at_once_and_the_last_word_stands(client):
    before = post(client, "/v1/recommend", {"user": "zoe", "like": ["Alien (1979)"]}).json()["items"]
    first, second, third = (i["item_id"] for i in before[:3])
    said = [
        {"item": first, "kind": "dislike"},
        {"item": second, "kind": "seen"},
        {"item": third, "kind": "rating", "value": 5},
    ]
    assert post(client, "/v1/feedback", {"user": "zoe", "feedback": said}).json()["kept"] == 3
    after = {
        i["item_id"] for i in post(client, "/v1/recommend", {"user": "zoe", "like": ["Alien (1979)"]}).json()["items"]
    }
    assert not after & {first, second, third}
    personas = client.get("/v1/users/zoe/personas").json()["personas"]
    assert any(before[2]["title"] in p["exemplars"] for p in personas)
    post(client, "/v1/feedback", {"user": "zoe", "feedback": [{"item": first, "kind": "forget"}]})
    again = {
        i["item_id"] for i in post(client, "/v1/recommend", {"user": "zoe", "like": ["Alien (1979)"]}).json()["items"]
    }
    assert first in again


def test_a_dislike_of_an_item_of_the_data_leaves_the_history(client, model):
    history = [model.catalog.item_ids[i] for i in model.history_of("1")]
    post(client, "/v1/feedback", {"user": "1", "feedback": [{"item": i, "kind": "dislike"} for i in history]})
    assert client.get("/v1/users/1/personas").json()["personas"] == []


def test_everything_of_a_person_is_given_out_and_deleted(client):
    post(client, "/v1/feedback", {"user": "ann", "feedback": [{"item": "Heat (1995)", "kind": "like"}]})
    post(client, "/v1/chat", {"user": "ann", "message": "something funny"})
    kept = client.get("/v1/users/ann").json()
    assert [f["kind"] for f in kept["feedback"]] == ["like"]
    assert [t["said"] for t in kept["turns"]] == ["something funny"]
    assert client.delete("/v1/users/ann").json()["rows"] == 3
    empty = client.get("/v1/users/ann").json()
    assert (empty["feedback"], empty["turns"]) == ([], [])


def test_a_user_may_be_called_anything(client):
    for who in ("a/b", "mailto:ann@example.org", "x/personas/y", "...", ".a", "\u00fc \u4e2d"):
        said = {"user": who, "feedback": [{"item": "Alien (1979)", "kind": "like"}]}
        assert client.post("/v1/feedback", json=said).status_code == 200
        path = f"/v1/users/{quote(who, safe='')}"
        assert len(client.get(path).json()["feedback"]) == 1
        assert client.get(f"{path}/personas").json()["user"] == who
        assert client.delete(path).json()["rows"] > 0
        assert client.get(path).json()["feedback"] == []


def test_whoever_can_be_written_can_be_given_out_and_deleted(client):
    like = [{"item": "Alien (1979)", "kind": "like"}]
    for who in ("a\nb", "\x7f", ".", ".."):
        refused = post(client, "/v1/feedback", {"user": who, "feedback": like})
        assert (refused.status_code, refused.json()["error"]["param"]) == (422, "user")
        client.app.state.context.people.say("default", who, [Said("1", Kind.LIKE)])  # as an earlier version took it
    post(client, "/v1/feedback", {"user": "ann/personas", "feedback": like})
    for who in ("ann/personas", "a\nb", "\x7f", ".", ".."):
        assert len(client.get("/v1/users", params={"user": who}).json()["feedback"]) == 1
        assert client.delete("/v1/users", params={"user": who}).json() == {"user": who, "rows": 1}
        assert client.get("/v1/users", params={"user": who}).json()["feedback"] == []


def test_a_conversation_of_nobody_can_be_read_deleted_and_ends_by_itself(client, settings):
    talk = post(client, "/v1/chat", {"message": "comedies, for I am ill"}).json()["conversation"]
    assert [t["said"] for t in client.get(f"/v1/chat/{talk}").json()["turns"]] == ["comedies, for I am ill"]
    assert client.get(f"/v1/chat/{talk}", params={"user": "ann"}).status_code == 404
    hers = post(client, "/v1/chat", {"message": "comedies", "user": "ann"}).json()["conversation"]
    unnamed = client.get(f"/v1/chat/{hers}").json()["error"]
    assert (unnamed["param"], unnamed["remedy"][-9:]) == ("user", "?user=WHO")
    assert "none was named" in unnamed["message"]
    assert client.delete(f"/v1/chat/{talk}").json()["turns"] == 1
    assert client.delete(f"/v1/chat/{talk}").status_code == 404
    old = post(client, "/v1/chat", {"message": "comedies"}).json()["conversation"]
    with TestClient(create_app(settings.model_copy(update={"anonymous_hours": 1e-9}))) as later:
        for _ in range(100):
            if later.get(f"/v1/chat/{old}").status_code == 404:
                break
            time.sleep(0.05)
        assert later.get(f"/v1/chat/{old}").status_code == 404


@pytest.fixture
def meanwhile(client, monkeypatch):
    """Something that happens while a message is being answered."""
    dialogue = client.app.state.context.now.dialogue
    respond = dialogue.respond

    def put(act):
        async def answered(*args, **more):
            reply = await respond(*args, **more)
            act(reply)
            return reply

        monkeypatch.setattr(dialogue, "respond", answered)

    return put


def test_nothing_of_a_turn_is_kept_if_the_person_is_deleted_meanwhile(client, meanwhile):
    talk = post(client, "/v1/chat", {"user": "ann", "message": "comedies"}).json()["conversation"]
    meanwhile(lambda _: client.app.state.context.privacy.delete("default", "ann"))
    said = {"user": "ann", "message": "I loved number 2, I am ill", "conversation": talk}
    assert post(client, "/v1/chat", said).status_code == 200
    assert post(client, "/v1/chat", {"user": "ann", "message": "comedies, I am ill"}).status_code == 200
    kept = client.get("/v1/users/ann").json()
    assert (kept["feedback"], kept["turns"], kept["experiments"]) == ([], [], [])


def test_a_message_that_was_overtaken_leaves_nothing(client, meanwhile):
    talk = post(client, "/v1/chat", {"user": "ann", "message": "comedies"}).json()["conversation"]

    def other(reply):
        turn = Turn(talk, 1, "other", "x", reply.state.model_dump(mode="json"))
        client.app.state.context.people.keep("default", "ann", turn=NewTurn(turn, "f"))

    meanwhile(other)
    answer = post(client, "/v1/chat", {"user": "ann", "message": "I hated number 1", "conversation": talk})
    assert (answer.status_code, answer.json()["error"]["param"]) == (409, "conversation")
    assert "nothing of this message was kept" in answer.json()["error"]["message"]
    kept = client.get("/v1/users/ann").json()
    assert (kept["feedback"], [t["said"] for t in kept["turns"]]) == ([], ["comedies", "other"])


def ask(client, *messages, **more):
    said = [{"role": role, "content": text} for role, text in messages]
    return post(client, "/v1/chat/completions", {"user": "ann", "messages": said, **more})


def test_a_history_that_was_edited_keeps_its_conditions(client):
    first = ("user", "sci-fi from the 80s")
    heard = ask(client, first).json()["choices"][0]["message"]["content"]
    exact = ask(client, first, ("assistant", heard), ("user", "without horror")).json()
    spaced = ask(client, first, ("assistant", f" {heard} \n"), ("user", "without horror")).json()
    assert spaced["polytaste"]["understood"] == exact["polytaste"]["understood"]
    edited = ask(client, first, ("assistant", "A list."), ("user", "without horror")).json()
    assert edited["polytaste"]["understood"] == exact["polytaste"]["understood"]
    assert WORDS_ALONE in edited["choices"][0]["message"]["content"]
    twice = ask(client, ("user", "comedy"), ("user", "from the 80s")).json()
    assert twice["polytaste"]["understood"]["wanted"] == ["Comedy"]
    assert WORDS_ALONE not in twice["choices"][0]["message"]["content"]
    # What was read from words goes on as any other conversation.
    text = edited["choices"][0]["message"]["content"]
    history = (first, ("assistant", "A list."), ("user", "without horror"), ("assistant", text))
    third = ask(client, *history, ("user", "not the first")).json()["polytaste"]
    assert third["understood"]["not_like"] == [edited["polytaste"]["slate"]["items"][0]["title"]]
    again = ask(client, ("user", "horror"), ("assistant", "?"), ("user", "start over"), ("user", "comedy"))
    assert "unwanted" not in again.json()["polytaste"]["understood"]


def states(client, talk, change):
    """Change what was kept of a conversation."""
    database = client.app.state.context.people._database
    with database.begin() as connection:
        rows = connection.execute(sa.select(turns).where(turns.c.conversation_id == talk)).all()
        for row in rows:
            change(row.state)
            mine = (turns.c.conversation_id == talk) & (turns.c.number == row.number)
            connection.execute(sa.update(turns).where(mine).values(state=row.state))


def test_conversations_outlive_a_release(client):
    def newer(state):
        state["more"] = state["wish"]["more"] = state["slate"]["more"] = state["slate"]["items"][0]["more"] = 1

    def broken(state):
        state["wish"]["years"] = "always"

    for change, note in ((newer, ""), (broken, WORDS_ALONE)):
        talk = post(client, "/v1/chat", {"user": "u", "message": "comedies"}).json()["conversation"]
        states(client, talk, change)
        answer = post(client, "/v1/chat", {"user": "u", "message": "from the 90s", "conversation": talk})
        assert answer.status_code == 200, answer.text
        understood = answer.json()["understood"]
        assert (understood["wanted"], understood["years"]) == (["Comedy"], ["1990-1999"])
        assert note in answer.json()["text"]
        assert post(client, f"/v1/chat/{talk}/again", {"user": "u", "lam": 0.5}).status_code == 200


@pytest.mark.parametrize(
    "message",
    ["not the second", "less horror", "I liked number 2", "more like number 3", "longer", "show me others", "why number 2?", "undo"],
)  # fmt: skip
def test_conversations_outlive_a_catalogue(client, message):
    def gone(state):
        for at, item in enumerate(state["slate"]["items"][1:]):
            item["item_id"] = f"gone{at}"
        state["wish"]["wanted"] = [["Comedy"], ["Foo"]]
        state["wish"]["shift"] = {"Bar": 2.5}

    talk = post(client, "/v1/chat", {"user": "u", "message": "comedies"}).json()["conversation"]
    states(client, talk, gone)
    answer = post(client, "/v1/chat", {"user": "u", "message": message, "conversation": talk})
    assert answer.status_code == 200, answer.text
    assert "no longer has Foo, Bar" in answer.json()["text"]
    assert "9 of the last list are no longer in the catalogue" in answer.json()["text"]
    if message == "less horror":
        assert answer.json()["understood"]["wanted"] == ["Comedy"]
        assert all("Comedy" in item["categories"] for item in answer.json()["slate"]["items"])


def test_a_conversation_goes_on_and_the_slider_reranks_it(client):
    first = post(client, "/v1/chat", {"user": "1", "message": "science fiction"}).json()
    second = post(client, "/v1/chat", {"user": "1", "message": "older", "conversation": first["conversation"]}).json()
    assert (second["turn"], second["conversation"]) == (1, first["conversation"])
    assert second["understood"]["wanted"] == ["Sci-Fi"]
    loose = post(client, f"/v1/chat/{first['conversation']}/again", {"user": "1", "lam": 0.0}).json()
    tight = post(client, f"/v1/chat/{first['conversation']}/again", {"user": "1", "lam": 1.0}).json()
    assert (loose["lam"], tight["lam"]) == (0.0, 1.0)
    assert tight["kl"] < loose["kl"]
    stranger = post(client, "/v1/chat", {"user": "2", "message": "older", "conversation": first["conversation"]})
    assert stranger.status_code == 404


def test_places_mean_the_list_that_was_made_again(client, settings):
    said = {"user": "jo"}
    first = post(client, "/v1/chat", said | {"message": "science fiction"}).json()
    talk, top = said | {"conversation": first["conversation"]}, first["slate"]["items"][0]["title"]
    post(client, "/v1/feedback", said | {"feedback": [{"item": top, "kind": "dislike"}]})
    shown = post(client, f"/v1/chat/{first['conversation']}/again", said).json()
    titles = [item["title"] for item in shown["items"]]
    assert top not in titles
    assert titles[0] in post(client, "/v1/chat", talk | {"message": "why number 1?"}).json()["text"]
    shown = post(client, f"/v1/chat/{first['conversation']}/again", said | {"lam": 0.0}).json()  # after a question, too
    titles = [item["title"] for item in shown["items"]]
    with TestClient(create_app(settings)) as other:  # another worker, or this one after a restart
        assert titles[3] in post(other, "/v1/chat", talk | {"message": "tell me about number 4"}).json()["text"]
        understood = post(other, "/v1/chat", talk | {"message": "more like number 3"}).json()["understood"]
        assert understood["like"] == [titles[2]]
    kept = client.get(f"/v1/chat/{first['conversation']}", params=said).json()["turns"]
    assert [turn["said"] for turn in kept] == [
        "science fiction",
        "why number 1?",
        "tell me about number 4",
        "more like number 3",
    ]
    back = post(client, "/v1/chat", talk | {"message": "undo"}).json()
    assert [item["title"] for item in back["slate"]["items"]] == titles


def test_a_list_made_again_and_a_message_do_not_pass_each_other_by(client, monkeypatch):
    talk = post(client, "/v1/chat", {"user": "al", "message": "comedies"}).json()["conversation"]

    def meanwhile(name, then):
        method = getattr(Dialogue, name)

        async def answered(*args, **kwargs):
            monkeypatch.setattr(Dialogue, name, method)
            done = await method(*args, **kwargs)
            await asyncio.to_thread(then)
            return done

        monkeypatch.setattr(Dialogue, name, answered)

    def again():
        assert post(client, f"/v1/chat/{talk}/again", {"user": "al", "lam": 0.0}).status_code == 200

    def say():
        assert post(client, "/v1/chat", {"user": "al", "message": "older", "conversation": talk}).status_code == 200

    meanwhile("respond", again)
    late = post(client, "/v1/chat", {"user": "al", "message": "why number 1?", "conversation": talk})
    assert (late.status_code, "nothing of this message" in late.json()["error"]["message"]) == (409, True)
    meanwhile("again", say)
    late = post(client, f"/v1/chat/{talk}/again", {"user": "al", "lam": 1.0})
    assert (late.status_code, "nothing of this list" in late.json()["error"]["message"]) == (409, True)
    meanwhile("again", lambda: client.delete("/v1/users/al"))
    assert post(client, f"/v1/chat/{talk}/again", {"user": "al"}).status_code == 200
    assert client.get("/v1/users/al").json()["turns"] == []


def test_chat_streams_events(client):
    with client.stream("POST", "/v1/chat", json={"user": "1", "message": "comedies", "stream": True}) as answer:
        text = "".join(answer.iter_text())
    names = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert names == ["understood", *["item"] * 10, "reply"]
    last = json.loads(text.rstrip().rpartition("data: ")[2])
    assert len(last["slate"]["items"]) == 10


def test_rerank_loses_no_candidate_and_says_why_some_stand_behind(client, model):
    titles = [model.catalog.titles[i] for i in model.catalog.counts.argsort()[::-1][:12]]
    documents = [*titles, "qwertyuiop", {"id": model.catalog.item_ids[40], "text": "by its id"}, titles[0]]
    reply = post(client, "/v1/rerank", {"user": "3", "documents": documents, "return_documents": True}).json()
    assert sorted(r["index"] for r in reply["results"]) == list(range(len(documents)))
    scores = [r["relevance_score"] for r in reply["results"]]
    assert scores == sorted(scores, reverse=True)
    assert [r["note"] for r in reply["results"][-2:]] == ["repeated", "not in the catalogue"]
    top = post(client, "/v1/rerank", {"user": "3", "documents": documents, "top_n": 3}).json()["results"]
    assert len(top) == 3
    only = post(
        client, "/v1/rerank", {"query": "comedies", "documents": ["Alien (1979)", "Groundhog Day (1993)"]}
    ).json()
    assert [(r["index"], r["note"]) for r in only["results"]] == [(1, ""), (0, "does not meet the query")]


def test_rerank_orders_what_is_liked_already_by_the_query_too(client):
    films = ["Alien (1979)", "Heat (1995)", "Groundhog Day (1993)", "Airplane! (1980)"]
    likes = [{"item": film, "kind": "like"} for film in [*films, "Fargo (1996)"]]
    post(client, "/v1/feedback", {"user": "zoe", "feedback": likes})

    def ranked(query, *documents):
        body = {"user": "zoe", "query": query, "documents": list(documents), "return_documents": True}
        return [(r["document"]["text"], r["note"]) for r in post(client, "/v1/rerank", body).json()["results"]]

    for documents in (films, films[::-1]):
        order = ranked("comedies", *documents)
        assert {film for film, _ in order[:2]} == set(films[2:])
        assert {note for _, note in order} == {"already liked"}
    assert ranked("comedies", *films)[:2] == ranked("comedies", *films[::-1])[:2]
    mixed = ranked("comedies", *films, "Ghostbusters (a.k.a. Ghost Busters) (1984)", "Usual Suspects, The (1995)")
    assert mixed[0] == ("Ghostbusters (a.k.a. Ghost Busters) (1984)", "")
    assert {film for film, _ in mixed[1:3]} == set(films[2:])
    assert ("Usual Suspects, The (1995)", "does not meet the query") in mixed[3:]


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/v1/recommend", {"k": 0}, 422, "k"),
        ("/v1/recommend", {"user": "1", "lamda": 0.5}, 422, "lamda"),
        ("/v1/recommend", {"like": ["Heat (1995)", "Alienz"]}, 404, "like.1"),
        ("/v1/recommend", {"exclude": ["Alienz"]}, 404, "exclude.0"),
        ("/v1/rerank", {"documents": ["Heat (1995)"], "like": ["Alienz"]}, 404, "like.0"),
        ("/v1/feedback", {"user": "1", "feedback": [{"item": "Alienz", "kind": "like"}]}, 404, "feedback.0.item"),
        ("/v1/recommend", {"include": ["Heat (1995)"], "exclude": ["Heat (1995)"]}, 400, None),
        ("/v1/recommend", {"rules": [{"value": "Nonsense", "at_most": 1}]}, 404, None),
        ("/v1/recommend", {"shift": {"Horrorr": 2.0}}, 404, "shift"),
        ("/v1/feedback", {"user": "1", "feedback": []}, 422, "feedback"),
        ("/v1/feedback", {"user": "1", "feedback": [{"item": "Heat (1995)", "kind": "rating"}]}, 422, "feedback.0"),
        (
            "/v1/feedback",
            {"user": "1", "feedback": [{"item": "Heat (1995)", "kind": "like", "value": 4}]},
            422,
            "feedback.0",
        ),
        ("/v1/chat", {"message": "hi", "conversation": "nope"}, 404, None),
        ("/v1/chat/completions", {"messages": [{"role": "assistant", "content": "x"}]}, 400, "messages"),
        ("/v1/chat/completions", {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}]}, 404, "model"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a\x00b"}]}, 422, "messages.0.content"),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a\x00b"}]}]},
            422,
            "messages.0.content",
        ),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_object"}},
            422,
            "response_format.type",
        ),
    ],
)
def test_bad_input_names_the_field_and_the_remedy(client, path, body, status, param):
    answer = post(client, path, body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["message"]
    assert error["remedy"]
    if param:
        assert error["param"] == param


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'{"k": 1' + b"0" * 5000 + b"}"])
def test_a_body_that_cannot_be_read_is_said_to_be_one(client, body):
    answer = client.post("/v1/recommend", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    error = answer.json()["error"]
    assert (error["param"], "JSON" in error["remedy"]) == ("body", True)


def test_an_error_that_nobody_foresaw_has_a_number_and_tells_nobodys_words(client, monkeypatch, caplog):
    from opentelemetry import trace

    from agent.service import observe

    async def broken(message, *_, **__):
        raise ValueError(message)

    spans = []
    monkeypatch.setattr(client.app.state.context.now.dialogue, "respond", broken)
    make = observe._tracer.start_as_current_span
    monkeypatch.setattr(observe._tracer, "start_as_current_span", lambda *a, **m: spans.append(m) or make(*a, **m))
    with caplog.at_level(logging.INFO):
        answer = post(client, "/v1/chat", {"user": "ann", "message": "I am ill"}, headers={"X-Request-Id": "abc"})
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (500, "abc")
    assert "abc" in answer.json()["error"]["remedy"]
    lines = [observe.JsonLines().format(r) for r in caplog.records if r.name.startswith("polytaste")]
    assert not any("I am ill" in line for line in lines)
    said = next(json.loads(line) for line in lines if "unexpected" in line)
    assert "ValueError" in said["exception"]
    assert "in broken" in said["exception"]
    assert [json.loads(line)["status"] for line in lines if '"polytaste.access"' in line] == [500]
    assert (spans[0]["record_exception"], spans[0]["set_status_on_exception"]) == (False, False)
    assert trace.get_current_span() is not None


def test_what_openai_clients_may_send_is_done_or_refused(client):
    assert client.get("/v1/models/polytaste").json()["id"] == "polytaste"
    assert client.get("/v1/models/other").status_code == 404
    tools = [{"type": "function", "function": {"name": "f"}}]
    said = ("user", "comedies")
    assert ask(client, said, tools=tools, tool_choice="auto", max_tokens=3, temperature=1).status_code == 200
    assert ask(client, said, tools=tools, tool_choice="required").json()["error"]["param"] == "tool_choice"
    assert ask(client, said, response_format={"type": "text"}).status_code == 200
    cut = ask(client, said, stop=["3.", "2."]).json()["choices"][0]["message"]["content"]
    assert cut.splitlines()[-1].startswith("1.")
    streamed = ask(client, said, stream=True, stop="2.").text.split("\n\n")
    chunks = [json.loads(part.removeprefix("data: ")) for part in streamed if part and "[DONE]" not in part]
    assert [c["choices"][0]["finish_reason"] for c in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == cut


def test_bodies_of_other_rerankers_pass(client):
    documents = ["Alien (1979)", "Groundhog Day (1993)"]
    cohere = {"model": "rerank-v3.5", "query": "comedies", "documents": documents, "top_n": 1, "max_tokens_per_doc": 99}
    jina = {"model": "jina-reranker", "query": "comedies", "documents": documents, "truncation": True, "top_n": 1}
    for body in (cohere, jina):
        assert [r["index"] for r in post(client, "/v1/rerank", body).json()["results"]] == [1]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(client):
    answer = client.post("/v1/recommend", content=b"x" * 1_000_001, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413

    def pieces():
        yield from (b"x" * 100_000 for _ in range(12))

    assert client.post("/v1/recommend", content=pieces()).status_code == 413


def test_a_body_that_is_not_called_json_is_told_so(client):
    error = client.post("/v1/recommend", content=b'{"user": "1"}', headers={"Content-Type": "text/plain"}).json()[
        "error"
    ]
    assert (error["message"], error["param"]) == ("body: not sent as JSON", "body")
    assert "Content-Type: application/json" in error["remedy"]
    assert "valid dictionary" in post(client, "/v1/recommend", [1]).json()["error"]["message"]


def test_what_only_the_whole_service_has_is_said_to_be_so(client):
    error = post(client, "/v1/recommend", {"user": "1", "axis": "decade"}).json()["error"]
    assert (error["param"], error["remedy"][-22:]) == ("axis", "polytaste serve --axis")


def test_every_route_says_what_it_does_in_a_sentence_and_a_line(client):
    paths = client.get("/openapi.json").json()["paths"]
    told = (Path(__file__).parents[2] / "docs" / "service.md").read_text()
    assert [path for path in paths if path.split("/{")[0] not in told] == []
    routes = [r for methods in paths.values() for r in methods.values()]
    assert len({r["summary"] for r in routes}) == len(routes) > 15
    for route in routes:
        made_up = " ".join(part.capitalize() for part in route["operationId"].split("_v1_")[0].split("_"))
        assert route["summary"] != made_up
        assert route["description"].strip() != route["summary"]


def test_the_description_of_a_service_with_keys_says_so(keyed, settings, tmp_path):
    api = keyed[0].get("/openapi.json").json()
    assert api["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert api["paths"]["/v1/recommend"]["post"]["security"] == [{"key": []}]
    assert "security" not in api["paths"]["/healthz"]["get"]
    without = create_app(settings.model_copy(update={"database": f"sqlite:///{tmp_path}/open.db"})).openapi()
    assert "securitySchemes" not in without["components"]


def test_no_request_chooses_url_model_path_or_template(client):
    for field in ("llm_url", "llm_model", "url", "model_folder", "prompt", "template", "axis", "config", "database"):
        answer = post(client, "/v1/recommend", {"user": "1", field: "http://127.0.0.1:1/x"})
        assert answer.status_code == 422
        assert answer.json()["error"]["param"] == field
    assert client.get("/page/..%2f..%2fpyproject.toml").status_code == 404
    assert client.get("/page/config.py").status_code == 404


@pytest.fixture
def keyed(settings):
    database = Database(settings.database_url())
    database.upgrade()
    keys = Keys(database)
    made = {
        "reader": keys.add("r", "default", [Scope.READ]),
        "writer": keys.add("w", "default", [Scope.READ, Scope.WRITE]),
        "other": keys.add("o", "other", list(Scope)),
        "slow": keys.add("s", "default", [Scope.READ], per_minute=2),
        "admin": keys.add("a", "default", list(Scope)),
    }
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client, {name: {"Authorization": f"Bearer {secret}"} for name, secret in made.items()}, keys


def test_keys_and_scopes(keyed):
    client, keys, _ = keyed
    body = {"user": "u", "feedback": [{"item": "Heat (1995)", "kind": "like"}]}
    bare = post(client, "/v1/recommend", {})
    assert (bare.status_code, bare.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert post(client, "/v1/recommend", {}, headers={"Authorization": "Bearer pt-wrong"}).status_code == 401
    assert post(client, "/v1/recommend", {}, headers=keys["reader"]).status_code == 200
    assert post(client, "/v1/feedback", body, headers=keys["reader"]).status_code == 403
    assert post(client, "/v1/feedback", body, headers=keys["writer"]).status_code == 200
    assert post(client, "/v1/chat/talk/again", {"user": "u"}, headers=keys["reader"]).status_code == 403
    assert post(client, "/v1/admin/reload", {}, headers=keys["writer"]).status_code == 403
    assert post(client, "/v1/admin/reload", {}, headers=keys["admin"]).json()["generation"] == 1
    with_other_header = {"X-API-Key": keys["reader"]["Authorization"].removeprefix("Bearer ")}
    assert post(client, "/v1/recommend", {}, headers=with_other_header).status_code == 200


def test_another_tenants_key_reads_nothing(keyed):
    client, keys, _ = keyed
    post(
        client,
        "/v1/feedback",
        {"user": "u", "feedback": [{"item": "Heat (1995)", "kind": "like"}]},
        headers=keys["writer"],
    )
    talk = post(client, "/v1/chat", {"user": "u", "message": "funny"}, headers=keys["writer"]).json()
    other = keys["other"]
    assert client.get("/v1/users/u", headers=other).json()["feedback"] == []
    assert client.get("/v1/users/u/personas", headers=other).json()["personas"] == []
    assert client.get("/v1/users/1/personas", headers=other).json()["personas"] == []  # nor the users of the data
    assert post(client, f"/v1/chat/{talk['conversation']}/again", {"user": "u"}, headers=other).status_code == 404
    said = {"user": "u", "message": "older", "conversation": talk["conversation"]}
    assert post(client, "/v1/chat", said, headers=other).status_code == 404
    history = [{"role": "user", "content": "funny"}, {"role": "assistant", "content": talk["text"]}]
    body = {"user": "u", "messages": [*history, {"role": "user", "content": "what do you think I like?"}]}
    assert (
        "know nothing"
        in post(client, "/v1/chat/completions", body, headers=other).json()["choices"][0]["message"]["content"]
    )
    assert client.delete("/v1/users/u", headers=other).json()["rows"] <= 2  # its own conversation at most
    assert len(client.get("/v1/users/u", headers=keys["writer"]).json()["feedback"]) == 1


def test_rates_and_revoked_keys(keyed):
    client, keys, store = keyed
    codes = [post(client, "/v1/recommend", {}, headers=keys["slow"]).status_code for _ in range(4)]
    assert codes == [200, 200, 429, 429]
    assert "Retry-After" in post(client, "/v1/recommend", {}, headers=keys["slow"]).headers
    reader = next(caller for caller, _, _ in store.listed() if caller.name == "r")
    store.revoke(reader.key)
    client.app.state.access._known.clear()  # what seconds would do
    assert post(client, "/v1/recommend", {}, headers=keys["reader"]).status_code == 401


def test_made_up_keys_do_not_keep_the_database_busy(keyed, monkeypatch, caplog):
    client, keys, store = keyed
    asked = []
    find = store.find
    monkeypatch.setattr(client.app.state.access._keys, "find", lambda secret: asked.append(secret) or find(secret))
    monkeypatch.setattr(access, "_STRANGERS_A_MINUTE", 3)
    assert post(client, "/v1/recommend", {}, headers=keys["writer"]).status_code == 200
    assert post(client, "/v1/recommend", {}, headers={"Authorization": "Bearer nonsense"}).status_code == 401
    assert len(asked) == 1
    made_up = [{"Authorization": f"Bearer pt-{n:043}"} for n in range(5)]
    assert [post(client, "/v1/recommend", {}, headers=h).status_code for h in made_up] == [401, 401, 429, 429, 429]
    assert len(asked) == 3
    client.app.state.access._known[keys["writer"]["Authorization"][7:]] = (None, -1e9)  # long ago, so it is looked up
    with caplog.at_level(logging.INFO):
        assert post(client, "/v1/recommend", {}, headers=keys["writer"]).status_code == 200
        client.app.state.access._buckets.clear()
        codes = [post(client, "/v1/recommend", {}, headers=keys["slow"]).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    lines = [r.fields for r in caplog.records if r.name == "polytaste.access"]
    assert [(f["status"], bool(f["key"])) for f in lines] == [(200, True)] * 3 + [(429, True)]


def test_what_the_driver_says_is_for_the_log(client, monkeypatch, caplog):
    def away(*_):
        raise StorageError("connection to host 10.1.2.3, user polytaste, failed", "try again; nothing was changed")

    monkeypatch.setattr(client.app.state.context.people, "standing", away)
    ready, answer = client.get("/readyz"), post(client, "/v1/recommend", {"user": "ann"})
    assert (ready.status_code, answer.status_code) == (503, 503)
    assert "10.1.2.3" not in ready.text + answer.text
    assert answer.json()["error"]["remedy"] == "try again; nothing was changed"
    assert "10.1.2.3" in str([getattr(r, "fields", "") for r in caplog.records])


def test_it_opens_to_other_machines_only_with_keys(settings):
    with pytest.raises(ConfigError, match="no keys"):
        create_app(settings.model_copy(update={"host": "0.0.0.0"}))


def test_a_foreign_host_name_is_refused_without_keys(client):
    refused = client.get("/healthz", headers={"Host": "evil.example"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "Host")
    for own in ("localhost", "127.0.0.1:8080", "[::1]:8080"):
        assert client.get("/healthz", headers={"Host": own}).status_code == 200


def test_logs_hold_no_personal_text_and_no_key(keyed, caplog):
    client, keys, _ = keyed
    with caplog.at_level(logging.INFO):
        post(client, "/v1/chat", {"user": "secret-person", "message": "secret-wish comedies"}, headers=keys["writer"])
        post(client, "/v1/recommend", {"user": "secret-person", "request": "secret-wish"}, headers=keys["writer"])
        client.get("/v1/users/secret-person", headers=keys["writer"])
    from agent.service.observe import JsonLines

    ours = [record for record in caplog.records if not record.name.startswith("httpx")]  # that is the test's own client
    lines = [JsonLines().format(record) for record in ours]
    access = [json.loads(line) for line in lines if '"polytaste.access"' in line]
    assert [line["route"] for line in access] == ["/v1/chat", "/v1/recommend", "/v1/users/{user}"]
    assert all(line["key"] for line in access)
    everything = "\n".join(lines)
    assert "secret-" not in everything
    assert keys["writer"]["Authorization"].removeprefix("Bearer ") not in everything


def test_an_operator_may_ask_for_the_text(settings, caplog):
    with (
        TestClient(create_app(settings.model_copy(update={"log_text": True}))) as client,
        caplog.at_level(logging.INFO),
    ):
        post(client, "/v1/recommend", {"user": "somebody", "request": "comedies"})
    fields = next(r.fields for r in caplog.records if r.name == "polytaste.access")
    assert (fields["user"], fields["said"]) == ("somebody", "comedies")


def test_metrics_count_lists_and_have_no_personal_labels(client):
    post(client, "/v1/recommend", {"user": "someone-special"})
    text = client.get("/metrics").text
    assert 'polytaste_slates_total{ranker="calibrated",reason="llm_off"}' in text
    assert 'route="/v1/recommend",status="200"' in text
    assert "someone-special" not in text


def test_spans_follow_the_callers_trace(client):
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    post(client, "/v1/recommend", {"user": "1"}, headers={"traceparent": parent})
    ours = next(s for s in spans.get_finished_spans() if s.name == "POST /v1/recommend")
    assert f"{ours.context.trace_id:032x}" == parent.split("-")[1]
    assert ours.attributes["http.response.status_code"] == 200


def test_search_and_starters(client):
    found = client.get("/v1/items", params={"q": "star wars"}).json()["items"]
    assert found
    assert all("Star Wars" in item["title"] for item in found[:3])
    told = client.get("/v1/starters", params={"limit": 10}).json()
    first = told["items"]
    assert told["critiques"] == ["older", "newer"]  # the data know neither prices nor lengths
    assert len({item["item_id"] for item in first}) == 10
    assert len({c for item in first for c in item["categories"]}) >= 8
