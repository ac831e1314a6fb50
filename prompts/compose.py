"""Prompts put together from parts of the library: one way to tell of tastes, one way to tell of proportions.

The sentences are those of the files, so that what a factorial experiment finds of a part holds for the prompts that have it.
"""

from __future__ import annotations

import re

from prompts.template import Prompt, load, parse
from retrieval.errors import ConfigError

TASTES = {
    "both": "rerank-shares",
    "words": "rerank-tastes-words",
    "exemplars": "rerank-tastes-exemplars",
    "none": "rerank-tastes-none",
}
"""Prompt of the library that tells of tastes in this way: by categories and titles, by either, not at all."""

SHARES = {"places": "rerank-shares", "percent": "rerank-shares-percent", "table": "rerank-shares-table", "none": ""}
"""Prompt of the library that asks for proportions in this way; none does not ask for them."""

_SLOTS = re.compile(r"^\{% if slots %\}\n.*?^\{% endif %\}\n", re.MULTILINE | re.DOTALL)
_RULE = re.compile(r", and keeps the (?:tastes|list) in the proportions that are asked for")
_K = re.compile(r"\{\{ k \}\}")


def compose(tastes: str, shares: str) -> Prompt:
    """The prompt that tells of tastes in one way and of proportions in another.

    Args:
        tastes: Of :data:`TASTES`.
        shares: Of :data:`SHARES`.

    Raises:
        ConfigError: There is no such way.
    """
    for name, value, known in (("tastes", tastes, TASTES), ("shares", shares, SHARES)):
        if value not in known:
            raise ConfigError(f"{name}: there is no {value!r}", f"one of {', '.join(known)}")
    base = load(TASTES[tastes])
    block = _slots(SHARES[shares]) if SHARES[shares] else ""
    body = _SLOTS.sub(lambda _: block, base.body)
    if not block:
        body = _RULE.sub("", body)
    gone = ({"slots", "k"} if not block else set[str]()) | (set[str]() if _K.search(body) else {"k"})
    inputs = [name for name in (*base.front.inputs, "k") if name not in gone]
    name = f"tastes-{tastes}-shares-{shares}"
    head = (
        f"---\nname: {name}\npurpose: Tastes told as {tastes}, proportions as {shares}.\noutput: {base.front.output}\n"
    )
    return parse(f"{head}inputs: [{', '.join(dict.fromkeys(inputs))}]\n---\n{body}", name)


def _slots(name: str) -> str:
    found = _SLOTS.search(load(name).body)
    if found is None:
        raise ConfigError(f"prompt {name!r} asks for no proportions", "it has no block that begins with {% if slots %}")
    return found[0]
