"""The nodes of a Ray cluster (``pip install "polytaste[ray]"``); the only module that imports Ray.

A job is a Ray task: where its node dies it is done again on another. Nothing is written by the nodes, so they need no common disk:
results and answers of language models come back to this machine, and the work goes out once through Ray's object store.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from agent.console import err
from eval.nodes import Job, Result, WorkError
from eval.ray_address import require_cluster
from eval.suite.calls import Answers, Calls
from eval.suite.store import ROOMS, installed
from retrieval.errors import ConfigError, PolytasteError, ServerError

PATIENCE_S = 900.0
"""How long a cluster may be without a processor."""
_TELL_S = 60.0
"""After how long of that it is told."""
_LOOK_S = 5.0
"""How often somebody looks whether there is a processor."""
_RETRIES = 8
"""How often a job is done again where its node was lost."""
_AHEAD = 2
"""Jobs handed out, in units of the processors of the cluster: enough that none waits for this machine."""
_KEPT = 4
"""Pieces of work that a process of a node keeps, with all that they have opened: those that were used last."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class RayNodes:
    """A cluster that this process is connected to; see :func:`cluster`.

    Args:
        ray: The module.
        patience_s: How long it may be without a processor.
    """

    def __init__(self, ray: Any, patience_s: float = PATIENCE_S) -> None:
        self._ray, self._patience_s = ray, patience_s

    def map(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[tuple[int, Result]]:
        """As :meth:`eval.nodes.Nodes.map`."""
        ray = self._ray
        place = [ray.put(work)]  # in a list, so that Ray does not unpack it anew for every job
        task = ray.remote(max_retries=_RETRIES, scheduling_strategy="SPREAD")(_done)
        left, running, now = iter(enumerate(jobs)), dict[Any, int](), 0.0
        try:
            while True:
                before, now = now, ray.cluster_resources().get("CPU", 0.0)
                if now < before:
                    _tell(f"a node is lost, {now:.0f} of {before:.0f} processors are left: its jobs are done again")
                most = max(1, int(_AHEAD * now))
                while len(running) < most and (job := next(left, None)) is not None:
                    running[task.remote(installed(), place, job[1])] = job[0]
                if not running:
                    return
                ready = self._ready(list(running))
                result = ray.get(ready)
                if isinstance(result, PolytasteError):
                    raise result
                if isinstance(result, _Broken):
                    raise WorkError(*result.told())
                yield running.pop(ready), result
        except ray.exceptions.RayTaskError as why:
            if isinstance(why.cause, ray.exceptions.RayError):
                raise _lost(why) from why
            raise WorkError(*_Broken.of(why.cause, why.ip).told()) from why
        except ray.exceptions.RayError as why:
            raise _lost(why) from why
        # What still runs ends with the connection. To cancel a task that is just finished ends this process (seen with Ray 2.60:
        # "Check failed: Tried to complete task that was not pending").

    def _ready(self, running: list[Any]) -> Any:
        """The first of them that is done."""
        began, told = time.monotonic(), False
        while True:
            ready, _ = self._ray.wait(running, num_returns=1, timeout=_LOOK_S)
            if ready:
                return ready[0]
            if self._ray.cluster_resources().get("CPU", 0.0) >= 1.0:
                began, told = time.monotonic(), False
                continue
            waited = time.monotonic() - began
            if waited >= self._patience_s:
                raise ServerError(
                    f"the cluster has had no processor for {waited:.0f} s",
                    "add a node (ray start --address=HOST:PORT) and run again: what was finished is kept",
                )
            if waited >= _TELL_S and not told:
                _tell(f"the cluster has no processor left; waiting for a node, {self._patience_s:.0f} s at most")
                told = True

    def answers(self, path: Path) -> Answers:
        """As :meth:`eval.nodes.Nodes.answers`: one actor beside this process has the file, all others ask it."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415

        ray = self._ray
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        return _FarAnswers(ray.remote(num_cpus=0, scheduling_strategy=here)(Calls).remote(path.absolute()))


@contextmanager
def cluster(address: str, patience_s: float = PATIENCE_S) -> Generator[RayNodes]:
    """Connect to a cluster, and leave it at the end.

    Args:
        address: ``auto`` for the one of this machine, or HOST:PORT of its head; this machine must be a node of it.
        patience_s: How long it may be without a processor.

    Raises:
        ConfigError: Ray is not installed, or no cluster answers at the address within seconds.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: PLC0415
    except ImportError as why:
        raise ConfigError("--ray: Ray is not installed", "pip install 'polytaste[ray]', or leave --ray out") from why
    require_cluster(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as why:
        raise ConfigError(
            f"--ray {address}: {str(why).splitlines()[0]}", "start one: ray start --head; or leave --ray out"
        ) from why
    try:
        yield RayNodes(ray, patience_s)
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


@dataclass(frozen=True)
class _Broken:
    """What work raised without meaning to, as words: the exception itself may be of a kind that cannot travel.

    Attributes:
        node: Where.
        cause: Kind and message of the exception.
        line: Of the program, the last that was ours.
    """

    node: str
    cause: str
    line: str

    @classmethod
    def of(cls, why: BaseException, node: str) -> _Broken:
        """In words."""
        frames = traceback.extract_tb(why.__traceback__)
        root = Path(__file__).parents[1]
        ours = [at for at in frames if any(Path(at.filename).is_relative_to(root / room) for room in ROOMS)]
        # The work is called here, so where nothing else of ours was reached it is somebody else's function.
        last = ours[-1] if ours and ours[-1].filename != __file__ else frames[-1] if frames else None
        line = f"{Path(last.filename).name}, line {last.lineno}: {last.line}" if last else ""
        return cls(node, _COLOURS.sub("", f"{type(why).__name__}: {why}").strip(), line)

    def told(self) -> tuple[str, str]:
        """What is wrong, and what to do about it."""
        first, *more = self.cause.splitlines()
        said = f"{first} [{more[-1].strip()}]" if more else first
        where = f"; {self.line}" if self.line else ""
        return (
            f"{self.node} failed: {said}{where}",
            "this would fail anywhere: report it with this line; what was finished is kept",
        )


def _tell(words: str) -> None:
    err.print(Text(words, style="yellow"), soft_wrap=True)


def _lost(why: BaseException) -> ServerError:
    said = next(iter(_COLOURS.sub("", str(why)).strip().splitlines()), type(why).__name__)
    return ServerError(f"the cluster lost its work: {said}", "run again: what was finished is kept")


_opened: OrderedDict[Any, Callable[[Any], Any]] = OrderedDict()


def _done(wanted: dict[str, str], place: list[Any], job: Any) -> Any:
    """One job on a node; the work is unpacked once per process. What goes wrong in it is a result, not a crash."""
    ray = _ray()
    node = f"node {platform.node()} ({ray.util.get_node_ip_address()})"
    if (own := installed()) != wanted:
        return _other(node, own, wanted)
    try:
        work = _opened.get(place[0])
        if work is None:
            work = _opened[place[0]] = ray.get(place[0])
            while len(_opened) > _KEPT:
                _opened.popitem(last=False)
        _opened.move_to_end(place[0])
        return work(job)
    except PolytasteError as why:
        return why
    except ray.exceptions.RayError:
        raise
    except Exception as why:  # noqa: BLE001  (whatever it is, it is told where the person is)
        return _Broken.of(why, node)


def _other(node: str, own: dict[str, str], wanted: dict[str, str]) -> ConfigError:
    names = [name for name in {**wanted, **own} if own.get(name) != wanted.get(name)]
    said = ", ".join(f"{name} {own.get(name, 'none')} (here {wanted.get(name, 'none')})" for name in names)
    return ConfigError(
        f"{node} would make other results: it has {said}",
        "install the same version of polytaste and of these libraries on every node, or take that node out",
    )


def _ray() -> Any:
    import ray  # noqa: PLC0415

    return ray
