"""The container files, read: what they name exists here, and vLLM is started as the embedded one is. No container is started."""

import argparse
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
import yaml

from agent import paths
from agent.llm.server import launch_command
from agent.llm.weights import PACKAGED
from deploy import vllm_cpu

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def instruction(name):
    """The one instruction of that name in the container file, its continued lines joined."""
    (found,) = re.findall(rf"^{name} (.*)$", re.sub(r"\\\n\s*", "", DOCKERFILE), re.MULTILINE)
    return found


def environment():
    return dict(pair.split("=", 1) for pair in shlex.split(instruction("ENV")))


def options_of(command):
    from agent.cli import app

    found = typer.main.get_command(app).commands[command]
    return {o for p in found.params for o in p.opts}, {p.envvar for p in found.params if getattr(p, "envvar", None)}


def test_every_option_and_environment_name_is_one_of_ours():
    flags, names = options_of("serve")
    started = re.search(r"exec polytaste serve (.*?)\"\]", DOCKERFILE).group(1)
    assert set(re.findall(r"--[\w-]+", started)) <= flags
    ours = {name for s in SERVICES.values() for name in s.get("environment", {}) if name.startswith("POLYTASTE_")}
    assert ours == {"POLYTASTE_DATABASE", "POLYTASTE_LLM_URL", "POLYTASTE_LLM_MODEL"}
    assert ours <= names
    assert "polytaste train" in DOCKERFILE
    assert options_of("train")


