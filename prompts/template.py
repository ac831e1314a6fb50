"""Prompts as files: front matter and two Jinja blocks, checked on loading, versioned by their content.

This is the only renderer; what an experiment measures is what production sends.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, ValidationError

from retrieval.errors import ConfigError

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_BLOCKS = ("system", "user")


class FrontMatter(BaseModel):
    """The head of a prompt file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: str
    output: Literal["label"]
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the chat that is sent."""

    role: Literal["system", "user"]
    content: str


@dataclass(frozen=True)
class Prompt:
    """A prompt that can be rendered.

    Attributes:
        front: Its front matter.
        version: First twelve hex digits of the SHA-256 of the whole file: change a letter and it changes.
    """

    front: FrontMatter
    version: str
    _template: Template

    def render(self, **inputs: Any) -> tuple[Message, ...]:
        """System and user message.

        Args:
            inputs: At least the inputs that the front matter names; what it does not name is not used.

        Raises:
            ConfigError: An input is missing.
        """
        self.require(set(inputs))
        context = self._template.new_context(inputs)
        try:
            texts = ["".join(self._template.blocks[block](context)).strip() for block in _BLOCKS]
        except TemplateError as why:
            raise ConfigError(f"prompt {self.front.name!r} cannot be rendered: {why}") from why
        return Message("system", texts[0]), Message("user", texts[1])

    def require(self, offered: set[str] | frozenset[str]) -> None:
        """Check, before anything is asked, that every input the prompt uses is offered.

        Raises:
            ConfigError: One is not.
        """
        if missing := sorted(set(self.front.inputs) - offered):
            raise ConfigError(
                f"prompt {self.front.name!r} wants inputs that are not there: {', '.join(missing)}",
                f"it may use {', '.join(sorted(offered))}",
            )


def parse(text: str, origin: str) -> Prompt:
    """Read a prompt file.

    Raises:
        ConfigError: The front matter is missing or wrong, a block is missing, the Jinja is broken, or the body
            uses other names than the front matter declares.
    """
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0].strip():
        raise ConfigError(f"{origin}: no front matter", "begin the file with a YAML block between two lines of ---")
    try:
        front = FrontMatter.model_validate(yaml.safe_load(parts[1]))
        template = _ENVIRONMENT.from_string(parts[2])
        used = meta.find_undeclared_variables(_ENVIRONMENT.parse(parts[2]))
    except ValidationError as why:
        first = why.errors()[0]
        raise ConfigError(f"{origin}: front matter: {'.'.join(map(str, first['loc']))}: {first['msg']}") from why
    except (yaml.YAMLError, TemplateError) as why:
        raise ConfigError(f"{origin}: {str(why).splitlines()[0]}") from why
    if missing := [block for block in _BLOCKS if block not in template.blocks]:
        raise ConfigError(f"{origin}: no block {missing[0]!r}", "a prompt has the blocks system and user")
    if used != set(front.inputs):
        raise ConfigError(f"{origin}: declares {sorted(front.inputs)} but uses {sorted(used)}", "make the two agree")
    return Prompt(front, hashlib.sha256(text.encode()).hexdigest()[:12], template)


@cache
def load(name: str = "rerank-shares") -> Prompt:
    """A prompt of the library by name, or any file by path.

    Raises:
        ConfigError: There is none, or it is malformed.
    """
    path = Path(name)
    if path.suffix == ".j2" and path.is_file():
        return parse(path.read_text(encoding="utf-8"), str(path))
    resource = files("prompts") / "library" / f"{name}.j2"
    if not resource.is_file():
        known = sorted(p.name.removesuffix(".j2") for p in (files("prompts") / "library").iterdir())
        raise ConfigError(f"no prompt {name!r}", f"known: {', '.join(known)}; or give the path of a .j2 file")
    return parse(resource.read_text(encoding="utf-8"), resource.name)
