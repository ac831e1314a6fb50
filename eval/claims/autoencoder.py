"""The small autoencoder of the claims on losses: one architecture and one budget, whatever is minimised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.arrays import Csr, Float64
from retrieval.baselines.protocol import Judge, indifferent, silent
from retrieval.baselines.vae import Bags, BestEpoch, ItemBag, Variational, VariationalScorer, batches, device, sample

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits and likes, ``(B, M)`` each, to ``(B,)``: what is minimised beside the divergence."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What every model has alike.

    Attributes:
        hidden: Width on both sides.
        latent: Of z.
        dropout: Of the history's items.
        beta: Weight of the divergence at the end of its annealing, which takes half of the epochs.
        epochs: In all; judged every five where a judge is given.
        batch: Users per step.
        learning_rate: Of Adam.
    """

    hidden: int = 200
    latent: int = 64
    dropout: float = 0.5
    beta: float = 0.2
    epochs: int = 40
    batch: int = 200
    learning_rate: float = 2e-3


class Autoencoder(Variational):
    """M - hidden - 2 z, and z - hidden - M, with tanh between (Liang et al. 2018).

    Args:
        bias: ``(M,)`` where the logits start, so that no likelihood spends its budget on learning popularity.
        budget: Widths.
    """

    def __init__(self, bias: Float64, budget: Budget) -> None:
        super().__init__()
        items = len(bias)
        self.read = ItemBag(items, budget.hidden, budget.dropout)
        self.posterior = nn.Linear(budget.hidden, 2 * budget.latent)
        self.widen = nn.Linear(budget.latent, budget.hidden)
        self.write = nn.Linear(budget.hidden, items)
        for layer in (self.posterior, self.widen, self.write):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.write.bias.copy_(torch.from_numpy(bias.astype(np.float32)))

    def encode(self, bags: Bags) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x)."""
        mean, log_variance = self.posterior(torch.tanh(self.read(bags))).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, latent: Tensor) -> Tensor:
        """``(B, M)`` logits."""
        return self.write(torch.tanh(self.widen(latent)))


def fit(
    matrix: Csr, bias: Float64, loss: Loss, budget: Budget, seed: int, *, judge: Judge = indifferent,
    start: Variational | None = None,
) -> VariationalScorer:  # fmt: skip
    """Minimise E_q[loss] + beta KL(q || N(0, I)) by Adam.

    Args:
        matrix: ``(N, M)`` training matrix.
        bias: ``(M,)`` of the logits at first.
        loss: Beside the divergence.
        budget: Architecture and steps.
        seed: Of weights, order and draws.
        judge: Chooses the epoch; without one the last is kept.
        start: A trained model to go on from, which stays as it is; beta is then whole from the first epoch.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        draw = np.random.default_rng(seed)
        model = Autoencoder(bias, budget).to(device())
        if start is not None:
            model.load_state_dict(start.state_dict())
        best = BestEpoch(model, judge, 5, budget.epochs, silent)
        optimiser = torch.optim.Adam(model.parameters(), lr=budget.learning_rate, fused=True)
        for epoch in range(budget.epochs):
            model.train()
            beta = budget.beta * (1.0 if start is not None else min(1.0, 2.0 * epoch / budget.epochs))
            for histories, rows in batches(matrix, budget.batch, draw):
                mean, log_variance = model.encode(Bags.of(histories, device()))
                logits = model.decode(sample(mean, log_variance))
                divergence = 0.5 * (log_variance.exp() + mean**2 - 1.0 - log_variance).sum(1)
                likes = torch.from_numpy(rows.toarray().astype(np.float32)).to(device())
                value = (loss(logits, likes) + beta * divergence).mean()
                optimiser.zero_grad()
                value.backward()
                optimiser.step()
            best.offer(epoch + 1)
        return best.restore()


def multinomial(logits: Tensor, likes: Tensor) -> Tensor:
    """-sum_i x_ui log softmax(logits_u)_i (Liang et al. 2018, equation 2)."""
    return -(torch.log_softmax(logits, 1) * likes).sum(1)


def logistic(unobserved: float) -> Loss:
    """-sum_i w_ui log sigmoid(+-logit_ui), unobserved items with a weight (equation 4)."""

    def loss(logits: Tensor, likes: Tensor) -> Tensor:
        terms = torch.nn.functional.binary_cross_entropy_with_logits(logits, likes, reduction="none")
        return (terms * torch.where(likes > 0, 1.0, unobserved)).sum(1)

    return loss


def gaussian(unobserved: float) -> Loss:
    """sum_i c_ui (x_ui - logit_ui)^2 / 2, unobserved items with a smaller confidence (equation 3)."""

    def loss(logits: Tensor, likes: Tensor) -> Tensor:
        return (0.5 * (likes - logits) ** 2 * torch.where(likes > 0, 1.0, unobserved)).sum(1)

    return loss


def starting_bias(likelihood: str, matrix: Csr) -> Float64:
    """``(M,)`` what each likelihood says of an item's popularity alone: log p, log odds, or the rate itself."""
    rate = (np.asarray(matrix.sum(axis=0)).ravel() + 0.5) / (matrix.shape[0] + 1.0)
    if likelihood == "multinomial":
        return np.log(rate / rate.sum())
    return np.log(rate / (1.0 - rate)) if likelihood == "logistic" else rate
