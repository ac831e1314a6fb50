"""Tokens as a model counts them, from its tokenizer's files alone: no weights, no server, no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

from agent.llm.labels import TEMPLATE
from agent.llm.weights import PACKAGED
from agent.paths import checkpoints_folder
from prompts.lint import tokens
from prompts.template import Prompt
from retrieval.errors import ConfigError

_PROBE = {"role": "user", "content": "?"}


class FileTokenizer:
    """A tokenizer of the Hugging Face format.

    Args:
        folder: With ``tokenizer.json`` and a chat template (``chat_template.jinja``, or in ``tokenizer_config.json``).

    Raises:
        ConfigError: The folder has none, it cannot be read, or the reader is not installed.
    """

    def __init__(self, folder: Path) -> None:
        file = folder / "tokenizer.json"
        if not file.is_file():
            raise ConfigError(
                f"--tokenizer {folder}: no tokenizer.json there", "name the folder of a model's checkpoint"
            )
        try:
            from tokenizers import Tokenizer  # noqa: PLC0415  (comes with the extras that run models)
        except ImportError as why:
            raise ConfigError(
                "--tokenizer: the package tokenizers is not installed", "install the extra cpu or gpu"
            ) from why
        try:
            self._tokenizer: Any = Tokenizer.from_file(str(file))
        except Exception as why:  # the library raises nothing narrower
            raise ConfigError(f"--tokenizer {file}: {why}") from why
        self.name = folder.name
        self._template = _chat_template(folder)

    def count(self, text: str) -> int:
        """Tokens of a text on its own."""
        return len(self._ids(text))

    def collisions(self, labels: Sequence[str]) -> list[str]:
        """Labels that are not one distinct token after the chat template's tail; the check that a server makes at its first question."""
        before = self._ids(self._chat([_PROBE]))
        found: list[str] = []
        taken: set[int] = set()
        for label in labels:
            ids = self._ids(self._chat([_PROBE]) + label)
            if ids[:-1] != before or ids[-1] in taken:
                found.append(label)
            else:
                taken.add(ids[-1])
        return found

    def chat(self, system: str, user: str) -> int:
        """Tokens of a whole prompt, the chat template's own among them."""
        chat = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        return len(self._ids(self._chat(chat)))

    def _chat(self, messages: list[dict[str, str]]) -> str:
        return self._template.render(
            messages=messages, add_generation_prompt=True, bos_token="", eos_token="", **TEMPLATE
        )

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids


def find_tokenizer(name: str | None) -> FileTokenizer | None:
    """The one that is named (a folder), or else the packaged model's, if its checkpoint was made; None counts by characters.

    Raises:
        ConfigError: The one that is named cannot be used.
    """
    if name is not None and name != PACKAGED:
        return FileTokenizer(Path(name))
    packaged = checkpoints_folder() / PACKAGED
    if (packaged / "tokenizer.json").is_file():
        return FileTokenizer(packaged)
    if name is not None:
        raise ConfigError(f"--tokenizer {PACKAGED}: not converted yet", "polytaste llm up makes it")
    return None


def whole_tokens(prompt: Prompt, inputs: Mapping[str, Any], counter: FileTokenizer | None) -> int:
    """Tokens of a rendered prompt, counted with the chat template's own, or estimated."""
    system, user = (message.content for message in prompt.render(**inputs))
    return tokens(system + user, None) if counter is None else counter.chat(system, user)


def _chat_template(folder: Path) -> Any:
    own, config = folder / "chat_template.jinja", folder / "tokenizer_config.json"
    text = own.read_text(encoding="utf-8") if own.is_file() else None
    if text is None and config.is_file():
        text = json.loads(config.read_text(encoding="utf-8")).get("chat_template")
    if not isinstance(text, str):
        raise ConfigError(f"--tokenizer {folder}: no chat template", "name the folder of an instruct model")
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text, globals={"raise_exception": _refused})


def _refused(message: str) -> str:
    raise ConfigError(f"the chat template refuses the messages: {message}")
