"""A rendered prompt taken apart: which text comes from which input, and how much of it a server need not read again.

vLLM keeps what it has read by prefix: two prompts share the work up to the first byte in which they differ. So a prompt says what
never changes first, then what changes with the user, with the request and with every call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from jinja2 import Template, nodes

from prompts.rerank import STABILITY
from prompts.template import BLOCKS, ENVIRONMENT, Prompt
from retrieval.errors import ConfigError

RULES = "rules"
"""Name of text that no input changes."""

CACHED = {"everyone": 0, "the user": 2, "the request": 3}
"""Whose prompts share a prefix, and the last stability that it may hold."""

_MARK = "\x00{}\x00"
_MARKED = re.compile("\x00([0-9]+)\x00")


@dataclass(frozen=True, slots=True)
class Part:
    """A run of text that the same inputs made.

    Attributes:
        role: The message it is in.
        name: The input that changes soonest among those it speaks of, or :data:`RULES`.
        inputs: All of them.
        stability: How soon it changes; see :data:`prompts.rerank.STABILITY`, 0 never.
        text: What it says.
    """

    role: Literal["system", "user"]
    name: str
    inputs: frozenset[str]
    stability: int
    text: str


def parts(prompt: Prompt, inputs: Mapping[str, Any]) -> tuple[Part, ...]:
    """What a prompt says, in order; joined by role it is what :meth:`Prompt.render` gives.

    Args:
        prompt: Any prompt.
        inputs: As for rendering it.

    Raises:
        ConfigError: It cannot be rendered with these inputs.
    """
    if any("\x00" in message.content for message in prompt.render(**inputs)):
        raise ConfigError(f"prompt {prompt.front.name!r}: an input holds a character that no text has (NUL)")
    template, uses = _marked(prompt.body, prompt.front.inputs)
    context = template.new_context(dict(inputs))
    out: list[Part] = []
    for role in BLOCKS:
        text = "".join(template.blocks[role](context))
        pieces = _MARKED.split(text)[1:]
        found = [
            _part(role, uses[role][int(number)], said) for number, said in zip(pieces[::2], pieces[1::2], strict=True)
        ]
        out += _stripped(found)
    return tuple(out)


def joined(found: Sequence[Part]) -> tuple[Part, ...]:
    """The same with headings put to what they head, and neighbours of one name made one: what a reader calls a part."""
    out: list[Part] = []
    heading: Part | None = None
    for at, part in enumerate(found):
        follows = any(other.role == part.role and other.inputs for other in found[at + 1 :])
        if not part.inputs and part.role == "user" and follows:
            heading = part if heading is None else replace(heading, text=heading.text + part.text)
            continue
        whole = part if heading is None else _part(part.role, part.inputs, heading.text + part.text)
        heading = None
        if out and (out[-1].role, out[-1].name) == (whole.role, whole.name):
            both = _part(whole.role, out[-1].inputs | whole.inputs, out[-1].text + whole.text)
            out[-1] = both
        else:
            out.append(whole)
    return tuple(out)


def cached(found: Sequence[Part]) -> dict[str, int]:
    """Characters of the prefix that is read once for each of :data:`CACHED`; the chat template's own text is not counted."""
    out: dict[str, int] = {}
    for whose, last in CACHED.items():
        first = next((at for at, part in enumerate(found) if part.stability > last), len(found))
        out[whose] = sum(len(part.text) for part in found[:first])
    return out


def _part(role: Literal["system", "user"], inputs: frozenset[str], text: str) -> Part:
    name = max(inputs, key=lambda one: (STABILITY.get(one, 4), one), default=RULES)
    return Part(role, name, inputs, STABILITY.get(name, 4) if inputs else 0, text)


def _stripped(found: list[Part]) -> list[Part]:
    """Without white space at both ends, as a message is, and without parts that say nothing."""
    while found and not found[0].text.lstrip():
        found = found[1:]
    while found and not found[-1].text.rstrip():
        found = found[:-1]
    if found:
        found[0] = replace(found[0], text=found[0].text.lstrip())
        found[-1] = replace(found[-1], text=found[-1].text.rstrip())
    return [part for part in found if part.text]


@cache
def _marked(body: str, inputs: tuple[str, ...]) -> tuple[Template, dict[str, list[frozenset[str]]]]:
    """The prompt with a mark before every piece, and what inputs each piece of a block speaks of."""
    tree = ENVIRONMENT.parse(body)
    uses: dict[str, list[frozenset[str]]] = {}
    for block in tree.find_all(nodes.Block):
        if block.name not in BLOCKS:
            continue
        made: dict[str, frozenset[str]] = {}
        marked: list[nodes.Node] = []
        of: list[frozenset[str]] = []
        for piece in _pieces(block.body):
            names = {name.name: name.ctx for name in piece.find_all(nodes.Name)}
            read = {name for name, how in names.items() if how == "load"}
            spoken = frozenset(read & set(inputs)).union(*(made[name] for name in read & set(made)))
            if isinstance(piece, nodes.Assign | nodes.AssignBlock):
                made |= {name: spoken for name, how in names.items() if how == "store"}
            marked += [nodes.Output([nodes.TemplateData(_MARK.format(len(of)))]), piece]
            of.append(spoken)
        block.body, uses[block.name] = marked, of
    return ENVIRONMENT.from_string(tree), uses


def _pieces(body: Sequence[nodes.Node]) -> Iterator[nodes.Node]:
    for node in body:
        if isinstance(node, nodes.Output):
            yield from (nodes.Output([one], lineno=node.lineno) for one in node.nodes)
        else:
            yield node
