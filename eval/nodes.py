"""Where independent pieces of work are done: in this process, or on the nodes of a cluster. The work is the same object either way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from eval.suite.calls import Answers, Calls

Job = TypeVar("Job")
Result = TypeVar("Result")


class Nodes(Protocol):
    """Does work, whatever it is. The work and its jobs can be pickled, and a job done twice gives the same result."""

    def map(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[tuple[int, Result]]:
        """Results with the positions of their jobs, as they come.

        Raises:
            PolytasteError: Of the work itself, or a :class:`retrieval.errors.ServerError` where nodes are lost for good.
        """
        ...

    def answers(self, path: Path) -> Answers:
        """What a language model answered, kept in a file of this machine and known wherever the work is done."""
        ...


class Here:
    """This process, one job after another."""

    def map(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[tuple[int, Result]]:
        """As :meth:`Nodes.map`, in the order of the jobs."""
        for at, job in enumerate(jobs):
            yield at, work(job)

    def answers(self, path: Path) -> Answers:
        """As :meth:`Nodes.answers`."""
        return Calls(path)
