"""A message from which moves are taken out one by one; what remains is read as a request."""

from __future__ import annotations

import re

from agent.chat.words import folded


class Remainder:
    """What is taken out is blanked, so that every character stays at its place.

    Attributes:
        said: The message.
        rest: The same, what has been taken out blank.
        low: That, folded.
    """

    def __init__(self, said: str) -> None:
        self.said = said
        self.rest = said
        self.low = folded(said)

    def take(self, start: int, end: int) -> None:
        """Blank a stretch."""
        blank = " " * (end - start)
        self.rest = self.rest[:start] + blank + self.rest[end:]
        self.low = self.low[:start] + blank + self.low[end:]

    def taken(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The first place that a pattern matches, which is taken out."""
        found = pattern.search(self.low)
        if found:
            self.take(*found.span())
        return found
