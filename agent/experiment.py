"""Prompts that are served side by side: who gets which, and the file that says so.

A person stays with one arm: the arm is where sha256(name of the experiment, person) falls among the shares. The file holds the prompts' whole
text, so that an edit of a prompt's file does not change what is served, and all experiments before, so that one step goes back.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from prompts.rerank import INPUTS
from prompts.template import Prompt, load, parse
from retrieval.errors import ConfigError, DataError, NotFoundError

_WAIT_S = 10
_LONGEST = 100
_PROMOTED = ", promoted"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Arm(_Closed):
    """One prompt of an experiment."""

    name: str = Field(description="name in reports")
    text: str = Field(description="the whole prompt file")
    share: float = Field(gt=0.0, description="of the people, against the other arms' shares")

    def prompt(self) -> Prompt:
        """The prompt; raises ConfigError where the text is none."""
        return parse(self.text, f"experiment, arm {self.name!r}")


class Guards(_Closed):
    """When an arm is taken out: its people get the first arm from then on."""

    least: int = Field(default=50, ge=1, description="answers before anything is judged")
    most_failures: float = Field(
        default=0.2, ge=0.0, le=1.0, description="share of answers that cannot be used, beyond the first arm's"
    )
    slowest: float = Field(default=3.0, gt=1.0, description="times the first arm's median time")
    most_dislikes: float = Field(default=0.2, ge=0.0, le=1.0, description="share of dislikes in the feedback, beyond the first arm's")  # fmt: skip


class Experiment(_Closed):
    """What is served. One arm alone is what was promoted."""

    name: str = Field(min_length=1, max_length=_LONGEST)
    arms: tuple[Arm, ...] = Field(min_length=1)
    guards: Guards = Guards()

    @field_validator("arms")
    @classmethod
    def _distinct(cls, arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
        if len({arm.name for arm in arms}) < len(arms):
            raise ValueError("two arms have one name")
        return arms

    def arm_of(self, person: str | None) -> int:
        """Index of a person's arm; who cannot be told apart gets the first."""
        if person is None or len(self.arms) == 1:
            return 0
        digest = hashlib.sha256(f"{len(self.name)}:{self.name}{person}".encode()).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64 * sum(arm.share for arm in self.arms)
        for at, arm in enumerate(self.arms):
            place -= arm.share
            if place < 0:
                return at
        return len(self.arms) - 1


class TakenOut(_Closed):
    """An arm that a guard rail took out."""

    experiment: str
    arm: str
    why: str
    at: datetime


class _Kept(_Closed):
    experiments: tuple[Experiment, ...] = ()
    taken_back: tuple[str, ...] = ()


