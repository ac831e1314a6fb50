"""What a language model answered, a line of JSON each: written before anything is made of it, so that no call is paid twice."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Protocol

from eval.suite.lines import append, read, read_at


class Answers(Protocol):
    """Answers by the hash of what was asked, wherever they are kept."""

    def get(self, asked: str) -> dict[str, Any] | None:
        """The answer, or None if this was not asked yet."""
        ...

    def add(self, asked: str, answer: dict[str, Any]) -> None:
        """Keep an answer: on the disk before it is used."""
        ...


class Calls:
    """Answers by the hash of what was asked, in a file that only grows.

    In memory is only where each stands, some 110 bytes, for an answer has kilobytes and users are many. A line that a killed process left
    unfinished is cut off.

    Args:
        path: The file; made with its folder.

    Raises:
        DataError: A line is damaged.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._places = {_short(line["asked"]): at for at, line in read(path)}

    def get(self, asked: str) -> dict[str, Any] | None:
        """The answer, or None if this was not asked yet."""
        at = self._places.get(_short(asked))
        return None if at is None else read_at(self._path, at)

    def add(self, asked: str, answer: dict[str, Any]) -> None:
        """Keep an answer: on the disk before it is used."""
        self._places[_short(asked)] = append(self._path, {"asked": asked, **answer}, durable=True)


def _short(asked: str) -> bytes:
    return hashlib.blake2b(asked.encode(), digest_size=16).digest()
