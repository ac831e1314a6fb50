"""Prompts as files: front matter and two Jinja blocks, checked on loading, versioned by their content.

This is the only renderer; what an experiment measures is what production sends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retrieval.errors import ConfigError

ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
BLOCKS: tuple[Literal["system", "user"], ...] = ("system", "user")
"""What a prompt consists of: one message each."""

_watched: ContextVar[list[dict[str, Any]] | None] = ContextVar("watched", default=None)


class FrontMatter(BaseModel):
    """The head of a prompt file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: str
    output: Literal["label", "permutation", "scores", "yes-no", "reading", "sentences"]
    inputs: tuple[str, ...]
    budget: dict[str, int] = Field(
        default_factory=dict, description="most tokens of a part, where the linter's is wrong"
    )


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
        text: The whole file.
    """

    front: FrontMatter
    version: str
    text: str
    _template: Template

    @property
    def body(self) -> str:
        """The file without its front matter."""
        return self.text.split("---\n", 2)[2]

    def render(self, **inputs: Any) -> tuple[Message, ...]:
        """System and user message.

        Args:
            inputs: At least the inputs that the front matter names; what it does not name is not used.

        Raises:
            ConfigError: An input is missing, or the template fails with these.
        """
        self.require(set(inputs))
        if (watched := _watched.get()) is not None:
            watched.append(inputs)
        context = self._template.new_context(inputs)
        try:
            texts = ["".join(self._template.blocks[block](context)).strip() for block in BLOCKS]
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as why:
            # Expressions of a template are Python's: a quotient or a sum can fail in a way that Jinja has no word for.
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
        template = ENVIRONMENT.from_string(parts[2])
        used = meta.find_undeclared_variables(ENVIRONMENT.parse(parts[2]))
    except ValidationError as why:
        first = why.errors()[0]
        raise ConfigError(f"{origin}: front matter: {'.'.join(map(str, first['loc']))}: {first['msg']}") from why
    except (yaml.YAMLError, TemplateError) as why:
        raise ConfigError(f"{origin}: {str(why).splitlines()[0]}") from why
    if missing := [block for block in BLOCKS if block not in template.blocks]:
        raise ConfigError(f"{origin}: no block {missing[0]!r}", "a prompt has the blocks system and user")
    if used != set(front.inputs):
        raise ConfigError(f"{origin}: declares {sorted(front.inputs)} but uses {sorted(used)}", "make the two agree")
    return Prompt(front, hashlib.sha256(text.encode()).hexdigest()[:12], text, template)


@contextmanager
def watched() -> Generator[list[dict[str, Any]]]:
    """The inputs of everything that is rendered in this context, so that other prompts can be given exactly the same."""
    seen: list[dict[str, Any]] = []
    token = _watched.set(seen)
    try:
        yield seen
    finally:
        _watched.reset(token)


def library() -> tuple[str, ...]:
    """Names of the prompts that are shipped, sorted."""
    return tuple(sorted(p.name.removesuffix(".j2") for p in (files("prompts") / "library").iterdir()))


def load(name: str = "rerank-shares") -> Prompt:
    """A prompt of the library by name, or any file by path, read again each time so that an edit is seen.

    Raises:
        ConfigError: There is none, it is not UTF-8, or it is malformed.
    """
    path = Path(name)
    if path.suffix == ".j2" and path.is_file():
        try:
            text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark of its encoding
        except UnicodeDecodeError as why:
            raise ConfigError(f"{path}: not a text in UTF-8", "save it in that encoding") from why
        return parse(text, str(path))
    return _shipped(name)


@cache
def _shipped(name: str) -> Prompt:
    resource = files("prompts") / "library" / f"{name}.j2"
    if not resource.is_file():
        raise ConfigError(f"no prompt {name!r}", f"known: {', '.join(library())}; or give the path of a .j2 file")
    return parse(resource.read_text(encoding="utf-8"), resource.name)
