"""The nodes of a Ray cluster (``pip install "polytaste[ray]"``); the only module that imports Ray.

A job is a Ray task: where its node dies it is done again on another. Nothing is written by the nodes, so they need no common disk:
results and answers of language models come back to this machine, and the work goes out once through Ray's object store.
"""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eval.nodes import Job, Result
from eval.suite.calls import Answers, Calls
from retrieval.errors import ConfigError, PolytasteError, ServerError

_RETRIES = 8
"""How often a job is done again where its node was lost."""
_AHEAD = 2
"""Jobs handed out, in units of the processors of the cluster: enough that none waits for this machine."""
_KEPT = 4
"""Pieces of work that a process of a node keeps, with all that they have opened."""


class RayNodes:
    """A cluster that this process is connected to; see :func:`cluster`.

    Args:
        ray: The module.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def map(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[tuple[int, Result]]:
        """As :meth:`eval.nodes.Nodes.map`."""
        ray = self._ray
        place = [ray.put(work)]  # in a list, so that Ray does not unpack it anew for every job
        task = ray.remote(max_retries=_RETRIES, scheduling_strategy="SPREAD")(_done)
        left, running = iter(enumerate(jobs)), dict[Any, int]()
        try:
            while True:
                most = max(1, int(_AHEAD * ray.cluster_resources().get("CPU", 1)))
                while len(running) < most and (job := next(left, None)) is not None:
                    running[task.remote(place, job[1])] = job[0]
                if not running:
                    return
                (ready,), _ = ray.wait(list(running), num_returns=1)
                result = ray.get(ready)
                if isinstance(result, PolytasteError):
                    raise result
                yield running.pop(ready), result
        except ray.exceptions.RayError as why:
            raise ServerError(
                f"the cluster lost its work: {str(why).splitlines()[0]}", "run again: what was finished is kept"
            ) from why
        finally:
            for ref in running:
                ray.cancel(ref, force=True)

    def answers(self, path: Path) -> Answers:
        """As :meth:`eval.nodes.Nodes.answers`: one actor beside this process has the file, all others ask it."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415

        ray = self._ray
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        return _FarAnswers(ray.remote(num_cpus=0, scheduling_strategy=here)(Calls).remote(path.absolute()))


@contextmanager
def cluster(address: str) -> Generator[RayNodes]:
    """Connect to a cluster, and leave it at the end.

    Args:
        address: ``auto`` for the one of this machine, or HOST:PORT of its head; this machine must be a node of it.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: PLC0415
    except ImportError as why:
        raise ConfigError("--ray: Ray is not installed", "pip install 'polytaste[ray]', or leave --ray out") from why
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as why:
        raise ConfigError(
            f"--ray {address}: {str(why).splitlines()[0]}", "start one: ray start --head; or leave --ray out"
        ) from why
    try:
        yield RayNodes(ray)
    finally:
        ray.shutdown()


class _FarAnswers:
    """Answers that another process keeps.

    Args:
        actor: Which.
    """

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def get(self, asked: str) -> dict[str, Any] | None:
        """As :meth:`Answers.get`."""
        return _ray().get(self._actor.get.remote(asked))

    def add(self, asked: str, answer: dict[str, Any]) -> None:
        """As :meth:`Answers.add`: on the disk when this returns."""
        _ray().get(self._actor.add.remote(asked, answer))


_opened: OrderedDict[Any, Callable[[Any], Any]] = OrderedDict()


def _done(place: list[Any], job: Any) -> Any:
    """One job on a node; the work is unpacked once per process. What it refuses on purpose is a result, not a crash."""
    work = _opened.get(place[0])
    if work is None:
        work = _opened[place[0]] = _ray().get(place[0])
        while len(_opened) > _KEPT:
            _opened.popitem(last=False)
    try:
        return work(job)
    except PolytasteError as why:
        return why


def _ray() -> Any:
    import ray  # noqa: PLC0415

    return ray