class Experiments:
    """The file: what is served now stands last."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def now(self) -> Experiment | None:
        """What is served, or None if nothing ever was.

        Raises:
            DataError: The file is damaged.
        """
        kept = self._read().experiments
        return kept[-1] if kept else None

    def named(self, name: str) -> Experiment | None:
        """The last that was served under a name, or None.

        Raises:
            DataError: The file is damaged.
        """
        return next((one for one in reversed(self._read().experiments) if one.name == name), None)

    def take_out(self, experiment: str, arm: str, why: str) -> None:
        """Remember that a guard rail took an arm out, for processes that begin later and for people who look."""
        one = TakenOut(experiment=experiment, arm=arm, why=why, at=datetime.now(UTC))
        with self._alone(), self._rails.open("a", encoding="utf-8") as file:
            file.write(one.model_dump_json() + "\n")

    def taken_out(self, experiment: str) -> dict[str, TakenOut]:
        """By arm, when it was first taken out; what is unreadable is left out."""
        found: dict[str, TakenOut] = {}
        lines = self._rails.read_text(encoding="utf-8", errors="replace").splitlines() if self._rails.is_file() else []
        for line in lines:
            try:
                one = TakenOut.model_validate_json(line)
            except ValidationError:
                continue
            if one.experiment == experiment:
                found.setdefault(one.arm, one)
        return found

    @property
    def _rails(self) -> Path:
        return self.file.with_name(f"{self.file.stem}-taken-out.jsonl")

    def stamp(self) -> tuple[int, int] | None:
        """Identity of the file's content; None where there is none."""
        return _stamp(self.file)

    def rails_stamp(self) -> tuple[int, int] | None:
        """Identity of what was taken out; None where nothing ever was."""
        return _stamp(self._rails)

    def used(self, name: str) -> bool:
        """Whether an experiment was ever called that, taken back or not: its lists are kept under the name."""
        kept = self._read()
        return name in kept.taken_back or any(one.name == name for one in kept.experiments)

    def start(self, experiment: Experiment) -> None:
        """Serve an experiment from now on."""
        with self._alone():
            kept = self._read()
            self._write(kept.model_copy(update={"experiments": (*kept.experiments, experiment)}))

    def promote(self, arm: str, *, anyway: bool = False) -> Experiment:
        """Serve one arm of the present experiment to everybody.

        Args:
            arm: Its name.
            anyway: Whether an arm that a guard rail took out may be promoted too.

        Raises:
            NotFoundError: There is no experiment, or it has no such arm.
            ConfigError: A guard rail took it out.
        """
        with self._alone():
            return self._promoted(arm, anyway=anyway)

    def _promoted(self, arm: str, *, anyway: bool) -> Experiment:
        kept = self._read()
        present = kept.experiments[-1] if kept.experiments else None
        found = next((a for a in present.arms if a.name == arm), None) if present else None
        if present is None or found is None:
            known = ", ".join(a.name for a in present.arms) if present else "none is served"
            raise NotFoundError(f"no arm {arm!r} to promote", f"arms: {known}")
        if not anyway and (out := self.taken_out(present.name).get(arm)) is not None:
            raise ConfigError(f"a guard rail took {arm} out: {out.why}", "--anyway promotes it all the same")
        # Under a name of its own: what everybody is shown from now on is no outcome of the experiment.
        name = present.name.removesuffix(_PROMOTED)[: _LONGEST - len(_PROMOTED)] + _PROMOTED
        alone = present.model_copy(update={"name": name, "arms": (found.model_copy(update={"share": 1.0}),)})
        self._write(kept.model_copy(update={"experiments": (*kept.experiments, alone)}))
        return alone

    def roll_back(self) -> Experiment | None:
        """Serve again what was served before; None if that was the configured prompt.

        Raises:
            NotFoundError: Nothing was started yet.
        """
        with self._alone():
            kept = self._read()
            if not kept.experiments:
                raise NotFoundError("nothing to roll back", "no experiment was started")
            *before, gone = kept.experiments
            names = tuple(dict.fromkeys((*kept.taken_back, gone.name)))
            self._write(_Kept(experiments=tuple(before), taken_back=names))
        return before[-1] if before else None

    def _alone(self) -> FileLock:
        """Held from reading the file to writing it, so that of two operators at once neither loses a step."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.file.with_suffix(".lock"), timeout=_WAIT_S)

    def _read(self) -> _Kept:
        try:
            return _Kept.model_validate_json(self.file.read_bytes())
        except FileNotFoundError:
            return _Kept()
        except ValidationError as why:
            raise DataError(
                f"{self.file} is damaged: {why.errors()[0]['msg']}", "delete it, and start the experiment again"
            ) from why

    def _write(self, kept: _Kept) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(kept.model_dump_json(indent=1), encoding="utf-8")
        fresh.replace(self.file)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def arms_of(prompts: list[str], shares: list[float] | None) -> tuple[Arm, ...]:
    """Arms of prompts of the library or of files, the first being the control.

    Raises:
        ConfigError: A prompt cannot be used, or there are as many shares as not prompts.
    """
    if shares and len(shares) != len(prompts):
        raise ConfigError(
            f"{len(prompts)} prompts and {len(shares)} shares", "give one --share for each prompt, in their order"
        )
    arms: list[Arm] = []
    for at, name in enumerate(prompts):
        prompt = load(name)
        prompt.require(INPUTS)
        arms.append(Arm(name=Path(name).stem, text=prompt.text, share=shares[at] if shares else 1.0))
    return tuple(arms)
