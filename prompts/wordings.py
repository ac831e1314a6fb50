"""The same thing in other words: groups of sentences, as data, of which a prompt may have any."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from retrieval.errors import ConfigError

Wordings = dict[str, tuple[str, ...]]
"""Sentences by the name of their group."""

_READ = TypeAdapter(dict[str, tuple[str, ...]])


def wordings(extra: Path | None = None) -> Wordings:
    """The groups that are shipped, and a file of the user's own, whose groups are added and whose sentences join groups of the same name.

    Args:
        extra: YAML file: names of groups, each with a list of sentences. A sentence is a piece of a prompt's file and may use its inputs.

    Raises:
        ConfigError: The file cannot be read or has another form.
    """
    groups = _read((files("prompts") / "wordings.yaml").read_text(encoding="utf-8"), "wordings.yaml")
    if extra is not None:
        try:
            text = extra.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as why:
            raise ConfigError(f"--wordings {extra}: {why}", "name a YAML file of sentences") from why
        for name, sentences in _read(text, str(extra)).items():
            groups[name] = tuple(dict.fromkeys((*groups.get(name, ()), *sentences)))
    return groups


def sentence_of(body: str, group: tuple[str, ...]) -> str | None:
    """The sentence of a group that a prompt has, the longest if one is part of another; None if it has none."""
    return max((one for one in group if one in body), key=len, default=None)


def reworded(body: str, groups: Wordings, chosen: Mapping[str, str]) -> str:
    """A prompt's body in other words; groups of which it has no sentence change nothing.

    Args:
        body: Without front matter.
        groups: As :func:`wordings` gives them.
        chosen: Sentence to say, by the name of its group.
    """
    for name, sentence in chosen.items():
        has = sentence_of(body, groups[name])
        if has is not None:
            body = body.replace(has, sentence)
    return body


def _read(text: str, origin: str) -> Wordings:
    form = "write names of groups, each with a list of sentences"
    try:
        groups = _READ.validate_python(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as why:
        raise ConfigError(f"{origin}: no groups of sentences", form) from why
    for name, sentences in groups.items():
        if not sentences or not all(one.strip() for one in sentences):
            raise ConfigError(f"{origin}: group {name!r} has an empty sentence, or none", form)
    return groups
