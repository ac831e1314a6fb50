"""A list as something that has a gradient: the relaxed top k, and the calibration loss on it."""

from __future__ import annotations

import torch
from torch import Tensor

from agent.rerank.calibration import ALPHA
from eval.claims.autoencoder import Loss, multinomial
from eval.claims.candidates import K
from eval.claims.kept import DEPTH


def exposure(logits: Tensor, seen: Tensor, k: int, temperature: float, depth: int = DEPTH) -> tuple[Tensor, Tensor]:
    """Soft membership of the top k: ``(B, n)`` weights of the first n unseen items, rows summing to one, and these items.

    w_i = sigmoid((s_i - theta) / (temperature scale)), theta between the k-th and the next largest score, scale how far the
    first k are above it on average, both held fixed in the gradient: near zero temperature 1/k for the first k and 0 for the others.
    Scores of other items have no weight, however many they are: without these two, most of the exposure is in the tail,
    and what is trained is not the list. The relaxation is the simplest of those of the top-k operator (Xie et al.,
    "Differentiable Top-k with Optimal Transport", NeurIPS 2020).
    """
    best, items = logits.masked_fill(seen > 0, -torch.inf).topk(min(depth, logits.shape[1]), dim=1)
    theta = best[:, k - 1 : k + 1].mean(dim=1, keepdim=True).detach()
    scale = (best[:, :k].mean(dim=1, keepdim=True) - theta).detach().clamp_min(1e-6)
    weight = torch.sigmoid((best - theta) / (temperature * scale))
    return weight / weight.sum(dim=1, keepdim=True), items


def calibration_loss(groups: Tensor, k: int, temperature: float) -> Loss:
    """C_KL (Steck 2018, equation 7) between the shares of the likes and those of the soft top k; ``(B,)``, differentiable.

    Args:
        groups: ``(M, G)`` p(g|i).
        k: Length of the list.
        temperature: Of :func:`exposure`.
    """

    def loss(logits: Tensor, likes: Tensor) -> Tensor:
        target = (likes / likes.sum(dim=1, keepdim=True).clamp_min(1e-9)) @ groups
        weight, items = exposure(logits, likes, k, temperature)
        mixed = (1.0 - ALPHA) * (weight[:, :, None] * groups[items]).sum(dim=1) + ALPHA * target
        return torch.where(target > 0, target * (target.clamp_min(1e-12) / mixed.clamp_min(1e-12)).log(), 0.0).sum(1)

    return loss


def with_calibration(groups: Tensor, weight: float, temperature: float) -> Loss:
    """The likelihood of a history and the calibration of a list, which weighs as much as ``weight`` likes."""
    calibration = calibration_loss(groups, K, temperature)
    return lambda logits, likes: multinomial(logits, likes) + weight * calibration(logits, likes)
