"""What a search for a better prompt may change in one: its parts, and its sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from prompts.compose import PARTS, headed, levels_of, varied
from prompts.lint import lint
from prompts.template import Prompt
from prompts.wordings import Wordings, reworded, sentence_of
from retrieval.errors import ConfigError

Suggest = Callable[[str, Sequence[str]], str]
"""Chooses one of several by the name of what is chosen."""


@dataclass(frozen=True)
class Space:
    """Everything that a prompt may become.

    Attributes:
        start: The prompt.
        parts: Levels of each part that may change; see :data:`prompts.compose.PARTS`.
        groups: Sentences of each group that may change.
        has: What the prompt itself has, of both.
    """

    start: Prompt
    parts: dict[str, tuple[str, ...]]
    groups: Wordings
    has: dict[str, str]
    _flaws: frozenset[str] = field(repr=False)

    @property
    def size(self) -> int:
        """How many prompts there are at most: sentences of parts that are left out make no difference."""
        return prod(map(len, (*self.parts.values(), *self.groups.values())))

    def choose(self, suggest: Suggest) -> tuple[dict[str, str], str]:
        """Choose the parts, then sentences of those groups of which the result has one.

        Returns:
            What was chosen, and the body of the prompt.
        """
        chosen = {part: suggest(part, levels) for part, levels in self.parts.items()}
        body = varied(self.start.body, chosen)
        said = {
            name: suggest(name, sentences) for name, sentences in self.groups.items() if sentence_of(body, sentences)
        }
        return chosen | said, reworded(body, self.groups, said)

    def changed(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """Of what was chosen, what the prompt did not have."""
        return {name: value for name, value in chosen.items() if self.has.get(name) != value}

    def prompt(self, body: str, name: str, changed: Mapping[str, str]) -> Prompt:
        """A body as a prompt that the linter finds no fault with which the first one does not have.

        Raises:
            ConfigError: It is no prompt, or the linter finds something; names it.
        """
        what = "; ".join(f"{one}: {value}" for one, value in changed.items())
        made = headed(self.start, body, name, f"{self.start.front.name} with {what or 'nothing changed'}")
        for one in lint(made):
            if one.rule not in self._flaws:
                raise ConfigError(f"{one.message} [{one.rule}]", one.remedy)
        return made


def space_of(start: Prompt, groups: Wordings, vary: Sequence[str] = ()) -> Space:
    """What may change in a prompt.

    Args:
        start: The prompt.
        groups: Sentences.
        vary: Names of parts and groups; nothing named is everything.

    Raises:
        ConfigError: A name that is none, or nothing that could change.
    """
    known = (*PARTS, *groups)
    if wrong := sorted(set(vary) - set(known)):
        raise ConfigError(f"--vary {wrong[0]}: there is no such part or group", f"one of {', '.join(known)}")
    if both := sorted(set(PARTS) & set(groups)):
        raise ConfigError(f"--wordings: group {both[0]!r} has the name of a part", "give it another name")
    levels = levels_of(start.body)
    parts = {
        part: tuple(dict.fromkeys((levels[part], *PARTS[part])))
        for part in PARTS
        if part in levels and (not vary or part in vary)
    }
    said = {name: sentence_of(start.body, sentences) for name, sentences in groups.items()}
    # A sentence that the prompt does not have may still come with a part that is put in.
    free = {name: sentences for name, sentences in groups.items() if (not vary or name in vary) and len(sentences) > 1}
    if not parts and not any(said[name] for name in free):
        raise ConfigError(f"{start.front.name}: nothing in it can be varied", "name other parts or groups with --vary")
    has = levels | {name: said[name] or sentences[0] for name, sentences in groups.items()}
    return Space(start, parts, free, has, frozenset(one.rule for one in lint(start)))
