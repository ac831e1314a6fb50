"""Prompts put together from parts of the library: how tastes, history and proportions are told, and how candidates are shown.

The sentences are those of the files, so that what an experiment finds of a part holds for the prompts that have it. A part is a block of
the user's message, ``{% if personas %}`` to its ``{% endif %}`` for instance; it is put where the prompt had one, or where the library has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import TemplateError, meta

from prompts.rerank import STABILITY
from prompts.template import ENVIRONMENT, Prompt, load, parse
from retrieval.errors import ConfigError

TASTES = {
    "both": "rerank-shares",
    "words": "rerank-tastes-words",
    "exemplars": "rerank-tastes-exemplars",
    "none": "",
}
"""Prompt of the library that tells of tastes in this way: by categories and titles, by either, not at all."""

HISTORY = {
    "none": "",
    "fifteen": "rerank-history",
    "five": "rerank-history-recent",
    "sentence": "rerank-history-summary",
}
"""Prompt of the library that tells of the history in this way: not at all, the last fifteen likes, the last five, a sentence."""

SHARES = {"places": "rerank-shares", "percent": "rerank-shares-percent", "table": "rerank-shares-table", "none": ""}
"""Prompt of the library that asks for proportions in this way; none does not ask for them."""

CANDIDATES = {"features": "rerank-shares", "titles": "rerank-titles"}
"""Prompt of the library that shows candidates in this way."""

PARTS: dict[str, tuple[str, ...]] = {
    "tastes": tuple(TASTES),
    "history": tuple(HISTORY),
    "shares": tuple(SHARES),
    "candidates": tuple(CANDIDATES),
    "first": ("best", "worst"),
}
"""All parts with their levels; ``first`` is the candidate that stands first, by retrieval."""

OWN = "own"
"""Level of a part that a prompt has in its own way, which is not the library's."""

_TOLD = {"tastes": TASTES, "history": HISTORY, "shares": SHARES}
_BLOCK = {
    name: re.compile(rf"^\{{% if (?:{of}) %\}}\n.*?^\{{% endif %\}}\n", re.MULTILINE | re.DOTALL)
    for name, of in (("tastes", "personas"), ("history", r"history|overview\.count"), ("shares", "slots"))
} | {"candidates": re.compile(r"^\{% for c in candidates(?: \| reverse)? %\}\n.*?^\{% endfor %\}\n", re.MULTILINE | re.DOTALL)}  # fmt: skip
_LOOP = re.compile(r"\{% for c in candidates(?: \| reverse)? %\}")
_USER = "{% block user %}\n"
_MARK = "{% if c.persona %} (taste {{ c.persona }}){% endif %}"
_NOTHING = "{% else %}\nNothing is known of this user yet.\n"
_RULE = re.compile(
    r"suits (?:one of the user's tastes and the request|what the user liked and the request|the request)"
    r"(?:, and keeps the (?:tastes|list) in the proportions that are asked for)?"
)


def compose(tastes: str, shares: str) -> Prompt:
    """The prompt that tells of tastes in one way and of proportions in another.

    Args:
        tastes: Of :data:`TASTES`.
        shares: Of :data:`SHARES`.

    Raises:
        ConfigError: There is no such way.
    """
    base = load("rerank-shares")
    body = varied(base.body, {"tastes": tastes, "shares": shares})
    return headed(base, body, f"tastes-{tastes}-shares-{shares}", f"Tastes told as {tastes}, proportions as {shares}.")


def levels_of(body: str) -> dict[str, str]:
    """Which level of each part a prompt has; :data:`OWN` where it has its own, no entry where it cannot be told."""
    found: dict[str, str] = {}
    for part in _TOLD:
        block = _block(part, body)
        if block is not None:
            found[part] = _level(part, block) if block else "none"
    if shown := _block("candidates", body):
        found["candidates"] = _level("candidates", shown)
        found["first"] = "worst" if "reverse" in shown.split("\n", 1)[0] else "best"
    return found


