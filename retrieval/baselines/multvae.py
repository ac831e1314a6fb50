"""Mult-VAE: a variational autoencoder with a multinomial likelihood.

Liang, Krishnan, Hoffman, Jebara, "Variational Autoencoders for Collaborative Filtering", WWW 2018 (arXiv 1802.05814).
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from retrieval.arrays import Csr
from retrieval.baselines.protocol import Judge, Progress, indifferent, silent
from retrieval.baselines.vae import (
    Bags,
    BestEpoch,
    ItemBag,
    Variational,
    VariationalScorer,
    batches,
    device,
    likelihood,
    sample,
)


class MultVaeConfig(BaseModel):
    """Settings of Mult-VAE; widths, dropout and learning rate are the paper's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: int = Field(default=600, ge=1, description="width of the hidden layer on both sides")
    latent: int = Field(default=200, ge=1, description="z")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="of the history's items")
    beta: float = Field(default=0.2, ge=0, description="weight of the KL term at the end of its annealing")
    annealing: float = Field(default=0.5, gt=0, le=1, description="part of all steps in which beta grows from 0")
    epochs: int = Field(default=50, ge=1)
    batch: int = Field(default=200, ge=1, description="users per step")
    learning_rate: float = Field(default=1e-3, gt=0)
    judge_every: int = Field(default=5, ge=1, description="epochs between two looks at the users held out for choosing")
    seed: int = Field(default=0, ge=0)


class _MultVae(Variational):
    """M - hidden - 2 z, and z - hidden - M, with tanh between."""

    def __init__(self, items: int, config: MultVaeConfig) -> None:
        super().__init__()
        self.read = ItemBag(items, config.hidden, config.dropout)
        self.posterior = _linear(config.hidden, 2 * config.latent)
        self.widen = _linear(config.latent, config.hidden)
        self.write = _linear(config.hidden, items)

    def encode(self, bags: Bags) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x)."""
        mean, log_variance = self.posterior(torch.tanh(self.read(bags))).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, latent: Tensor) -> Tensor:
        """f(z), which a softmax makes the probabilities of the items (equation 1 of the paper)."""
        return self.write(torch.tanh(self.widen(latent)))


def fit_mult_vae(
    interactions: Csr,
    config: MultVaeConfig | None = None,
    *,
    judge: Judge = indifferent,
    progress: Progress = silent,
) -> VariationalScorer:
    """Maximise E_q [log p(x_u | z)] - beta KL(q(z | x_u) || N(0, I)), the annealed bound of section 2.2.

    Args:
        interactions: ``(N, M)`` training matrix.
        config: Settings.
        judge: Chooses the epoch; without one the last is kept.
        progress: Told the epochs.
    """
    config = config or MultVaeConfig()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        draw = np.random.default_rng(config.seed)
        model = _MultVae(interactions.shape[1], config).to(device())
        best = BestEpoch(model, judge, config.judge_every, config.epochs, progress)
        optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
        for epoch in range(config.epochs):
            model.train()
            # Annealed by epoch: small data never reach the paper's 200,000 steps.
            beta = config.beta * min(1.0, epoch / (config.annealing * config.epochs))
            for histories, rows in batches(interactions, config.batch, draw):
                mean, log_variance = model.encode(Bags.of(histories, device()))
                logits = model.decode(sample(mean, log_variance))
                divergence = 0.5 * (log_variance.exp() + mean**2 - 1.0 - log_variance).sum(1)
                loss = (beta * divergence - likelihood(logits, rows)).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            best.offer(epoch + 1)
        return best.restore()


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """The authors' initialisation."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.trunc_normal_(layer.bias, std=0.001)
    return layer
