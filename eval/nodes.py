"""Where independent pieces of work are done: in this process, or on the nodes of a cluster. The work is the same object either way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from eval.suite.calls import Answers, Calls
from retrieval.errors import PolytasteError

Job = TypeVar("Job")
Result = TypeVar("Result")


class WorkError(PolytasteError):
    """The work itself failed on a node, as it would anywhere: a defect, and no trouble of the cluster."""


class Nodes(Protocol):
    """Does work, whatever it is. The work and its jobs can be pickled, and a job done twice gives the same result."""

    def map(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[tuple[int, Result]]:
        """Results with the positions of their jobs, as they come; a job is made when it is handed out.

        Raises:
            PolytasteError: Of the work itself, among them :class:`WorkError` for what it does not raise on purpose.
            ConfigError: A node has other code or libraries than this machine.
            ServerError: Nodes are lost for good, or none is left.
        """
        ...

    def answers(self, path: Path) -> Answers:
        """What a language model answered, kept in a file of this machine and known wherever the work is done."""
        ...


class Here:
    """This process, one job after another."""

    def map(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[tuple[int, Result]]:
        """As :meth:`Nodes.map`, in the order of the jobs; what the work does not raise on purpose is raised as it is."""
        for at, job in enumerate(jobs):
            yield at, work(job)

    def answers(self, path: Path) -> Answers:
        """As :meth:`Nodes.answers`."""
        return Calls(path)
