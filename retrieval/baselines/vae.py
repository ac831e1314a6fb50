"""What the two variational autoencoders share: sparse batches, scoring by the posterior mean, the best epoch."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from retrieval.arrays import Csr, Float32
from retrieval.baselines.protocol import Judge, Progress
from retrieval.schema import Histories

_USERS = 256  # scored at once
_LEAST_STEPS = 8  # in an epoch, so that a few hundred users still make an optimiser's worth of steps


@dataclass(frozen=True, slots=True)
class Bags:
    """Histories as torch reads them.

    Attributes:
        items: ``(nnz,)`` ids.
        offsets: ``(B,)`` where each history begins.
        values: ``(nnz,)`` weights, each history of Euclidean length one.
    """

    items: Tensor
    offsets: Tensor
    values: Tensor

    @classmethod
    def of(cls, histories: Histories, device: torch.device) -> Bags:
        """From B histories."""
        owner = histories.owner
        weights = histories.weights.astype(np.float64)  # of which small ones have squares
        squares = np.bincount(owner, weights**2, minlength=len(histories))[owner]
        values = np.divide(weights, np.sqrt(squares), out=np.zeros_like(weights), where=squares > 0).astype(np.float32)
        arrays = (histories.items.astype(np.int64), histories.indptr[:-1].astype(np.int64), values)
        return cls(*(torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in arrays))


class ItemBag(nn.Module):
    """A linear layer on sparse rows: sum of the items' vectors, weighted, plus a bias; weights are dropped first."""

    def __init__(self, items: int, width: int, dropout: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(items, width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.dropout = dropout
        nn.init.xavier_uniform_(self.weight)

    def forward(self, bags: Bags) -> Tensor:
        """``(B, width)``."""
        values = functional.dropout(bags.values, self.dropout, self.training)
        summed = functional.embedding_bag(bags.items, self.weight, bags.offsets, mode="sum", per_sample_weights=values)
        return summed + self.bias


class Variational(nn.Module, ABC):
    """An encoder of histories into a Gaussian, and a decoder of its mean into the logits of all items."""

    @abstractmethod
    def encode(self, bags: Bags) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, both ``(B, z)``."""

    @abstractmethod
    def decode(self, latent: Tensor) -> Tensor:
        """``(B, M)`` logits."""


class VariationalScorer:
    """Scores by the mean of the posterior: no draw, so the same history always scores the same."""

    def __init__(self, model: Variational) -> None:
        self.model = model

    def scores(self, histories: Histories) -> Float32:
        """``(B, M)`` logits."""
        return self._by_parts(histories, lambda bags: self.model.decode(self.model.encode(bags)[0]))

    def latent(self, histories: Histories) -> Float32:
        """``(B, z)`` means of the posterior."""
        return self._by_parts(histories, lambda bags: self.model.encode(bags)[0])

    @torch.no_grad()
    def _by_parts(self, histories: Histories, read: Callable[[Bags], Tensor]) -> Float32:
        was_training = self.model.training
        self.model.eval()
        device = next(self.model.parameters()).device
        steps = range(0, max(len(histories), 1), _USERS)  # an empty batch is one empty chunk
        parts = [histories.slice(a, min(a + _USERS, len(histories))) for a in steps]
        rows = [read(Bags.of(part, device)).cpu().numpy() for part in parts]
        self.model.train(was_training)
        return np.concatenate(rows).astype(np.float32)


class BestEpoch:
    """Judges a model in training now and then, and gives its best state back at the end.

    Args:
        model: In training.
        judge: Of users held out for choosing; equal values keep the later state.
        every: Epochs between two judgements.
        epochs: In all; the last is judged too.
        progress: Told the epochs.
    """

    def __init__(self, model: Variational, judge: Judge, every: int, epochs: int, progress: Progress) -> None:
        self._model, self._judge, self._every, self._epochs = model, judge, every, epochs
        self._progress = progress
        self._value = -np.inf
        self._state = copy.deepcopy(model.state_dict())

    def offer(self, done: int) -> None:
        """Judge if it is time to; ``done`` epochs lie behind."""
        self._progress("epochs", done, self._epochs)
        if done % self._every and done != self._epochs:
            return
        value = self._judge(VariationalScorer(self._model))
        if value >= self._value:
            self._value, self._state = value, copy.deepcopy(self._model.state_dict())

    def restore(self) -> VariationalScorer:
        """The model as it was when it was best."""
        self._model.load_state_dict(self._state)
        self._model.eval()
        return VariationalScorer(self._model)


def batches(interactions: Csr, size: int, draw: np.random.Generator) -> Iterator[tuple[Histories, Csr]]:
    """One pass over the users in random order, as histories and as rows; small data get smaller batches."""
    users = interactions.shape[0]
    size = max(1, min(size, users // _LEAST_STEPS))
    for part in np.array_split(draw.permutation(users), max(1, users // size)):
        rows = interactions[part].tocsr()
        yield Histories.of_matrix(rows), rows


def sample(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A draw by the reparametrisation of Kingma and Welling 2014."""
    return mean + torch.randn_like(mean) * (0.5 * log_variance).exp()


def likelihood(logits: Tensor, rows: Csr) -> Tensor:
    """``(B,)`` multinomial log-likelihood: sum_i x_ui log softmax(logits_u)_i (Liang et al. 2018, equation 2)."""
    dense = torch.from_numpy(rows.toarray().astype(np.float32)).to(logits.device)
    return (functional.log_softmax(logits, 1) * dense).sum(1)


def device() -> torch.device:
    """The accelerator where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
