"""`polytaste serve` as a process: real clients, kills, a model swapped and a model damaged, several that share state."""

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import time

import httpx
import openai
import pytest

from tests.service.conftest import Service


def test_the_openai_client(running):
    client = openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0)
    assert [m.id for m in client.models.list()] == ["polytaste"]
    said = [{"role": "system", "content": "be nice"}, {"role": "user", "content": "comedies from the 90s"}]
    first = client.chat.completions.create(model="polytaste", user="1", messages=said)
    assert first.choices[0].finish_reason == "stop"
    assert first.choices[0].message.content.startswith("Here are 10: Comedy; year 1990-1999.")
    items = first.polytaste["slate"]["items"]
    assert all("Comedy" in item["categories"] for item in items)
    # The whole history comes back, and the critique refers to the list in it.
    said += [
        {"role": "assistant", "content": first.choices[0].message.content},
        {"role": "user", "content": "not the first"},
    ]
    second = client.chat.completions.create(model="polytaste", user="1", messages=said)
    assert second.polytaste["understood"]["not_like"] == [items[0]["title"]]
    assert items[0]["item_id"] not in {i["item_id"] for i in second.polytaste["slate"]["items"]}


def test_the_openai_client_streams(running):
    client = openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0)
    said = [{"role": "user", "content": "5 westerns"}]
    chunks = list(
        client.chat.completions.create(
            model="polytaste", messages=said, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text.count("\n") >= 5
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage.total_tokens == 0  # no language model was asked
    with pytest.raises(openai.NotFoundError, match="not served"):
        client.chat.completions.create(model="other", messages=said)


def test_langchains_client(running):
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(base_url=f"{running.url}/v1", api_key="none", model="polytaste", max_retries=0)
    assert "Documentary" in model.invoke("documentaries").content
    assert "".join(piece.content for piece in model.stream("documentaries")).startswith("Here are")


def test_a_kill_in_the_middle_of_feedback_loses_nothing_acknowledged(model_folder, model, tmp_path):
    database = f"sqlite:///{tmp_path}/killed.db"
    service = Service(model_folder, database, "--no-llm").ready()
    acknowledged, stop = [], threading.Event()

    def speak(who):
        with httpx.Client(base_url=service.url, timeout=10) as client:
            for item in model.catalog.item_ids:
                if stop.is_set():
                    return
                try:
                    body = {"user": who, "feedback": [{"item": item, "kind": "like"}]}
                    if client.post("/v1/feedback", json=body).status_code == 200:
                        acknowledged.append((who, item))
                except httpx.TransportError:
                    return

    speakers = [threading.Thread(target=speak, args=(f"u{i}",)) for i in range(4)]
    for speaker in speakers:
        speaker.start()
    time.sleep(1.0)
    service.kill()
    stop.set()
    for speaker in speakers:
        speaker.join()
    assert len(acknowledged) > 20
    again = Service(model_folder, database, "--no-llm").ready()
    try:
        kept = {
            (who, said["item_id"])
            for who in {w for w, _ in acknowledged}
            for said in httpx.get(f"{again.url}/v1/users/{who}", timeout=10).json()["feedback"]
        }
        assert set(acknowledged) <= kept
    finally:
        assert again.stop() == 0


def test_postgres_may_go_away_under_the_service_and_come_back(postgres, model_folder, model):
    service = Service(model_folder, postgres.fresh(), "--no-llm").ready()
    acknowledged, refused, broken, stop = [], [], [], threading.Event()

    def speak(who):
        with httpx.Client(base_url=service.url, timeout=30) as client:
            for item in model.catalog.item_ids:
                if stop.is_set():
                    return
                body = {"user": who, "feedback": [{"item": item, "kind": "like"}]}
                answer = client.post("/v1/feedback", json=body)
                if answer.status_code == 200:
                    acknowledged.append((who, item))
                elif answer.status_code == 503 and "retry-after" in answer.headers:
                    refused.append(answer.json()["error"]["remedy"])
                    time.sleep(0.05)
                else:
                    broken.append(answer.text)

    speakers = [threading.Thread(target=speak, args=(f"away{i}",)) for i in range(3)]
    for speaker in speakers:
        speaker.start()
    try:
        _until(lambda: len(acknowledged) > 20)
        postgres.stop()
        _until(lambda: len(refused) > 20)
        assert httpx.get(f"{service.url}/healthz", timeout=10).status_code == 200
        assert httpx.get(f"{service.url}/readyz", timeout=30).status_code == 503
        postgres.start()
        before = len(acknowledged)
        _until(lambda: len(acknowledged) > before + 20)
    finally:
        stop.set()
        for speaker in speakers:
            speaker.join()
    try:
        assert not broken
        kept = {
            (who, said["item_id"])
            for who in {w for w, _ in acknowledged}
            for said in httpx.get(f"{service.url}/v1/users/{who}", timeout=10).json()["feedback"]
        }
        assert set(acknowledged) <= kept
        assert httpx.get(f"{service.url}/readyz", timeout=10).status_code == 200
    finally:
        assert service.stop() == 0


def _until(happened, within_s=60.0):
    until = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_requests_in_work_are_finished_on_the_way_down(model_folder, tmp_path):
    service = Service(model_folder, f"sqlite:///{tmp_path}/m.db", "--no-llm").ready()
    answers, refused = [], []

    def ask():
        with httpx.Client(base_url=service.url, timeout=30) as client:
            for _ in range(200):
                try:
                    answers.append(client.post("/v1/recommend", json={"user": "1"}).status_code)
                except httpx.ConnectError:
                    refused.append(1)  # the port is closed: nothing was taken on
                    return
                except httpx.TransportError as why:
                    answers.append(repr(why))

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    time.sleep(0.5)
    assert service.stop() == 0
    for asker in askers:
        asker.join()
    # A kept connection may be closed between two requests; one that was being answered is not.
    broken = [a for a in answers if a != 200]
    assert all("Disconnected" in str(a) or "ReadError" in str(a) or "closed" in str(a).lower() for a in broken), broken
    assert answers.count(200) > 10


def test_a_newly_trained_model_takes_over_without_dropping_a_request_and_a_damaged_one_does_not(
    model_folder, model, tmp_path
):
    from retrieval.artifacts import save

    place = tmp_path / "model"
    shutil.copytree(model_folder, place)
    service = Service(place, f"sqlite:///{tmp_path}/m.db", "--no-llm").ready()
    statuses, stop = [], threading.Event()

    def ask():
        with httpx.Client(base_url=service.url, timeout=30) as client:
            while not stop.is_set():
                statuses.append(client.post("/v1/recommend", json={"user": "1"}).status_code)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        save(model, place)
        assert _generation(service, 1) == 1
        manifest = place / "manifest.json"
        whole = manifest.read_text()
        (place / "encoder.safetensors").write_bytes(b"damaged")
        manifest.write_text(whole + " ")
        until = time.monotonic() + 30
        while not httpx.get(f"{service.url}/readyz", timeout=10).json()["model"]["trouble"]:
            assert time.monotonic() < until
            time.sleep(0.2)
        ready = httpx.get(f"{service.url}/readyz", timeout=10)
        assert (ready.status_code, ready.json()["model"]["generation"]) == (200, 1)
        assert "damaged" in ready.json()["model"]["trouble"]
        refused = httpx.post(f"{service.url}/v1/admin/reload", timeout=30)
        assert refused.status_code == 400
        assert "train again" in refused.json()["error"]["remedy"]
        save(model, place)
        assert _generation(service, 2) == 2
        # One that fails as nobody foresaw does not end the watch either.
        unreadable = json.loads(manifest.read_text())
        (place / "catalog.parquet").write_bytes(b"x")
        unreadable["sha256"]["catalog.parquet"] = hashlib.sha256(b"x").hexdigest()
        manifest.write_text(json.dumps(unreadable))
        _until(lambda: httpx.get(f"{service.url}/readyz", timeout=10).json()["model"]["trouble"])
        assert httpx.post(f"{service.url}/v1/admin/reload", timeout=30).status_code == 400
        save(model, place)
        assert _generation(service, 3) == 3
        assert httpx.get(f"{service.url}/readyz", timeout=10).json()["model"]["trouble"] is None
    finally:
        stop.set()
        for asker in askers:
            asker.join()
        assert service.stop() == 0
    assert set(statuses) == {200}
    assert len(statuses) > 20


def _generation(service, wanted):
    until = time.monotonic() + 60
    while (now := httpx.get(f"{service.url}/readyz", timeout=10).json()["model"]["generation"]) < wanted:
        assert time.monotonic() < until
        time.sleep(0.2)
    return now


def test_replicas_and_workers_share_what_they_remember(model_folder, tmp_path):
    database = f"sqlite:///{tmp_path}/shared.db"
    one = Service(model_folder, database, "--no-llm", "--workers", "2")
    two = Service(model_folder, database, "--no-llm")
    one.ready()
    two.ready()
    try:
        said = {"user": "u", "feedback": [{"item": "Heat (1995)", "kind": "like"}]}
        assert httpx.post(f"{one.url}/v1/feedback", json=said, timeout=20).status_code == 200
        assert httpx.get(f"{two.url}/v1/users/u/personas", timeout=20).json()["personas"]
        talk = httpx.post(f"{two.url}/v1/chat", json={"user": "u", "message": "comedies"}, timeout=20).json()
        older = {"user": "u", "message": "older", "conversation": talk["conversation"]}
        turn = httpx.post(f"{one.url}/v1/chat", json=older, timeout=20).json()
        assert (turn["turn"], turn["understood"]["wanted"]) == (1, ["Comedy"])
        for _ in range(6):
            httpx.post(f"{one.url}/v1/recommend", json={"user": "u"}, timeout=20)
        counted = httpx.get(f"{one.url}/metrics", timeout=20).text
        lines = [
            line
            for line in counted.splitlines()
            if line.startswith("polytaste_requests_total{") and "recommend" in line
        ]
        assert sum(float(line.rpartition(" ")[2]) for line in lines) == 6  # over both workers
    finally:
        assert one.stop() == 0
        assert two.stop() == 0


def test_it_says_what_is_missing_before_it_serves(tmp_path):
    command = [sys.executable, "-c", "from agent.cli import main; main()", "serve"]
    none = subprocess.run(
        [*command, "--model", str(tmp_path / "nothing"), "--database", f"sqlite:///{tmp_path}/m.db"],
        capture_output=True,
        text=True,
    )
    assert (none.returncode, "polytaste train" in none.stderr) == (4, True)
    open_to_all = subprocess.run(
        [*command, "--host", "0.0.0.0", "--database", f"sqlite:///{tmp_path}/m.db"], capture_output=True, text=True
    )
    assert (open_to_all.returncode, "polytaste keys add" in open_to_all.stderr) == (2, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        again = subprocess.run([*command, "--port", port], capture_output=True, text=True)
    assert (again.returncode, f"--port {port}" in again.stderr, "name another" in again.stderr) == (2, True, True)


def test_keys_from_the_command_line(tmp_path):
    command = [sys.executable, "-c", "from agent.cli import main; main()", "keys"]
    where = ["--database", f"sqlite:///{tmp_path}/m.db"]
    made = subprocess.run(
        [*command, "add", "my app", "--scope", "read", *where], capture_output=True, text=True, check=True
    )
    assert made.stdout.startswith("pt-")
    listed = subprocess.run([*command, "list", *where], capture_output=True, text=True, check=True).stdout
    assert "my app" in listed
    assert made.stdout.strip() not in listed
    key = next(line for line in listed.splitlines() if "my app" in line).split()[0]
    told = subprocess.run([*command, "list", "--json", *where], capture_output=True, text=True, check=True).stdout
    (of_app,) = json.loads(told)
    assert of_app.pop("made")[:4].isdigit()
    facts = {"id": key, "name": "my app", "tenant": "default", "scopes": ["read"], "per_minute": None, "revoked": None}
    assert of_app == facts
    assert subprocess.run([*command, "revoke", key, *where]).returncode == 0
    assert subprocess.run([*command, "revoke", key, *where], capture_output=True).returncode == 4
    assert subprocess.run([*command, "add", "x", "--scope", "root", *where], capture_output=True).returncode == 2
