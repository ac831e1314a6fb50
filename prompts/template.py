"""Prompts as files: front matter and two Jinja blocks, checked on loading, versioned by their content.

This is the only renderer; what an experiment measures is what production sends.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
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
            raise ConfigError(
                f"prompt {self.front.name!r} cannot be rendered{self._where(why)}: {why}",
                has(inputs, self.front.inputs),
            ) from why
        return Message("system", texts[0]), Message("user", texts[1])

    def _where(self, why: BaseException) -> str:
        """The line of the file that failed, if it can be told."""
        trace, line = why.__traceback__, 0
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == (self._template.filename or "<template>"):
                line = self._template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return f", line {line + _head(self.text)}" if line else ""

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
        tree = ENVIRONMENT.parse(parts[2])
        wrong = [*_filters(tree, _head(text)), *_names(parts[2], set(front.inputs), _head(text))]
        if wrong:
            raise ConfigError(
                f"{origin}: {'; '.join(said for said, _ in wrong)}",
                "; ".join(dict.fromkeys(remedy for _, remedy in wrong)),
            )
        template = ENVIRONMENT.from_string(parts[2])
    except ValidationError as why:
        first = why.errors()[0]
        raise ConfigError(f"{origin}: front matter: {'.'.join(map(str, first['loc']))}: {first['msg']}") from why
    except TemplateSyntaxError as why:
        line = parts[2].splitlines()[why.lineno - 1 : why.lineno]
        raise ConfigError(
            f"{origin}, line {why.lineno + _head(text)}: {why.message}",
            f"see {line[0].strip()!r}" if line else "a block is not closed",
        ) from why
    except (yaml.YAMLError, TemplateError) as why:
        raise ConfigError(f"{origin}: {str(why).splitlines()[0]}") from why
    if missing := [block for block in BLOCKS if block not in template.blocks]:
        raise ConfigError(f"{origin}: no block {missing[0]!r}", "a prompt has the blocks system and user")
    return Prompt(front, hashlib.sha256(text.encode()).hexdigest()[:12], text, template)


def has(inputs: Mapping[str, Any], named: Sequence[str]) -> str:
    """What the inputs of a prompt hold, for who misspelt it."""
    found: list[str] = []
    for name in named:
        value = inputs.get(name)
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, Mapping):
            found.append(f"{name}: {', '.join(map(str, first))}")
    return f"what there is: {'; '.join(found)}" if found else ""


def _head(text: str) -> int:
    """Lines of the file before its body."""
    return text[: len(text) - len(text.split("---\n", 2)[2])].count("\n")


def _names(body: str, declared: set[str], head: int) -> Iterator[tuple[str, str]]:
    """Names that the front matter and the body do not agree on, with what to do."""
    lenient = ENVIRONMENT.overlay()  # Jinja gives up at the first filter that there is not
    tree = lenient.parse(body)
    filters: dict[str, Any] = dict.fromkeys((one.name for one in tree.find_all(nodes.Filter)), str)
    tests: dict[str, Any] = dict.fromkeys((one.name for one in tree.find_all(nodes.Test)), bool)
    lenient.filters, lenient.tests = filters | ENVIRONMENT.filters, tests | ENVIRONMENT.tests
    used = meta.find_undeclared_variables(tree)
    lines = {one.name: one.lineno + head for one in reversed(list(tree.find_all(nodes.Name)))}
    for name in sorted(used - declared):
        yield (
            f"line {lines.get(name, head)} uses {name!r}, which inputs does not name",
            "inputs may name what docs/prompts.md lists, and the body uses that alone: add it, or mend its spelling",
        )
    for name in sorted(declared - used):
        yield f"inputs names {name!r}, which the body does not use", f"say it, or take {name!r} from inputs"


def _filters(tree: nodes.Template, head: int) -> Iterator[tuple[str, str]]:
    """Filters and tests that there are not, also where a branch that is seldom reached has them."""
    for kind, node, known in (("filter", nodes.Filter, ENVIRONMENT.filters), ("test", nodes.Test, ENVIRONMENT.tests)):
        lines = {one.name: one.lineno + head for one in reversed(list(tree.find_all(node)))}
        for name, line in lines.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                meant = f"did you mean {near[0]!r}?" if near else f"use one of Jinja's own {kind}s"
                yield f"line {line}: there is no {kind} {name!r}", meant


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
        there = (
            [*library(), *(str(one) for one in Path(name).parent.glob("*.j2"))] if name.endswith(".j2") else library()
        )
        near = difflib.get_close_matches(name, there, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(
            f"no prompt {name!r}", f"{meant}known: {', '.join(library())}; or give the path of a .j2 file"
        )
    return parse(resource.read_text(encoding="utf-8"), resource.name)
