"""Several processes that train one model, each on a GPU of its own, through ``accelerate``; one process is the usual case.

    torchrun --nproc-per-node 4 --no-python polytaste train --data shop/

All processes draw the same batches; each reads its part of the users, and the gradients are summed before the one step that
all of them take. The sum is taken by hand rather than by ``DistributedDataParallel``: a step is made of micro-batches and a
penalty that is counted once, and what DDP averages, a part of the users per process, need not be of equal size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, reduce
from torch import nn

from retrieval.arrays import Int64

T = TypeVar("T")

_PATIENCE = timedelta(hours=6)  # the others wait while one process solves the closed forms
_state: Any = PartialState
_reduce: Any = reduce
_broadcast: Any = broadcast_object_list


class Processes:
    """This process among those that were launched together; joined at the first use, which waits for all."""

    def __init__(self) -> None:
        self._state = _state(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return self._state.device

    @property
    def count(self) -> int:
        """How many there are."""
        return self._state.num_processes

    @property
    def first(self) -> bool:
        """Whether this is the one that does what is done once."""
        return self._state.is_main_process

    def part(self, rows: Int64) -> Int64:
        """The rows that are this process's own, in parts that differ by one at most."""
        return np.array_split(rows, self.count)[self._state.process_index]

    def once(self, make: Callable[[], T]) -> T:
        """What one process makes, given to all."""
        if self.count == 1:
            return make()
        made = [make() if self.first else None]
        return _broadcast(made, from_process=0)[0]

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by the sum over the processes; one that had no users adds nothing."""
        if self.count == 1:
            return
        for parameter in parameters:
            mine = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            parameter.grad = _reduce(mine, "sum")
