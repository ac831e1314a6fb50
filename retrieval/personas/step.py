"""One step of training: the likelihood of a batch in parts that fit in memory, over all processes, and its gradient taken once."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from retrieval.arrays import Float32, Int64
from retrieval.personas.batches import NEVER, Batch, Draw
from retrieval.personas.model import PersonaModule
from retrieval.personas.processes import Processes

Precision = Literal["fp32", "bf16", "fp16"]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Step:
    """What is the same for all steps.

    Args:
        module: Trained in place.
        optimiser: Of its parameters.
        processes: That share the users of a step.
        precision: Of activations; parameters and their gradients stay single. With fp16 the loss is scaled up, because small
            gradients would vanish.
        at_once: Users whose activations are held at a time.
        longest: Items of a history that are read.
        penalty: Of the tables and of the themes, see :meth:`PersonaModule.pull`.
    """

    def __init__(
        self,
        module: PersonaModule,
        optimiser: torch.optim.Optimizer,
        processes: Processes,
        precision: Precision,
        at_once: int,
        longest: int,
        penalty: tuple[float, float],
    ) -> None:
        self._module, self._optimiser, self._processes = module, optimiser, processes
        self._at_once, self._longest, self._penalty = at_once, longest, penalty
        self._dtype = _DTYPES[precision]
        self._scaler = torch.amp.GradScaler(processes.device.type, enabled=precision == "fp16")

    def __call__(self, drawn: Draw, table: Tensor, sample: tuple[Int64, Float32] | None) -> None:
        """Move the parameters once.

        Args:
            drawn: The users of the step, the same in all processes.
            table: ``(M, d)`` history table that they read.
            sample: Items of the denominator with their corrections; None is all.
        """
        self._optimiser.zero_grad()
        self.gradient(drawn, table, sample)
        self._scaler.step(self._optimiser)
        self._scaler.update()

    def gradient(self, drawn: Draw, table: Tensor, sample: tuple[Int64, Float32] | None) -> None:
        """Leave the gradient of the step's loss in the parameters, times the scale of :meth:`__call__` with fp16."""
        module, device = self._module, self._processes.device
        total = drawn.weights.sum().to(device)
        mine = self._processes.part(np.arange(len(drawn)))
        parts = np.array_split(mine, math.ceil(len(mine) / self._at_once)) if len(mine) else []
        for part in parts:
            batch = drawn.dense(int(part[0]), int(part[-1]) + 1, len(module.bias), self._longest, sample, device)
            with torch.autocast(device.type, self._dtype, enabled=self._dtype != torch.float32):
                loss = -_weighted_likelihood(module, batch, table) / total
            self._scaler.scale(loss).backward()
        if self._processes.first:  # counted once
            module.pull(*self._penalty, scale=self._scaler.get_scale())
        self._processes.sum_gradients(module.parameters())


def _weighted_likelihood(module: PersonaModule, batch: Batch, table: Tensor) -> Tensor:
    """Log-likelihood of the hidden items over the square root of their number, summed over users; what is shown is masked."""
    scores = module(batch.items, batch.weights, table, batch.columns)
    if batch.correction is not None:
        scores = scores + torch.where(batch.hidden > 0, 0.0, batch.correction)
    scores = scores.masked_fill(batch.shown, NEVER)
    likelihood = (torch.log_softmax(scores, 1) * batch.hidden).sum(1)
    return (likelihood / batch.hidden.sum(1).clamp(min=1).sqrt()).sum()
