"""By what a finding was made, and the hash of code that keeps what other code made apart."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from eval.suite.store import code, digest, surroundings

_HERE = Path(__file__).parent
_SHOWS = {"command.py", "figure.py", "pages.py"}
"""What says what was found changes nothing of it."""


class Made(BaseModel):
    """Who wants the same figures needs the same of these.

    Attributes:
        version: Of polytaste.
        code: Hash of the source, see :func:`sources`.
        libraries: Those that calculate, with their versions.
        machine: Processor, cores, memory; nothing that names a person or a place.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    code: str
    libraries: str
    machine: str

    def __str__(self) -> str:
        return f"polytaste {self.version}, code {self.code}, {self.libraries}; {self.machine}"


@cache
def sources(*modules: str) -> str:
    """Hash of the code below the claims, of its libraries, and of the named modules here; of all that find, if none is named."""
    every = [path for path in sorted(_HERE.glob("*.py")) if path.name not in _SHOWS]
    paths = [_HERE / f"{name}.py" for name in modules] or [*every, _HERE.parent / "significance.py"]
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    return digest({"below": code(), "libraries": _libraries(), **hashes})


@cache
def made() -> Made:
    """What this process would make a finding by."""
    facts = surroundings()
    machine = f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['system']}"
    return Made(version=facts["versions"]["polytaste"], code=sources(), libraries=_libraries(), machine=machine)


@cache
def _libraries() -> str:
    facts = surroundings()
    named = {name: number for name, number in facts["versions"].items() if name != "polytaste"}
    return ", ".join(f"{name} {number}" for name, number in {"Python": facts["python"], **named}.items())
