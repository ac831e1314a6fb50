"""The container files, read: what they name exists here, and vLLM is started as the embedded one is. No container is started."""

import argparse
import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
import yaml

from agent.llm.server import launch_command
from agent.llm.weights import PACKAGED
from deploy import vllm_cpu

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
SERVICES = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]


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
