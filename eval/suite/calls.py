"""What a language model answered, a line of JSON each: written before anything is made of it, so that no call is paid twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Protocol


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

    A line that a killed process left unfinished is cut off.

    Args:
        path: The file; made with its folder.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._answers: dict[str, dict[str, Any]] = {}
        if path.exists():
            self._load()

    def _load(self) -> None:
        text = self._path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            with self._path.open("r+b") as file:
                file.truncate(len(whole))
        for line in whole.splitlines():
            answer = json.loads(line)
            self._answers[answer["asked"]] = answer

    def get(self, asked: str) -> dict[str, Any] | None:
        """The answer, or None if this was not asked yet."""
        return self._answers.get(asked)

    def add(self, asked: str, answer: dict[str, Any]) -> None:
        """Keep an answer: on the disk before it is used."""
        whole = {"asked": asked, **answer}
        with self._path.open("ab") as out:
            out.write(json.dumps(whole, ensure_ascii=False, sort_keys=True).encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())
        self._answers[asked] = whole
