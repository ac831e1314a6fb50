"""RecVAE: Mult-VAE with a composite prior, a KL term scaled by the history, and alternating updates.

Shenbin, Alekseev, Tutubalina, Malykh, Nikolenko, "RecVAE: A new variational autoencoder for top-N recommendations with
implicit feedback", WSDM 2020 (arXiv 1912.11160).
"""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from retrieval.arrays import Csr, Float32
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

_PRIOR = (3 / 20, 3 / 4, 1 / 10)  # standard normal, old posterior, wide normal: the authors' weights
_WIDE = 10.0  # log-variance of the wide normal
_LAYERS = 4
_LEAST_RATE = 1e-5


class RecVaeConfig(BaseModel):
    """Settings of RecVAE; widths, dropout and learning rate are the authors'."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: int = Field(default=600, ge=1)
    latent: int = Field(default=200, ge=1, description="z")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="of the history's items, for the encoder's turns")
    gamma: float = Field(default=0.008, ge=0, description="weight of the KL term per item of the history")
    encoder_passes: int = Field(default=3, ge=1, description="passes of the encoder for each of the decoder")
    epochs: int = Field(default=45, ge=1)
    batch: int = Field(default=200, ge=1, description="users per step")
    learning_rate: float = Field(default=5e-4, gt=0, description="falls as a cosine in the second half of the epochs")
    judge_every: int = Field(default=5, ge=1, description="epochs between two looks at the users held out for choosing")
    seed: int = Field(default=0, ge=0)


class _Encoder(nn.Module):
    """Densely connected layers with swish and layer normalisation."""

    def __init__(self, items: int, config: RecVaeConfig) -> None:
        super().__init__()
        width = config.hidden
        self.read = ItemBag(items, width, config.dropout)
        nn.init.uniform_(self.read.weight, -1 / math.sqrt(items), 1 / math.sqrt(items))
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(_LAYERS)])
        self.norms = nn.ModuleList([nn.LayerNorm(width, eps=0.1) for _ in range(_LAYERS + 1)])
        self.mean = nn.Linear(width, config.latent)
        self.log_variance = nn.Linear(width, config.latent)

    def forward(self, bags: Bags) -> tuple[Tensor, Tensor]:
        """Mean and log-variance."""
        last = self.norms[0](functional.silu(self.read(bags)))
        total = last
        for layer, norm in zip(self.layers, self.norms[1:], strict=True):
            last = norm(functional.silu(layer(last) + total))
            total = total + last
        return self.mean(last), self.log_variance(last)


class _RecVae(Variational):
    """The encoder, its copy from before the last turn of the decoder, and a linear decoder."""

    def __init__(self, items: int, config: RecVaeConfig) -> None:
        super().__init__()
        self.encoder = _Encoder(items, config)
        self.decoder = nn.Linear(config.latent, items)
        self.old = copy.deepcopy(self.encoder).requires_grad_(requires_grad=False)

    def encode(self, bags: Bags) -> tuple[Tensor, Tensor]:
        """Mean and log-variance."""
        return self.encoder(bags)

    def decode(self, latent: Tensor) -> Tensor:
        """Logits."""
        return self.decoder(latent)

    def divergence(self, bags: Bags, latent: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
        """``(B,)`` log q(z | x) - log p(z | old, x) at a draw, p the composite prior: a mixture of three normals."""
        self.old.eval()  # the old posterior is of the whole history
        with torch.no_grad():
            old_mean, old_log_variance = self.old(bags)
        zero = torch.zeros_like(mean)
        parts = (
            _log_normal(latent, zero, zero),
            _log_normal(latent, old_mean, old_log_variance),
            _log_normal(latent, zero, zero + _WIDE),
        )
        weighted = [part + math.log(share) for part, share in zip(parts, _PRIOR, strict=True)]
        prior = torch.logsumexp(torch.stack(weighted, -1), -1)
        return (_log_normal(latent, mean, log_variance) - prior).sum(1)


class RecVaeScorer(VariationalScorer):
    """The mean of the posterior, linearly decoded: an inner product with a vector of the item."""

    model: _RecVae

    def decoder(self) -> tuple[Float32, Float32]:
        """``(M, z)`` item vectors and ``(M,)`` biases."""
        linear = self.model.decoder
        return linear.weight.detach().cpu().numpy().copy(), linear.bias.detach().cpu().numpy().copy()


def fit_recvae(
    interactions: Csr,
    config: RecVaeConfig | None = None,
    *,
    judge: Judge = indifferent,
    progress: Progress = silent,
) -> RecVaeScorer:
    """Maximise E_q [log p(x_u | z)] - gamma n_u KL(q(z | x_u) || p(z | old, x_u)), encoder and decoder in turns.

    The encoder reads histories with items dropped out, the decoder whole ones.

    Args:
        interactions: ``(N, M)`` training matrix.
        config: Settings.
        judge: Chooses the epoch; without one the last is kept.
        progress: Told the epochs.
    """
    config = config or RecVaeConfig()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        draw = np.random.default_rng(config.seed)
        model = _RecVae(interactions.shape[1], config).to(device())
        best = BestEpoch(model, judge, config.judge_every, config.epochs, progress)
        encoder = torch.optim.Adam(model.encoder.parameters(), lr=config.learning_rate, fused=True)
        decoder = torch.optim.Adam(model.decoder.parameters(), lr=config.learning_rate, fused=True)
        for epoch in range(config.epochs):
            _set_rate((encoder, decoder), config, epoch)
            model.train()
            for _ in range(config.encoder_passes):
                _encoder_pass(model, interactions, config, encoder, draw)
            model.old.load_state_dict(model.encoder.state_dict())
            _decoder_pass(model, interactions, config, decoder, draw)
            best.offer(epoch + 1)
        return RecVaeScorer(best.restore().model)


def _encoder_pass(
    model: _RecVae, interactions: Csr, config: RecVaeConfig, optimiser: torch.optim.Optimizer, draw: np.random.Generator
) -> None:
    model.decoder.requires_grad_(requires_grad=False)
    for histories, rows in batches(interactions, config.batch, draw):
        bags = Bags.of(histories, device())
        mean, log_variance = model.encode(bags)
        latent = sample(mean, log_variance)
        sizes = torch.from_numpy(histories.lengths.astype(np.float32)).to(latent.device)
        weight = config.gamma * sizes
        divergence = model.divergence(bags, latent, mean, log_variance)
        loss = (weight * divergence - likelihood(model.decode(latent), rows)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.decoder.requires_grad_(requires_grad=True)


def _decoder_pass(
    model: _RecVae, interactions: Csr, config: RecVaeConfig, optimiser: torch.optim.Optimizer, draw: np.random.Generator
) -> None:
    model.encoder.eval()
    for histories, rows in batches(interactions, config.batch, draw):
        with torch.no_grad():
            latent = sample(*model.encode(Bags.of(histories, device())))
        loss = -likelihood(model.decode(latent), rows).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def _set_rate(optimisers: tuple[torch.optim.Optimizer, ...], config: RecVaeConfig, epoch: int) -> None:
    late = max(0.0, 2.0 * epoch / config.epochs - 1.0)
    rate = config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * late)) + _LEAST_RATE
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate


def _log_normal(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    return -0.5 * (log_variance + math.log(2 * math.pi) + (x - mean) ** 2 / log_variance.exp())
