"""The service in this process for what is quick, and as a process of its own for what needs one."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from agent.service.app import create_app
from agent.service.config import ServiceConfig
from retrieval.artifacts import save


@pytest.fixture(scope="session")
def model_folder(model, tmp_path_factory):
    return save(model, tmp_path_factory.mktemp("served") / "model")


@pytest.fixture
def settings(model_folder, tmp_path):
    return ServiceConfig(model=model_folder, database=f"sqlite:///{tmp_path}/memory.db", use_llm=False)


@pytest.fixture
def client(settings):
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def recorded(model):
    """A list as an experiment serves it."""
    from agent.recommender import Recommender

    return Recommender(model).recommend(user="1").model_copy(update={"experiment": "e", "arm": "b"})


class Service:
    """`polytaste serve` as users run it."""

    def __init__(self, model: Path, database: str, *options: str, env: dict[str, str] | None = None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-c", "from agent.cli import main; main()", "serve", "--port", str(self.port)]
        command += ["--model", str(model), "--database", database, *options]
        self.log = Path(str(model.parent / f"serve-{self.port}.log"))
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log, env=os.environ | (env or {}))

    def ready(self, within_s: float = 90) -> "Service":
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise AssertionError(self.log.read_text())
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError("not ready: " + self.log.read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="session")
def running(model_folder, tmp_path_factory):
    """One service for all tests that only ask it."""
    place = tmp_path_factory.mktemp("running")
    service = Service(model_folder, f"sqlite:///{place}/memory.db", "--no-llm").ready()
    yield service
    service.stop()


@pytest.fixture(scope="session")
def postgres():
    """A real server of our own on a socket in a folder; skipped where Postgres is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []
    folder = found[-1] if found else (Path(p).parent if (p := shutil.which("initdb")) else None)
    if folder is None:
        pytest.skip("Postgres is not installed (initdb)")
    # Not under pytest's own folder: another user could not reach it.
    with tempfile.TemporaryDirectory(prefix="polytaste-postgres-") as place:
        server = Postgres(folder, Path(place))
        server.start()
        yield server
        server.stop()


class Postgres:
    def __init__(self, programs: Path, place: Path):
        self.programs, self.place = programs, place
        self.user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
        if self.user:
            shutil.chown(place, self.user)
        self._run("initdb", "-D", str(place / "data"), "-A", "trust", "-U", "polytaste")

    def fresh(self):
        """The URL of an empty database: what other tests left is not in it."""
        name = f"of_{uuid.uuid4().hex}"
        self._run("createdb", "-h", str(self.place), "-U", "polytaste", name)
        return f"postgresql://polytaste@/{name}?host={self.place}"

    def start(self):
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.place}'"
        self._run("pg_ctl", "-D", str(self.place / "data"), "-w", "-o", options, "-l", str(self.place / "log"), "start")

    def stop(self, mode="immediate"):
        self._run("pg_ctl", "-D", str(self.place / "data"), "-m", mode, "stop")

    def _run(self, program, *arguments):
        subprocess.run(
            [str(self.programs / program), *arguments],
            check=True,
            user=self.user,
            cwd=self.place,
            stdout=subprocess.DEVNULL,
        )
