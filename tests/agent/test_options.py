"""Every option of the command line changes something that can be seen."""

import hashlib
import json
import random
import socket
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent.llm.server import launch_command
from retrieval.datasets import download as fetching
from retrieval.errors import ConfigError, DataError
from tests.agent.test_cli import polytaste


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """60 readers, 40 books, ratings 1 to 5: another domain than films, and no catalogue of its own."""
    draw = random.Random(0)
    rows = [f"reader {u},book {i},{draw.randint(1, 5)}" for u in range(60) for i in draw.sample(range(40), 16)]
    path = tmp_path_factory.mktemp("books") / "log.csv"
    path.write_text("user_id,item_id,rating\n" + "\n".join(rows))
    return path


def test_like_above_decides_what_is_liked(log, tmp_path):
    def likes(above):
        done = polytaste("train", "--data", log, "--like-above", above, "--epochs", 0, "--out", tmp_path / f"m{above}")
        assert done.returncode == 0, done.stderr
        return int(done.stderr.split(" likes of ")[0].split()[-1].replace(",", ""))

    low, high = likes(1.5), likes(4.5)
    ratings = [int(line.rsplit(",", 1)[1]) for line in log.read_text().splitlines()[1:]]
    assert low == sum(r > 1.5 for r in ratings)
    assert high == sum(r > 4.5 for r in ratings)


def test_seed_decides_the_model(log, tmp_path):
    def weights(seed, name):
        done = polytaste("train", "--data", log, "--epochs", 1, "--seed", seed, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        file = next((tmp_path / name).glob("*.safetensors"))
        return hashlib.sha256(file.read_bytes()).hexdigest()

    assert weights(0, "a") == weights(0, "b") != weights(1, "c")


def test_eval_options(log, tmp_path):
    def run(*more):
        done = polytaste("eval", "--data", log, "--folds", 2, "--json", *more)
        return done, json.loads(done.stdout) if done.returncode == 0 else None

    done, few = run("--like-above", 0.5, "--min-items", 5, "--plot", tmp_path / "curve.png")
    assert done.returncode == 0, done.stderr
    assert few["users"] == 60
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    done, _ = run("--like-above", 0.5, "--min-items", 17)
    assert done.returncode == 3
    assert "--min-items" in done.stderr
    done = polytaste("eval", "--data", log, "--like-above", 0.5, "--folds", 20, "--min-items", 17)
    assert done.returncode == 3


def test_port_goes_to_the_server():
    command = launch_command("source", "name", 8123, cpu=True)
    assert command[command.index("--port") + 1] == "8123"
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--generation-config") + 1] == "vllm"


def test_busy_port_is_said_at_once(tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        done = polytaste("llm", "up", "--port", port, home=tmp_path)
    assert done.returncode == 5
    assert f"port {port} is in use" in done.stderr


@pytest.fixture
def archive_host(tmp_path, monkeypatch):
    """A real HTTP server with a small archive in place of the large ones."""
    folder = tmp_path / "served"
    folder.mkdir()
    with zipfile.ZipFile(folder / "ml-1m.zip", "w") as archive:
        for name in ("movies.dat", "ratings.dat"):
            archive.writestr(f"ml-1m/{name}", "x")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(fetching, "_BASE", f"http://127.0.0.1:{server.server_port}/")
    yield hashlib.md5((folder / "ml-1m.zip").read_bytes()).hexdigest()  # noqa: S324 (what GroupLens publishes)
    server.shutdown()
    server.server_close()


def test_download_verifies_and_unpacks_where_asked(archive_host, tmp_path, monkeypatch):
    monkeypatch.setitem(fetching.ARCHIVES, "ml-1m", f"md5:{archive_host}")
    place = fetching.download("ml-1m", tmp_path / "here")
    assert place.is_relative_to(tmp_path / "here")
    assert (place / "ratings.dat").is_file()
    monkeypatch.setitem(fetching.ARCHIVES, "ml-1m", "md5:" + "0" * 32)
    with pytest.raises(DataError, match="download failed"):
        fetching.download("ml-1m", tmp_path / "there")
    assert not list((tmp_path / "there").glob("*"))
    with pytest.raises(ConfigError, match="ml-9"):
        fetching.download("ml-9", tmp_path)


def test_a_two_megabyte_message_is_refused_and_the_chat_goes_on(log, tmp_path):
    out = tmp_path / "m"
    assert polytaste("train", "--data", log, "--epochs", 0, "--out", out).returncode == 0
    huge = "x" * 2_000_000
    done = polytaste("chat", "--user", "reader 1", "--no-llm", "--model", out, stdin=f"{huge}\nthree books\n\n")
    assert done.returncode == 0
    assert "at most 4,000" in done.stderr
    assert len(done.stderr) < 2000
    assert done.stdout.count("C_KL") == 1
