"""What files with a JSON object on each line have in common."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from retrieval.errors import DataError

_DIGITS = 8


class Open(BaseModel):
    """A line of JSON; other tools may say more on it than is read here."""

    model_config = ConfigDict(extra="allow", frozen=True)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not empty.

    Raises:
        DataError: There is no such file.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file", "name a file with a JSON object on each line")
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, line


def first_error(why: ValidationError) -> str:
    """What a model of pydantic first stumbled over, in one line."""
    first = why.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the line'}: {first['msg']}"


def words(texts: Iterable[str]) -> dict[str, str]:
    """Each title as one word of letters that every file system takes; those that would be one word get a hash each."""
    plain = {text: re.sub(r"[^A-Za-z0-9.]+", "-", text.replace("λ", "lambda")).strip("-") for text in texts}
    alike = Counter(word.lower() for word in plain.values())  # some file systems know no capitals
    hashes = {text: hashlib.sha256(text.encode()).hexdigest()[:_DIGITS] for text in plain}
    return {text: word if alike[word.lower()] == 1 else f"{word}-{hashes[text]}" for text, word in plain.items()}