def varied(body: str, levels: Mapping[str, str]) -> str:
    """A prompt's body with other parts; what it says of a good choice follows what it tells.

    Args:
        body: Without front matter; what cannot be told apart in it stays as it is.
        levels: Of some of :data:`PARTS`; those that it has already change nothing.

    Raises:
        ConfigError: There is no such part, or no such level.
    """
    has = levels_of(body)
    for part, level in levels.items():
        if part not in PARTS or level not in {*PARTS[part], has.get(part)}:
            raise ConfigError(f"{part}: there is no {level!r}", f"one of {', '.join(PARTS.get(part, tuple(PARTS)))}")
    changed = {part: level for part, level in levels.items() if part in has and level != has[part]}
    at = body.index(_USER) + len(_USER)
    for part in _TOLD:
        block = _block(part, body)
        if part in changed:
            new = _text(part, changed[part])
            place = body.index(block) if block else at
            body = body[:place] + new + body[place + len(block or "") :]
            block = new
        if block:
            at = body.index(block) + len(block)
    told = {part: bool(_block(part, body)) for part in _TOLD}
    if set(changed) & set(_TOLD):
        body = _RULE.sub(_rule(**told), body)
        first = body.find(_NOTHING) + len(_NOTHING)
        body = body[:first] + body[first:].replace(_NOTHING, "")
    shown = _block("candidates", body)
    if shown and set(changed) & {"tastes", "candidates", "first"}:
        new = _text("candidates", changed["candidates"]) if "candidates" in changed else shown
        if "tastes" in changed and has["candidates"] == "features" and "candidates" not in changed:
            new = _text("candidates", "features")
        new = new if told["tastes"] else new.replace(_MARK, "")
        turned = " | reverse" if changed.get("first", has["first"]) == "worst" else ""
        body = body.replace(shown, _LOOP.sub(f"{{% for c in candidates{turned} %}}", new))
    return body


def headed(start: Prompt, body: str, name: str, purpose: str) -> Prompt:
    """A body as a prompt of its own, which declares what it uses.

    Args:
        start: Prompt that it was made from, for the kind of answer and the budgets.
        body: Its two blocks.
        name: Of the new prompt.
        purpose: One line.

    Raises:
        ConfigError: The body is no prompt.
    """
    try:
        used = meta.find_undeclared_variables(ENVIRONMENT.parse(body))
    except TemplateError as why:
        raise ConfigError(f"{name}: {why}") from why
    order = [*start.front.inputs, *STABILITY]
    front: dict[str, Any] = {
        "name": name, "purpose": purpose, "output": start.front.output,
        "inputs": sorted(used, key=lambda one: order.index(one) if one in order else len(order)),
    }  # fmt: skip
    if start.front.budget:
        front["budget"] = start.front.budget
    head = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in front.items())
    return parse(f"---\n{head}---\n{body}", name)


def _block(part: str, body: str) -> str | None:
    """The block of a part, empty if there is none; None if it cannot be told where it ends."""
    found = _BLOCK[part].findall(body)
    if not found:
        return ""
    whole = len(re.findall(r"\{% if ", found[0])) == found[0].count("{% endif %}")
    return found[0] if len(found) == 1 and whole else None


def _text(part: str, level: str) -> str:
    """A level of a part, as the library's prompt has it."""
    source = {**_TOLD, "candidates": CANDIDATES}[part][level]
    return (_block(part, load(source).body) or "") if source else ""


def _level(part: str, block: str) -> str:
    return next((one for one in PARTS[part] if _plain(_text(part, one)) == _plain(block)), OWN)


def _plain(block: str) -> str:
    """What makes a level, without what depends on the other parts."""
    return _LOOP.sub("", block).replace(_MARK, "").replace(_NOTHING, "")


def _rule(*, tastes: bool, history: bool, shares: bool) -> str:
    liked = "one of the user's tastes and the request" if tastes else "what the user liked and the request"
    kept = f", and keeps the {'tastes' if tastes else 'list'} in the proportions that are asked for"
    return f"suits {liked if tastes or history else 'the request'}{kept if shares else ''}"