def test_the_image_is_made_of_what_is_there_and_of_nothing_else():
    sources = [word for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]]
    assert all((ROOT / source).exists() for source in sources)
    let_in = {line.lstrip("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert let_in == set(sources)
    assert SERVICES["service"]["image"] == SERVICES["vllm-cpu"]["image"]
    assert (ROOT / "deploy" / SERVICES["service"]["build"]["context"]).resolve() == ROOT
    extras = re.search(r"\.\[(.*?)\]", DOCKERFILE).group(1).split(",")
    assert all(re.search(rf"^{extra} = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE) for extra in extras)


def test_vllm_is_started_as_the_embedded_one_is(monkeypatch):
    def plain(words):
        return [re.sub(r"\$\{\w+:-(.*?)\}", r"\1", word) for word in words]

    embedded = launch_command("m", "m", 8000, cpu=False)[3:]
    gpu = plain(SERVICES["vllm-gpu"]["command"])
    assert {w for w in embedded if w.startswith("--")} == {w for w in gpu if w.startswith("--")}
    assert set(embedded[embedded.index("--max-model-len") :]) <= set(gpu)
    monkeypatch.setattr(vllm_cpu, "checkpoint", lambda model: f"/weights/{model}")
    cpu = vllm_cpu.command(PACKAGED)
    assert cpu[:-2] == launch_command(f"/weights/{PACKAGED}", PACKAGED, 8000, cpu=True)
    for line in (gpu, cpu):
        parser = argparse.ArgumentParser()
        for name in ("--host", "--port", "--served-model-name"):
            parser.add_argument(name)
        told, _ = parser.parse_known_args(line)
        assert (told.host, told.port, told.served_model_name) == ("0.0.0.0", "8000", PACKAGED)
    assert SERVICES["vllm-gpu"]["image"].rpartition(":v")[2] == version("vllm-cpu")
    assert plain([SERVICES["service"]["environment"]["POLYTASTE_LLM_MODEL"]]) == [PACKAGED]
    assert {tuple(SERVICES[s]["networks"]["default"]["aliases"]) for s in ("vllm-cpu", "vllm-gpu")} == {("vllm",)}


@pytest.mark.parametrize("password", ["p@ss/w#rd%:?", "'\" \\ $x"])
def test_the_password_is_no_part_of_the_url(password, monkeypatch):
    import psycopg

    from agent.memory.database import Database

    environment = SERVICES["service"]["environment"]
    assert "PASSWORD" not in environment["POLYTASTE_DATABASE"]
    monkeypatch.setitem(os.environ, "PGPASSWORD", password)
    database = Database(environment["POLYTASTE_DATABASE"])
    arguments, options = database.engine.dialect.create_connect_args(database.url)
    assert (options["host"], options["user"], options["dbname"]) == ("database", "polytaste", "polytaste")
    defaults = {o.keyword.decode(): o.val for o in psycopg.pq.Conninfo.get_defaults()}
    assert (arguments, defaults["password"]) == ([], password.encode())


def test_what_the_package_is_built_of_is_copied():
    sources = {word for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = [project["project"]["readme"], *project["project"]["license-files"]]
    needed += project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert [path for path in needed if path.split("/")[0] not in sources] == []
    assert set(SERVICES["vllm-cpu"]["command"][1:]) <= sources  # relative to where the image works
    python = re.search(r"^FROM python:(\d+)\.(\d+)", DOCKERFILE, re.MULTILINE)
    low, high = re.findall(r"3\.(\d+)", project["project"]["requires-python"])
    assert int(low) <= int(python.group(2)) < int(high)


def test_nobody_runs_as_root_and_all_that_is_written_is_on_a_volume_of_the_user(monkeypatch):
    lines = DOCKERFILE.splitlines()
    made = next(i for i, line in enumerate(lines) if "useradd --create-home polytaste" in line)
    assert "chown polytaste /data" in lines[made]
    assert made < lines.index("USER polytaste") < lines.index("VOLUME /data")
    assert environment()["NUMBA_CACHE_DIR"].startswith("/data/")
    monkeypatch.setenv("POLYTASTE_HOME", environment()["POLYTASTE_HOME"])
    served = paths.models_folder() / "default" / "manifest.json"
    assert all(folder.is_relative_to("/data") for folder in (served, paths.memory_file(), paths.checkpoints_folder()))
    assert f"test -e {served} " in instruction("CMD")
    assert str(served.parent) in DOCKERFILE.replace(instruction("CMD"), "")  # where the comment says that yours goes
    for one in SERVICES.values():
        if one["image"] == "polytaste":
            assert [volume.split(":")[1] for volume in one["volumes"]] == ["/data"]
    assert {volume.split(":")[0] for one in SERVICES.values() for volume in one["volumes"]} == set(COMPOSE["volumes"])


def test_ports_are_those_of_the_code():
    from agent.service.config import ServiceConfig

    port = ServiceConfig().port
    assert instruction("EXPOSE") == str(port)
    assert "--port" not in instruction("CMD")
    assert SERVICES["service"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert SERVICES["service"]["environment"]["POLYTASTE_LLM_URL"] == f"http://vllm:{vllm_cpu.PORT}"
    assert all(
        "ports" not in one for name, one in SERVICES.items() if name != "service"
    )  # nobody else is reached from outside


def test_profiles_choose_the_language_model_and_nothing_else():
    profiles = {name: one.get("profiles") for name, one in SERVICES.items()}
    assert profiles == {"database": None, "service": None, "vllm-cpu": ["cpu"], "vllm-gpu": ["gpu"]}
    waits = SERVICES["service"]["depends_on"]
    assert waits == {"database": {"condition": "service_healthy"}}
    asks = SERVICES["database"]["healthcheck"]["test"][1]
    assert asks == f"pg_isready -U {SERVICES['database']['environment']['POSTGRES_USER']}"
    assert SERVICES["vllm-cpu"]["healthcheck"] == {"disable": True}
    for place in ("docs/service.md", "deploy/compose.yaml"):
        told = (ROOT / place).read_text()
        assert set(re.findall(r"--profile (\w+)", told)) == {"cpu", "gpu"}
        assert "docker compose run --build --rm service polytaste keys add my-app" in told


def test_the_health_check_tells_a_service_that_answers_from_one_that_does_not(running):
    check = json.loads(instruction("HEALTHCHECK").partition("CMD ")[2])
    assert check[0] == "python"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        for port, healthy in ((running.port, True), (unused.getsockname()[1], False)):
            line = [sys.executable, *(word.replace(":8080/", f":{port}/") for word in check[1:])]
            assert (subprocess.run(line, capture_output=True).returncode == 0) is healthy


@pytest.mark.parametrize("trained", [False, True])
def test_the_first_start_trains_and_the_others_serve(tmp_path, trained):
    stub = tmp_path / "polytaste"
    stub.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\n')
    stub.chmod(0o755)
    if trained:
        model = tmp_path / "data" / "models" / "default"
        model.mkdir(parents=True)
        (model / "manifest.json").write_text("{}")
    line = [word.replace("/data/data/", f"{tmp_path}/data/") for word in json.loads(instruction("CMD"))]
    subprocess.run(line, check=True, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "WORKERS": "3"})
    called = (tmp_path / "called").read_text().splitlines()
    assert called == [*([] if trained else ["train"]), "serve --host 0.0.0.0 --workers 3"]
