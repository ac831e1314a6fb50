"""What is wrong with a prompt before anybody is asked: what it wastes, what it cannot mean, what will not be understood.

Errors are prompts that cannot work (what fails for a new user, labels that are no tokens); warnings are prompts that cost more or
do less than they could. Lengths are counted by a tokenizer where one is at hand, else estimated from characters; the findings say which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from jinja2 import nodes

from prompts.parts import RULES, Part, joined, parts
from prompts.sample import sample_inputs
from prompts.template import ENVIRONMENT, Prompt
from retrieval.errors import ConfigError

CHARACTERS_PER_TOKEN = 4
"""Of English prose; other languages and rare names need more tokens."""

BUDGET: dict[str, int] = {
    RULES: 150, "personas": 200, "history": 900, "overview": 100, "slots": 100, "request": 130, "candidates": 900, "whole": 2500,
}  # fmt: skip
"""Most tokens of each part; a prompt's front matter may say others."""

SUFFIX_CHARACTERS = 160
"""Text behind what changes with a call that is worth repeating: a reminder of how to answer, no more."""

Severity = Literal["error", "warning"]


class Tokenizer(Protocol):
    """A model's way to cut text.

    Attributes:
        name: Of the model.
    """

    @property
    def name(self) -> str:
        """Of the model."""
        ...

    def count(self, text: str) -> int:
        """Tokens of a text on its own."""
        ...

    def collisions(self, labels: Sequence[str]) -> list[str]:
        """Labels that are not one distinct token of their own where an answer begins."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        rule: Which rule found it.
        severity: Whether the prompt can work at all.
        message: What is wrong, and where.
        remedy: What to do.
    """

    rule: str
    severity: Severity
    message: str
    remedy: str


def lint(
    prompt: Prompt,
    inputs: Mapping[str, Any] | None = None,
    tokenizer: Tokenizer | None = None,
    labels: Sequence[str] = (),
) -> list[Finding]:
    """Everything that is found, errors first.

    Args:
        prompt: Any prompt that could be parsed.
        inputs: Of a real request; None takes :func:`prompts.sample.sample_inputs`.
        tokenizer: Of the model that will be asked; None estimates lengths and cannot check labels.
        labels: What the candidates of the mode that reads this prompt are called.

    Raises:
        ConfigError: The prompt cannot be rendered with these inputs.
    """
    given = dict(sample_inputs() if inputs is None else inputs)
    said = parts(prompt, given)
    if broken := list(_empty(prompt, given)):
        return broken
    found = [
        *_without_effect(prompt, given),
        *_never_read(prompt),
        *_in_order(said),
        *_over_budget(prompt, said, tokenizer),
        *_explains(prompt, said),
        *_unlabelled(prompt, given),
        *([] if tokenizer is None else _colliding(tokenizer, labels)),
    ]
    return sorted(found, key=lambda one: one.severity != "error")


def tokens(text: str, tokenizer: Tokenizer | None) -> int:
    """Tokens of a text, counted or estimated."""
    return -(-len(text) // CHARACTERS_PER_TOKEN) if tokenizer is None else tokenizer.count(text)


def _empty(prompt: Prompt, inputs: Mapping[str, Any]) -> Iterator[Finding]:
    """Inputs that a new user, or one who says nothing, does not have."""
    for name in prompt.front.inputs:
        if isinstance(inputs[name], list | str) and name != "candidates":
            try:
                prompt.render(**{**inputs, name: type(inputs[name])()})
            except ConfigError as why:
                said = f"fails where {name!r} is empty: {why.message}"
                yield Finding("empty", "error", said, f"write {{% if {name} %}} around what uses it")


def _without_effect(prompt: Prompt, inputs: Mapping[str, Any]) -> Iterator[Finding]:
    """Inputs that are declared and read, and whose value changes no letter."""
    before = prompt.render(**inputs)
    for name in prompt.front.inputs:
        value = inputs[name]
        others = [_other(value), *([] if isinstance(value, Mapping) else [type(value)()])]
        if value and all(prompt.render(**{**inputs, name: other}) == before for other in others):
            yield Finding(
                "unused", "warning", f"input {name!r} changes nothing that is said", f"say it, or remove {name!r} from inputs"
            )  # fmt: skip


def _other(value: Any) -> Any:
    """A value of the same shape with every text and number changed."""
    if isinstance(value, Mapping):
        return {key: _other(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_other(one) for one in value]
    return f"{value}~" if isinstance(value, str) else value + 1 if isinstance(value, int) else value


def _never_read(prompt: Prompt) -> Iterator[Finding]:
    """Names that the prompt itself sets and does not use."""
    tree = ENVIRONMENT.parse(prompt.body)
    names = list(tree.find_all(nodes.Name))
    read = {one.name for one in names if one.ctx == "load"}
    for name in dict.fromkeys(one.name for one in names if one.ctx == "store"):
        if name not in read and not name.startswith("_"):
            yield Finding("unused", "warning", f"{name!r} is set and never read", "remove it")


def _in_order(said: Sequence[Part]) -> Iterator[Finding]:
    """What is stable after what changes sooner is read again each time."""
    latest: Part | None = None
    for part in said:
        if latest is not None and part.stability < latest.stability:
            if part.inputs - {"k"}:
                yield Finding(
                    "volatile-first", "warning",
                    f"{part.name!r} comes after {latest.name!r}, which changes sooner: the server reads {part.name!r} again each time",
                    f"put {part.name!r} before {latest.name!r}",
                )  # fmt: skip
            elif latest.stability >= 3 and len(part.text.strip()) > SUFFIX_CHARACTERS:
                yield Finding(
                    "volatile-first", "warning",
                    f"{len(part.text.strip())} characters of rules come after {latest.name!r}: {part.text.strip()[:40]!r}...",
                    f"put rules into the system block; keep what follows the candidates under {SUFFIX_CHARACTERS} characters",
                )  # fmt: skip
        if part.inputs and (latest is None or part.stability > latest.stability):
            latest = part


def _over_budget(prompt: Prompt, said: Sequence[Part], tokenizer: Tokenizer | None) -> Iterator[Finding]:
    budget = {**BUDGET, **prompt.front.budget}
    for name in sorted(set(prompt.front.budget) - set(BUDGET)):
        yield Finding("budget", "warning", f"budget for {name!r}, which is no part", f"parts: {', '.join(BUDGET)}")
    lengths: dict[str, int] = {}
    for part in joined(said):
        name = "slots" if part.name == "k" else part.name
        lengths[name] = lengths.get(name, 0) + tokens(part.text, tokenizer)
    lengths["whole"] = sum(lengths.values())
    how = f"at {CHARACTERS_PER_TOKEN} characters each" if tokenizer is None else f"by {tokenizer.name}"
    for name, length in lengths.items():
        if length > budget[name]:
            yield Finding(
                "budget", "warning", f"{name}: {length} tokens ({how}), {budget[name]} allowed",
                f"say less, or allow more: budget: {{{name}: {length}}} in the front matter",
            )  # fmt: skip


_EXPLAIN = re.compile(
    r"\b(explain\w*|explanations?|justif\w+|reasons?|reasoning|rationale|step by step|why|"
    r"erkl\u00e4r\w*|begr\u00fcnd\w*|warum|schritt f\u00fcr schritt|"
    r"expliqu\w+|explication|pourquoi|\u00e9tape par \u00e9tape|"
    r"expli(?:ca|que|car|caci\u00f3n)|justifi\w+|por qu\u00e9|paso a paso)\b",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(no|not|never|without|don't|nicht|kein\w*|nie|ohne|pas|jamais|sans|aucune?|sin|nunca|ning\w+)\b[^.!?]{0,24}$",
    re.IGNORECASE,
)


def _explains(prompt: Prompt, said: Sequence[Part]) -> Iterator[Finding]:
    """An answer of one token, or of fixed form, has no room for reasons; a model that wants to give some begins with another word."""
    for part in said:
        if part.inputs:
            continue
        for match in _EXPLAIN.finditer(part.text):
            if not _NEGATED.search(part.text[: match.start()]):
                yield Finding(
                    "explanation", "warning", f"{match[0]!r} invites an explanation, but the output is {prompt.front.output!r}",
                    "ask for the answer alone",
                )  # fmt: skip


def _unlabelled(prompt: Prompt, inputs: Mapping[str, Any]) -> Iterator[Finding]:
    """A model that is not told the labels cannot answer with them."""
    if prompt.front.output == "yes-no" or "candidates" not in prompt.front.inputs:
        return
    renamed = [{**one, "label": f"\u2020{one['label']}\u2020"} for one in inputs["candidates"]]
    text = prompt.render(**{**inputs, "candidates": renamed})[1].content
    unsaid = [one["label"] for one in inputs["candidates"] if f"\u2020{one['label']}\u2020" not in text]
    if unsaid:
        yield Finding(
            "labels", "error", f"{len(unsaid)} of {len(renamed)} candidates stand without their label: {', '.join(unsaid[:5])}",
            "write {{ c.label }} beside every candidate",
        )  # fmt: skip


def _colliding(tokenizer: Tokenizer, labels: Sequence[str]) -> Iterator[Finding]:
    if wrong := tokenizer.collisions(labels):
        yield Finding(
            "labels", "error", f"no distinct tokens of {tokenizer.name} where the answer begins: {', '.join(wrong)}",
            "show fewer candidates, or ask in another mode",
        )  # fmt: skip
